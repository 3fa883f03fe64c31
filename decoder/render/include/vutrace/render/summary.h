// What a trace holds: sessions, peers, features, queues, counts, losses.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/explain/annotation.h>
#include <vutrace/render/style.h>
#include <vutrace/trace/reader.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace vutrace::render {

// One kind of message: channel, reply or request, name (with the number where there is none).
using MessageKind = std::tuple<Channel, bool, std::string>;

// What was counted of one queue.
struct QueueSummary {
    std::uint64_t chains_available{0}, chains_used{0}, chains_lost{0};
    bool chains_lost_at_least{false};  // of `chains_lost`: may have been more
    std::uint64_t kicks{0}, calls{0}, errs{0};
    std::uint64_t proofs[4]{};  // entries by trace::Proof
};

struct SessionSummary {
    std::uint32_t number{0};
    std::int64_t first_time{0};
    std::int64_t last_time{0};
    std::uint64_t records{0};  // entries of chain records count one each; 0 where none was selected
    std::map<std::uint16_t, QueueSummary> queues;
    std::map<MessageKind, std::uint64_t> messages;
    std::uint64_t message_bytes{0};                      // on the wire, headers included
    std::uint64_t content_bytes{0};                      // of guest memory, captured with chains and as memory records
    std::uint64_t problems{0};                           // messages and chains that something is wrong with
    std::vector<session::KnownRegion> regions;           // the last table that was not empty
    std::uint64_t epoch{0};                              // of that table
    std::uint32_t device{0};                             // virtio device type as of the last record; 0: unknown
    const char* device_reason{""};                       // why, for people; empty where it is unknown or was told
    std::map<std::uint32_t, std::uint32_t> queue_sizes;  // the last size each queue had
};

struct GapSummary {
    std::uint64_t count{0};
    std::uint64_t chains{0};
    std::uint64_t records{0};
    std::uint64_t bytes{0};
    bool at_least{false};  // of one of them: may have been more
};

struct NoteSummary {
    std::uint64_t sequence{0};
    std::uint32_t session{0};
    trace::NoteRecord note;
};

// Collects while a trace is read once. Memory is bounded by the number of sessions, kinds and queues; notes by
// `max_notes`.
class Summary {
  public:
    static constexpr std::size_t max_notes = 1000;

    // Which entries of a record are counted; empty: all of them.
    using Selected = std::function<bool(std::size_t entry)>;
    // To be called for every record. What a session is (regions, queue sizes) and what was lost is taken from all of
    // them; counts, times, bytes and notes from those selected.
    void add(const explain::Annotation& annotation, const session::Tracker& tracker, const Selected& selected = {});
    // The words of the selection, to be shown. Without, all records are taken for selected.
    void set_filter(std::string expression) { filter_ = std::move(expression); }
    // After the last record.
    void set_file(std::string path, std::uint64_t size, const trace::ReadProblems& problems);

    [[nodiscard]] const std::map<std::uint32_t, SessionSummary>& sessions() const noexcept { return sessions_; }
    [[nodiscard]] const std::map<std::string, GapSummary>& gaps() const noexcept { return gaps_; }  // by reason
    [[nodiscard]] const std::vector<NoteSummary>& notes() const noexcept { return notes_; }
    [[nodiscard]] std::uint64_t note_count() const noexcept { return note_count_; }
    [[nodiscard]] std::uint64_t records() const noexcept { return records_; }  // selected
    [[nodiscard]] std::uint64_t records_read() const noexcept { return records_read_; }
    [[nodiscard]] const std::string& filter() const noexcept { return filter_; }  // empty where there is none
    [[nodiscard]] std::int64_t first_time() const noexcept { return first_time_; }
    [[nodiscard]] std::int64_t last_time() const noexcept { return last_time_; }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] std::uint64_t file_size() const noexcept { return file_size_; }
    [[nodiscard]] const trace::ReadProblems& problems() const noexcept { return problems_; }

  private:
    void add_gap(const trace::GapRecord& gap);
    void add_selected(const explain::Annotation& annotation, std::size_t entry);
    static void add_message(SessionSummary& session, const explain::Annotation& annotation);
    static void add_chain(SessionSummary& session, const trace::ChainRecord& record, std::size_t entry);
    static void add_other(SessionSummary& session, const trace::RecordBody& body);
    void follow(const explain::Annotation& annotation, const session::Tracker& tracker);

    std::map<std::uint32_t, SessionSummary> sessions_;
    std::map<std::string, GapSummary> gaps_;
    std::vector<NoteSummary> notes_;
    std::uint64_t note_count_{0};
    std::uint64_t records_{0};
    std::uint64_t records_read_{0};
    std::string filter_;
    std::int64_t first_time_{0};
    std::int64_t last_time_{0};
    std::string path_;
    std::uint64_t file_size_{0};
    trace::ReadProblems problems_;
};

// Both append to `out`, session by session, because a trace may hold very many: `flush` is called between them and may
// take away what is there. Its error ends the work and is given back. `annotator` is the one whose annotations
// `summary` was made from.
[[nodiscard]] Status append_summary_text(std::string& out, const Summary& summary, const explain::Annotator& annotator,
                                         const Style& style, const std::function<Status()>& flush);
// One JSON object on a line.
[[nodiscard]] Status append_summary_json(std::string& out, const Summary& summary, const explain::Annotator& annotator,
                                         const std::function<Status()>& flush);

}  // namespace vutrace::render
