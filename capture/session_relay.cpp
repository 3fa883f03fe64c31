#include "session_relay.h"

#include <vutrace/protocol/requests.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <span>
#include <utility>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;

// Messages whose descriptors the data path may keep, and map or watch. All others are closed as soon as they are
// forwarded: while we hold a copy of a pipe, a socket or a userfaultfd, its peers do not see that it is closed.
constexpr std::array kept_by_data_path{
    FrontEndRequest::SET_MEM_TABLE,   FrontEndRequest::ADD_MEM_REG,   FrontEndRequest::REM_MEM_REG,
    FrontEndRequest::SET_LOG_BASE,    FrontEndRequest::SET_LOG_FD,    FrontEndRequest::SET_VRING_KICK,
    FrontEndRequest::SET_VRING_CALL,  FrontEndRequest::SET_VRING_ERR, FrontEndRequest::GET_INFLIGHT_FD,
    FrontEndRequest::SET_INFLIGHT_FD,
};

// From then on pages of guest memory may be missing.
constexpr std::array incomplete_memory{FrontEndRequest::POSTCOPY_ADVISE, FrontEndRequest::POSTCOPY_LISTEN};

bool is_any_of(const protocol::Header& header, std::span<const FrontEndRequest> requests) noexcept {
    return std::find(requests.begin(), requests.end(), static_cast<FrontEndRequest>(header.request)) != requests.end();
}

bool is_iotlb_message(const protocol::Header& header) noexcept {
    return header.request == static_cast<std::uint32_t>(FrontEndRequest::IOTLB_MSG) && !header.is_reply();
}

}  // namespace

SessionRelay::SessionRelay(FileDescriptor front_end, FileDescriptor back_end, std::uint32_t session, Recorder& recorder,
                           EventLoop& loop, const DataPathFactory& make_data_path, RelayedChannels channels,
                           DeviceStatePipes device_state, std::chrono::milliseconds device_state_patience)
    : session_(session),
      recorder_(recorder),
      loop_(loop),
      message_recorder_(session, recorder),
      main_(std::move(front_end), std::move(back_end), loop, *this),
      side_channels_(channels, loop, message_recorder_,
                     {[this](Channel channel, Side sender, const protocol::Header& header) {
                          return holds(channel, sender, header);
                      },
                      [this](const HeldMessage& message) { return replace(message); }}),
      device_state_tee_(device_state, loop, message_recorder_, device_state_patience),
      data_path_(make_data_path(state_)) {}

SessionRelay::~SessionRelay() {
    finish({"stopped", std::nullopt, {}, 0});
}

Status SessionRelay::start() {
    return main_.start();
}

void SessionRelay::half_closed(const HalfClose& half) noexcept {
    (void)recorder_.record(session_,
                           trace::SessionRecord{trace::SessionRecord::Kind::half_closed,
                                                {{"side", name_of(half.side)},
                                                 {"detail", half.sends_no_more ? "sends no more" : "takes no more"}}});
}

void SessionRelay::ended(const ConnectionEnd& end) noexcept {
    over_ = true;
    end_ = end;
    loop_.stop();
}

void SessionRelay::finish(ConnectionEnd end) {
    if (std::exchange(finished_, true)) {
        return;
    }
    if (!std::exchange(over_, true)) {
        end_ = std::move(end);
    }
    guard("the data path at the end of the session", [this] { data_path_->session_ended(); });
    main_.close();
    guard("the channels at the end of the session", [this] { side_channels_.close(); });
    guard("the device's state at the end of the session", [this] { device_state_tee_.close(); });
    data_path_.reset();  // may take its time over what is still to be recorded: the peers must not wait for that
    main_.finish();
    side_channels_.finish();
    record_end();
}

void SessionRelay::record_end() noexcept {
    trace::SessionRecord record{trace::SessionRecord::Kind::closed, {{"reason", end_.reason}}};
    if (end_.side) {
        record.attributes.emplace_back("side", name_of(*end_.side));
    }
    if (!end_.detail.empty()) {
        record.attributes.emplace_back("detail", end_.detail);
    }
    if (const auto first = main_.first_to_close()) {
        record.attributes.emplace_back("first", name_of(*first));
    }
    if (end_.errno_value != 0) {
        record.attributes.emplace_back("errno", fmt::format("{}", end_.errno_value));
    }
    record.attributes.emplace_back("messages", fmt::format("{}", messages()));
    (void)recorder_.record(session_, record);
}

void SessionRelay::replace_descriptors(Side sender, const protocol::Header& header,
                                       const std::vector<FileDescriptor>& received,
                                       std::vector<int>& numbers) noexcept {
    guard("a channel that was handed over",
          [&] { side_channels_.replace_descriptors(sender, header, received, numbers); });
    guard("the pipe of the device's state",
          [&] { device_state_tee_.replace_descriptors(sender, header, received, numbers); });
    guard("the data path before descriptors were forwarded",
          [&] { data_path_->replace_descriptors(sender, header, received, numbers); });
}

bool SessionRelay::holds(Side sender, const protocol::Header& header) noexcept {
    return holds(Channel::front_end, sender, header);
}

bool SessionRelay::holds(Channel channel, Side sender, const protocol::Header& header) noexcept {
    bool held = false;
    guard("the data path before a message was forwarded", [&] { held = data_path_->holds(channel, sender, header); });
    return held;
}

Replacement SessionRelay::replace(const HeldMessage& message) noexcept {
    Replacement replacement;
    guard("the data path before a message was forwarded", [&] { replacement = data_path_->replace(message); });
    return replacement;
}

void SessionRelay::before_last_piece(Side sender, const protocol::Header& header, ByteView payload) noexcept {
    if (sender == Side::back_end && header.is_reply()) {
        guard("the data path before a reply was forwarded", [&] { data_path_->before_reply(header, payload); });
    } else if (sender == Side::front_end && !header.is_reply() && is_any_of(header, incomplete_memory)) {
        guard("the data path before postcopy", [&] { data_path_->release_memory(); });
    } else if (sender == Side::front_end && is_iotlb_message(header)) {
        guard("the data path before an IOTLB message", [&] { data_path_->before_translation(header); });
    }
}

void SessionRelay::piece_forwarded(const ForwardedPiece& piece) noexcept {
    message_recorder_.record(Channel::front_end, piece);
}

void SessionRelay::message_forwarded(Side sender, const protocol::Header& header, ByteView payload,
                                     std::vector<FileDescriptor>& descriptors,
                                     const std::vector<std::uint32_t>& descriptor_ids) noexcept {
    guard("a channel that was handed over", [&] { side_channels_.message_forwarded(sender, header, descriptors); });
    guard("the pipe of the device's state", [&] { device_state_tee_.message_forwarded(sender, header, descriptors); });
    if (!is_any_of(header, kept_by_data_path)) {
        for (FileDescriptor& descriptor : descriptors) {
            descriptor.reset();
        }
    }
    guard("the data path after a message was forwarded", [&] {
        const session::Change change = state_.apply(sender, header, payload, descriptor_ids);
        data_path_->forwarded({sender, header, payload, &descriptors, &descriptor_ids}, change);
    });
}

// Whatever goes wrong beside the messages must not reach them. Said once: it may go wrong with every message.
template <class Action>
void SessionRelay::guard(const char* what, Action action) noexcept {
    try {
        action();
    } catch (const std::exception& error) {
        if (!std::exchange(failure_said_, true)) {
            message_recorder_.note(trace::NoteRecord::Severity::error,
                                   fmt::format("{} failed, messages pass on: {}", what, error.what()));
        }
    }
}

}  // namespace vutrace::capture
