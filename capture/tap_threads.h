// Mode `tap` with the queues of a session shared out among several background threads, each with a data path, a state
// and taps of its own (BackgroundDataPath). A queue belongs to one of them from its first message on, so what is
// recorded of one queue keeps its order; between queues there is none but that of the recorder, as with one thread.
//
// How many threads there are is decided with the first message about memory or a queue: until then there is nothing to
// look at, and the answer to GET_QUEUE_NUM is known. What came before is kept for them, so that their states are whole.
//
// The relay's thread calls. All threads get all messages; descriptors of memory regions as duplicates, an eventfd goes
// to the owner of its queue, what belongs to no queue to the first thread.
#pragma once

#include "background_data_path.h"

#include <vutrace/capture/data_path.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace vutrace::capture {

// The number of threads for a session. `wanted`: as the user says, 0 where it is left to us. `queues`: the most that
// the session may have, if that is known. `processors`: that we may run on.
[[nodiscard]] unsigned number_of_threads(unsigned wanted, std::optional<std::uint64_t> queues, unsigned processors);
[[nodiscard]] unsigned usable_processors();

class TapThreads final : public DataPath {
  public:
    static constexpr unsigned most_threads = 16;
    // Left to us no more than these: each takes a part of what looking may cost, and the peers need processors, too.
    static constexpr unsigned most_by_themselves = 4;

    // Starts the threads, so many or, where that cannot be, fewer. Empty: none can be had.
    using Start = std::function<std::vector<std::unique_ptr<BackgroundDataPath>>(unsigned threads)>;
    using Number = std::function<unsigned(std::optional<std::uint64_t> queues)>;
    // What is said where a thread does not get what it needs.
    using Note = std::function<void(const char* text)>;

    // `state` is the session's and outlives this.
    TapThreads(const session::DeviceState& state, Number number, Start start, Note note);

    void replace_descriptors(Side, const protocol::Header&, const std::vector<FileDescriptor>&,
                             std::vector<int>&) override {}  // `tap` replaces nothing
    void before_reply(const protocol::Header& header, ByteView payload) override;
    void before_translation(const protocol::Header& header) override;
    void release_memory() override;
    void forwarded(ForwardedMessage message, const session::Change& change) override;
    void session_ended() override;

  private:
    // A message from before the threads were there: without descriptors, of which there are none that matter yet.
    struct EarlyMessage {
        Side sender;
        protocol::Header header;
        Bytes payload;
    };
    static constexpr std::size_t most_early_messages = 256;
    static constexpr std::size_t most_early_bytes = 65536;

    void keep(const ForwardedMessage& message);
    void begin();
    void hand_out(ForwardedMessage& message);
    [[nodiscard]] std::vector<FileDescriptor> duplicates(const std::vector<FileDescriptor>& descriptors);

    const session::DeviceState& state_;
    Number number_;
    Start start_;
    Note note_;
    bool begun_{false};
    std::vector<EarlyMessage> early_;
    std::size_t early_bytes_{0};
    std::size_t early_translations_{0};  // announced before there was a thread
    std::vector<std::unique_ptr<BackgroundDataPath>> threads_;
};

}  // namespace vutrace::capture
