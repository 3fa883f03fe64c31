#include "vutrace/replay/preview.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/replay/guest_files.h>
#include <vutrace/session/device_state.h>
#include <vutrace/session/inventory.h>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace vutrace::replay {
namespace {

constexpr std::uint64_t image_bytes_limit = 256U << 20U;  // of all ring images together
constexpr std::uint64_t progress_interval = 1024;         // records

class Previewer {
  public:
    explicit Previewer(std::optional<std::uint32_t> session) : wanted_(session) {}

    void take(const trace::Record& record) {
        if (record.session != 0) {
            sessions_.add(record.session);
        }
        if (!wanted_ && std::holds_alternative<trace::MessageRecord>(record.body)) {
            wanted_ = record.session;
        }
        if (wanted_ && record.session == *wanted_) {
            std::visit([&](const auto& body) { take(record.sequence, body); }, record.body);
        }
    }

    Result<TracePreview> finish(const trace::ReadProblems& problems) {
        if (!wanted_) {
            return fail(ErrorCode::bad_input, "the trace holds no session with messages");
        }
        if (const Status there = sessions_.check(wanted_, std::nullopt, "in the trace"); !there) {
            return tl::unexpected(there.error());
        }
        if (!possible_) {
            return tl::unexpected(possible_.error());
        }
        preview_.session = *wanted_;
        preview_.device_type = state_.device_type();
        preview_.problems = problems;
        return std::move(preview_);
    }

  private:
    void take(std::uint64_t sequence, const trace::MessageRecord& message) {
        preview_.messages += message.offset == 0 ? 1U : 0U;
        const auto header = protocol::parse_header(message.bytes);
        if (message.offset != 0 || !header ||
            message.bytes.size() != protocol::header_size + std::size_t{header->size}) {
            return;
        }
        const ByteView payload = ByteView(message.bytes).subspan(protocol::header_size);
        take_translation(sequence, message, *header, payload);
        if (message.channel != Channel::front_end) {
            return;
        }
        if (message.sender == Side::front_end && possible_) {
            possible_ = check_sizes(sequence, message, *header, payload);
        }
        std::vector<std::uint32_t> ids;
        std::transform(message.descriptors.begin(), message.descriptors.end(), std::back_inserter(ids),
                       [](const trace::Descriptor& descriptor) { return descriptor.id; });
        follow(sequence, state_.apply(message.sender, *header, payload, ids));
    }

    // What no machine has the trace cannot have had either: it is not this one that fails.
    [[nodiscard]] Status check_sizes(std::uint64_t sequence, const trace::MessageRecord& message,
                                     const protocol::Header& header, ByteView payload) const {
        const bool xen = state_.has_protocol_feature(protocol::protocol_feature::XEN_MMAP);
        for (std::size_t i = 0; i < message.descriptors.size(); ++i) {
            const std::uint64_t asked = file_size_asked(header, payload, i, xen);
            if (asked > most_addressable_bytes) {
                return fail(ErrorCode::bad_input,
                            fmt::format("record {}: {} needs a file of {} bytes, and no process can address more than "
                                        "{}: the session cannot be replayed",
                                        sequence, protocol::request_name(Channel::front_end, header.request), asked,
                                        most_addressable_bytes));
            }
        }
        return {};
    }

    void take_translation(std::uint64_t sequence, const trace::MessageRecord& message, const protocol::Header& header,
                          ByteView payload) {
        using Kind = RecordedTranslations::Entry::Kind;
        const auto iotlb = protocol::parse_iotlb(payload);
        if (!iotlb || header.is_reply()) {
            return;
        }
        const auto is = [&](Channel channel, Side sender, auto request) {
            return message.channel == channel && message.sender == sender &&
                   header.request == static_cast<std::uint32_t>(request);
        };
        if (is(Channel::back_end, Side::back_end, protocol::BackEndRequest::IOTLB_MSG)) {
            preview_.translations.asked(sequence, *iotlb);
        }
        const bool update = iotlb->type == protocol::Iotlb::update;
        if (is(Channel::front_end, Side::front_end, protocol::FrontEndRequest::IOTLB_MSG) &&
            (update || iotlb->type == protocol::Iotlb::invalidate)) {
            preview_.translations.add(
                {sequence, update ? Kind::update : Kind::invalidate, header.needs_reply(), *iotlb});
            invalidated_ = update ? invalidated_ : sequence;
        }
    }

    void follow(std::uint64_t sequence, const session::Change& change) {
        if (change.queue_started) {
            const auto queue = static_cast<std::uint16_t>(*change.queue_started);
            starts_[queue] = sequence;
            running_[queue] = sequence;
            auto waiting = early_images_.extract(queue);
            if (!waiting.empty()) {
                preview_.starts[sequence].images = std::move(waiting.mapped());
            }
        }
        if (change.queue_stopped) {
            starts_.erase(static_cast<std::uint16_t>(*change.queue_stopped));
            running_.erase(static_cast<std::uint16_t>(*change.queue_stopped));
        }
        if (change.device_reset) {
            running_.clear();
        }
        if (change.queue_stopped || change.device_reset) {
            preview_.translations.add({sequence, RecordedTranslations::Entry::Kind::age, false, {}});
        }
        if (change.translations || change.queue_started || change.memory) {
            place_translated_rings();
        }
    }

    void place_translated_rings() {
        if (!state_.iova_space()) {
            return;
        }
        for (const auto& [queue, start] : running_) {
            const auto layout = state_.ring(queue);
            auto& placements = preview_.starts[start].placements;
            const bool moved = layout && (placements.empty() || placements.back().layout != *layout);
            if (moved && placements.size() < RecordedStart::most_placements) {
                placements.push_back({placements.empty() ? 0 : invalidated_, *layout});
            }
        }
    }

    void take(std::uint64_t /*sequence*/, const trace::MemoryRecord& memory) {
        using Part = trace::MemoryRecord::Part;
        const bool ring =
            memory.part == Part::descriptor || memory.part == Part::available || memory.part == Part::used;
        if (!ring || image_bytes_ + memory.content.literal().size() > image_bytes_limit) {
            return;
        }
        image_bytes_ += memory.content.literal().size();
        const auto start = starts_.find(memory.queue);
        if (start == starts_.end()) {
            early_images_[memory.queue].push_back(memory);
        } else if (start->second != 0) {
            preview_.starts[start->second].images.push_back(memory);
        }
    }

    void take(std::uint64_t /*sequence*/, const trace::ChainRecord& chain) {
        const auto start = starts_.find(chain.queue);
        if (start != starts_.end()) {
            start->second = 0;  // images from here on are later than the start
        }
        for (const trace::ChainEntry& entry : chain.entries) {
            const bool available = entry.state == trace::ChainEntry::State::available;
            auto& counts = available ? preview_.available_by_proof : preview_.used_by_proof;
            ++counts[static_cast<std::size_t>(entry.proof) % counts.size()];
            preview_.readable_bytes_missing += available ? entry.content.missing() : 0;
        }
    }

    void take(std::uint64_t /*sequence*/, const trace::GapRecord& gap) {
        preview_.chains_lost += gap.chains;
        preview_.records_lost += gap.records;
        preview_.lost_at_least |= gap.at_least;
    }
    void take(std::uint64_t, const trace::SessionRecord&) {}
    void take(std::uint64_t, const trace::EventRecord&) {}
    void take(std::uint64_t, const trace::NoteRecord&) {}

    std::optional<std::uint32_t> wanted_;
    session::Inventory sessions_;
    Status possible_;
    TracePreview preview_;
    session::DeviceState state_;
    std::map<std::uint16_t, std::uint64_t> starts_;   // started queues; 0 once a chain of theirs was seen
    std::map<std::uint16_t, std::uint64_t> running_;  // started queues, and by which record
    std::uint64_t invalidated_{0};                    // record of the last invalidation
    std::map<std::uint16_t, std::vector<trace::MemoryRecord>> early_images_;
    std::uint64_t image_bytes_{0};
};

}  // namespace

Result<TracePreview> preview_trace(const std::string& path, std::optional<std::uint32_t> session,
                                   const Progress& progress) {
    auto reader = trace::Reader::open(path);
    if (!reader) {
        return tl::unexpected(reader.error());
    }
    Previewer previewer(session);
    for (std::uint64_t count = 0;; ++count) {
        const auto record = reader->next();
        if (!record) {
            return tl::unexpected(record.error());
        }
        if (!*record) {
            break;
        }
        previewer.take(**record);
        if (progress && count % progress_interval == 0) {
            progress(reader->position().offset, reader->file_size());
        }
    }
    return previewer.finish(reader->problems());
}

std::vector<std::string> describe_doubts(const TracePreview& preview) {
    std::vector<std::string> lines;
    const auto count = [](const std::array<std::uint64_t, 4>& counts, trace::Proof proof) {
        return counts[static_cast<std::size_t>(proof)];
    };
    const auto total = [](const std::array<std::uint64_t, 4>& counts) {
        return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    };
    using trace::Proof;
    for (const Proof proof : {Proof::late, Proof::partial, Proof::absent}) {
        if (const auto chains = count(preview.available_by_proof, proof); chains != 0) {
            lines.push_back(
                fmt::format("of {}, {} with content that is {}: the replay may send other "
                            "bytes than the guest did",
                            count_text(total(preview.available_by_proof), "offered chain"), chains, name_of(proof)));
        }
        if (const auto chains = count(preview.used_by_proof, proof); chains != 0) {
            lines.push_back(
                fmt::format("of {}, {} with content that is {}: differences in their bytes are counted "
                            "as doubtful, not as divergences",
                            count_text(total(preview.used_by_proof), "completion"), chains, name_of(proof)));
        }
    }
    if (preview.readable_bytes_missing != 0) {
        lines.push_back(fmt::format("not captured of what the device reads: {}",
                                    count_text(preview.readable_bytes_missing, "byte")));
    }
    if (preview.lost_at_least || preview.chains_lost + preview.records_lost != 0) {
        lines.push_back(fmt::format("lost while capturing: {}{} and {}", preview.lost_at_least ? "at least " : "",
                                    count_text(preview.chains_lost, "chain"),
                                    count_text(preview.records_lost, "record")));
    }
    if (preview.problems.torn) {
        lines.emplace_back("the trace ends in the middle of a record: what came before is replayed");
    }
    if (preview.problems.bad_record_count != 0) {
        lines.push_back(fmt::format("passed over: {} that cannot be decoded",
                                    count_text(preview.problems.bad_record_count, "record")));
    }
    return lines;
}

}  // namespace vutrace::replay
