#include "commands.h"
#include "options.h"
#include "progress.h"

#include <vutrace/replay/preview.h>
#include <vutrace/replay/replayer.h>
#include <vutrace/replay/spawned_back_end.h>
#include <vutrace/replay/trace_recorder.h>

#include <fmt/format.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

namespace vutrace::cli {
namespace {

using replay::BackEndOutcome;
using replay::Clock;
using std::chrono::milliseconds;

constexpr const char* name = "replay";
constexpr milliseconds end_grace{5000};       // between SIGTERM and SIGKILL for a spawned back-end
constexpr milliseconds death_patience{1000};  // for a process whose connection has closed

struct Options {
    std::string trace;
    std::string back_end;
    std::string spawn;
    std::string timing{"recorded"};
    std::string report;
    std::string recording;
    std::uint32_t session{0};
    double timeout{10};
    bool stop_on_divergence{false};
    bool json{false};
};

// "recorded" is 1, "max" 0, "2x" half the speed of the recording.
Result<double> parse_timing(const std::string& text) {
    if (text == "recorded" || text == "max") {
        return text == "max" ? 0.0 : 1.0;
    }
    double factor = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), factor);
    if (error != std::errc{} || std::string_view(end) != "x" || !(factor > 0) || factor > 1e6) {
        return fail(
            ErrorCode::usage,
            fmt::format("--timing {}: give recorded, max, or a factor on the recorded times such as 0.5x", text));
    }
    return factor;
}

ExitStatus usage_error(const std::string& text) {
    return report(name, Error{ErrorCode::usage, text, std::nullopt, 0});
}

// A file that cannot be written must not cost a replay: it is opened before.
class ReportFile {
  public:
    static Result<ReportFile> create(const std::string& path) {
        ReportFile report(path);
        if (!path.empty() && !report.file_.is_open()) {
            return fail_errno(fmt::format("cannot create the report '{}'", path));
        }
        return report;
    }
    // Nothing where no report is asked for.
    Status write(const std::string& text) {
        if (!file_.is_open()) {
            return {};
        }
        file_ << text << '\n';
        file_.close();
        return file_ ? Status{} : fail_errno(fmt::format("cannot write the report '{}'", path_));
    }

  private:
    explicit ReportFile(const std::string& path) : path_(path) {
        if (!path.empty()) {
            file_.open(path);
            std::error_code ignored;  // what is no file keeps its mode
            if (std::filesystem::is_regular_file(path, ignored)) {
                // It quotes bytes of the guest's memory, as the trace has them.
                std::filesystem::permissions(
                    path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, ignored);
            }
        }
    }
    std::string path_;
    std::ofstream file_;
};

// The back-end, met or started, and how it ended.
class BackEnd {
  public:
    static Result<BackEnd> meet(const Options& options, milliseconds timeout) {
        BackEnd back_end;
        if (options.spawn.empty()) {
            const auto endpoint = parse_endpoint(options.back_end, Endpoint::Kind::connect);
            if (!endpoint) {
                return tl::unexpected(endpoint.error());
            }
            const bool listens = endpoint->kind == Endpoint::Kind::listen;
            if (listens) {
                fmt::print(stderr, "vutrace replay: waiting for a back-end on {}\n", endpoint->path);
            }
            auto connection =
                replay::Connection::open(*endpoint, Clock::now() + (listens ? std::chrono::hours(1) : timeout));
            if (!connection) {
                return tl::unexpected(connection.error());
            }
            back_end.connection_ = std::move(*connection);
            return back_end;
        }
        auto process = replay::SpawnedBackEnd::start(options.spawn);
        if (!process) {
            return tl::unexpected(process.error());
        }
        back_end.process_ = std::make_unique<replay::SpawnedBackEnd>(std::move(*process));
        auto socket = back_end.process_->connect(Clock::now() + timeout);
        if (!socket) {
            return tl::unexpected(socket.error());
        }
        back_end.connection_.emplace(std::move(*socket));
        return back_end;
    }

    replay::Connection take_connection() { return std::move(*connection_); }

    // After the replay: says how a spawned back-end ended, and ends it where it did not.
    void collect(BackEndOutcome& outcome) {
        if (!process_) {
            return;
        }
        const bool gone = outcome.state == BackEndOutcome::State::disconnected;
        auto ended = process_->wait_for_end(Clock::now() + (gone ? death_patience : milliseconds(0)));
        if (ended && outcome.state == BackEndOutcome::State::alive && ended->state == BackEndOutcome::State::exited &&
            *ended->status == 0) {
            return;  // many back-ends end with their only session
        }
        if (!ended) {
            ended = process_->finish(end_grace);
        }
        if (ended && outcome.state != BackEndOutcome::State::hung) {
            outcome = *ended;
        }
    }

  private:
    std::optional<replay::Connection> connection_;
    std::unique_ptr<replay::SpawnedBackEnd> process_;
};

ExitStatus exit_status(const replay::Report& result) {
    if (result.back_end.died()) {
        return ExitStatus::backend_died;
    }
    return result.divergence_count != 0 ? ExitStatus::findings : ExitStatus::ok;
}

Result<std::unique_ptr<replay::TraceRecorder>> start_recording(const Options& options) {
    if (options.recording.empty()) {
        return nullptr;
    }
    auto recorder = replay::TraceRecorder::create(options.recording);
    if (!recorder) {
        return tl::unexpected(recorder.error());
    }
    auto owned = std::make_unique<replay::TraceRecorder>(std::move(*recorder));
    owned->open_session({{"role", "replay"}, {"replayed", options.trace}});
    return owned;
}

Result<replay::TracePreview> preview(const Options& options) {
    Progress bar("reading");
    const auto session = options.session == 0 ? std::optional<std::uint32_t>() : options.session;
    auto found = replay::preview_trace(options.trace, session,
                                       [&](std::uint64_t done, std::uint64_t all) { bar.update(done, all); });
    bar.clear();
    if (found) {
        for (const std::string& doubt : replay::describe_doubts(*found)) {
            fmt::print(stderr, "vutrace replay: note: {}\n", doubt);
        }
    }
    return found;
}

struct Outcome {
    replay::Report result;
    Status recorded;  // whether all of it is in the file of -w
};

Result<Outcome> drive(const Options& options, const replay::TracePreview& trace, double time_scale,
                      milliseconds timeout) {
    auto recorder = start_recording(options);
    if (!recorder) {
        return tl::unexpected(recorder.error());
    }
    auto back_end = BackEnd::meet(options, timeout);
    if (!back_end) {
        return tl::unexpected(back_end.error());
    }
    // A recording that cannot be written is an error of write. Only now: a back-end that was spawned has its own.
    (void)::signal(SIGPIPE, SIG_IGN);
    (void)::signal(SIGXFSZ, SIG_IGN);
    Progress bar("replaying");
    replay::ReplayOptions replay_options;
    replay_options.time_scale = time_scale;
    replay_options.timeout = timeout;
    replay_options.stop_on_divergence = options.stop_on_divergence;
    replay_options.observer = recorder->get();
    replay_options.progress = [&](std::uint64_t done, std::uint64_t all) { bar.update(done, all); };
    auto result = [&] {
        replay::Replayer replayer(back_end->take_connection(), trace, std::move(replay_options));
        return replayer.run(options.trace);  // closes the connection at its end
    }();
    bar.clear();
    if (!result) {
        return tl::unexpected(result.error());
    }
    back_end->collect(result->back_end);
    if (*recorder) {
        (*recorder)->close_session({{"reason", "replay ended"}});
    }
    return Outcome{std::move(*result), *recorder ? (*recorder)->finish() : Status{}};
}

ExitStatus run(const Options& options) {
    const auto time_scale = parse_timing(options.timing);
    if (!time_scale) {
        return report(name, time_scale.error());
    }
    if (options.back_end.empty() == options.spawn.empty()) {
        return usage_error("give either --backend ENDPOINT or --spawn 'COMMAND'");
    }
    if (!(options.timeout > 0) || options.timeout > 86400) {
        return usage_error("--timeout needs seconds, more than 0 and at most 86400");
    }
    for (const std::string& output : {options.recording, options.report}) {
        if (const auto kept = keep_input(options.trace, output); !kept) {
            return report(name, kept.error());
        }
    }
    const auto trace = preview(options);
    if (!trace) {
        // A file that cannot be opened is unreadable input, whatever the system's reason.
        return trace.error().code == ErrorCode::usage ? report(name, trace.error())
                                                      : report_input(name, options.trace, trace.error());
    }
    auto report_file = ReportFile::create(options.report);
    if (!report_file) {
        return report(name, report_file.error());
    }
    const milliseconds timeout(static_cast<std::int64_t>(options.timeout * 1000));
    const auto outcome = drive(options, *trace, *time_scale, timeout);
    if (!outcome) {
        return report(name, outcome.error());
    }
    const std::string json = replay::to_json(outcome->result);
    fmt::print("{}{}", options.json ? json : replay::to_text(outcome->result), options.json ? "\n" : "");
    if (const auto written = report_file->write(json); !written) {
        return report(name, written.error());
    }
    return outcome->recorded ? exit_status(outcome->result) : report(name, outcome->recorded.error());
}

std::function<ExitStatus()> configure(CLI::App& app) {
    const auto options = std::make_shared<Options>();
    app.add_option("FILE", options->trace, "The trace")->required()->type_name("");
    app.add_option("--backend", options->back_end,
                   "Where the back-end is met: connect:PATH (or PATH), listen:PATH or fd:N")
        ->type_name("ENDPOINT");
    app.add_option("--spawn", options->spawn,
                   "Start the back-end with this command ({socket} stands for the path it shall listen on) and say how "
                   "it ended")
        ->type_name("COMMAND");
    app.add_option(
           "--timing", options->timing,
           "recorded (default): steps keep their recorded distance in time; max: as fast as their order allows; "
           "FACTORx: recorded distances times FACTOR, 0.5x is twice as fast")
        ->option_text("recorded|max|FACTORx");
    app.add_option("--session", options->session, "Number of the session to replay (default: the first)")
        ->check(whole_number_from(1))
        ->option_text("N");
    app.add_option("--timeout", options->timeout, "Seconds without progress after which the back-end counts as hung")
        ->option_text("SECONDS=10");
    app.add_flag("--stop-on-divergence", options->stop_on_divergence, "End at the first divergence");
    app.add_option("--report", options->report, "Write the report as JSON to this file")->type_name("FILE");
    app.add_flag("--json", options->json, "Print the report as JSON instead of text");
    app.add_option("-w,--write", options->recording, "Record the replay itself as a trace in this file")
        ->type_name("FILE");
    return [options] { return run(*options); };
}

}  // namespace

const Command replay_command{
    name, "Re-drive a recorded session against a real back-end",
    "Examples:\n"
    "  vutrace replay blk.pcap --backend /run/blk.sock\n"
    "  vutrace replay blk.pcap --timing max --report report.json --spawn 'qemu-storage-daemon \\\n"
    "    --blockdev driver=file,node-name=d,filename=disk.img \\\n"
    "    --export type=vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path={socket},writable=on'\n"
    "\n"
    "Exit status: 0 equal, 1 divergence, 3 unreadable trace, 4 the back-end could not be met, 5 the back-end ended,\n"
    "hung or closed the connection during the replay.",
    configure};

}  // namespace vutrace::cli
