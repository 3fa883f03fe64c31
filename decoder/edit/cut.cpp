#include "vutrace/edit/cut.h"

#include <vutrace/base/count_text.h>
#include <vutrace/explain/annotation.h>
#include <vutrace/trace/reader.h>
#include <vutrace/trace/writer.h>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace vutrace::edit {
namespace {

constexpr std::uint64_t records_between_looks = 512;  // at whether to stop
constexpr std::size_t most_chains_of_packet = 256;

using Part = trace::MemoryRecord::Part;

// Says what the data path's records mean, and is little beside them.
bool is_context(const trace::RecordBody& body) noexcept {
    if (const auto* memory = std::get_if<trace::MemoryRecord>(&body)) {
        return memory->part == Part::descriptor || memory->part == Part::available || memory->part == Part::used ||
               memory->part == Part::inflight;
    }
    return !std::holds_alternative<trace::ChainRecord>(body) && !std::holds_alternative<trace::EventRecord>(body);
}

std::uint16_t queue_of(const trace::RecordBody& body) noexcept {
    if (const auto* chain = std::get_if<trace::ChainRecord>(&body)) {
        return chain->queue;
    }
    if (const auto* event = std::get_if<trace::EventRecord>(&body)) {
        return event->queue;
    }
    const auto* memory = std::get_if<trace::MemoryRecord>(&body);
    return memory != nullptr ? memory->queue : trace::no_queue;
}

// Tells how far two readings are, and whether to go on.
class Watch {
  public:
    Watch(const std::stop_token& stop, const std::function<void(double)>& progress)
        : stop_(stop), progress_(progress) {}

    [[nodiscard]] Status look(const trace::Reader& reader, double done_before) {
        if (++records_ % records_between_looks != 0) {
            return {};
        }
        if (stop_.stop_requested()) {
            return fail(ErrorCode::limit, "cutting was stopped");
        }
        if (progress_ && reader.file_size() != 0) {
            const double share =
                static_cast<double>(reader.position().offset) / static_cast<double>(reader.file_size());
            progress_(done_before + std::min(share, 1.0) / 2);  // of a compressed file a guess: it is read faster
        }
        return {};
    }

  private:
    const std::stop_token& stop_;
    const std::function<void(double)>& progress_;
    std::uint64_t records_{0};
};

// Rows of chains that were not asked for, and without which those that were do not mean the same.
class Partners {
  public:
    explicit Partners(const index::RowSet& rows) : rows_(rows) {}

    void take(const trace::Record& record) {
        const explain::Annotation& annotation = annotator_.annotate(record);
        look_for_evidence(record, annotation.device);
        if (const auto* chain = std::get_if<trace::ChainRecord>(&record.body)) {
            std::vector<Step>& packet = packets_[{record.session, chain->queue}];
            for (std::size_t entry = 0; entry < annotation.entries.size(); ++entry) {
                take_entry({record.sequence + entry, annotation.entries[entry].context.available_sequence},
                           annotation.entries[entry], packet);
            }
        }
        rows_seen_ = record.sequence + trace::sequence_count(record) - 1;
    }

    [[nodiscard]] bool contains(std::uint64_t row) const noexcept { return has(needed_, row); }
    // Goes on with a packet that another row began: no gap may stand between them.
    [[nodiscard]] bool continues(std::uint64_t row) const noexcept { return has(continuing_, row); }
    [[nodiscard]] std::uint64_t rows_seen() const noexcept { return rows_seen_; }

  private:
    struct Step {
        std::uint64_t row{0};
        std::uint64_t available{0};  // where its chain was made available; 0 for that step itself, and if never seen
    };
    using Rows = std::vector<bool>;

    // Some devices are known by their first chains alone.
    void look_for_evidence(const trace::Record& record, std::uint32_t device) {
        std::uint32_t& known = devices_[record.session];
        const auto* chain = std::get_if<trace::ChainRecord>(&record.body);
        const bool shown = chain != nullptr && known == 0 && device != 0;
        for (std::size_t entry = 0; shown && entry < chain->entries.size(); ++entry) {
            if (chain->entries[entry].state == trace::ChainEntry::State::available) {
                add(needed_, record.sequence + entry);
            }
        }
        known = device;
    }

    void take_entry(const Step& step, const explain::EntryAnnotation& entry, std::vector<Step>& packet) {
        const bool wanted = rows_.contains(step.row);
        if (step.available != 0 && (wanted || rows_.contains(step.available) || contains(step.available))) {
            add(needed_, step.row);
            add(needed_, step.available);
        }
        const bool goes_on = entry.request && virtio::type_of(*entry.request) == "CONTINUATION";
        if (!goes_on || packet.size() == most_chains_of_packet) {
            packet.clear();
        }
        packet.push_back(step);
        if (!wanted || packet.size() == 1) {
            return;
        }
        for (const Step& part : packet) {
            add(needed_, part.row);
            if (part.available != 0) {
                add(needed_, part.available);
            }
            if (part.row != packet.front().row) {
                add(continuing_, part.row);
            }
        }
    }

    static bool has(const Rows& rows, std::uint64_t row) noexcept { return row < rows.size() && rows[row]; }
    static void add(Rows& rows, std::uint64_t row) {
        if (row >= rows.size()) {
            rows.resize(row + 1);
        }
        rows[row] = true;
    }

    const index::RowSet& rows_;
    explain::Annotator annotator_;
    std::map<std::uint32_t, std::uint32_t> devices_;                                // by session
    std::map<std::pair<std::uint32_t, std::uint16_t>, std::vector<Step>> packets_;  // by session and queue, the last
    Rows needed_;
    Rows continuing_;
    std::uint64_t rows_seen_{0};
};

// What is left out since the last gap record, for each session and queue.
class Losses {
  public:
    void add(const trace::Record& record, std::uint64_t chains, std::uint64_t rows, std::uint64_t bytes) {
        trace::GapRecord& gap = losses_[{record.session, queue_of(record.body)}];
        gap.chains += chains;
        gap.records += rows;
        gap.bytes += bytes;
    }

    // Before a record that tells of a queue what was left out of it and of no queue, before others all of the session.
    [[nodiscard]] Status write_before(const trace::Record& record, trace::Writer& out) {
        const std::uint16_t queue = queue_of(record.body);
        return write(out, record.time, [&](std::uint32_t session, std::uint16_t of) {
            return session == record.session && (queue == trace::no_queue || of == queue || of == trace::no_queue);
        });
    }
    [[nodiscard]] Status write_rest(std::int64_t time, trace::Writer& out) {
        return write(out, time, [](std::uint32_t, std::uint16_t) { return true; });
    }

  private:
    template <class Wanted>
    [[nodiscard]] Status write(trace::Writer& out, std::int64_t time, const Wanted& wanted) {
        for (auto loss = losses_.begin(); loss != losses_.end();) {
            if (!wanted(loss->first.first, loss->first.second)) {
                ++loss;
                continue;
            }
            loss->second.queue = loss->first.second;
            loss->second.reason = "left out when the trace was cut";
            if (Status written = out.append(time, loss->first.first, loss->second); !written) {
                return written;
            }
            loss = losses_.erase(loss);
        }
        return {};
    }

    std::map<std::pair<std::uint32_t, std::uint16_t>, trace::GapRecord> losses_;
};

class Cutter {
  public:
    Cutter(const index::RowSet& rows, const Partners& partners, trace::Writer& out)
        : rows_(rows), partners_(partners), out_(out) {}

    [[nodiscard]] Status take(trace::Record& record) {
        if (auto* chain = std::get_if<trace::ChainRecord>(&record.body)) {
            return take_chain(record, *chain);
        }
        const bool picked = rows_.contains(record.sequence);
        if (picked || is_context(record.body)) {
            (picked ? counts_.picked : counts_.context) += 1;
            return write(record);
        }
        const auto* memory = std::get_if<trace::MemoryRecord>(&record.body);
        losses_.add(record, 0, 1, memory == nullptr ? 0 : memory->content.size());
        return {};
    }
    [[nodiscard]] Status finish(std::int64_t time) { return losses_.write_rest(time, out_); }
    [[nodiscard]] const CutCounts& counts() const noexcept { return counts_; }

  private:
    [[nodiscard]] Status write(const trace::Record& record) {
        Status written = partners_.continues(record.sequence) ? Status{} : losses_.write_before(record, out_);
        if (!written) {
            return written;
        }
        return out_.append(record.time, record.session, record.body);
    }

    // In the order of the rows: what is left out between two that are kept gets its gap there.
    [[nodiscard]] Status take_chain(const trace::Record& record, trace::ChainRecord& chain) {
        trace::ChainRecord kept = chain;
        kept.entries.clear();
        std::uint64_t first = 0;  // row of those that are kept
        const auto write_kept = [&]() -> Status {
            if (kept.entries.empty()) {
                return {};
            }
            trace::Record part{first, record.time, record.session, std::move(kept)};
            kept = {chain.queue, chain.fields, {}, chain.translations};
            return write(part);
        };
        for (std::size_t i = 0; i < chain.entries.size(); ++i) {
            const std::uint64_t row = record.sequence + i;
            const bool picked = rows_.contains(row);
            if (picked || partners_.contains(row)) {
                (picked ? counts_.picked : counts_.context) += 1;
                first = kept.entries.empty() ? row : first;
                kept.entries.push_back(std::move(chain.entries[i]));
                continue;
            }
            if (Status written = write_kept(); !written) {
                return written;
            }
            const bool offer = chain.entries[i].state == trace::ChainEntry::State::available;
            losses_.add(record, offer || !chain.entries[i].descriptors.empty() ? 1 : 0, 1, 0);
        }
        return write_kept();
    }

    const index::RowSet& rows_;
    const Partners& partners_;
    trace::Writer& out_;
    Losses losses_;
    CutCounts counts_;
};

Result<Partners> find_partners(const std::string& source, const index::RowSet& rows, Watch& watch) {
    auto reader = trace::Reader::open(source);
    if (!reader) {
        return tl::unexpected(reader.error());
    }
    Partners partners(rows);
    for (;;) {
        const auto record = reader->next();
        if (!record) {
            return tl::unexpected(record.error());
        }
        if (!*record) {
            return partners;
        }
        partners.take(**record);
        if (Status going_on = watch.look(*reader, 0); !going_on) {
            return tl::unexpected(going_on.error());
        }
    }
}

Status write_note(trace::Writer& out, std::int64_t time, std::uint64_t all, std::uint64_t picked) {
    return out.append(
        time, 0,
        trace::NoteRecord{trace::NoteRecord::Severity::info, trace::no_queue,
                          fmt::format("cut from a trace of {}, with {} asked for: gaps say what was left out",
                                      count_text(all, "record"), picked)});
}

}  // namespace

Result<CutCounts> cut(const std::string& source, const std::string& target, const index::RowSet& rows,
                      const std::stop_token& stop, const std::function<void(double)>& progress) {
    Watch watch(stop, progress);
    const auto partners = find_partners(source, rows, watch);
    if (!partners) {
        return tl::unexpected(partners.error());
    }
    auto reader = trace::Reader::open(source);
    if (!reader) {
        return tl::unexpected(reader.error());
    }
    auto out = trace::Writer::create(target);
    if (!out) {
        return tl::unexpected(out.error());
    }
    Cutter cutter(rows, *partners, *out);
    std::optional<std::int64_t> time;  // of the last record
    for (;;) {
        auto record = reader->next();
        if (!record) {
            return tl::unexpected(record.error());
        }
        // What was written behind its end meanwhile is not looked at.
        if (!*record || (*record)->sequence > partners->rows_seen()) {
            break;
        }
        Status status = time ? Status{} : write_note(*out, (*record)->time, partners->rows_seen(), rows.size());
        time = (*record)->time;
        status = status ? cutter.take(**record) : status;
        status = status ? watch.look(*reader, 0.5) : status;
        if (!status) {
            return tl::unexpected(status.error());
        }
    }
    Status status = cutter.finish(time.value_or(0));
    status = status ? out->flush() : status;
    if (!status) {
        return tl::unexpected(status.error());
    }
    CutCounts counts = cutter.counts();
    counts.left_out = partners->rows_seen() - counts.picked - counts.context;
    return counts;
}

}  // namespace vutrace::edit
