#include <vutrace/explain/annotation.h>
#include <vutrace/explain/lineage.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/trace/attributes.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace vutrace::explain {
namespace {

using protocol::FrontEndRequest;

// More files and queues than any real device has; a hostile trace gets no further.
constexpr std::size_t most_kept = 1024;

template <class Set>
bool share(const Set& a, const Set& b) {
    return std::any_of(a.begin(), a.end(), [&](const auto& one) { return b.count(one) != 0; });
}

// SET_DEVICE_STATE_FD: direction 0 saves, 1 loads.
constexpr std::uint32_t direction_load = 1;

}  // namespace

std::string_view name_of(Lineage::Kind kind) noexcept {
    return kind == Lineage::Kind::reconnect ? "reconnect" : "migration";
}

void Lineages::add(const Annotation& annotation) {
    const trace::Record& record = *annotation.record;
    if (record.session == 0) {
        return;
    }
    Life& life = lives_[record.session];
    if (life.opened == 0) {
        life.opened = record.sequence;
        ++evidence_;
    }
    if (const auto* session = std::get_if<trace::SessionRecord>(&record.body)) {
        take(life, record, *session);
        ++evidence_;
    } else if (const auto* message = std::get_if<trace::MessageRecord>(&record.body)) {
        evidence_ += take(life, annotation, *message) ? 1U : 0U;
    }
}

void Lineages::take(Life& life, const trace::Record& record, const trace::SessionRecord& session) {
    if (session.kind == trace::SessionRecord::Kind::opened) {
        life.endpoints = trace::attribute(session.attributes, "front-end.endpoint");
        life.endpoints += " and ";
        life.endpoints += trace::attribute(session.attributes, "back-end.endpoint");
        life.front_end_process = trace::attribute(session.attributes, "front-end.pid");
        life.back_end_process = trace::attribute(session.attributes, "back-end.pid");
    } else if (session.kind == trace::SessionRecord::Kind::closed) {
        life.closed = record.sequence;
    }
}

bool Lineages::take(Life& life, const Annotation& annotation, const trace::MessageRecord& message) {
    const MessageAnnotation& what = annotation.message;
    if (message.channel != Channel::front_end || message.offset != 0 || !what.header) {
        return false;
    }
    const auto keep_files = [&message](std::set<FileIdentity>& files) {
        for (const trace::Descriptor& descriptor : message.descriptors) {
            if (files.size() < most_kept && descriptor.description.inode != 0) {
                files.emplace(descriptor.description.device, descriptor.description.inode);
            }
        }
    };
    const auto state = protocol::parse_vring_state(what.payload);
    switch (static_cast<FrontEndRequest>(what.header->request)) {
        case FrontEndRequest::SET_MEM_TABLE:
        case FrontEndRequest::ADD_MEM_REG:
            keep_files(life.memory);
            break;
        case FrontEndRequest::GET_INFLIGHT_FD:
            keep_files(life.inflight_made);
            break;
        case FrontEndRequest::SET_INFLIGHT_FD:
            keep_files(life.inflight_given);
            break;
        case FrontEndRequest::GET_VRING_BASE:
        case FrontEndRequest::GET_VRING_BASE_SKIP_DRAIN:
            if (!what.asks && state && life.stopped_at.size() < most_kept) {
                life.stopped_at[state->index] = state->num;
            }
            break;
        case FrontEndRequest::SET_VRING_BASE:
            if (what.asks && state && life.started_at.size() < most_kept) {
                life.started_at.emplace(state->index, state->num);
            }
            break;
        case FrontEndRequest::SET_LOG_BASE:
            life.moves = life.moves || what.asks;
            break;
        case FrontEndRequest::SET_DEVICE_STATE_FD:
            if (what.asks && what.payload.size() >= sizeof(std::uint32_t)) {
                (load<std::uint32_t>(what.payload) == direction_load ? life.loads : life.moves) = true;
            }
            break;
        default:
            return false;
    }
    return true;
}

std::optional<Lineage> Lineages::reconnect(const Life& before, const Life& after) {
    const bool inflight =
        share(before.inflight_made, after.inflight_given) || share(before.inflight_given, after.inflight_given);
    const bool memory = share(before.memory, after.memory);
    const bool process = !after.front_end_process.empty() && before.front_end_process == after.front_end_process;
    if (before.endpoints != after.endpoints || !(inflight || (memory && process))) {
        return std::nullopt;
    }
    Lineage lineage{Lineage::Kind::reconnect, 0, inflight, "between the same endpoints"};
    if (process) {
        lineage.reason += ", the same front-end process " + after.front_end_process;
    }
    if (memory) {
        lineage.reason += ", the same guest memory";
    }
    if (inflight) {
        lineage.reason += ", its in-flight buffer handed over";
    }
    if (!after.back_end_process.empty() && before.back_end_process != after.back_end_process) {
        lineage.reason +=
            "; the back-end is another process, " + after.back_end_process + " after " + before.back_end_process;
    }
    return lineage;
}

// Another machine's device may be given a state, too, by a session that the trace has not: only the positions of the
// rings tell them apart. They prove nothing where all are 0, as they are in every new device.
std::optional<Lineage> Lineages::migration(const Life& before, const Life& after) {
    const bool moved = std::any_of(before.stopped_at.begin(), before.stopped_at.end(),
                                   [](const auto& position) { return position.second != 0; });
    const bool same_positions = moved && std::all_of(before.stopped_at.begin(), before.stopped_at.end(), [&](auto one) {
                                    const auto found = after.started_at.find(one.first);
                                    return found != after.started_at.end() && found->second == one.second;
                                });
    const bool other_memory = !after.memory.empty() && !share(before.memory, after.memory);
    if (!before.moves || !other_memory || !same_positions) {
        return std::nullopt;
    }
    std::string reason =
        "the first was prepared for migration, the second starts each queue where the first stopped it";
    reason += after.loads ? ", the second was given a device state" : "";
    return Lineage{Lineage::Kind::migration, 0, false, std::move(reason)};
}

std::optional<Lineage> Lineages::of(std::uint32_t session) const {
    const auto after = lives_.find(session);
    if (after == lives_.end()) {
        return std::nullopt;
    }
    constexpr std::array proofs{&Lineages::reconnect, &Lineages::migration};
    for (const auto proof : proofs) {
        std::size_t looked_at = 0;
        std::optional<Lineage> latest;
        for (auto it = std::make_reverse_iterator(after); it != lives_.rend() && looked_at < most_sessions_back; ++it) {
            ++looked_at;
            const auto& [number, before] = *it;
            // A session that still runs cannot be continued, except that a migration's two ends overlap.
            const bool over =
                proof == &Lineages::migration || (before.closed != 0 && before.closed < after->second.opened);
            if (before.opened >= after->second.opened || !over) {
                continue;
            }
            auto lineage = proof(before, after->second);
            if (!lineage) {
                continue;
            }
            if (latest) {
                const Life& between = lives_.at(latest->continues);
                if (!reconnect(before, between) && !migration(before, between)) {
                    return std::nullopt;  // two devices that stopped at the same positions: which one is not known
                }
                continue;
            }
            lineage->continues = number;
            if (proof == &Lineages::reconnect) {
                return lineage;
            }
            latest = std::move(lineage);
        }
        if (latest) {
            return latest;
        }
    }
    return std::nullopt;
}

}  // namespace vutrace::explain
