// A tap on one started queue, whatever the layout of its ring: finds what driver and device did since the last look,
// copies the bytes, and says how sure it is of them. What both layouts share is here and in ChainSteps.
//
// One thread, the session's.
#pragma once

#include "chain_steps.h"
#include "guest_mappings.h"
#include "round_watch.h"

#include <vutrace/capture/recorder.h>
#include <vutrace/virtio/ring_layout.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace vutrace::capture {

// A piece of guest memory that is part of a ring.
struct RingPart {
    trace::MemoryRecord::Part part;
    std::uint64_t address;
    std::uint64_t length;
};

class RingTap {
  public:
    using Options = RingTapOptions;

    RingTap(const RingTap&) = delete;
    RingTap& operator=(const RingTap&) = delete;
    virtual ~RingTap() = default;

    // Where the ring is: at the start, and again when regions or addresses changed. Chains in flight keep what they
    // were found with. False where a ring part is not in mapped memory, or the layout is not of the tap's kind:
    // nothing is seen until the next `place`.
    virtual bool place(const virtio::RingLayout& layout, std::shared_ptr<const GuestMappings> mappings) = 0;
    [[nodiscard]] virtual bool placed() const noexcept = 0;
    [[nodiscard]] virtual virtio::RingLayout layout() const noexcept = 0;
    // Empty where it is not placed.
    [[nodiscard]] virtual std::vector<RingPart> parts() const = 0;
    [[nodiscard]] virtual const std::shared_ptr<const GuestMappings>& mappings() const noexcept = 0;
    // Begins at a base as SET_VRING_BASE gives it. `look` false: memory must not be touched yet (postcopy), so that
    // where the device stands is not known.
    virtual void start(std::uint32_t base, bool look) = 0;

    struct ScanResult {
        std::size_t entries{0};
        std::uint64_t bytes{0};  // copied, and what as much work as copying was
        bool more{false};        // stopped at a bound: scan again soon
        bool fast{false};        // the driver had gone on by `fast_share` of the queue or more since the last scan
    };
    static constexpr std::uint32_t fast_share = 4;  // a quarter
    // Looks at everything new. Bounded: at most a queue's worth of chains, `most_bytes_per_scan` bytes and
    // `longest_scan` (a ring of noise makes work of each entry), plus what the last chain brings beyond. Never fails.
    ScanResult scan();
    static constexpr std::uint64_t most_bytes_per_scan = ChainSteps::most_bytes_per_scan;
    static constexpr std::chrono::milliseconds longest_scan{10};
    // Reads where driver and device are, and nothing else, so that what they pass before the next scan is counted
    // right. Nothing where such looks would have to be too many: `counting_interval` is 0 then, else how often is
    // enough.
    virtual void count() {}
    [[nodiscard]] virtual std::chrono::nanoseconds counting_interval() const noexcept { return {}; }
    // Will somebody have us look when the driver kicks? Not while the session's notifications are muted.
    void set_woken(bool woken) noexcept { woken_ = woken; }
    // The queue has ended: the scans that follow are the last, and its driver may already use the ring's memory for
    // something else. What cannot be in a ring tells nothing then.
    void end() noexcept { ended_ = true; }
    // Counts as lost what a scan left over. Before the tap goes.
    virtual void give_up() = 0;
    // Says what no gap said: that some looks were too late to be sure that nothing was lost. Before the tap goes.
    void say_doubt();

    [[nodiscard]] std::size_t in_flight() const noexcept { return steps_.in_flight().count(); }
    // A look that comes too late finds nothing any more, and none was due yet: notifications may have been turned off
    // since the last one.
    [[nodiscard]] virtual bool watches_idle() const noexcept { return false; }
    // By the last look at the ring: would the driver not kick (the device not call) for what it does next?
    [[nodiscard]] virtual bool kicks_suppressed() const noexcept = 0;
    [[nodiscard]] virtual bool calls_suppressed() const noexcept = 0;

  protected:
    enum class Taken : std::uint8_t { all, some, blocked };  // blocked: the next must wait for something else

    RingTap(Options options, Recorder& recorder) : rounds_(options.clock), steps_(std::move(options), recorder) {}

    // One look; gives the entries found, at least 1 where it got ahead. Entries of one record: first what became
    // available, then what was used, so that both steps of one chain are in order.
    virtual std::size_t pass() = 0;
    // How far the driver has been followed, in chains or descriptors of the ring, from wherever.
    [[nodiscard]] virtual std::uint64_t followed() const noexcept = 0;

    // What was lost since the last gap, of whose counts it is known whether more may have been.
    void lose(std::uint64_t chains, std::uint64_t completions, std::string reason);

    void note_once(bool& said, std::string text);
    void note_unreadable() {
        note_once(said_unreadable_, "the ring's memory cannot be read: what happens in it is not recorded");
    }
    // After the end: an index or a descriptor is what it cannot be.
    void note_reused();

    RoundWatch rounds_;
    ChainSteps steps_;
    bool woken_{true};
    bool ended_{false};
    bool said_reused_{false};
    bool said_unreadable_{false};
};

// The parts as they are now, as memory records. What cannot be read is recorded as missing.
void record_ring_parts(const std::vector<RingPart>& parts, const virtio::GuestMemory& memory, std::uint16_t queue,
                       std::uint32_t session, Recorder& recorder);
// Of the tap's ring; nothing where it is not placed.
void record_ring_parts(const RingTap& tap, std::uint16_t queue, std::uint32_t session, Recorder& recorder);

}  // namespace vutrace::capture
