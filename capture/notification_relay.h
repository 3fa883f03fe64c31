// Kick, call and err eventfds that are ours (mode `relay`): reads the one side's, lets the data path look at the rings,
// and writes the other side's.
//
// An eventfd that a new one replaces is not dropped at once: the other side goes on using it until it has read the
// message, so what it still writes is passed on as before. The oldest goes when too many wait.
//
// One thread, the session's.
#pragma once

#include <vutrace/capture/event_loop.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace vutrace::capture {

class NotificationRelay {
  public:
    using Kind = trace::EventRecord::Kind;
    // Called with each notification before it is passed on; false keeps it back.
    using Observer = std::function<bool(Kind kind, std::uint16_t queue, std::uint64_t count)>;

    // `loop` outlives the relay.
    NotificationRelay(EventLoop& loop, Observer observer) : loop_(loop), observer_(std::move(observer)) {}
    NotificationRelay(const NotificationRelay&) = delete;
    NotificationRelay& operator=(const NotificationRelay&) = delete;
    ~NotificationRelay();  // passes on what waits

    // An eventfd to hand over in place of `original`, with the same O_NONBLOCK and EFD_SEMAPHORE. Error: usage where
    // the original is no eventfd, system.
    [[nodiscard]] static Result<FileDescriptor> make_replacement(const FileDescriptor& original);

    // Begins to relay between the front-end's eventfd and ours that the back-end got. What was there for the queue
    // retires. Error: system, then nothing is relayed and the descriptors are closed.
    [[nodiscard]] Status install(Kind kind, std::uint16_t queue, FileDescriptor original, FileDescriptor ours);
    // Without a successor (SET_VRING_… without a descriptor).
    void retire(Kind kind, std::uint16_t queue);
    // Notifies whom the queue's eventfd of this kind is for, of our own accord. False where there is none.
    bool notify(Kind kind, std::uint16_t queue);
    // The number of ours that was handed over last for this, while it is relayed.
    [[nodiscard]] std::optional<int> given(Kind kind, std::uint16_t queue) const noexcept;

    static constexpr std::size_t most_retired = 16;  // of one kind and queue

  private:
    struct Link {
        Kind kind;
        std::uint16_t queue;
        bool retired;
        FileDescriptor source;
        FileDescriptor destination;
    };
    [[nodiscard]] const Link* current(Kind kind, std::uint16_t queue) const noexcept;
    void serve(const Link& link);
    void drop(std::vector<std::unique_ptr<Link>>::iterator link);

    EventLoop& loop_;
    Observer observer_;
    std::vector<std::unique_ptr<Link>> links_;  // oldest first
};

}  // namespace vutrace::capture
