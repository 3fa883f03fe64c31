#include "vutrace/capture/capture.h"

#include "session_thread.h"

#include <vutrace/system/event_descriptor.h>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

namespace vutrace::capture {
namespace {

constexpr std::size_t most_waiting = 64;  // connections of one side that the other side does not match yet
constexpr std::chrono::seconds meet_again_interval{1};

// Each session needs some ten descriptors for itself and those of its messages: more connections than that wait, so
// that a flood of them takes nothing from the sessions that run.
std::size_t most_sessions() noexcept {
    rlimit limit{};
    const bool known = ::getrlimit(RLIMIT_NOFILE, &limit) == 0;
    return std::clamp<std::size_t>(known ? limit.rlim_cur / 64 : 0, 1, 256);
}

// A peer that waited for its match may have left.
bool is_connected(const FileDescriptor& socket) noexcept {
    std::byte byte{};
    const ssize_t count = ::recv(socket.number(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

// Where the connections of one side come from.
struct Source {
    Endpoint endpoint;
    std::optional<Listener> listener;
    bool watched{false};  // false while nothing can be accepted
    std::deque<FileDescriptor> waiting;

    [[nodiscard]] bool on_demand() const noexcept { return endpoint.kind == Endpoint::Kind::connect; }
    [[nodiscard]] bool used_up() const noexcept {
        return endpoint.kind == Endpoint::Kind::inherited && waiting.empty();
    }
    [[nodiscard]] bool ready() {
        while (!waiting.empty() && !is_connected(waiting.front()) && !is_inherited()) {
            waiting.pop_front();
        }
        return on_demand() || !waiting.empty();
    }
    [[nodiscard]] bool is_inherited() const noexcept { return endpoint.kind == Endpoint::Kind::inherited; }
    [[nodiscard]] FileDescriptor take() {
        if (waiting.empty()) {
            return {};  // on demand: the session's thread connects
        }
        FileDescriptor connection = std::move(waiting.front());
        waiting.pop_front();
        return connection;
    }
    [[nodiscard]] Status open() {
        if (endpoint.kind == Endpoint::Kind::listen) {
            auto created = Listener::create(endpoint.path);
            if (!created) {
                return tl::unexpected(created.error());
            }
            listener.emplace(std::move(*created));
        } else if (is_inherited()) {
            auto adopted = adopt_socket(endpoint.number);
            if (!adopted) {
                return tl::unexpected(adopted.error());
            }
            waiting.push_back(std::move(*adopted));
        }
        return {};
    }
};

class EndpointCapture final : public Capture {
  public:
    EndpointCapture(CaptureOptions options, EventLoop loop, FileDescriptor session_ended)
        : options_(std::move(options)),
          loop_(std::move(loop)),
          session_ended_(std::move(session_ended)),
          front_end_{options_.front_end, {}, false, {}},
          back_end_{options_.back_end, {}, false, {}} {}

    [[nodiscard]] Status open();
    EventLoop& loop() noexcept override { return loop_; }
    Status run(Recorder& recorder) override;
    void stop() noexcept override { loop_.stop(); }
    std::uint32_t sessions() const noexcept override { return session_count_; }

  private:
    [[nodiscard]] Status watch(Source& source);
    void watch_again();
    void accept(Source& source);
    void pair();
    void reap();
    void after_session(const std::optional<Error>& failure);
    void log(const std::string& line) const {
        if (options_.log) {
            options_.log(line);
        }
    }

    const CaptureOptions options_;
    EventLoop loop_;
    FileDescriptor session_ended_;
    Source front_end_;
    Source back_end_;
    std::atomic<std::uint32_t> session_count_{0};
    std::optional<SessionThread::Shared> shared_;  // while it runs
    std::vector<std::unique_ptr<SessionThread>> sessions_;
    bool waiting_to_meet_again_{false};
    const std::size_t most_sessions_{most_sessions()};
    std::optional<Error> failure_;
};

Status EndpointCapture::open() {
    for (Source* source : {&front_end_, &back_end_}) {
        if (auto opened = source->open(); !opened) {
            return opened;
        }
        if (auto watched = watch(*source); !watched) {
            return watched;
        }
    }
    return loop_.add(session_ended_, EPOLLIN, [this](std::uint32_t) { reap(); });
}

Status EndpointCapture::watch(Source& source) {
    if (!source.listener || source.watched) {
        return {};
    }
    Status added = loop_.add(source.listener->socket(), EPOLLIN, [this, &source](std::uint32_t) { accept(source); });
    source.watched = added.has_value();
    return added;
}

// Both sides: they run out of descriptors together, and the loop has one call for them.
void EndpointCapture::watch_again() {
    for (Source* source : {&front_end_, &back_end_}) {
        if (!watch(*source)) {
            loop_.call_after(meet_again_interval, [this] { watch_again(); });
        }
    }
}

Status EndpointCapture::run(Recorder& recorder) {
    shared_.emplace(
        SessionThread::Shared{options_, recorder, session_count_, [this] { (void)signal_event(session_ended_); }});
    pair();
    Status served = loop_.run();
    for (const auto& session : sessions_) {
        session->stop();
    }
    sessions_.clear();
    if (served && failure_) {
        return tl::unexpected(*failure_);
    }
    return served;
}

void EndpointCapture::accept(Source& source) {
    auto connection = source.listener->accept();
    if (!connection) {
        // Out of descriptors: the connection waits in the backlog, and would be reported at once for ever.
        log(describe(connection.error()));
        loop_.remove(source.listener->socket());
        source.watched = false;
        loop_.call_after(meet_again_interval, [this] { watch_again(); });
        return;
    }
    if (source.waiting.size() >= most_waiting) {
        log(fmt::format("more than {} connections wait on {}: one is closed", most_waiting,
                        to_string(source.endpoint)));
        return;
    }
    source.waiting.push_back(std::move(*connection));
    pair();
}

void EndpointCapture::pair() {
    while (front_end_.ready() && back_end_.ready()) {
        const bool begun = !sessions_.empty();
        const bool both_on_demand = front_end_.on_demand() && back_end_.on_demand();
        if (waiting_to_meet_again_ || (begun && (options_.once || both_on_demand)) ||
            sessions_.size() >= most_sessions_) {
            return;
        }
        SessionThread::Connections connections{front_end_.take(), back_end_.take()};
        auto session = SessionThread::start(std::move(connections), *shared_);
        if (!session) {
            log(fmt::format("a session could not begin: {}", describe(session.error())));
            after_session(session.error());
            return;
        }
        sessions_.push_back(std::move(*session));
    }
}

void EndpointCapture::reap() {
    (void)take_event(session_ended_);
    const auto ended = std::stable_partition(sessions_.begin(), sessions_.end(),
                                             [](const auto& session) { return !session->ended(); });
    std::vector<std::unique_ptr<SessionThread>> gone(std::make_move_iterator(ended),
                                                     std::make_move_iterator(sessions_.end()));
    sessions_.erase(ended, sessions_.end());
    for (const auto& session : gone) {
        after_session(session->failure());
    }
}

void EndpointCapture::after_session(const std::optional<Error>& failure) {
    if (options_.once && !failure) {
        loop_.stop();
        return;
    }
    if (sessions_.empty() && (front_end_.used_up() || back_end_.used_up())) {
        failure_ = failure;
        loop_.stop();
        return;
    }
    if (front_end_.on_demand() && back_end_.on_demand()) {
        waiting_to_meet_again_ = true;
        loop_.call_after(meet_again_interval, [this] {
            waiting_to_meet_again_ = false;
            pair();
        });
        return;
    }
    pair();
}

}  // namespace

Result<std::unique_ptr<Capture>> Capture::create(CaptureOptions options) {
    auto loop = EventLoop::create();
    if (!loop) {
        return tl::unexpected(loop.error());
    }
    auto session_ended = create_event_descriptor();
    if (!session_ended) {
        return tl::unexpected(session_ended.error());
    }
    auto capture = std::make_unique<EndpointCapture>(std::move(options), std::move(*loop), std::move(*session_ended));
    if (auto opened = capture->open(); !opened) {
        return tl::unexpected(opened.error());
    }
    return capture;
}

}  // namespace vutrace::capture
