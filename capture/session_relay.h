// One session: the main channel's messages and the channels that they hand over, what is recorded of them, and the data
// path that they set up. Everything runs on the thread of its event loop.
#pragma once

#include "channel_relay.h"
#include "device_state_tee.h"
#include "message_recorder.h"
#include "side_channels.h"

#include <vutrace/capture/data_path.h>
#include <vutrace/capture/event_loop.h>
#include <vutrace/capture/recorder.h>
#include <vutrace/session/device_state.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace vutrace::capture {

class SessionRelay final : private ChannelObserver {
  public:
    // Makes the data path for the session's state, which outlives it.
    using DataPathFactory = std::function<std::unique_ptr<DataPath>(const session::DeviceState& state)>;

    // `recorder` and `loop` outlive the relay.
    SessionRelay(FileDescriptor front_end, FileDescriptor back_end, std::uint32_t session, Recorder& recorder,
                 EventLoop& loop, const DataPathFactory& make_data_path,
                 RelayedChannels channels = RelayedChannels::all,
                 DeviceStatePipes device_state = DeviceStatePipes::pass,
                 std::chrono::milliseconds device_state_patience = DeviceStateTee::usual_patience);
    SessionRelay(const SessionRelay&) = delete;
    SessionRelay& operator=(const SessionRelay&) = delete;
    ~SessionRelay() override;

    // Watches the sockets; from here on the loop serves the session and is stopped when it is over. Error: system.
    [[nodiscard]] Status start();
    // Ends the data path, closes all sockets and records the end. Once, after the loop ended.
    // `end` is recorded where neither side ended the session. Takes as long as a device's state that is on its way and
    // moves.
    void finish(ConnectionEnd end);
    [[nodiscard]] bool passes_device_state_on() const noexcept { return device_state_tee_.is_passing_on(); }

    [[nodiscard]] bool over() const noexcept { return over_; }
    [[nodiscard]] std::uint64_t messages() const noexcept { return main_.messages(); }  // of the main channel
    [[nodiscard]] const ConnectionEnd& end() const noexcept { return end_; }

  private:
    void replace_descriptors(Side sender, const protocol::Header& header, const std::vector<FileDescriptor>& received,
                             std::vector<int>& numbers) noexcept override;
    [[nodiscard]] bool holds(Side sender, const protocol::Header& header) noexcept override;
    [[nodiscard]] bool holds(Channel channel, Side sender, const protocol::Header& header) noexcept;
    [[nodiscard]] Replacement replace(const HeldMessage& message) noexcept override;
    void before_last_piece(Side sender, const protocol::Header& header, ByteView payload) noexcept override;
    void piece_forwarded(const ForwardedPiece& piece) noexcept override;
    void message_forwarded(Side sender, const protocol::Header& header, ByteView payload,
                           std::vector<FileDescriptor>& descriptors,
                           const std::vector<std::uint32_t>& descriptor_ids) noexcept override;
    void half_closed(const HalfClose& half) noexcept override;
    void ended(const ConnectionEnd& end) noexcept override;

    void record_end() noexcept;
    template <class Action>
    void guard(const char* what, Action action) noexcept;

    const std::uint32_t session_;
    Recorder& recorder_;
    EventLoop& loop_;
    MessageRecorder message_recorder_;
    ChannelRelay main_;
    SideChannels side_channels_;
    DeviceStateTee device_state_tee_;
    session::DeviceState state_;
    std::unique_ptr<DataPath> data_path_;
    bool failure_said_{false};
    bool over_{false};
    bool finished_{false};
    ConnectionEnd end_;
};

}  // namespace vutrace::capture
