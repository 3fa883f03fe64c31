// The queues of a session in mode `shadow`: which of them have shadow rings, when they are looked at, and who is
// notified. One thread, the session's.
//
// A queue with work is looked at again and again, both sides being told not to notify us. When nothing was found for
// some microseconds it sleeps: both are told to notify, and after one more look nothing happens until one does.
#pragma once

#include "../poll_pacer.h"
#include "dirty_log_writer.h"
#include "shadow_memory.h"
#include "shadow_queue.h"

#include <vutrace/capture/data_path.h>
#include <vutrace/session/device_state.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace vutrace::capture {

class ShadowQueues {
  public:
    using Kind = trace::EventRecord::Kind;
    static constexpr std::chrono::milliseconds longest_last_look{100};

    struct Environment {
        const DataPathOptions& options;
        std::uint32_t session{0};
        Recorder& recorder;
        const session::DeviceState& state;
        RecordedRange recorded;                                      // may be empty
        std::function<void(Kind kind, std::uint16_t queue)> notify;  // kick: the back-end, call: the driver
        std::function<Bytes()> inflight_area;  // as far as it can be read; empty where there is none
    };
    explicit ShadowQueues(Environment environment) : environment_(std::move(environment)) {}

    void use(std::shared_ptr<const GuestMappings> mappings);
    [[nodiscard]] DirtyLogWriter& log() noexcept { return log_; }

    // --- Before messages are forwarded
    // SET_VRING_ADDR: where the back-end is to look for the ring. `next` is the state with the message. Error: why the
    // queue has to stay with its own ring.
    [[nodiscard]] Result<protocol::VringAddress> prepare(std::uint32_t queue, const session::DeviceState& next,
                                                         const ShadowMemory& memory);
    // The queue goes on with its own ring.
    void leave(std::uint32_t queue);
    // SET_VRING_KICK: the ring is put where the queue starts, unless it runs.
    // Error: why it has to go on with its own ring, of which the back-end is to be told first.
    [[nodiscard]] Status start(std::uint32_t queue);
    // GET_VRING_BASE's answer, a reset: moves what is there, then touches the rings no more.
    void end(std::uint32_t queue);
    void end_all();
    // Of a queue with a shadow ring that has ended: where it starts again behind what the back-end has used.
    [[nodiscard]] std::uint32_t base_by_used(std::uint32_t queue) const noexcept;

    // --- After they were forwarded
    void update(std::uint32_t queue);  // serves it, if it has started
    void update_logging();

    [[nodiscard]] bool has(std::uint32_t queue) const noexcept { return entries_.contains(queue); }
    [[nodiscard]] std::vector<std::uint16_t> running() const;
    // While paused nothing is touched: a page that is missing must not be.
    void pause(bool paused) noexcept { paused_ = paused; }

    // --- Looking
    // Somebody was notified through us. True where that must be passed on, because it was for nothing that we saw.
    [[nodiscard]] bool notified(Kind kind, std::uint16_t queue);
    void serve_those_in_need();
    [[nodiscard]] PollPacer::Need need() const;

  private:
    using Clock = std::chrono::steady_clock;
    struct Entry {
        std::unique_ptr<ShadowRings> rings;
        std::unique_ptr<ShadowQueue> queue;  // while it runs
        bool awake{false};
        bool waits{false};
        bool saw_offers{false};       // since the driver's last kick
        bool saw_completions{false};  // since the back-end's last call
        Clock::time_point last_found{};
    };

    [[nodiscard]] Status make_entry(std::uint32_t queue, const session::DeviceState& next, ShadowMemory::Parts shadow);
    [[nodiscard]] QueuePast past_of(std::uint32_t queue, const session::DeviceState& state) const;
    void serve(std::uint32_t queue, Entry& entry);
    void wake(Entry& entry);
    void try_to_sleep(std::uint32_t queue, Entry& entry);
    void act_on(std::uint32_t queue, Entry& entry, const ShadowQueue::Progress& progress);
    void end(std::uint32_t queue, Entry& entry);
    void set_logging(Entry& entry, const protocol::VringAddress& addresses, const session::DeviceState& state);
    [[nodiscard]] bool driver_polls(std::uint32_t queue) const noexcept;

    Environment environment_;
    DirtyLogWriter log_;
    std::shared_ptr<const GuestMappings> mappings_;
    std::map<std::uint32_t, Entry> entries_;
    bool paused_{false};
};

}  // namespace vutrace::capture
