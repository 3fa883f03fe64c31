#include "demo_roles.h"

#include <vutrace/base/count_text.h>
#include <vutrace/replay/block_backend.h>
#include <vutrace/replay/block_driver.h>
#include <vutrace/replay/block_workload.h>
#include <vutrace/replay/trace_recorder.h>
#include <vutrace/system/endpoint.h>

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace vutrace::cli {
namespace {

constexpr std::uint16_t queue_count = 2;
constexpr std::uint16_t packed_queue_size = 100;  // packed rings need not be a power of two
constexpr std::chrono::seconds connect_patience{10};
constexpr int accept_again_ms = 1000;

// Readable once SIGINT or SIGTERM came.
Result<FileDescriptor> create_signal_descriptor() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    (void)::sigprocmask(SIG_BLOCK, &signals, nullptr);
    FileDescriptor descriptor(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!descriptor) {
        return fail_errno("cannot receive signals");
    }
    return descriptor;
}

// One session after the other until a signal comes. A session that goes wrong does not end the back-end.
Status serve_sessions(replay::BlockBackend& back_end, const FileDescriptor& listening, const FileDescriptor& stop) {
    while (true) {
        std::array entries{pollfd{listening.number(), POLLIN, 0}, pollfd{stop.number(), POLLIN, 0}};
        if (::poll(entries.data(), entries.size(), -1) < 0 && errno != EINTR) {
            return fail_errno("cannot wait for a connection");
        }
        if (entries[1].revents != 0) {
            return {};
        }
        FileDescriptor connection(::accept4(listening.number(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!connection) {
            if (errno != EINTR && errno != ECONNABORTED) {
                // Out of descriptors: the connection waits in the backlog, and would be reported at once for ever.
                fmt::print(stderr, "vutrace demo: back-end: cannot accept a connection: {}\n", std::strerror(errno));
                (void)::poll(&entries[1], 1, accept_again_ms);
            }
            continue;
        }
        if (const auto served = back_end.serve(std::move(connection), stop); !served) {
            fmt::print(stderr, "vutrace demo: back-end: {}\n", describe(served.error()));
        }
    }
}

ExitStatus run_back_end(const DemoRole& role) {
    const auto stop = create_signal_descriptor();
    if (!stop) {
        return report("demo", stop.error());
    }
    replay::BlockBackendOptions options;
    options.image = role.image;
    options.queue_count = queue_count;
    options.packed = role.ring == packed_ring;
    auto back_end = replay::BlockBackend::open(options);
    if (!back_end) {
        return report("demo", back_end.error());
    }
    if (role.listening_socket >= 0) {
        const auto socket = adopt_socket(role.listening_socket);
        const auto served = socket ? serve_sessions(*back_end, *socket, *stop) : tl::unexpected(socket.error());
        return served ? ExitStatus::ok : report("demo", served.error());
    }
    const auto listener = Listener::create(role.socket);
    const auto served =
        listener ? serve_sessions(*back_end, listener->socket(), *stop) : tl::unexpected(listener.error());
    return served ? ExitStatus::ok : report("demo", served.error());
}

Result<replay::Connection> connect_soon(const std::string& path) {
    const auto deadline = replay::Clock::now() + connect_patience;
    while (true) {
        auto connection = replay::Connection::open({Endpoint::Kind::connect, path, -1}, deadline);
        const int reason = connection ? 0 : connection.error().errno_value;
        if ((reason != ENOENT && reason != ECONNREFUSED) || replay::Clock::now() >= deadline) {
            return connection;
        }
        (void)::poll(nullptr, 0, 5);  // until somebody listens there
    }
}

ExitStatus run_driver(const DemoRole& role) {
    std::unique_ptr<replay::TraceRecorder> recorder;
    if (!role.recording.empty()) {
        auto created = replay::TraceRecorder::create(role.recording);
        if (!created) {
            return report("demo", created.error());
        }
        recorder = std::make_unique<replay::TraceRecorder>(std::move(*created));
        recorder->open_session({{"role", "driver"}});
    }
    auto connection = connect_soon(role.socket);
    if (!connection) {
        return report("demo", connection.error());
    }
    replay::BlockDriverOptions options;
    options.queue_count = queue_count;
    options.packed = role.ring == packed_ring;
    options.queue_size = options.packed ? packed_queue_size : options.queue_size;
    options.only_when_called = true;
    auto driver = replay::BlockDriver::start(std::move(*connection), options, recorder.get());
    if (!driver) {
        return report("demo", driver.error());
    }
    const auto result = replay::run_block_workload(**driver, {role.requests, role.seed, queue_count, true});
    if (!result) {
        return report("demo", result.error());
    }
    if (const auto stopped = (*driver)->stop(); !stopped) {
        return report("demo", stopped.error());
    }
    if (recorder) {
        recorder->close_session({{"reason", "the driver is done"}});
        if (const auto written = recorder->finish(); !written) {
            return report("demo", written.error());
        }
    }
    fmt::print("{}: {} written, {} read and compared, {} wrong, {} refused\n", count_text(result->completed, "request"),
               count_text(result->bytes_written, "byte"), count_text(result->bytes_read, "byte"), result->mismatches,
               result->refused);
    return result->mismatches + result->refused == 0 ? ExitStatus::ok : ExitStatus::findings;
}

}  // namespace

ExitStatus run_demo_role(const DemoRole& role) {
    return role.role == "driver" ? run_driver(role) : run_back_end(role);
}

}  // namespace vutrace::cli
