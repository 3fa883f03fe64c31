// Paced polling on an event loop: PollPace says when, this is the owner of the loop's one timer. One thread, the
// loop's.
#pragma once

#include "poll_pace.h"

#include <vutrace/capture/event_loop.h>

#include <functional>
#include <optional>
#include <utility>

namespace vutrace::capture {

class PollPacer {
  public:
    using Need = PollPace::Need;
    using Found = PollPace::Found;

    // `look` looks at the queues, `count` counts (RingTap::count); both say what is needed then. `loop` outlives the
    // pacer.
    PollPacer(EventLoop& loop, std::function<void()> look, std::function<void()> count)
        : loop_(loop), look_(std::move(look)), count_(std::move(count)) {}
    PollPacer(const PollPacer&) = delete;
    PollPacer& operator=(const PollPacer&) = delete;
    ~PollPacer() { loop_.cancel_call(); }

    // What is needed from now on; said again after each look at a queue.
    void need(const PollPace::Demand& demand);

  private:
    void arm();
    void fire();

    EventLoop& loop_;
    std::function<void()> look_;
    std::function<void()> count_;
    PollPace pace_;
    std::optional<PollPace::Nanoseconds> armed_;
};

}  // namespace vutrace::capture
