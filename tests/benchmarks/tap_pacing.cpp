// Which rule of PollPace sees how much at what cost: the real tap on a ring whose driver and device move in simulated
// time, so that other load on the machine changes nothing but the last digits. What a look costs is the processor time
// that it really took and a fixed price for waking up; the budget is the real one on the simulated clock.
//
// Of a rule that looks at once after a step of a share of the queue, for several shares: chains seen, steps verified,
// and chains seen for a millisecond of processor time. `never` is paced polling alone.
#include "guest_mappings.h"
#include "poll_pace.h"
#include "split_ring_tap.h"
#include "tap_budget.h"
#include "testing/fake_recorder.h"
#include "testing/ring_pair.h"

#include <vutrace/virtio/split_ring.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <vector>

namespace vutrace::benchmarks {
namespace {

using capture::PollPace;
using capture::testing::RingPair;
using Nanoseconds = std::chrono::nanoseconds;

constexpr std::uint32_t queue_size = 256;
constexpr std::uint32_t frame = 64;
constexpr Nanoseconds latency = std::chrono::microseconds{5};  // of the device
constexpr Nanoseconds session = std::chrono::milliseconds{500};
constexpr Nanoseconds wake_up = std::chrono::microseconds{3};  // epoll_pwait2 with a timeout, there and back

Nanoseconds processor_time() {
    timespec time{};
    (void)::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
}

// A driver that offers so many chains a second, each used `latency` later. Slots that nobody can look at any more are
// not written.
class Peers {
  public:
    explicit Peers(double rate) : ring(queue_size), rate_(rate) {
        for (std::uint16_t head = 0; head < queue_size; ++head) {
            ring.describe_chain(head, {{RingPair::buffers + head * std::uint64_t{frame}, frame, false}});
        }
        ring.put<std::uint16_t>(ring.layout().used, virtio::used_no_notify);
    }
    void advance(Nanoseconds now) {
        const auto offered = by(now);
        const auto used = by(std::max(Nanoseconds{0}, now - latency));
        const std::uint64_t in_flight = std::min<std::uint64_t>(offered - used, queue_size - 1);
        skip(ring.next_offer, offered_, offered);
        for (; offered_ < offered; ++offered_) {
            ring.offer(static_cast<std::uint16_t>(offered_ % queue_size));
        }
        skip(ring.next_use, used_, offered - in_flight);
        for (; used_ < offered - in_flight; ++used_) {
            ring.use(static_cast<std::uint32_t>(used_ % queue_size), 0);
        }
    }
    [[nodiscard]] std::uint64_t offered() const noexcept { return offered_; }

    RingPair ring;

  private:
    [[nodiscard]] std::uint64_t by(Nanoseconds now) const {
        return static_cast<std::uint64_t>(rate_ * std::chrono::duration<double>(now).count());
    }
    static void skip(std::uint16_t& index, std::uint64_t& done, std::uint64_t until) {
        const std::uint64_t more = until - done > queue_size ? until - done - queue_size : 0;
        done += more;
        index = static_cast<std::uint16_t>(index + more);
    }

    double rate_;
    std::uint64_t offered_{0};
    std::uint64_t used_{0};
};

struct Result {
    double seen{0};      // of all chains
    double verified{0};  // of the steps of those
    double cost{0};      // processor time, of the session's
    double by_cost{0};   // chains seen for a millisecond of it
};

// `share`: of the queue, 0 never.
Result simulate(double rate, double budget_share, std::uint32_t share) {
    Peers peers(rate);
    std::vector<FileDescriptor> descriptors;
    descriptors.push_back(peers.ring.file());
    const std::vector<std::uint32_t> ids{1};
    const auto mappings =
        capture::GuestMappings::next(nullptr, {peers.ring.region(1)}, {&descriptors, &ids}, {}).mappings;
    capture::testing::FakeRecorder recorder;
    recorder.count_only();
    Nanoseconds now{0};
    Nanoseconds cost{0};
    capture::SplitRingTap::Options options;
    options.clock = [&now] { return now; };
    capture::SplitRingTap tap(options, recorder);
    (void)tap.place(peers.ring.layout(), mappings);
    tap.start(0);
    capture::TapBudget budget(std::make_shared<capture::TapAllowances>(budget_share, 2, now),
                              {[&now] { return now; }, [&cost] { return cost; }});
    PollPace pace;
    pace.ask({PollPace::Need::poll, PollPace::Found::nothing, {}, {}, {}}, now);
    while (now < session) {
        now = std::max(now, pace.next().value_or(session));
        (void)pace.take(now);
        const std::uint64_t before = peers.offered();
        peers.advance(now);
        const Nanoseconds begin = processor_time();
        const auto result = tap.scan();
        const Nanoseconds took = processor_time() - begin + wake_up;
        cost += took;
        now += took;
        budget.recorded(result.bytes);
        budget.looked();
        const bool much = share != 0 && (peers.offered() - before) * share >= queue_size;
        const auto found = much                  ? PollPace::Found::much
                           : result.entries != 0 ? PollPace::Found::something
                                                 : PollPace::Found::nothing;
        pace.ask({result.more ? PollPace::Need::now : PollPace::Need::poll, found, budget.rest(), {}, {}}, now);
    }
    const auto counts = recorder.counts();
    const auto offers = static_cast<double>(counts.offers);
    return {offers / static_cast<double>(std::max<std::uint64_t>(peers.offered(), 1)),
            static_cast<double>(counts.verified) / std::max(1.0, offers + static_cast<double>(counts.completions)),
            std::chrono::duration<double>(cost) / std::chrono::duration<double>(now),
            offers / std::chrono::duration<double, std::milli>(cost).count()};
}

void run() {
    fmt::print("queue of {}, {} bytes a chain, {} µs in flight\n", queue_size, frame, latency / Nanoseconds{1000});
    for (const double budget : {1.0, 0.01}) {
        fmt::print("\nbudget {:g} %\n{:>12} {:>8} {:>9} {:>9} {:>9} {:>15}\n", budget * 100, "chains/s", "share",
                   "seen", "verified", "cost", "seen for a ms");
        for (const double rate : {1e3, 1e4, 1e5, 1e6, 3e6, 1e7}) {
            for (const std::uint32_t share : {0U, 2U, 4U, 8U, 256U}) {
                const Result result = simulate(rate, budget, share);
                fmt::print("{:>12} {:>8} {:>8.1f}% {:>8.1f}% {:>8.1f}% {:>15.0f}\n", rate,
                           share == 0 ? "never" : fmt::format("1/{}", share), 100 * result.seen, 100 * result.verified,
                           100 * result.cost, result.by_cost);
            }
        }
    }
}

}  // namespace
}  // namespace vutrace::benchmarks

int main() {
    vutrace::benchmarks::run();
}
