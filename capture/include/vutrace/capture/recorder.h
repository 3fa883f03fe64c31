// The only way into the trace file: a bounded queue that any thread fills without ever waiting for the disk, and one
// thread that empties it into the file. What does not fit is dropped and counted; the count goes into the trace as a
// `gap` as soon as there is room again.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/trace/records.h>
#include <vutrace/trace/writer.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace vutrace::capture {

class Recorder {
  public:
    struct Options {
        std::string path;
        std::size_t queue_bytes{64U << 20U};            // allocated once; the hard limit of what waits
        std::chrono::milliseconds flush_interval{100};  // how old a record may get before it is in the file
        bool in_background{false};                      // write only when nobody else wants the processor
        trace::PipePatience patience;                   // where the path is a pipe or a device
        std::function<void(const std::string&)> log;    // one line each, from the recorder's thread; may be empty
    };
    struct Counters {
        std::uint64_t records_written{0};  // whole in the file, as readers number them: each step of a chain is one
        std::uint64_t bytes_written{0};
        std::uint64_t records_dropped{0};
        std::uint64_t bytes_dropped{0};
        std::uint64_t chains_dropped{0};
        bool chains_at_least{false};  // of them: may have been more
        bool recording{true};         // false while the file cannot be written to
    };

    // Opens the file and starts the thread. Error: system.
    [[nodiscard]] static Result<std::unique_ptr<Recorder>> start(Options options);
    virtual ~Recorder() = default;  // as `finish`, ignoring the error

    // Any thread, never blocks on the disk, never fails the caller: false means dropped and counted. The record's time
    // is now.
    virtual bool record(std::uint32_t session, const trace::RecordBody& body) noexcept = 0;
    // Counts a loss that the caller found itself (rings that ran ahead): written as a `gap` of its own.
    virtual void lost(std::uint32_t session, const trace::GapRecord& gap) noexcept = 0;

    [[nodiscard]] virtual Counters counters() const noexcept = 0;
    // Bytes that one record may have at the most: an eighth of the queue. Larger content is cut by the caller
    // (`missing`).
    [[nodiscard]] virtual std::size_t largest_record() const noexcept = 0;
    // Bytes that the queue takes at this moment: for a producer that would rather wait than lose (memory snapshots).
    [[nodiscard]] virtual std::size_t free_bytes() const noexcept = 0;
    // Writes what waits, then what was lost, and ends the thread. Takes no longer than the disk; on a pipe whose reader
    // takes nothing, twice `patience.write`. Once; no `record` during or after it. Error: system, the last write error:
    // then what is not in the file counts as dropped, and the trace ends with a `gap` that says so, where room for it
    // could be set aside at the start.
    [[nodiscard]] virtual Status finish() = 0;
};

}  // namespace vutrace::capture
