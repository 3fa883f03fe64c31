// The pipes that a device's state goes through (SET_DEVICE_STATE_FD): from the back-end when it is saved, to it when it
// is loaded. Either side may give the pipe, the front-end with the request or the back-end with its reply, and the
// pipe's own access mode says which way the state goes.
//
// Where asked, the receiver gets an end of a pipe of ours instead, and what goes through is passed on by the kernel
// (splice), a copy recorded beside it (tee). A descriptor that cannot be followed passes untouched, and the trace says
// why. Runs on the session's thread.
//
// A transfer outlives its session: without us the peers' pipe would not end with their sockets, and a receiver cannot
// tell a state that was cut from one that ended.
#pragma once

#include "message_recorder.h"

#include <vutrace/capture/capture.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vutrace::capture {

class DeviceStateTee {
  public:
    // Alive at once; a session needs one. Further pipes pass untouched.
    static constexpr std::size_t most_pipes = 4;
    // How long neither side may do anything in a pipe that is open when the session has ended.
    static constexpr std::chrono::milliseconds usual_patience{5000};

    // `loop` and `recorder` outlive it.
    DeviceStateTee(DeviceStatePipes which, EventLoop& loop, MessageRecorder& recorder,
                   std::chrono::milliseconds patience = usual_patience);
    DeviceStateTee(const DeviceStateTee&) = delete;
    DeviceStateTee& operator=(const DeviceStateTee&) = delete;
    ~DeviceStateTee();

    // Before a message's descriptors are forwarded: puts a pipe of ours into `numbers` where one is given.
    void replace_descriptors(Side sender, const protocol::Header& header, const std::vector<FileDescriptor>& received,
                             std::vector<int>& numbers);
    // After it: from now on what goes through our pipe is recorded.
    void message_forwarded(Side sender, const protocol::Header& header, const std::vector<FileDescriptor>& descriptors);
    [[nodiscard]] bool is_passing_on() const noexcept;  // some pipe is open
    // After the session, without the loop: passes on and records until each pipe was ended by its peers, or nothing
    // moved in any for `patience`. Then what still waits is counted as lost, and the pipes close.
    void close();

  private:
    class Transfer;
    struct Offer {
        std::unique_ptr<Transfer> transfer;
        FileDescriptor given;  // to the receiver; open until it was sent
    };

    [[nodiscard]] Result<Offer> interpose(Side sender, const std::vector<FileDescriptor>& received);
    [[nodiscard]] bool wait(std::chrono::steady_clock::time_point until);

    const DeviceStatePipes which_;
    const std::chrono::milliseconds patience_;
    EventLoop& loop_;
    MessageRecorder& recorder_;
    std::vector<std::unique_ptr<Transfer>> transfers_;  // also ended ones, until the next comes
    std::optional<Offer> offer_;                        // of the message that is being forwarded
    std::string why_untouched_;                         // likewise
};

}  // namespace vutrace::capture
