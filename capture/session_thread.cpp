#include "session_thread.h"

#include "make_data_path.h"
#include "off_data_path.h"
#include "session_attributes.h"

#include <vutrace/system/unix_socket.h>

#include <fmt/format.h>

#include <system_error>
#include <utility>

namespace vutrace::capture {
namespace {

constexpr std::chrono::milliseconds retry_interval{20};

}  // namespace

Result<std::unique_ptr<SessionThread>> SessionThread::start(Connections connections, const Shared& shared) {
    auto loop = EventLoop::create();
    if (!loop) {
        return tl::unexpected(loop.error());
    }
    std::unique_ptr<SessionThread> session(
        new SessionThread(std::move(connections), shared, std::move(*loop)));  // the constructor is private
    try {
        session->thread_ = std::thread([thread = session.get()] { thread->run(); });
    } catch (const std::system_error& error) {  // too many threads: other sessions go on
        return fail_errno("cannot start the session's thread", error.code().value());
    }
    return session;
}

SessionThread::~SessionThread() {
    stop();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void SessionThread::run() {
    deadline_ = std::chrono::steady_clock::now() + shared_.options.patience;
    // The loop's paced call is free until the session has a data path.
    loop_.call_after(std::chrono::nanoseconds::zero(), [this] { meet_peers(); });
    const Status served = loop_.run();
    if (relay_) {
        if (relay_->passes_device_state_on()) {
            log(fmt::format("session {} is over: passes on what is left of a device's state", session_));
        }
        relay_->finish(
            served ? ConnectionEnd{"stopped", std::nullopt, {}, 0}
                   : ConnectionEnd{"error", std::nullopt, describe(served.error()), served.error().errno_value});
        const ConnectionEnd& end = relay_->end();
        log(fmt::format("session {} ended: {}{}{} (messages: {})", session_, end.reason, end.detail.empty() ? "" : ": ",
                        end.detail, relay_->messages()));
        relay_.reset();
    }
    connections_ = {};
    ended_.store(true, std::memory_order_release);
    shared_.session_ended();
}

void SessionThread::meet_peers() {
    for (const Side side : {Side::front_end, Side::back_end}) {
        if (auto met = meet(side); !met) {
            if (std::chrono::steady_clock::now() < deadline_ && met.error().code == ErrorCode::system) {
                loop_.call_after(retry_interval, [this] { meet_peers(); });
            } else {
                give_up(std::move(met.error()));
            }
            return;
        }
    }
    begin_session();
}

Status SessionThread::meet(Side side) {
    FileDescriptor& connection = side == Side::front_end ? connections_.front_end : connections_.back_end;
    if (connection) {
        return {};
    }
    const CaptureOptions& options = shared_.options;
    auto connected = connect_to(side == Side::front_end ? options.front_end.path : options.back_end.path);
    if (!connected) {
        connected.error().text = fmt::format("the {} is not there: {}", name_of(side), connected.error().text);
        return tl::unexpected(connected.error());
    }
    connection = std::move(*connected);
    return {};
}

// The connection of the other side closes, so that its own way of reconnecting works.
void SessionThread::give_up(Error error) {
    const std::string text = describe(error);
    shared_.recorder.record(0, trace::NoteRecord{trace::NoteRecord::Severity::warning, trace::no_queue, text});
    log(text);
    failure_ = std::move(error);
    loop_.stop();
}

void SessionThread::begin_session() {
    session_ = ++shared_.session_count;
    record_opening(session_);
    const auto factory = [this](const session::DeviceState& state) -> std::unique_ptr<DataPath> {
        try {
            return make_data_path(shared_.options.data_path, session_, shared_.recorder, loop_, state);
        } catch (const std::exception& error) {  // no thread, no memory: messages need neither
            report_data_path_failure(shared_.recorder, session_, error.what());
            return std::make_unique<OffDataPath>();
        }
    };
    relay_ = std::make_unique<SessionRelay>(std::move(connections_.front_end), std::move(connections_.back_end),
                                            session_, shared_.recorder, loop_, factory, shared_.options.channels,
                                            shared_.options.device_state);
    if (auto started = relay_->start(); !started) {
        relay_->finish({"error", std::nullopt, describe(started.error()), started.error().errno_value});
        loop_.stop();
        return;
    }
    log(fmt::format("session {} began", session_));
}

void SessionThread::record_opening(std::uint32_t session) {
    trace::SessionRecord record{trace::SessionRecord::Kind::opened, {}};
    add_peer_attributes(record, Side::front_end, shared_.options.front_end, connections_.front_end);
    add_peer_attributes(record, Side::back_end, shared_.options.back_end, connections_.back_end);
    add_capture_attributes(record, shared_.options);
    shared_.recorder.record(session, record);
}

void SessionThread::log(const std::string& line) const {
    if (shared_.options.log) {
        shared_.options.log(line);
    }
}

}  // namespace vutrace::capture
