// A data path on a thread of its own, as a rule one that runs only when nobody else wants the processor. For the modes
// that change nothing (`tap`, `off`): what they do can always be late, and must never take time from the session. Where
// the machine has none to spare, the tap loses chains and counts them.
//
// The relay's thread calls; each call is queued and returns at once, except before a queue's or the session's end,
// where it waits for the last look at the rings, for at most `patience`. What waits is bounded: a session that sends
// descriptors or bytes faster than the background takes them goes on without its data path, and the trace says so.
#pragma once

#include <vutrace/capture/data_path.h>

#include <chrono>
#include <functional>
#include <memory>

namespace vutrace::capture {

class BackgroundDataPath final : public DataPath {
  public:
    static constexpr std::chrono::milliseconds patience{10};
    static constexpr std::chrono::milliseconds release_patience{2000};
    // Makes the data path that runs in the background, on the background's loop and with its copy of the session's
    // state.
    using Make = std::function<std::unique_ptr<DataPath>(EventLoop& loop, const session::DeviceState& state)>;

    // Called where the data path threw (on the background's thread) or could not follow (on the relay's): it is gone
    // then, messages pass on.
    using Failed = std::function<void(const char* what)>;

    // Error: system (no thread, no epoll): then run the data path in the foreground.
    // `threads`: so many of them share what may wait for one session's.
    [[nodiscard]] static Result<std::unique_ptr<BackgroundDataPath>> start(Make make, Failed failed,
                                                                           bool lowest_priority, unsigned threads = 1);
    BackgroundDataPath(const BackgroundDataPath&) = delete;
    BackgroundDataPath& operator=(const BackgroundDataPath&) = delete;
    ~BackgroundDataPath() override;  // waits until everything queued is done: after the sockets were closed

    void replace_descriptors(Side sender, const protocol::Header& header, const std::vector<FileDescriptor>& received,
                             std::vector<int>& numbers) override;
    void before_reply(const protocol::Header& header, ByteView payload) override;
    void before_translation(const protocol::Header& header) override;
    void release_memory() override;
    void forwarded(ForwardedMessage message, const session::Change& change) override;
    void session_ended() override;

    // The same in two halves, so that several threads can be waited for at once. Before the first half nothing is
    // waited for; `until` is when the relay goes on.
    using Clock = std::chrono::steady_clock;
    void begin_to_release_memory();
    void begin_to_end_session();
    void wait_until_released(Clock::time_point until);
    void wait_until_ended(Clock::time_point until);

  private:
    struct Background;
    explicit BackgroundDataPath(std::unique_ptr<Background> background) noexcept;
    std::unique_ptr<Background> background_;
};

}  // namespace vutrace::capture
