#include "physical_limits.h"

#include "event_poller.h"
#include "paired_ratios.h"

#include <vutrace/base/bytes.h>
#include <vutrace/system/event_descriptor.h>

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

namespace vutrace::benchmarks {
namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

enum class Watcher { none, woken, muted };

// Polls as the tap does, on a thread that sleeps otherwise.
void watch(Watcher watcher, const FileDescriptor& event, std::atomic<bool>& ready, const std::atomic<bool>& stop) {
    auto poller = capture::EventPoller::create();
    auto duplicate = event.duplicate();
    if (!poller || !duplicate || !(*poller)->watch(0, std::move(*duplicate))) {
        fmt::print(stderr, "block_throughput: an eventfd cannot be polled\n");
        std::exit(EXIT_FAILURE);
    }
    (*poller)->mute(watcher == Watcher::muted);
    ready = true;
    while (!stop) {
        pollfd entry{(*poller)->descriptor().number(), POLLIN, 0};
        constexpr int patience_ms = 20;
        (void)::poll(&entry, 1, patience_ms);
        (*poller)->drain([](std::uint32_t) {});
    }
}

// What one write takes its caller.
double write_time(Watcher watcher) {
    constexpr int writes = 2000;
    constexpr Microseconds between{50};  // so that the watcher sleeps again
    const auto event = std::move(*create_event_descriptor());
    std::atomic<bool> ready{watcher == Watcher::none};
    std::atomic<bool> stop{false};
    std::thread thread;
    if (watcher != Watcher::none) {
        thread = std::thread([&] { watch(watcher, event, ready, stop); });
    }
    while (!ready) {
        std::this_thread::yield();
    }
    std::vector<double> times;
    for (int i = 0; i < writes; ++i) {
        const auto begin = Clock::now();
        (void)signal_event(event);
        const auto end = Clock::now();
        times.push_back(Microseconds(end - begin).count());
        (void)take_event(event);
        while (Clock::now() - end < between) {
        }
    }
    stop = true;
    if (thread.joinable()) {
        thread.join();
    }
    return median_interval(times).median;
}

// In bytes a second, from and to memory that no cache holds.
double copy_rate() {
    constexpr std::size_t size = std::size_t{256} << 20U;
    const Bytes from(size, std::byte{1});
    Bytes to(size);
    std::vector<double> rates;
    for (int i = 0; i < 5; ++i) {
        const auto begin = Clock::now();
        std::copy(from.begin(), from.end(), to.begin());
        rates.push_back(static_cast<double>(size) / std::chrono::duration<double>(Clock::now() - begin).count());
    }
    return median_interval(rates).median;
}

}  // namespace

void print_physical_limits() {
    fmt::print(
        "an eventfd write: {:.2f} µs; with a poll that wakes a sleeping thread: {:.2f} µs; while that is muted: "
        "{:.2f} µs\n",
        write_time(Watcher::none), write_time(Watcher::woken), write_time(Watcher::muted));
    fmt::print("copying memory: {:.1f} GB/s\n", copy_rate() / 1e9);
}

}  // namespace vutrace::benchmarks
