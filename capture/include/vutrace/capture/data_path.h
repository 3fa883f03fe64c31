// What happens beside the messages of one session: eventfds, rings, buffers, guest memory. The relay calls it on the
// session's thread; it never delays a message for longer than its mode must, and no failure of it reaches the relay.
#pragma once

#include <vutrace/base/side.h>
#include <vutrace/capture/event_loop.h>
#include <vutrace/capture/message_replacement.h>
#include <vutrace/capture/recorder.h>
#include <vutrace/protocol/header.h>
#include <vutrace/session/device_state.h>
#include <vutrace/system/file_descriptor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace vutrace::capture {

enum class DataPathMode : std::uint8_t { off, tap, relay, shadow };
enum class MemoryMode : std::uint8_t { none, rings, buffers, full };

struct DataPathOptions {
    DataPathMode mode{DataPathMode::tap};
    MemoryMode memory{MemoryMode::buffers};
    std::uint64_t snap_length{UINT64_MAX};  // bytes kept of each buffer
    bool lowest_priority{true};             // tap and off: look only when nobody else wants the processor
    unsigned threads{0};                    // tap: that look at a session's queues; 0: as many as make sense
    double budget{0.01};                    // tap: share of the machine's and the peers' time, above 0; 1: all
    std::chrono::milliseconds snapshot_patience{30'000};  // how long a session's end waits for `full` to be written
};

// A whole message that has just been forwarded. Views are valid during the call.
struct ForwardedMessage {
    Side sender{Side::front_end};
    protocol::Header header;
    ByteView payload;  // at most trace::max_message_piece - 12 bytes; shorter than announced where it was larger
    std::vector<FileDescriptor>* descriptors{
        nullptr};  // as received; the callee may take them over (move out), what stays is closed
    const std::vector<std::uint32_t>* descriptor_ids{nullptr};
};

class DataPath {
  public:
    // `state` is the session's, kept up to date by the relay (applied before `forwarded` is called) and outliving the
    // data path, as do `recorder` and `loop`.
    [[nodiscard]] static std::unique_ptr<DataPath> create(const DataPathOptions& options, std::uint32_t session,
                                                          Recorder& recorder, EventLoop& loop,
                                                          const session::DeviceState& state);
    virtual ~DataPath() = default;  // may wait for what is still to be recorded; releases mappings and descriptors

    // Before the first piece of a message with descriptors is forwarded: replaces in `numbers` (same order as
    // `received`) those that the other side shall get instead (relay: eventfds of ours). Only the header is known. The
    // replacements stay open at least until `forwarded`.
    virtual void replace_descriptors(Side sender, const protocol::Header& header,
                                     const std::vector<FileDescriptor>& received, std::vector<int>& numbers) = 0;
    // The header of a message is known, once for each: is it to be held until it is whole, because `replace` may change
    // it? Only where the mode must (`shadow`), and for sizes that the request may have or that nobody else waits for.
    // Main channel and the back-end's.
    [[nodiscard]] virtual bool holds(Channel /*channel*/, Side /*sender*/, const protocol::Header& /*header*/) {
        return false;
    }
    // Such a message, whole: what is forwarded in its place. `forwarded` is called all the same, with the message as it
    // came, unless nothing was forwarded.
    [[nodiscard]] virtual Replacement replace(const HeldMessage& /*message*/) { return {}; }
    // A GET_VRING_BASE reply (sender back-end) and the like must be seen before the front-end acts on it: called before
    // a reply is forwarded.
    virtual void before_reply(const protocol::Header& header, ByteView payload) = 0;
    // Before an IOTLB message of the front-end is forwarded; its answer comes to `before_reply`.
    virtual void before_translation(const protocol::Header& /*header*/) {}
    // For a data path that is told of messages some time after they were forwarded: `stale()`, on the data path's
    // thread, says whether IOTLB messages or answers have passed of which `forwarded` has not told yet.
    virtual void follow_translations(const std::function<bool()>& /*stale*/) {}
    // Before a request is forwarded after which pages of guest memory may be missing (POSTCOPY_ADVISE,
    // POSTCOPY_LISTEN). When it returns nothing touches guest memory, until `forwarded` brings a change that says
    // otherwise.
    virtual void release_memory() {}
    // After the last piece was forwarded and `state` took the message in.
    virtual void forwarded(ForwardedMessage message, const session::Change& change) = 0;
    // The connection ended and the sockets are about to close: last look at the rings, notifications that wait are
    // passed on. The peers wait for this call, so it must not wait for the disk.
    virtual void session_ended() = 0;
};

}  // namespace vutrace::capture
