#include "notification_relay.h"

#include <vutrace/system/descriptor_kind.h>
#include <vutrace/system/event_descriptor.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace vutrace::capture {
namespace {

constexpr std::uint64_t largest_count = UINT64_MAX - 1;  // of an eventfd

bool is_ready(const FileDescriptor& event, short what) noexcept {
    pollfd entry{event.number(), what, 0};
    return ::poll(&entry, 1, 0) == 1 && (entry.revents & what) != 0;
}

// Takes the counter without ever waiting: the descriptor may be in blocking mode (its flags are shared with its owner,
// so that we must not change them), and another may have been quicker. 0 where there is nothing.
std::uint64_t take_count(const FileDescriptor& event) noexcept {
    std::uint64_t count = 0;
    const iovec vector{&count, sizeof(count)};
    ssize_t size = ::preadv2(event.number(), &vector, 1, -1, RWF_NOWAIT);
    if (size < 0 && errno == EOPNOTSUPP && is_ready(event, POLLIN)) {
        size = ::read(event.number(), &count, sizeof(count));
    }
    return size == static_cast<ssize_t>(sizeof(count)) ? count : 0;
}

// A counter that is full has signalled its reader already. Writing what does not fit waits where the descriptor is in
// blocking mode, for ever if its owner wants it so: then only what fits is added, of which POLLOUT promises 1.
void add_count(const FileDescriptor& event, std::uint64_t count) {
    if (!is_ready(event, POLLOUT)) {
        return;
    }
    if (count > 1 && (::fcntl(event.number(), F_GETFL) & O_NONBLOCK) == 0) {
        const auto state = event_state(event);
        const std::uint64_t room = state ? largest_count - std::min(state->count, largest_count) : 0;
        count = std::clamp<std::uint64_t>(room, 1, count);
    }
    (void)signal_event(event, count);
}

}  // namespace

NotificationRelay::~NotificationRelay() {
    for (const auto& link : links_) {
        loop_.remove(link->source);
        serve(*link);
    }
}

Result<FileDescriptor> NotificationRelay::make_replacement(const FileDescriptor& original) {
    const DescriptorDescription description = describe_descriptor(original);
    if (description.kind != DescriptorKind::eventfd) {
        return fail(ErrorCode::usage, "the descriptor is no eventfd");
    }
    const auto state = event_state(original);
    auto ours = create_event_descriptor(state && state->semaphore);
    if (ours && (description.status_flags & O_NONBLOCK) == 0) {
        const int flags = ::fcntl(ours->number(), F_GETFL);
        if (flags < 0 || ::fcntl(ours->number(), F_SETFL, flags & ~O_NONBLOCK) != 0) {
            return fail_errno("cannot make an eventfd blocking");
        }
    }
    return ours;
}

Status NotificationRelay::install(Kind kind, std::uint16_t queue, FileDescriptor original, FileDescriptor ours) {
    retire(kind, queue);
    auto link = std::make_unique<Link>(Link{kind, queue, false, std::move(original), std::move(ours)});
    if (kind != Kind::kick) {  // kicks run to the back-end, the others to the front-end
        std::swap(link->source, link->destination);
    }
    Link* const address = link.get();
    if (auto added = loop_.add(link->source, EPOLLIN, [this, address](std::uint32_t) { serve(*address); }); !added) {
        return added;
    }
    links_.push_back(std::move(link));
    return {};
}

void NotificationRelay::retire(Kind kind, std::uint16_t queue) {
    std::size_t retired = 0;
    auto oldest = links_.end();
    for (auto link = links_.begin(); link != links_.end(); ++link) {
        if ((*link)->kind != kind || (*link)->queue != queue) {
            continue;
        }
        serve(**link);
        (*link)->retired = true;
        oldest = oldest == links_.end() ? link : oldest;
        ++retired;
    }
    if (retired > most_retired) {
        drop(oldest);
    }
}

void NotificationRelay::serve(const Link& link) {
    const std::uint64_t count = take_count(link.source);
    if (count != 0 && observer_(link.kind, link.queue, count)) {
        add_count(link.destination, count);
    }
}

bool NotificationRelay::notify(Kind kind, std::uint16_t queue) {
    const Link* const link = current(kind, queue);
    if (link != nullptr) {
        add_count(link->destination, 1);
    }
    return link != nullptr;
}

std::optional<int> NotificationRelay::given(Kind kind, std::uint16_t queue) const noexcept {
    const Link* const link = current(kind, queue);
    if (link == nullptr) {
        return std::nullopt;
    }
    return (kind == Kind::kick ? link->destination : link->source).number();
}

const NotificationRelay::Link* NotificationRelay::current(Kind kind, std::uint16_t queue) const noexcept {
    const auto link = std::find_if(links_.rbegin(), links_.rend(), [&](const auto& candidate) {
        return candidate->kind == kind && candidate->queue == queue && !candidate->retired;
    });
    return link == links_.rend() ? nullptr : link->get();
}

void NotificationRelay::drop(std::vector<std::unique_ptr<Link>>::iterator link) {
    loop_.remove((*link)->source);
    links_.erase(link);
}

}  // namespace vutrace::capture
