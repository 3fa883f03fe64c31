// Writes a trace file: pcap framing by libpcap, fragments, flushing. One thread at a time.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/trace/records.h>

#include <chrono>
#include <memory>
#include <string>

namespace vutrace::trace {

// How long a writer waits where the path is a pipe or a device, whose other end may be slow or nobody. A regular file
// takes what it is given or fails at once.
struct PipePatience {
    std::chrono::milliseconds open{5000};   // until somebody reads it
    std::chrono::milliseconds write{2000};  // until something is taken of what was written
};

class Writer {
  public:
    // Creates or overwrites a trace file with mode 0600 and writes the file header. "-" is not a file name here.
    // Error: system; a pipe that nobody reads in time is one (ENXIO).
    [[nodiscard]] static Result<Writer> create(const std::string& path, PipePatience patience = {});
    Writer(Writer&&) noexcept;
    Writer& operator=(Writer&&) noexcept;
    ~Writer();  // flushes, ignoring errors: call `flush` to see them. Not where the last flush found a pipe stuck.

    // Appends one record given as an encoded body (capture's recorder thread has it in this form already). Times that
    // would step back are raised to the last one; times a pcap file has no room for (before 1970, after 2106)
    // become the nearest that it has.
    // Up to 1 MiB waits in memory before it goes to the file. Errors: limit (body larger than `max_body_size`);
    // system (disk full, a pipe whose reader takes nothing, …): this record was not taken, all taken before are kept,
    // the file ends with the last whole record that fitted, and the call may be tried again at any time.
    [[nodiscard]] Status append(std::int64_t time, std::uint32_t session, RecordType type, ByteView body);
    [[nodiscard]] Status append(std::int64_t time, std::uint32_t session, const RecordBody& body);

    // Hands everything to the kernel, so that readers of the growing file see whole records. Error: system, as above:
    // what did not fit is kept in memory for the next try.
    [[nodiscard]] Status flush();

    [[nodiscard]] std::uint64_t bytes_written() const noexcept;    // size of the file once all is flushed
    [[nodiscard]] std::uint64_t records_written() const noexcept;  // fragments of one record count once

    // What of that is not in the file yet, or not as a whole: lost where the writer goes without a flush that succeeds.
    struct Waiting {
        std::uint64_t records{0};
        std::uint64_t bytes{0};
    };
    [[nodiscard]] Waiting waiting() const noexcept;
    // Goes without that: for a last word on a disk that is full. False where the file cannot be cut back (a pipe), and
    // nothing is given up.
    [[nodiscard]] bool discard_waiting() noexcept;

  private:
    struct State;
    explicit Writer(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

}  // namespace vutrace::trace
