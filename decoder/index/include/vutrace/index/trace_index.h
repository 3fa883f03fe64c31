// Random access to the annotated records of a trace. A row is one sequence number: a chain record has one for each of
// its entries, and a record that cannot be decoded has one about which nothing is known.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/explain/annotation.h>
#include <vutrace/session/checkpoints.h>
#include <vutrace/trace/reader.h>
#include <vutrace/trace/seekable_file.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace vutrace::index {

struct Progress {
    std::uint64_t rows{0};         // indexed: they can be asked for
    std::uint64_t bytes{0};        // of the file, decompressed
    std::uint64_t total_bytes{0};  // 0 while it is being decompressed
    bool complete{false};          // there will be no more rows: the trace ended, or indexing did
};

// Filled by one thread, read by any number of others meanwhile. Memory is that of the checkpoints, which `policy`
// bounds.
class TraceIndex {
  public:
    using Checkpoint = session::Checkpoints<explain::Annotator>::Checkpoint;

    // Re-annotates at most so many records for a query: some milliseconds.
    static constexpr session::CheckpointPolicy default_policy{8192, 8U << 20U, 8192, 64U << 20U};

    // At the end of what is written: a trace that somebody writes has more, later.
    enum class AtEnd : std::uint8_t { stop, wait_for_more };

    explicit TraceIndex(std::string path, session::CheckpointPolicy policy = default_policy,
                        AtEnd at_end = AtEnd::stop);

    // Told of every record as it is indexed, on that thread; the annotator has just taken it in.
    using Observer = std::function<void(const explain::Annotation&, const explain::Annotator&)>;

    // Indexes the trace from front to back, once, on the thread that calls; what is indexed can be read at once.
    // Errors: system, bad_input (no trace); limit (stopped): what was indexed stays readable. A torn trace is none: see
    // `problems`. `observer` may be empty. `caught_up`, too: called there, each time before it waits for more.
    // Called again where `is_stopped` it goes on from there, with the observer that it had or its like.
    [[nodiscard]] Status build(const std::stop_token& stop, const Observer& observer = {},
                               const std::function<void()>& caught_up = {});

    // Not while `build` runs, and by whoever calls that: whether it was stopped behind a record, or while it waited for
    // more of them.
    [[nodiscard]] bool is_stopped() const noexcept { return reading_.has_value(); }
    // … and its file is still the one that was read, whatever was written to it since. Otherwise what is there must be
    // indexed from its beginning, by another object. Asks the operating system.
    [[nodiscard]] bool can_go_on() const;
    void set_at_end(AtEnd at_end) noexcept { at_end_ = at_end; }

    [[nodiscard]] Progress progress() const;
    // Of what was indexed so far.
    [[nodiscard]] trace::ReadProblems problems() const;
    // Of the first record, nanoseconds since the epoch; 0 without one.
    [[nodiscard]] std::int64_t start_time() const noexcept;

    // Returns when there is more than `rows`, or will not be, or `stop` was requested.
    [[nodiscard]] Progress wait_for_more(std::uint64_t rows, const std::stop_token& stop) const;

    // From where row `row` can be reached. Only rows that are indexed may be asked for.
    [[nodiscard]] Checkpoint before(std::uint64_t row) const;
    // The last row of the stretch that `row` is in: up to the next checkpoint, or what is indexed so far.
    [[nodiscard]] std::uint64_t end_of_stretch(std::uint64_t row) const;
    [[nodiscard]] std::size_t checkpoint_count() const;
    // For `trace::Reader`; only where rows are indexed.
    [[nodiscard]] std::string readable_path() const;

  private:
    [[nodiscard]] Status open(const std::stop_token& stop);
    [[nodiscard]] Status begin(const std::stop_token& stop);
    [[nodiscard]] Status read(const std::stop_token& stop, const Observer& observer,
                              const std::function<void()>& caught_up);
    void publish(const trace::Reader& reader, bool complete);
    [[nodiscard]] Result<bool> wait_for_growth(trace::Reader& reader, const std::stop_token& stop);
    void end();

    // Where it is in the trace.
    struct Reading {
        explicit Reading(trace::Reader&& from) noexcept : reader(std::move(from)) {}
        trace::Reader reader;
        explain::Annotator annotator;
        bool started{false};                 // the first look may have found nothing yet
        trace::SeekableFile::Known known{};  // of what was read, once it was stopped
    };

    const std::string path_;
    const session::CheckpointPolicy policy_;
    AtEnd at_end_;
    std::optional<Reading> reading_;  // of the thread that builds; between two of them where it was stopped

    mutable std::mutex mutex_;  // of all below
    mutable std::condition_variable_any changed_;
    Progress progress_;
    trace::ReadProblems problems_;
    std::atomic<std::int64_t> start_time_{0};
    std::optional<trace::SeekableFile> file_;
    std::optional<session::Checkpoints<explain::Annotator>> checkpoints_;
};

}  // namespace vutrace::index
