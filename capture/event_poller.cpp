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
        parameters.flags = IORING_SETUP_CQSIZE;
        parameters.cq_entries = completions;
        if (const int error = ::io_uring_queue_init_params(submissions, &ring_, &parameters); error < 0) {
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
        const Status armed = arm(token, watched);
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
        // The poll holds the file: without this the eventfd would live on in the kernel.
        if (io_uring_sqe* const entry = take_entry(); entry != nullptr) {
            ::io_uring_prep_poll_remove(entry, key_of(token, found->second));
            ::io_uring_sqe_set_data64(entry, no_token);
            (void)::io_uring_submit(&ring_);
        }
        watched_.erase(found);
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
    Status arm(std::uint32_t token, const Watched& watched) {
        io_uring_sqe* const entry = take_entry();
        if (entry == nullptr) {
            return fail(ErrorCode::limit, "the io_uring takes no more requests");
        }
        ::io_uring_prep_poll_multishot(entry, watched.event.number(), POLLIN);
        ::io_uring_sqe_set_data64(entry, key_of(token, watched));
        if (const int error = ::io_uring_submit(&ring_); error < 0) {
            return fail_errno("cannot poll an eventfd with io_uring", -error);
        }
        return {};
    }

    io_uring ring_{};
    bool open_{false};
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
        epoll_event entry{};
        entry.events = EPOLLIN | EPOLLET;
        entry.data.u32 = token;
        if (::epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, event.number(), &entry) != 0) {
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
    void drain(const std::function<void(std::uint32_t)>& visit) override {
        std::array<epoll_event, 64> events{};
        const int count = ::epoll_wait(epoll_.number(), events.data(), static_cast<int>(events.size()), 0);
        for (int i = 0; i < count; ++i) {
            visit(events[static_cast<std::size_t>(i)].data.u32);
        }
    }
    bool uses_io_uring() const noexcept override { return false; }

  private:
    FileDescriptor epoll_;
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
