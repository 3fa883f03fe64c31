// The bytes of a trace file, plain or compressed with zstd, for libpcap to read as a FILE.
#pragma once

#include "framing.h"

#include <vutrace/base/bytes.h>
#include <vutrace/base/error.h>
#include <vutrace/system/file_descriptor.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace vutrace::trace {

// One thread. The FILE that `stream` makes refers to the object, which must outlive it and stay where it is. Positions
// and seeking go through the FILE (ftello, fseeko), for compressed input ftello only.
class Input {
  public:
    // Waits for the first bytes of a pipe, also for somebody to open its other end; here and later, `stop` ends that.
    // Errors: system (a folder, too), limit (stopped).
    [[nodiscard]] static Result<std::unique_ptr<Input>> open(const std::string& path, const std::stop_token& stop = {});
    virtual ~Input() = default;
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;

    // For pcap_fopen_offline; null where there is no memory.
    [[nodiscard]] std::FILE* stream();

    // The first bytes, as many as a file header has unless there are fewer.
    [[nodiscard]] ByteView start() const noexcept { return ByteView(start_).first(start_size_); }
    [[nodiscard]] virtual bool can_seek() const noexcept = 0;

    // Bytes of the file now, compressed ones of a compressed file; 0 for a pipe.
    [[nodiscard]] virtual std::uint64_t file_size() const noexcept = 0;
    // system for a read error, limit for one that was stopped, torn or bad_input for a compressed file that ends early
    // or is damaged.
    [[nodiscard]] const std::optional<Error>& problem() const noexcept { return problem_; }

  protected:
    Input() noexcept = default;
    friend class CompressedInput;  // they read from another one
    friend class CopiedInput;
    // Some bytes into `out`, which is not empty; 0 at the end and after an error, which goes to `problem_`.
    virtual std::size_t read_some(MutableByteView out) = 0;
    // The next `read_some` gives the bytes from there on.
    virtual void go_to(std::uint64_t offset) = 0;

    std::optional<Error> problem_;

  private:
    friend struct Cookie;
    void read_start();
    // Copies bytes out; 0 at the end or at an error, which `problem` then gives.
    std::size_t read(MutableByteView out);
    // Only where `can_seek`; clears `problem`.
    void seek(std::uint64_t offset);

    std::array<std::byte, file_header_size> start_{};
    std::size_t start_size_{0};
    std::uint64_t position_{0};  // of the next byte that `read` gives
    std::unique_ptr<char[]> stream_buffer_;
};

}  // namespace vutrace::trace
