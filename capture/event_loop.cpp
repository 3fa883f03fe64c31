#include "vutrace/capture/event_loop.h"

#include <vutrace/system/event_descriptor.h>

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

namespace vutrace::capture {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int events_per_wait = 32;

timespec to_timespec(std::chrono::nanoseconds time) noexcept {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
    return {seconds.count(), (time - seconds).count()};
}

}  // namespace

struct EventLoop::State {
    // The kernel holds the address of an entry. An entry that was removed stays until the events that were fetched
    // together with its own are served, so that an address from the kernel is never stale.
    struct Entry {
        Handler handler;
        bool removed{false};
    };
    FileDescriptor epoll;
    FileDescriptor stop_event;
    std::atomic<bool> stopping{false};
    std::map<int, std::unique_ptr<Entry>> entries;  // by descriptor number
    std::vector<std::unique_ptr<Entry>> removed;
    std::function<void()> callback;
    std::optional<Clock::time_point> deadline;

    Status control(int operation, int number, std::uint32_t events, void* address) const {
        epoll_event event{};
        event.events = events;
        event.data.ptr = address;
        if (::epoll_ctl(epoll.number(), operation, number, &event) != 0) {
            return fail_errno(fmt::format("cannot watch descriptor {}", number));
        }
        return {};
    }

    Status wait_and_serve() {
        std::array<epoll_event, events_per_wait> events;  // the kernel says how many it filled
        timespec timeout{};
        const bool timed = deadline.has_value();
        if (timed) {
            timeout = to_timespec(std::max(Clock::duration::zero(), *deadline - Clock::now()));
        }
        const int count =
            ::epoll_pwait2(epoll.number(), events.data(), events_per_wait, timed ? &timeout : nullptr, nullptr);
        if (count < 0 && errno != EINTR) {
            return fail_errno("cannot wait for events");
        }
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            auto* entry = static_cast<Entry*>(event.data.ptr);
            if (entry != nullptr && !entry->removed) {
                entry->handler(event.events);
            }
        }
        removed.clear();
        if (deadline && Clock::now() >= *deadline) {
            deadline.reset();
            std::exchange(callback, nullptr)();
        }
        return {};
    }
};

Result<EventLoop> EventLoop::create() {
    auto state = std::make_shared<State>();
    state->epoll = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
    if (!state->epoll) {
        return fail_errno("cannot create an epoll descriptor");
    }
    auto event = create_event_descriptor();
    if (!event) {
        return tl::unexpected(event.error());
    }
    state->stop_event = std::move(*event);
    if (auto watched = state->control(EPOLL_CTL_ADD, state->stop_event.number(), EPOLLIN, nullptr); !watched) {
        return tl::unexpected(watched.error());
    }
    return EventLoop(std::move(state));
}

Status EventLoop::add(const FileDescriptor& descriptor, std::uint32_t events, Handler handler) {
    auto entry = std::make_unique<State::Entry>(State::Entry{std::move(handler)});
    auto watched = state_->control(EPOLL_CTL_ADD, descriptor.number(), events, entry.get());
    if (watched) {
        state_->entries.insert_or_assign(descriptor.number(), std::move(entry));
    }
    return watched;
}

Status EventLoop::modify(const FileDescriptor& descriptor, std::uint32_t events) {
    const auto found = state_->entries.find(descriptor.number());
    if (found == state_->entries.end()) {
        return fail(ErrorCode::usage, fmt::format("descriptor {} is not watched", descriptor.number()));
    }
    return state_->control(EPOLL_CTL_MOD, descriptor.number(), events, found->second.get());
}

void EventLoop::remove(const FileDescriptor& descriptor) noexcept {
    const auto found = state_->entries.find(descriptor.number());
    if (found == state_->entries.end()) {
        return;
    }
    (void)state_->control(EPOLL_CTL_DEL, descriptor.number(), 0, nullptr);
    found->second->removed = true;
    state_->removed.push_back(std::move(found->second));
    state_->entries.erase(found);
}

void EventLoop::call_after(std::chrono::nanoseconds delay, std::function<void()> callback) {
    const auto now = Clock::now();
    const bool for_ever = delay > Clock::time_point::max() - now;
    state_->deadline = for_ever ? Clock::time_point::max() : now + delay;
    state_->callback = std::move(callback);
}

void EventLoop::cancel_call() noexcept {
    state_->deadline.reset();
    state_->callback = nullptr;
}

Status EventLoop::run() {
    while (!state_->stopping.load(std::memory_order_acquire)) {
        if (auto served = state_->wait_and_serve(); !served) {
            return served;
        }
    }
    (void)take_event(state_->stop_event);
    state_->stopping.store(false, std::memory_order_release);
    return {};
}

void EventLoop::stop() noexcept {
    state_->stopping.store(true, std::memory_order_release);
    (void)signal_event(state_->stop_event);
}

}  // namespace vutrace::capture
