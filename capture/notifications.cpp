#include "notifications.h"

#include "event_poller.h"
#include "notification_relay.h"

#include <vutrace/system/descriptor_kind.h>

#include <fmt/format.h>
#include <sys/epoll.h>

#include <map>
#include <utility>

namespace vutrace::capture {
namespace {

class TappedNotifications final : public Notifications {
  public:
    TappedNotifications(EventLoop& loop, Handler handler, Note note)
        : loop_(loop), handler_(std::move(handler)), note_(std::move(note)) {}
    TappedNotifications(const TappedNotifications&) = delete;
    TappedNotifications& operator=(const TappedNotifications&) = delete;
    ~TappedNotifications() override {
        if (poller_ != nullptr) {
            loop_.remove(poller_->descriptor());
        }
    }

    void replace(const FileDescriptor& /*received*/, int& /*number*/) override {}

    void install(Kind kind, std::uint16_t queue, FileDescriptor received) override {
        retire(kind, queue);
        // Files and devices are always readable: they would be reported without end.
        if (describe_descriptor(received).kind != DescriptorKind::eventfd) {
            note_(fmt::format("queue {}: a descriptor is no eventfd, its notifications are not seen", queue));
            return;
        }
        if (!have_poller()) {
            return;
        }
        if (const auto watched = poller_->watch(token_of(kind, queue), std::move(received)); !watched) {
            note_(fmt::format("queue {}: an eventfd cannot be watched, its notifications are not seen: {}", queue,
                              describe(watched.error())));
        }
    }

    void retire(Kind kind, std::uint16_t queue) override {
        if (poller_ != nullptr) {
            poller_->forget(token_of(kind, queue));
        }
    }

    void mute(bool muted) override {
        muted_ = muted;
        if (poller_ != nullptr) {
            poller_->mute(muted);
        }
    }

  private:
    static std::uint32_t token_of(Kind kind, std::uint16_t queue) noexcept {
        return (static_cast<std::uint32_t>(kind) << 16U) | queue;
    }

    // With the first eventfd and not before, so that it is on the session's thread.
    bool have_poller() {
        if (poller_ != nullptr || failed_) {
            return poller_ != nullptr;
        }
        auto poller = EventPoller::create();
        if (poller && !(*poller)->uses_io_uring()) {
            note_(
                "io_uring is not to be had: notifications are watched with epoll, which misses most of a busy queue's");
        }
        Status added;
        if (poller) {
            added = loop_.add((*poller)->descriptor(), EPOLLIN, [this](std::uint32_t) { drain(); });
        }
        if (!poller || !added) {
            failed_ = true;
            note_(fmt::format("notifications are not seen: {}", describe(poller ? added.error() : poller.error())));
            return false;
        }
        poller_ = std::move(*poller);
        poller_->mute(muted_);
        return true;
    }

    void drain() {
        poller_->drain([this](std::uint32_t token) { ++wake_ups_[token]; });
        for (auto& [token, count] : wake_ups_) {
            if (const std::uint64_t seen = std::exchange(count, 0); seen != 0) {
                (void)handler_(static_cast<Kind>(token >> 16U), static_cast<std::uint16_t>(token & 0xffffU), seen);
            }
        }
    }

    EventLoop& loop_;
    Handler handler_;
    Note note_;
    std::unique_ptr<EventPoller> poller_;
    bool failed_{false};
    bool muted_{false};
    std::map<std::uint32_t, std::uint64_t> wake_ups_;  // by token; entries stay, there are few
};

class RelayedNotifications final : public Notifications {
  public:
    RelayedNotifications(EventLoop& loop, Handler handler, Note note)
        : note_(std::move(note)), relay_(loop, std::move(handler)) {}

    void replace(const FileDescriptor& received, int& number) override {
        auto replacement = NotificationRelay::make_replacement(received);
        if (!replacement) {
            pending_.reset();
            note_(fmt::format("a descriptor passes as it is, its notifications are not seen: {}",
                              describe(replacement.error())));
            return;
        }
        pending_ = std::move(*replacement);
        number = pending_.number();
    }

    void install(Kind kind, std::uint16_t queue, FileDescriptor received) override {
        if (!pending_) {
            relay_.retire(kind, queue);
            return;
        }
        if (const auto installed = relay_.install(kind, queue, std::move(received), std::move(pending_)); !installed) {
            note_(fmt::format("queue {}: notifications cannot be relayed: {}", queue, describe(installed.error())));
        }
    }

    void retire(Kind kind, std::uint16_t queue) override { relay_.retire(kind, queue); }
    bool notify(Kind kind, std::uint16_t queue) override { return relay_.notify(kind, queue); }
    std::optional<int> given(Kind kind, std::uint16_t queue) const override { return relay_.given(kind, queue); }

  private:
    Note note_;
    FileDescriptor pending_;  // went out with a message that is not yet whole
    NotificationRelay relay_;
};

}  // namespace

std::unique_ptr<Notifications> Notifications::create(DataPathMode mode, EventLoop& loop, Handler handler, Note note) {
    switch (mode) {
        case DataPathMode::off:
            return nullptr;
        case DataPathMode::tap:
            return std::make_unique<TappedNotifications>(loop, std::move(handler), std::move(note));
        case DataPathMode::relay:
        case DataPathMode::shadow:
            return std::make_unique<RelayedNotifications>(loop, std::move(handler), std::move(note));
    }
    return nullptr;
}

}  // namespace vutrace::capture
