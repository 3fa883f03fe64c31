// The further sockets of a session: those that messages of the main channel hand over (SET_BACKEND_REQ_FD,
// GPU_SET_SOCKET). The back-end gets one end of a socket pair of ours instead, and what passes is relayed and recorded
// as on the main channel. What cannot be followed passes untouched, and the trace says why.
//
// Runs on the session's thread. Messages of one sender on two channels have no order of their own; one that answers
// another, on whatever channel, is recorded after it.
#pragma once

#include "channel_relay.h"
#include "message_recorder.h"

#include <vutrace/capture/capture.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vutrace::capture {

class SideChannels {
  public:
    // Alive at once; a front-end that hands over more gets them passed on untouched.
    static constexpr std::size_t most_channels = 16;

    // Who may change messages on these channels (mode `shadow`). Nothing is thrown.
    struct Changes {
        std::function<bool(Channel channel, Side sender, const protocol::Header& header)> holds;
        std::function<Replacement(const HeldMessage& message)> replace;
    };

    // `loop`, `recorder` and what `changes` use outlive it.
    SideChannels(RelayedChannels which, EventLoop& loop, MessageRecorder& recorder, Changes changes);
    SideChannels(const SideChannels&) = delete;
    SideChannels& operator=(const SideChannels&) = delete;
    ~SideChannels();

    // Before a message's descriptors are forwarded: puts a socket of ours into `numbers` where one is handed over.
    void replace_descriptors(Side sender, const protocol::Header& header, const std::vector<FileDescriptor>& received,
                             std::vector<int>& numbers);
    // After it: from now on what goes through our socket is relayed.
    void message_forwarded(Side sender, const protocol::Header& header, const std::vector<FileDescriptor>& descriptors);

    // Passes on what waits in the sockets, then closes them.
    void close();
    // After `close`: records what unfinished messages have.
    void finish();

  private:
    class Connection;
    struct Offer {
        std::unique_ptr<Connection> connection;
        FileDescriptor given;  // to the back-end; open until it was sent
    };

    [[nodiscard]] Result<Offer> interpose(Channel channel, const std::vector<FileDescriptor>& received);
    void forget_ended();

    const RelayedChannels which_;
    EventLoop& loop_;
    MessageRecorder& recorder_;
    const Changes changes_;
    std::vector<std::unique_ptr<Connection>> connections_;  // also ended ones, until the next comes
    std::optional<Offer> offer_;                            // of the message that is being forwarded
    std::string why_untouched_;                             // likewise
};

}  // namespace vutrace::capture
