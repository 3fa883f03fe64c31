#include "background_data_path.h"

#include "background_priority.h"

#include <vutrace/protocol/requests.h>
#include <vutrace/system/event_descriptor.h>

#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;

// A message as `forwarded` gave it, with its own bytes.
struct KeptMessage {
    Side sender{Side::front_end};
    protocol::Header header;
    Bytes payload;
    std::vector<FileDescriptor> descriptors;
    std::vector<std::uint32_t> descriptor_ids;
};

// What queued tasks hold. Descriptors are scarce: one that the process cannot receive any more is lost to the session.
struct Load {
    std::size_t descriptors{0};
    std::size_t bytes{0};
};

constexpr std::size_t task_overhead = 512;  // bytes of a queued message beside its payload
constexpr std::size_t most_bytes = 16U << 20U;
constexpr std::size_t most_descriptors = 1024;

Load largest_backlog(unsigned threads) noexcept {
    rlimit limit{};
    const bool known = ::getrlimit(RLIMIT_NOFILE, &limit) == 0;
    const std::size_t descriptors =
        known ? std::min<std::size_t>(limit.rlim_cur / 4, most_descriptors) : most_descriptors / 4;
    return {descriptors / threads, most_bytes / threads};
}

bool is_of_iotlb(const protocol::Header& header) noexcept {
    return header.request == static_cast<std::uint32_t>(FrontEndRequest::IOTLB_MSG);
}

bool ends_a_queue(const protocol::Header& header) noexcept {
    const auto request = static_cast<FrontEndRequest>(header.request);
    return request == FrontEndRequest::GET_VRING_BASE || request == FrontEndRequest::GET_VRING_BASE_SKIP_DRAIN;
}

}  // namespace

// What stands below `mutex` up to `abandoned` is shared and guarded by it; `state` and `inner` belong to the thread.
struct BackgroundDataPath::Background {
    struct Task {
        std::function<void()> action;
        Load load;
    };

    EventLoop loop;
    FileDescriptor wake;
    std::mutex mutex;
    std::condition_variable finished;
    std::deque<Task> tasks;
    std::uint64_t queued{0};
    std::uint64_t done{0};
    Load backlog;
    bool abandoned{false};  // nothing is queued any more
    const Load limit;
    std::uint64_t release{0};  // the relay's thread: the task to wait for
    std::uint64_t end{0};      // the same
    session::DeviceState state;
    std::unique_ptr<DataPath> inner;
    // IOTLB messages and answers: about to be forwarded (by the relay's thread), and taken in.
    std::atomic<std::uint64_t> translations_announced{0};
    std::uint64_t translations_taken{0};
    Failed failed;
    std::thread thread;

    Background(EventLoop own_loop, FileDescriptor event, Failed report, unsigned threads)
        : loop(std::move(own_loop)),
          wake(std::move(event)),
          limit(largest_backlog(threads)),
          failed(std::move(report)) {}

    void run(const Make& make, bool lowest_priority) {
        if (lowest_priority) {
            run_in_background();
        }
        guard([&] {
            inner = make(loop, state);
            inner->follow_translations(
                [this] { return translations_announced.load(std::memory_order_acquire) != translations_taken; });
        });
        bool stopped = false;
        while (!stopped) {
            guard([&] {
                (void)loop.run();
                stopped = true;
            });
        }
        do_tasks();  // what was queued behind the request to stop
        inner.reset();
    }

    // Whatever goes wrong here ends the data path, not the session.
    template <class Action>
    void guard(Action action) noexcept {
        try {
            action();
        } catch (const std::exception& error) {
            inner.reset();
            failed(error.what());
        }
    }

    void do_tasks() {
        (void)take_event(wake);
        std::unique_lock lock(mutex);
        while (!tasks.empty()) {
            Task task = std::move(tasks.front());
            tasks.pop_front();
            lock.unlock();
            if (inner) {
                guard(task.action);
            }
            task.action = nullptr;  // closes what it holds before that stops counting
            lock.lock();
            backlog.descriptors -= task.load.descriptors;
            backlog.bytes -= task.load.bytes;
            ++done;
        }
        const bool over = abandoned;
        lock.unlock();
        finished.notify_all();
        if (over) {
            inner.reset();
        }
    }

    void take(KeptMessage& message) {
        const bool translates =
            is_of_iotlb(message.header) && message.header.is_reply() == (message.sender == Side::back_end);
        if (translates && message.sender == Side::front_end) {
            inner->before_translation(message.header);
        } else if (translates) {
            inner->before_reply(message.header, message.payload);
        }
        const session::Change change =
            state.apply(message.sender, message.header, message.payload, message.descriptor_ids);
        translations_taken += translates ? 1 : 0;
        inner->forwarded(
            {message.sender, message.header, message.payload, &message.descriptors, &message.descriptor_ids}, change);
    }

    // The task's number, to wait for; 0 where nothing is queued any more.
    std::uint64_t queue(Task task) {
        std::uint64_t number = 0;
        std::deque<Task> dropped;  // closes descriptors: without the lock
        {
            const std::lock_guard lock(mutex);
            if (abandoned) {
                return 0;
            }
            backlog.descriptors += task.load.descriptors;
            backlog.bytes += task.load.bytes;
            tasks.push_back(std::move(task));
            number = ++queued;
            if (backlog.descriptors > limit.descriptors || backlog.bytes > limit.bytes) {
                abandoned = true;
                std::for_each(tasks.begin(), tasks.end(), [this](const Task& waiting) {
                    backlog.descriptors -= waiting.load.descriptors;
                    backlog.bytes -= waiting.load.bytes;
                });
                tasks.swap(dropped);
                number = 0;
            }
        }
        if (number == 0) {
            failed("messages came faster than it could follow");
        }
        (void)signal_event(wake);
        return number;
    }

    std::uint64_t queue_call(std::function<void()> action, std::size_t bytes = 0) {
        return queue({std::move(action), {0, bytes + task_overhead}});
    }

    // False where it was not done in time, and will be later.
    bool wait_for(std::uint64_t number, Clock::time_point until) {
        if (number == 0) {
            return true;
        }
        std::unique_lock lock(mutex);
        return finished.wait_until(lock, until, [&] { return done >= number || abandoned; });
    }

    // Nothing is done any more.
    void give_up(const char* why) {
        {
            const std::lock_guard lock(mutex);
            abandoned = true;
        }
        failed(why);
        (void)signal_event(wake);
    }
};

Result<std::unique_ptr<BackgroundDataPath>> BackgroundDataPath::start(Make make, Failed failed, bool lowest_priority,
                                                                      unsigned threads) {
    auto loop = EventLoop::create();
    if (!loop) {
        return tl::unexpected(loop.error());
    }
    auto wake = create_event_descriptor();
    if (!wake) {
        return tl::unexpected(wake.error());
    }
    auto background = std::make_unique<Background>(std::move(*loop), std::move(*wake), std::move(failed), threads);
    auto* const shared = background.get();
    if (auto watched = shared->loop.add(shared->wake, EPOLLIN, [shared](std::uint32_t) { shared->do_tasks(); });
        !watched) {
        return tl::unexpected(watched.error());
    }
    try {
        shared->thread =
            std::thread([shared, make = std::move(make), lowest_priority] { shared->run(make, lowest_priority); });
    } catch (const std::system_error& error) {
        return fail_errno("cannot start the data path's thread", error.code().value());
    }
    return std::unique_ptr<BackgroundDataPath>(new BackgroundDataPath(std::move(background)));  // private
}

BackgroundDataPath::BackgroundDataPath(std::unique_ptr<Background> background) noexcept
    : background_(std::move(background)) {}

BackgroundDataPath::~BackgroundDataPath() {
    background_->loop.stop();
    background_->thread.join();
}

// Modes that run in the background replace nothing.
void BackgroundDataPath::replace_descriptors(Side /*sender*/, const protocol::Header& /*header*/,
                                             const std::vector<FileDescriptor>& /*received*/,
                                             std::vector<int>& /*numbers*/) {}

// The guest may give an address to other memory as soon as the message, or the answer, has passed.
void BackgroundDataPath::before_translation(const protocol::Header& /*header*/) {
    background_->translations_announced.fetch_add(1, std::memory_order_release);
}

void BackgroundDataPath::before_reply(const protocol::Header& header, ByteView payload) {
    if (is_of_iotlb(header)) {
        before_translation(header);
    }
    if (ends_a_queue(header)) {
        const std::uint64_t call = background_->queue_call(
            [shared = background_.get(), header, bytes = Bytes(payload.begin(), payload.end())] {
                shared->inner->before_reply(header, bytes);
            },
            payload.size());
        (void)background_->wait_for(call, Clock::now() + patience);
    }
}

void BackgroundDataPath::begin_to_release_memory() {
    background_->release = background_->queue_call([shared = background_.get()] { shared->inner->release_memory(); });
}

// Worth a wait: a page that is touched too late is lost to the guest.
void BackgroundDataPath::wait_until_released(Clock::time_point until) {
    if (!background_->wait_for(background_->release, until)) {
        background_->give_up("it could not leave guest memory in time, and may have touched it after postcopy began");
    }
}

void BackgroundDataPath::release_memory() {
    begin_to_release_memory();
    wait_until_released(Clock::now() + release_patience);
}

// The background follows the session with a state of its own, so that it never looks at what the relay is changing.
void BackgroundDataPath::forwarded(ForwardedMessage message, const session::Change& /*change*/) {
    auto kept = std::make_shared<KeptMessage>();
    kept->sender = message.sender;
    kept->header = message.header;
    kept->payload.assign(message.payload.begin(), message.payload.end());
    if (message.descriptors != nullptr) {
        kept->descriptors = std::move(*message.descriptors);
        message.descriptors->clear();
    }
    if (message.descriptor_ids != nullptr) {
        kept->descriptor_ids = *message.descriptor_ids;
    }
    const Load load{kept->descriptors.size(), kept->payload.size() + task_overhead};
    background_->queue({[shared = background_.get(), kept = std::move(kept)] { shared->take(*kept); }, load});
}

void BackgroundDataPath::begin_to_end_session() {
    background_->end = background_->queue_call([shared = background_.get()] { shared->inner->session_ended(); });
}

void BackgroundDataPath::wait_until_ended(Clock::time_point until) {
    (void)background_->wait_for(background_->end, until);
}

void BackgroundDataPath::session_ended() {
    begin_to_end_session();
    wait_until_ended(Clock::now() + patience);
}

}  // namespace vutrace::capture
