#include "event_poller.h"

#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <map>
#include <utility>
#include <vector>

namespace vutrace::capture {
namespace {

constexpr unsigned submissions = 64;
constexpr unsigned completions = 4096;  // a burst of wake-ups between two looks; more end the poll, and it is re-armed
constexpr std::uint64_t no_token = UINT64_MAX;  // of requests whose result nobody waits for

class RingPoller final : public EventPoller {
  public:
    RingPoller() = default;
    RingPoller(const RingPoller&) = delete;
    RingPoller& operator=(const RingPoller&) = delete;
    ~RingPoller() override {
        if (open_) {
            ::io_uring_queue_exit(&ring_);
        }
    }

    Status open() {
        io_uring_params parameters{};
        // Cooperative: who writes to an eventfd while we run need not interrupt us. Linux before 5.19 does not know it.
        int error = try_open(IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN, parameters);
        if (error == -EINVAL) {
            error = try_open(IORING_SETUP_CQSIZE, parameters);
        }
        if (error < 0) {
            return fail_errno("cannot create an io_uring", -error);
        }
        open_ = true;
        if ((parameters.features & IORING_FEAT_NODROP) == 0) {
            return fail(ErrorCode::unsupported, "this kernel's io_uring may drop completions");
        }
        descriptor_ = FileDescriptor(::fcntl(ring_.ring_fd, F_DUPFD_CLOEXEC, 0));
        return descriptor_ ? Status{} : fail_errno("cannot duplicate the descriptor of an io_uring");
    }

    const FileDescriptor& descriptor() const noexcept override { return descriptor_; }

    Status watch(std::uint32_t token, FileDescriptor event) override {
        Watched watched{std::move(event), next_generation_++};
        const Status armed = muted_ ? Status{} : arm(token, watched);
        if (armed) {
            watched_.insert_or_assign(token, std::move(watched));
        }
        return armed;
    }

    void forget(std::uint32_t token) override {
        const auto found = watched_.find(token);
        if (found == watched_.end()) {
            return;
        }
        if (!muted_) {
            // The poll holds the file: without this the eventfd would live on in the kernel.
            prepare_removal(token, found->second);
            (void)::io_uring_submit(&ring_);
        }
        watched_.erase(found);
    }

    void mute(bool muted) override {
        if (std::exchange(muted_, muted) == muted) {
            return;
        }
        for (auto& [token, watched] : watched_) {
            if (muted) {
                prepare_removal(token, watched);
                watched.generation = next_generation_++;
            } else {
                (void)prepare_poll(token, watched);
            }
        }
        (void)::io_uring_submit(&ring_);
        if (muted) {
            drain([](std::uint32_t) {});  // what the removals say must not wake us
        }
    }

    void drain(const std::function<void(std::uint32_t)>& visit) override {
        std::vector<std::uint32_t> ended;
        io_uring_cqe* completion = nullptr;
        for (unsigned left = 2 * completions; left != 0 && ::io_uring_peek_cqe(&ring_, &completion) == 0; --left) {
            const std::uint64_t key = completion->user_data;
            const bool seen = completion->res > 0;
            const bool more = (completion->flags & IORING_CQE_F_MORE) != 0;
            ::io_uring_cqe_seen(&ring_, completion);
            const auto token = static_cast<std::uint32_t>(key);
            const auto found = watched_.find(token);
            if (key == no_token || found == watched_.end() || key_of(token, found->second) != key) {
                continue;
            }
            if (seen) {
                visit(token);
                if (!more) {
                    ended.push_back(token);
                }
            }
        }
        for (const std::uint32_t token : ended) {
            (void)arm(token, watched_.at(token));
        }
    }

    bool uses_io_uring() const noexcept override { return true; }

  private:
    struct Watched {
        FileDescriptor event;
        std::uint32_t generation{0};  // tells a late completion of an earlier watch from ours
    };

    int try_open(unsigned flags, io_uring_params& parameters) noexcept {
        parameters = {};
        parameters.flags = flags;
        parameters.cq_entries = completions;
        return ::io_uring_queue_init_params(submissions, &ring_, &parameters);
    }
    static std::uint64_t key_of(std::uint32_t token, const Watched& watched) noexcept {
        return (std::uint64_t{watched.generation} << 32U) | token;
    }
    io_uring_sqe* take_entry() {
        io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
        if (entry == nullptr && ::io_uring_submit(&ring_) >= 0) {
            entry = ::io_uring_get_sqe(&ring_);
        }
        return entry;
    }
    void prepare_removal(std::uint32_t token, const Watched& watched) {
        if (io_uring_sqe* const entry = take_entry(); entry != nullptr) {
            // Not a poll removal: that one fails while a wake-up is on its way, and the poll stays.
            ::io_uring_prep_cancel64(entry, key_of(token, watched), 0);
            ::io_uring_sqe_set_data64(entry, no_token);
        }
    }
    Status prepare_poll(std::uint32_t token, const Watched& watched) {
        io_uring_sqe* const entry = take_entry();
        if (entry == nullptr) {
            return fail(ErrorCode::limit, "the io_uring takes no more requests");
        }
        ::io_uring_prep_poll_multishot(entry, watched.event.number(), POLLIN);
        ::io_uring_sqe_set_data64(entry, key_of(token, watched));
        return {};
    }
    Status arm(std::uint32_t token, const Watched& watched) {
        if (auto prepared = prepare_poll(token, watched); !prepared) {
            return prepared;
        }
        if (const int error = ::io_uring_submit(&ring_); error < 0) {
            return fail_errno("cannot poll an eventfd with io_uring", -error);
        }
        return {};
    }

    io_uring ring_{};
    bool open_{false};
    bool muted_{false};
    FileDescriptor descriptor_;
    std::map<std::uint32_t, Watched> watched_;
    std::uint32_t next_generation_{0};
};

class EpollPoller final : public EventPoller {
  public:
    Status open() {
        epoll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
        return epoll_ ? Status{} : fail_errno("cannot create an epoll descriptor");
    }
    const FileDescriptor& descriptor() const noexcept override { return epoll_; }

    Status watch(std::uint32_t token, FileDescriptor event) override {
        if (!control(EPOLL_CTL_ADD, token, event)) {
            return fail_errno("cannot watch an eventfd");
        }
        watched_.insert_or_assign(token, std::move(event));
        return {};
    }
    void forget(std::uint32_t token) override {
        const auto found = watched_.find(token);
        if (found != watched_.end()) {
            // Not by closing alone: the peer has the same file open, and epoll watches files.
            (void)::epoll_ctl(epoll_.number(), EPOLL_CTL_DEL, found->second.number(), nullptr);
            watched_.erase(found);
        }
    }
    void mute(bool muted) override {
        if (std::exchange(muted_, muted) == muted) {
            return;
        }
        for (const auto& [token, event] : watched_) {
            (void)control(EPOLL_CTL_MOD, token, event);
        }
    }
    void drain(const std::function<void(std::uint32_t)>& visit) override {
        std::array<epoll_event, 64> events{};
        const int count = ::epoll_wait(epoll_.number(), events.data(), static_cast<int>(events.size()), 0);
        for (int i = 0; i < count; ++i) {
            visit(events[static_cast<std::size_t>(i)].data.u32);
        }
    }
    bool uses_io_uring() const noexcept override { return false; }

  private:
    bool control(int operation, std::uint32_t token, const FileDescriptor& event) const noexcept {
        epoll_event entry{};
        entry.events = muted_ ? std::uint32_t{0} : std::uint32_t{EPOLLIN | EPOLLET};
        entry.data.u32 = token;
        return ::epoll_ctl(epoll_.number(), operation, event.number(), &entry) == 0;
    }

    FileDescriptor epoll_;
    bool muted_{false};
    std::map<std::uint32_t, FileDescriptor> watched_;
};

}  // namespace

Result<std::unique_ptr<EventPoller>> EventPoller::create() {
    auto poller = std::make_unique<RingPoller>();
    if (poller->open()) {
        return poller;
    }
    return create_with_epoll();
}

Result<std::unique_ptr<EventPoller>> EventPoller::create_with_epoll() {
    auto poller = std::make_unique<EpollPoller>();
    if (auto opened = poller->open(); !opened) {
        return tl::unexpected(opened.error());
    }
    return poller;
}

}  // namespace vutrace::capture
