#include "shadow_session.h"

#include "../region_file.h"

#include <vutrace/protocol/requests.h>
#include <vutrace/virtio/inflight.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vutrace::capture {

using protocol::FrontEndRequest;

ShadowSession::ShadowSession(const DataPathOptions& options, std::uint32_t session, Recorder& recorder,
                             const session::DeviceState& state, RecordedRange recorded, Notify notify,
                             ShadowReturn::Given given)
    : session_(session),
      recorder_(recorder),
      state_(state),
      queues_({options, session, recorder, state, std::move(recorded), std::move(notify),
               [this] { return read_inflight_area(); }}),
      messages_(session, recorder, state, queues_, std::move(given)) {}

void ShadowSession::forwarded(const ForwardedMessage& message, const session::Change& change) {
    const auto request = static_cast<FrontEndRequest>(message.header.request);
    const bool from_front_end = message.sender == Side::front_end;
    messages_.forwarded();
    if (from_front_end && request == FrontEndRequest::SET_LOG_BASE) {
        take_log(message);
    } else if (from_front_end ? request == FrontEndRequest::SET_INFLIGHT_FD
                              : request == FrontEndRequest::GET_INFLIGHT_FD) {
        take_inflight_area(message);
    }
    if (change.features) {
        queues_.update_logging();
    }
}

// Before it is used LOG_ALL is acknowledged, so that every write is in it.
void ShadowSession::take_log(const ForwardedMessage& message) {
    const auto log = protocol::parse_log(message.payload);
    if (!log || message.descriptors == nullptr || message.descriptors->size() != 1) {
        queues_.log().forget();
        return;
    }
    if (const Status used = queues_.log().use(message.descriptors->front(), *log); !used) {
        note(fmt::format("shadow: the dirty log cannot be written, completions will not be in it: {}",
                         describe(used.error())));
    }
}

void ShadowSession::take_inflight_area(const ForwardedMessage& message) {
    inflight_area_.reset();
    if (message.descriptors == nullptr || message.descriptors->size() != 1 ||
        !check_region_file(message.descriptors->front())) {
        return;
    }
    if (auto copy = message.descriptors->front().duplicate()) {
        inflight_area_ = std::move(*copy);
    }
}

Bytes ShadowSession::read_inflight_area() const {
    const auto& shape = state_.inflight_area();
    if (!inflight_area_ || !shape) {
        return {};
    }
    return read_region_file(inflight_area_, shape->mmap_offset,
                            std::min(shape->mmap_size, virtio::most_inflight_bytes));
}

void ShadowSession::note(std::string text) {
    (void)recorder_.record(session_,
                           trace::NoteRecord{trace::NoteRecord::Severity::warning, trace::no_queue, std::move(text)});
}

}  // namespace vutrace::capture
