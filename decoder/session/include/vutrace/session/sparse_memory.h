// Guest memory as far as a trace tells it: known bytes, known zeros, and what is not known. Copies share pages until
// one of them is written, so that a checkpoint costs little.
#pragma once

#include <vutrace/trace/content.h>
#include <vutrace/virtio/guest_memory.h>

#include <cstdint>
#include <map>
#include <memory>

namespace vutrace::session {

class SparseMemory final : public virtio::GuestMemory {
  public:
    void write(std::uint64_t address, ByteView bytes);
    void zero(std::uint64_t address, std::uint64_t length);            // known to be zero; 64 GiB at once is cheap
    void forget(std::uint64_t address, std::uint64_t length);          // no longer known
    void apply(std::uint64_t address, const trace::Content& content);  // missing runs leave what is known

    [[nodiscard]] bool read(std::uint64_t address, MutableByteView out) const noexcept override;
    // Like read, but says byte by byte what is known: unknown bytes are 0 in `out` and false in `known`.
    void read_known(std::uint64_t address, MutableByteView out, std::vector<bool>& known) const;
    // Bytes of page storage held by this copy and those that share it.
    [[nodiscard]] std::uint64_t resident_bytes() const noexcept;

  private:
    static constexpr std::uint64_t page_size = 4096;
    static constexpr std::uint64_t pages_per_chunk = 512;
    struct Page;
    struct Chunk;
    std::map<std::uint64_t, std::shared_ptr<const Chunk>> chunks_;  // by address / (page_size * pages_per_chunk)
};

}  // namespace vutrace::session
