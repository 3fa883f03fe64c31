#include "commands.h"
#include "options.h"

#include <vutrace/base/count_text.h>
#include <vutrace/capture/capture.h>
#include <vutrace/system/endpoint.h>
#include <vutrace/system/file_descriptor.h>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace vutrace::cli {
namespace {

constexpr const char* command_name = "capture";
constexpr std::uint64_t smallest_queue = std::uint64_t{64} << 10U;
constexpr std::uint64_t largest_queue = std::uint64_t{64} << 30U;
constexpr std::uint64_t most_snap_length = std::uint64_t{1} << 40U;  // no buffer is longer than 4 GiB

struct Options {
    std::string front_end;
    std::string back_end;
    std::string file;
    capture::DataPathMode data_path{capture::DataPathMode::tap};
    std::optional<bool> in_background;
    std::optional<double> budget_percent;
    std::optional<unsigned> threads;
    std::optional<capture::MemoryMode> memory;
    capture::RelayedChannels channels{capture::RelayedChannels::all};
    capture::DeviceStatePipes device_state{capture::DeviceStatePipes::pass};
    std::optional<std::uint64_t> snap_length;
    std::uint64_t queue_size{std::uint64_t{64} << 20U};
    double wait_seconds{5};
    bool once{false};
};

bool is_off(const Options& options) {
    return options.data_path == capture::DataPathMode::off;
}

bool is_tap(const Options& options) {
    return options.data_path == capture::DataPathMode::tap;
}

capture::MemoryMode memory_of(const Options& options) {
    return options.memory.value_or(is_off(options) ? capture::MemoryMode::none : capture::MemoryMode::buffers);
}

bool keeps_buffers(const Options& options) {
    const capture::MemoryMode memory = memory_of(options);
    return !is_off(options) && (memory == capture::MemoryMode::buffers || memory == capture::MemoryMode::full);
}

// An option that is given where it changes nothing: whoever gave it believes that it does.
struct Applicability {
    const char* option;
    bool (*is_given)(const Options& options);
    bool (*applies)(const Options& options);
    const char* where;
};
constexpr std::array applicabilities{
    Applicability{"--threads", [](const Options& options) { return options.threads.has_value(); }, is_tap,
                  "for --datapath tap alone"},
    Applicability{"--threads", [](const Options& options) { return options.threads.value_or(1) > 1; },
                  [](const Options& options) { return memory_of(options) != capture::MemoryMode::full; },
                  "1 with --memory full"},
    Applicability{"--budget", [](const Options& options) { return options.budget_percent.has_value(); }, is_tap,
                  "for --datapath tap alone"},
    Applicability{"--priority", [](const Options& options) { return options.in_background.has_value(); },
                  [](const Options& options) { return is_tap(options) || is_off(options); },
                  "for --datapath tap and off alone"},
    Applicability{"--snaplen", [](const Options& options) { return options.snap_length.has_value(); }, keeps_buffers,
                  "for the bytes of buffers, which --datapath off, --memory none and --memory rings do not keep"},
};

Status check_applicability(const Options& options) {
    for (const Applicability& each : applicabilities) {
        if (each.is_given(options) && !each.applies(options)) {
            return fail(ErrorCode::usage, fmt::format("{} is {}", each.option, each.where));
        }
    }
    return {};
}

void print_line(const std::string& line) {
    fmt::print(stderr, "vutrace capture: {}\n", line);
}

Result<capture::CaptureOptions> read_options(const Options& options) {
    capture::CaptureOptions result;
    auto front_end = parse_endpoint(options.front_end, Endpoint::Kind::listen);
    auto back_end = parse_endpoint(options.back_end, Endpoint::Kind::connect);
    if (!front_end || !back_end) {
        return tl::unexpected(front_end ? back_end.error() : front_end.error());
    }
    if (is_same_socket(*front_end, *back_end)) {
        return fail(ErrorCode::usage, fmt::format("'{}' and '{}' are one socket: the back-end has its own, and the "
                                                  "front-end is given another, which vutrace creates",
                                                  options.front_end, options.back_end));
    }
    if (const Status fit = check_applicability(options); !fit) {
        return tl::unexpected(fit.error());
    }
    result.channels = options.channels;
    result.device_state = options.device_state;
    result.front_end = std::move(*front_end);
    result.back_end = std::move(*back_end);
    result.data_path.mode = options.data_path;
    result.data_path.memory = memory_of(options);
    result.data_path.snap_length = options.snap_length.value_or(UINT64_MAX);
    result.data_path.lowest_priority = options.in_background.value_or(is_off(options) || is_tap(options));
    result.data_path.threads = options.threads.value_or(0);
    result.data_path.budget = options.budget_percent.value_or(1) / 100;
    result.once = options.once;
    result.patience = std::chrono::milliseconds(static_cast<std::int64_t>(options.wait_seconds * 1000));
    result.version = VUTRACE_VERSION;
    result.log = print_line;
    return result;
}

// A session may carry some thousand descriptors (queues, memory regions), each of which we hold for a moment or more.
void allow_many_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

// Turns SIGINT and SIGTERM into a readable descriptor. A second signal ends the program as usual. Before any thread
// starts, so that all inherit the mask. A full disk or a vanished reader shall be an error of write, not a signal.
Result<FileDescriptor> take_signals(sigset_t& signals) {
    (void)::signal(SIGPIPE, SIG_IGN);
    (void)::signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    (void)::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    FileDescriptor descriptor(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!descriptor) {
        return fail_errno("cannot watch for signals");
    }
    return descriptor;
}

void print_summary(const capture::Capture& capture, const capture::Recorder& recorder, const std::string& file) {
    const auto counters = recorder.counters();
    const std::string lost =
        counters.records_dropped == 0 && counters.chains_dropped == 0 && counters.bytes_dropped == 0
            ? "nothing lost"
            : fmt::format("lost {}, {}{}, {}", count_text(counters.records_dropped, "record"),
                          counters.chains_at_least ? "at least " : "", count_text(counters.chains_dropped, "chain"),
                          count_text(counters.bytes_dropped, "byte"));
    print_line(fmt::format("{}, {}, {} → {}; {}", count_text(capture.sessions(), "session"),
                           count_text(counters.records_written, "record"), count_text(counters.bytes_written, "byte"),
                           file, lost));
}

ExitStatus run(const Options& options) {
    auto capture_options = read_options(options);
    if (!capture_options) {
        return report(command_name, capture_options.error());
    }
    allow_many_descriptors();
    sigset_t signals{};
    const auto signal_descriptor = take_signals(signals);
    if (!signal_descriptor) {
        return report(command_name, signal_descriptor.error());
    }
    const bool in_background = capture_options->data_path.lowest_priority;
    const auto wait = capture_options->patience;
    const std::string ready = fmt::format("ready: front-end {} back-end {} → {}", to_string(capture_options->front_end),
                                          to_string(capture_options->back_end), options.file);
    const auto capture = capture::Capture::create(std::move(*capture_options));
    if (!capture) {
        return report(command_name, capture.error());
    }
    // Only now: a wrong endpoint must not cost the trace that the file may hold.
    capture::Recorder::Options recorder_options;
    recorder_options.path = options.file;
    recorder_options.queue_bytes = options.queue_size;
    recorder_options.in_background = in_background;
    recorder_options.patience.open = wait;
    recorder_options.log = print_line;
    const auto recorder = capture::Recorder::start(std::move(recorder_options));
    if (!recorder) {
        return report(command_name, recorder.error());
    }
    const Status watched = (*capture)->loop().add(*signal_descriptor, EPOLLIN, [&](std::uint32_t) {
        (*capture)->loop().remove(*signal_descriptor);
        (void)::signal(SIGINT, SIG_DFL);
        signalfd_siginfo taken{};
        (void)!::read(signal_descriptor->number(), &taken, sizeof(taken));
        (void)::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
        (*capture)->stop();
    });
    if (!watched) {
        return report(command_name, watched.error());
    }
    print_line(ready);
    const Status served = (*capture)->run(**recorder);
    const Status recorded = (*recorder)->finish();
    print_summary(**capture, **recorder, options.file);
    if (!served || !recorded) {
        return report(command_name, served ? recorded.error() : served.error());
    }
    return ExitStatus::ok;
}

std::function<ExitStatus()> configure(CLI::App& app) {
    auto options = std::make_shared<Options>();
    app.add_option("FRONTEND", options->front_end,
                   "Where the front-end (QEMU) is met: listen:PATH, connect:PATH or fd:N; a bare path means listen:")
        ->required();
    app.add_option("BACKEND", options->back_end,
                   "Where the back-end is met: listen:PATH, connect:PATH or fd:N; a bare path means connect:")
        ->required();
    app.add_option("-w,--write", options->file, "The trace to write; it holds a guest's memory and is created 0600")
        ->required()
        ->type_name("FILE");
    app.add_option(
           "--datapath", options->data_path,
           "What is seen of the queues: off (messages only), tap (looks from beside the path, within a budget, "
           "counts what it missed), relay (complete for notified I/O, one wake-up more each way), shadow "
           "(complete for every peer: the back-end works on rings of vutrace's own, and waits for the recording)")
        ->type_name("off|tap|relay|shadow")
        ->transform(one_of<capture::DataPathMode>({{"off", capture::DataPathMode::off},
                                                   {"tap", capture::DataPathMode::tap},
                                                   {"relay", capture::DataPathMode::relay},
                                                   {"shadow", capture::DataPathMode::shadow}}))
        ->default_str("tap");
    app.add_option("--memory", options->memory,
                   "What is kept of guest memory: none, rings, buffers (what the chains point to), full (all of it, "
                   "once; size and time grow with the guest). Default: buffers, with --datapath off none")
        ->type_name("none|rings|buffers|full")
        ->transform(one_of<capture::MemoryMode>({{"none", capture::MemoryMode::none},
                                                 {"rings", capture::MemoryMode::rings},
                                                 {"buffers", capture::MemoryMode::buffers},
                                                 {"full", capture::MemoryMode::full}}));
    app.add_option("--channels", options->channels,
                   "Which sockets are stood in: all (also those that the front-end hands over: the back-end request "
                   "channel, the gpu socket), or main (those are passed on untouched and not recorded)")
        ->type_name("all|main")
        ->transform(one_of<capture::RelayedChannels>(
            {{"all", capture::RelayedChannels::all}, {"main", capture::RelayedChannels::main}}))
        ->default_str("all");
    app.add_option(
           "--device-state", options->device_state,
           "The pipes that a device's state goes through at a migration: pass (untouched, not recorded), or tee "
           "(through a pipe of vutrace's own, recorded)")
        ->type_name("pass|tee")
        ->transform(one_of<capture::DeviceStatePipes>(
            {{"pass", capture::DeviceStatePipes::pass}, {"tee", capture::DeviceStatePipes::tee}}))
        ->default_str("pass");
    app.add_option("--snaplen", options->snap_length,
                   "Bytes kept of each buffer; all without this option. Where buffers are kept at all: not with "
                   "--datapath off, --memory none or --memory rings")
        ->option_text("N")
        ->transform(size_between(0, most_snap_length));
    app.add_option("--queue-size", options->queue_size,
                   "Most memory for records that wait for the disk, with k, M or G; what does not fit is dropped and "
                   "counted")
        ->option_text("SIZE=64M")
        ->transform(size_between(smallest_queue, largest_queue))
        ->default_str("64M");
    app.add_option("--wait", options->wait_seconds,
                   "How long a peer that is connected to, or the reader of a pipe to write to, may take to appear")
        ->option_text("SECONDS=5")
        ->check(CLI::Range(0.0, 86400.0));
    app.add_option(
           "--priority", options->in_background,
           "For tap and off: background looks and writes only when nobody else wants the processor, so that it "
           "takes no time from the session and loses more on a busy machine; normal takes its share. relay and shadow "
           "are in the path and always take theirs")
        ->type_name("background|normal")
        ->transform(one_of<bool>({{"background", true}, {"normal", false}}))
        ->default_str("background");
    app.add_option("--budget", options->budget_percent,
                   "For tap: how much of the machine's processor time looking at a session may take, and of the peers' "
                   "time to be woken by them, in percent. Beyond it the rings are looked at from time to time, more is "
                   "late or lost, and counted; 100 bounds nothing")
        ->option_text("PERCENT=1")
        ->check(CLI::Range(0.01, 100.0));
    app.add_option("--threads", options->threads,
                   "For tap: threads that look at the queues of a session, which they share out in pairs, within one "
                   "budget. By itself as many as the back-end's number of queues and the processors give sense to, up "
                   "to 4; with --memory full always one")
        ->option_text("N")
        ->check(CLI::Range(1U, 16U));
    app.add_flag("--once", options->once, "End after the first session");
    return [options] { return run(*options); };
}

}  // namespace

const Command capture_command{
    command_name, "Stand between a front-end and a back-end and record the session",
    "Examples:\n"
    "  vutrace capture /run/vm.sock /run/blk.sock -w blk.pcap\n"
    "      between QEMU (chardev path=/run/vm.sock) and a back-end that listens on /run/blk.sock\n"
    "  vutrace capture /run/vm.sock /run/blk.sock -w blk.pcap --datapath relay --once\n"
    "      every chain of one session, for a later replay\n"
    "  vutrace capture /run/vm.sock /run/dpdk.sock -w net.pcap --datapath shadow --snaplen 128\n"
    "      every frame between peers that poll, its first 128 bytes\n"
    "  vutrace capture connect:/run/a.sock listen:/run/b.sock -w net.pcap --datapath off\n"
    "      messages only, where the front-end is the socket's server\n"
    "\n"
    "Costs: off adds a copy to each message and nothing to I/O. tap reads rings and buffers beside the path, with\n"
    "processor time that nobody else wants and no more than --budget allows. relay adds a wake-up to each kick and\n"
    "call. shadow moves every chain itself, on a processor of its own while there is work, and lets the peers wait up\n"
    "to a second for a disk that is slower than they. full reads all of the guest's memory. The trace grows as fast "
    "as\n"
    "the guest's I/O: mind the disk, or use --snaplen. When the disk is full the session goes on and what could not "
    "be\n"
    "written is counted.\n"
    "\n"
    "Ends with SIGINT or SIGTERM: the connections close, all that was recorded is in the file, exit status 0.",
    configure};

}  // namespace vutrace::cli
