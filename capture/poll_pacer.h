// Paced polling: short intervals while there is something to find, longer ones while there is not. Owner of the event
// loop's one timer. One thread, the session's.
#pragma once

#include <vutrace/capture/event_loop.h>

#include <chrono>
#include <functional>

namespace vutrace::capture {

class PollPacer {
  public:
    // In the order of urgency.
    enum class Need : std::uint8_t {
        none,
        slow_watch,  // every notification comes through us: only the one that is never sent passes us by
        watch,       // notifications are on and may still pass us by (KVM's irqfd takes a call for itself)
        poll,        // notifications are off
        now,         // the last look stopped at a bound
    };
    static constexpr std::chrono::nanoseconds shortest_poll = std::chrono::microseconds{50};
    static constexpr std::chrono::nanoseconds shortest_watch = std::chrono::microseconds{500};
    static constexpr std::chrono::nanoseconds longest = std::chrono::milliseconds{10};

    // `look` looks at the queues and says what is needed then. `loop` outlives the pacer.
    PollPacer(EventLoop& loop, std::function<void()> look) : loop_(loop), look_(std::move(look)) {}
    PollPacer(const PollPacer&) = delete;
    PollPacer& operator=(const PollPacer&) = delete;
    ~PollPacer() { loop_.cancel_call(); }

    // What is needed from now on; said again after each look at a queue. `found`: that look found something. `rest`:
    // no look before that.
    void need(Need need, bool found, std::chrono::nanoseconds rest = std::chrono::nanoseconds{0});

  private:
    void fire();

    EventLoop& loop_;
    std::function<void()> look_;
    std::chrono::nanoseconds interval_{shortest_poll};
    std::chrono::nanoseconds armed_{0};
    bool is_armed_{false};
};

}  // namespace vutrace::capture
