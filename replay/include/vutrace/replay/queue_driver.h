// The driver's half of one virtqueue, split or packed: offers chains, kicks as the device asks for it, takes
// completions in whatever order they come. Works on recorded chains (replay) and on chains of its own (demo,
// benchmarks, load).
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/replay/buffer_memory.h>
#include <vutrace/replay/observer.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/trace/records.h>
#include <vutrace/virtio/ring_layout.h>

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace vutrace::replay {

// A chain that the device has, or just gave back.
struct OfferedChain {
    std::uint64_t token{0};  // the caller's
    std::vector<trace::ChainDescriptor> descriptors;
    bool from_before{false};  // in flight when the queue started: only its head is known
};

struct Completion {
    std::uint16_t head{0};
    std::uint16_t index{0};   // free-running index of its slot in the used ring
    std::uint32_t length{0};  // bytes written, as the device says
    bool known{false};        // false: the device has no chain with this head
    std::uint32_t id{0};      // as in the ring; `head` is its lower half
    OfferedChain chain;       // where known
};

// A piece of guest memory.
struct RingRange {
    std::uint64_t address{0};
    std::uint64_t length{0};
};

class DriverRing;

// One thread. What the memory looks at outlives the driver; after an update of the memory the driver finds its ring
// again by itself.
class QueueDriver {
  public:
    struct Start {
        virtio::RingLayout layout;
        bool event_index{false};
        std::uint16_t available_index{0};  // where the device begins: SET_VRING_BASE; packed: a position
        // Equal to it where nothing is in flight; at most a ring's size behind it. Chains between the two are the
        // device's, which may do them again: those that the ring's memory still tells of are among `offered`.
        std::uint16_t used_index{0};
        bool in_order{false};  // looked at for packed rings only
    };

    QueueDriver(const BufferMemory& memory, std::uint16_t number, Observer* observer = nullptr);
    QueueDriver(QueueDriver&& from) noexcept;
    QueueDriver& operator=(QueueDriver&&) = delete;
    ~QueueDriver();

    // Writes the indices and flags of both rings and forgets chains of an earlier start: before the device is told to
    // start. Error: bad_input (see RingAccess).
    [[nodiscard]] Status start(const Start& start);
    void stop() noexcept { started_ = false; }
    // The ring is elsewhere from now on, with all that is in it; before the device is told. Where it is there already,
    // or the queue is not started, nothing happens. Error: bad_input (see RingAccess; another size or layout), and then
    // the queue is stopped.
    [[nodiscard]] Status move(const virtio::RingLayout& layout);
    [[nodiscard]] bool started() const noexcept { return started_; }

    void set_kick(FileDescriptor kick) noexcept { kick_ = std::move(kick); }
    void set_call(FileDescriptor call) noexcept { call_ = std::move(call); }
    [[nodiscard]] const FileDescriptor& call() const noexcept { return call_; }

    // Writes a chain: its descriptors where the head and the `next` fields put them, tables behind indirect ones, the
    // readable bytes, and the available slot. Missing bytes are left as the memory has them. The device does not see
    // it before `publish`. Errors: limit (as many chains offered as the ring has slots), unsupported (a chain without
    // descriptors, in a packed ring), which both leave the ring as it is; bad_input (a buffer or table with content
    // outside the memory: the rest is written and the chain offered all the same, as the recorded driver did). A chain
    // from before with the same head is forgotten: the recorded driver had it back.
    [[nodiscard]] Status offer(const trace::ChainEntry& entry, std::uint64_t token = 0);
    // Makes all offered chains visible with one index update and kicks once where the device wants it. Errors:
    // bad_input (the ring is no longer in memory), system (eventfd).
    [[nodiscard]] Status publish();
    [[nodiscard]] std::uint16_t unpublished() const noexcept;

    // Appends what the device has used since the last call. Error: bad_input where the used index ran ahead of what
    // was offered, or the ring is gone: nothing more can be said of this queue.
    [[nodiscard]] Status take_used(std::vector<Completion>& completions);
    // Asks to be called at the next completion. True where one is there already: take it instead of waiting.
    [[nodiscard]] bool enable_call();

    [[nodiscard]] std::size_t in_flight() const noexcept { return offered_.size(); }
    [[nodiscard]] const std::multimap<std::uint16_t, OfferedChain>& offered() const noexcept { return offered_; }
    // Guest memory that belongs to the ring; empty before the first start.
    [[nodiscard]] std::vector<RingRange> ring_ranges() const;
    [[nodiscard]] std::uint64_t kicks() const noexcept { return kicks_; }

  private:
    [[nodiscard]] Status find_ring();
    void forget_from_before(std::uint16_t head);
    [[nodiscard]] bool write_content(const trace::ChainEntry& entry) const;
    [[nodiscard]] Completion complete(std::uint16_t index, std::uint32_t id, std::uint32_t length);

    BufferMemory memory_;
    std::uint16_t number_;
    Observer* observer_;
    std::unique_ptr<DriverRing> ring_;  // null before the first start
    bool started_{false};
    std::multimap<std::uint16_t, OfferedChain> offered_;  // by head; a broken driver may offer one twice
    FileDescriptor kick_;
    FileDescriptor call_;
    std::uint64_t kicks_{0};
};

// The first `length` device-writable bytes of a chain, as far as they lie in memory, and at most `limit` of them;
// the rest is `missing`.
[[nodiscard]] trace::Content read_written(const BufferMemory& memory,
                                          const std::vector<trace::ChainDescriptor>& descriptors, std::uint64_t length,
                                          std::uint64_t limit);

}  // namespace vutrace::replay
