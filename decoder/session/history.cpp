#include "vutrace/session/history.h"

#include <vutrace/protocol/header.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>

#include <algorithm>
#include <array>

namespace vutrace::session {
namespace {

using protocol::FrontEndRequest;

constexpr std::uint32_t code_of(FrontEndRequest request) noexcept {
    return static_cast<std::uint32_t>(request);
}

struct VringRow {
    FrontEndRequest request;
    DescriptorUse use;
};
constexpr std::array vring_rows{VringRow{FrontEndRequest::SET_VRING_KICK, DescriptorUse::kick},
                                VringRow{FrontEndRequest::SET_VRING_CALL, DescriptorUse::call},
                                VringRow{FrontEndRequest::SET_VRING_ERR, DescriptorUse::err}};

// Of which a session has one at a time: the next takes its place.
constexpr std::array single{FrontEndRequest::SET_LOG_BASE, FrontEndRequest::SET_LOG_FD,
                            FrontEndRequest::SET_BACKEND_REQ_FD, FrontEndRequest::SET_INFLIGHT_FD,
                            FrontEndRequest::GPU_SET_SOCKET};

bool changes_regions(std::uint32_t code) noexcept {
    return code == code_of(FrontEndRequest::SET_MEM_TABLE) || code == code_of(FrontEndRequest::ADD_MEM_REG) ||
           code == code_of(FrontEndRequest::REM_MEM_REG);
}

bool stops_queues(std::uint32_t code) noexcept {
    return code == code_of(FrontEndRequest::GET_VRING_BASE) ||
           code == code_of(FrontEndRequest::GET_VRING_BASE_SKIP_DRAIN);
}

}  // namespace

const DescriptorLife* History::find(std::uint32_t session, std::uint32_t id) const noexcept {
    const auto found = by_id_.find({session, id});
    return found == by_id_.end() ? nullptr : &lives_[found->second];
}

void History::take(const trace::Record& record) {
    if (const auto* message = std::get_if<trace::MessageRecord>(&record.body)) {
        take(record, *message);
        return;
    }
    const auto* session = std::get_if<trace::SessionRecord>(&record.body);
    if (session == nullptr) {
        return;
    }
    (void)tracker_.apply(record);
    if (session->kind == trace::SessionRecord::Kind::closed) {
        for (auto life = by_id_.lower_bound({record.session, 0});
             life != by_id_.end() && life->first.first == record.session; ++life) {
            end(life->second, DescriptorEnd::session_closed, record.sequence);
        }
    }
}

void History::take(const trace::Record& record, const trace::MessageRecord& message) {
    const auto header = message.offset == 0 ? protocol::parse_header(message.bytes) : fail(ErrorCode::bad_input, {});
    const bool main = message.channel == Channel::front_end;
    const std::uint32_t code = header && main ? header->request : 0;
    const Before before = look(record.session, code);
    if (main) {
        (void)tracker_.apply(record);
    }
    add(record, message, header ? header->request : 0);
    end_regions(record, before, code);
    end_queues(record, before);
}

History::Before History::look(std::uint32_t session, std::uint32_t code) const {
    Before before;
    const SessionState* state = tracker_.session(session);
    if (state == nullptr) {
        return before;
    }
    before.epoch = state->device.epoch();
    if (changes_regions(code)) {
        for (const KnownRegion& region : state->device.regions()) {
            before.regions.insert(region.descriptor_id);
        }
    }
    if (stops_queues(code)) {
        for (const auto& [number, queue] : state->device.queues()) {
            if (queue.started) {
                before.started.insert(number);
            }
        }
    }
    return before;
}

void History::add(const trace::Record& record, const trace::MessageRecord& message, std::uint32_t code) {
    const bool request = message.channel == Channel::front_end && message.sender == Side::front_end;
    const auto* const row = std::find_if(vring_rows.begin(), vring_rows.end(), [&](const VringRow& known) {
        return request && code_of(known.request) == code;
    });
    Place place{record.session, DescriptorUse::other, code};
    if (row != vring_rows.end()) {
        const ByteView bytes = message.bytes;
        const auto named =
            protocol::parse_vring_descriptor(bytes.subspan(std::min(bytes.size(), protocol::header_size)));
        place = {record.session, named ? row->use : DescriptorUse::other, named ? std::uint32_t{named->queue()} : 0U};
    }
    const SessionState* state = tracker_.session(record.session);
    std::optional<std::size_t> last;
    for (const trace::Descriptor& descriptor : message.descriptors) {
        if (lives_.size() == most_descriptors) {
            whole_ = false;
            return;
        }
        DescriptorLife life{record.session, descriptor, message.channel, message.sender, code,
                            place.use,      {},         record.sequence};
        if (place.use != DescriptorUse::other) {
            life.queue = place.number;
        } else if (state != nullptr && request) {
            const auto& regions = state->device.regions();
            const bool region = std::any_of(regions.begin(), regions.end(), [&](const KnownRegion& known) {
                return known.descriptor_id == descriptor.id;
            });
            life.use = region ? DescriptorUse::memory : life.use;
        }
        last = lives_.size();
        by_id_.insert_or_assign({record.session, descriptor.id}, *last);
        lives_.push_back(std::move(life));
    }
    const bool replaces =
        place.use != DescriptorUse::other ||
        (request && last && std::any_of(single.begin(), single.end(), [&](auto one) { return code_of(one) == code; }));
    if (replaces) {
        take_place(place, last, record);
    }
}

void History::take_place(const Place& place, std::optional<std::size_t> life, const trace::Record& record) {
    const auto found = places_.find(place);
    if (found != places_.end()) {
        end(found->second, DescriptorEnd::replaced, record.sequence);
    }
    if (life) {
        places_.insert_or_assign(place, *life);
    } else if (found != places_.end()) {
        places_.erase(found);
    }
}

void History::end_regions(const trace::Record& record, const Before& before, std::uint32_t code) {
    const SessionState* state = tracker_.session(record.session);
    if (state == nullptr || state->device.epoch() == before.epoch) {
        return;
    }
    const std::vector<KnownRegion>& regions = state->device.regions();
    if (epochs_.size() == most_epochs) {
        whole_ = false;
    } else {
        epochs_.push_back({record.session, state->device.epoch(), record.sequence, regions.size()});
    }
    const DescriptorEnd how = code == code_of(FrontEndRequest::SET_MEM_TABLE) ? DescriptorEnd::replaced
                              : code == code_of(FrontEndRequest::REM_MEM_REG) ? DescriptorEnd::removed
                                                                              : DescriptorEnd::refused;
    for (const std::uint32_t id : before.regions) {
        const auto life = by_id_.find({record.session, id});
        const bool kept = std::any_of(regions.begin(), regions.end(),
                                      [&](const KnownRegion& known) { return known.descriptor_id == id; });
        if (life != by_id_.end() && !kept) {
            end(life->second, how, record.sequence);
        }
    }
}

void History::end_queues(const trace::Record& record, const Before& before) {
    const SessionState* state = tracker_.session(record.session);
    for (const std::uint32_t number : before.started) {
        const QueueState* queue = state == nullptr ? nullptr : state->device.queue(number);
        if (queue == nullptr || queue->started) {
            continue;
        }
        for (const DescriptorUse use : {DescriptorUse::kick, DescriptorUse::call}) {
            if (const auto found = places_.find({record.session, use, number}); found != places_.end()) {
                end(found->second, DescriptorEnd::queue_stopped, record.sequence);
                places_.erase(found);
            }
        }
    }
}

void History::end(std::size_t life, DescriptorEnd how, std::uint64_t sequence) {
    if (lives_[life].end == DescriptorEnd::none) {
        lives_[life].end = how;
        lives_[life].ended = sequence;
    }
}

}  // namespace vutrace::session
