#include "block_session.h"

#include "need.h"
#include "other_load.h"

#include <vutrace/replay/block_driver.h>
#include <vutrace/system/endpoint.h>
#include <vutrace/trace/reader.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>

namespace vutrace::benchmarks {
namespace {

using replay::BlockDriver;
using Clock = std::chrono::steady_clock;
using virtio::block::RequestType;

constexpr std::uint64_t image_bytes = std::uint64_t{256} << 20U;
constexpr std::uint32_t most_data = 131072;  // of one request
constexpr Seconds warm_up{0.6};              // also uses up the burst that tap's budget lets through

constexpr int ordinary = 0;
constexpr int real_time_capture = 1;
constexpr int real_time_peer = 2;

// This thread, and what it starts.
void set_priority(int priority) {
    const sched_param parameters{priority};
    if (::sched_setscheduler(0, priority == ordinary ? SCHED_OTHER : SCHED_RR, &parameters) != 0) {
        die(Error{ErrorCode::system, "cannot set the priority", {}, errno});
    }
}

// Who is in the path takes what it needs, and refuses to be told.
bool is_beside_the_path(const std::vector<std::string>& capture_options) {
    return std::none_of(capture_options.begin(), capture_options.end(),
                        [](const std::string& word) { return word == "relay" || word == "shadow"; });
}

// A child that ends with us.
pid_t start(const std::vector<std::string>& command, int priority) {
    const pid_t child = ::fork();
    if (child == 0) {
        set_priority(priority);
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        std::vector<char*> arguments;
        for (const std::string& word : command) {
            arguments.push_back(const_cast<char*>(word.c_str()));
        }
        arguments.push_back(nullptr);
        (void)::freopen("/dev/null", "w", stderr);  // the ready line and the summary of each short session
        (void)::execvp(arguments[0], arguments.data());
        ::_exit(EXIT_FAILURE);
    }
    return child;
}

// To a socket that its server may be about to create.
replay::Connection connect(const std::string& path) {
    const auto deadline = replay::Clock::now() + std::chrono::seconds(10);
    for (;;) {
        auto connection = replay::Connection::open(Endpoint{Endpoint::Kind::connect, path, -1}, deadline);
        if (connection || replay::Clock::now() >= deadline) {
            return need(std::move(connection));
        }
        ::usleep(1000);
    }
}

Seconds seconds_of(const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

// Waits for the end of a capture. Returns the processor time that it took.
Seconds finish(pid_t capture) {
    int status = 0;
    rusage usage{};
    if (::wait4(capture, &status, 0, &usage) != capture || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        die(Error{ErrorCode::system, "a capture did not end as it should", {}, 0});
    }
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

TraceCounts count_chains(const std::string& path) {
    TraceCounts counts;
    auto reader = need(trace::Reader::open(path));
    while (const auto record = need(reader.next())) {
        if (const auto* chain = std::get_if<trace::ChainRecord>(&record->body)) {
            for (const trace::ChainEntry& entry : chain->entries) {
                counts.chains += entry.state == trace::ChainEntry::State::available ? 1 : 0;
                ++counts.proofs.at(static_cast<std::size_t>(entry.proof));
            }
        } else if (const auto* gap = std::get_if<trace::GapRecord>(&record->body)) {
            counts.lost += gap->chains;
            counts.lost_at_least |= gap->at_least;
        } else if (const auto* note = std::get_if<trace::NoteRecord>(&record->body)) {
            counts.fell_back |= note->text.starts_with("shadow: the queue keeps its own ring");
        }
    }
    return counts;
}

replay::BlockRequest make_request(const Workload& workload, ByteView data, std::mt19937_64& random) {
    replay::BlockRequest request;
    request.type = static_cast<std::uint32_t>(workload.type);
    request.sector = random() % (image_bytes / workload.bytes) * (workload.bytes / virtio::block::sector_size);
    if (workload.type == RequestType::OUT) {
        request.data = data.first(workload.bytes);
    } else {
        request.read_length = workload.bytes;
    }
    return request;
}

// How many requests may have been submitted by now.
std::uint64_t allowance(const Workload& workload, Clock::time_point begin) {
    return workload.rate <= 0 ? UINT64_MAX
                              : static_cast<std::uint64_t>(workload.rate * Seconds(Clock::now() - begin).count());
}

// Returns the rate, in requests a second.
double drive(BlockDriver& driver, const Workload& workload, Seconds time, ByteView data, std::mt19937_64& random) {
    const auto begin = Clock::now();
    std::uint64_t done = 0;
    std::uint64_t submitted = 0;
    bool submitting = true;
    while (submitting || driver.in_flight() > 0) {
        submitting = Clock::now() - begin < time;
        while (submitting && driver.in_flight() < workload.depth && driver.can_submit(0) &&
               submitted < allowance(workload, begin)) {
            need(driver.submit(0, make_request(workload, data, random)));
            ++submitted;
        }
        if (driver.in_flight() == 0) {
            continue;  // the next one is not due yet; awake, so that the device is not kept waiting
        }
        for (const auto& result : need(driver.wait())) {
            if (result.status != virtio::block::status_ok) {
                die(Error{ErrorCode::bad_input, fmt::format("a request failed with status {}", result.status), {}, 0});
            }
            ++done;
        }
    }
    return static_cast<double>(done) / Seconds(Clock::now() - begin).count();
}

}  // namespace

TraceCounts& TraceCounts::operator+=(const TraceCounts& more) noexcept {
    chains += more.chains;
    lost += more.lost;
    lost_at_least |= more.lost_at_least;
    fell_back |= more.fell_back;
    for (std::size_t i = 0; i < proofs.size(); ++i) {
        proofs.at(i) += more.proofs.at(i);
    }
    return *this;
}

BlockSessions::BlockSessions(std::string vutrace, bool above_others)
    : vutrace_(std::move(vutrace)), above_others_(above_others), data_(most_data) {
    std::string pattern = "/dev/shm/vutrace-throughput-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) {
        die(Error{ErrorCode::system, "cannot create a temporary folder", {}, errno});
    }
    folder_ = pattern;
    std::generate(data_.begin(), data_.end(), [this] { return static_cast<std::byte>(random_()); });
    const std::string image = folder_ + "/image";
    const FileDescriptor file(::open(image.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    // Not sparse: a hole reads faster than a block.
    for (std::uint64_t written = 0; written < image_bytes; written += data_.size()) {
        if (::write(file.number(), data_.data(), data_.size()) != static_cast<ssize_t>(data_.size())) {
            die(Error{ErrorCode::system, "cannot write " + image, {}, errno});
        }
    }
    const std::string socket = folder_ + "/daemon";
    daemon_ = start({"qemu-storage-daemon", "--blockdev", "driver=file,node-name=disk,filename=" + image, "--export",
                     "type=vhost-user-blk,id=export,node-name=disk,writable=on,addr.type=unix,addr.path=" + socket},
                    above_others ? real_time_peer : ordinary);
}

BlockSessions::~BlockSessions() {
    (void)::kill(daemon_, SIGTERM);
    (void)::waitpid(daemon_, nullptr, 0);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

SessionResult BlockSessions::run(const Workload& workload, const std::vector<std::string>& capture_options,
                                 Seconds time) {
    const bool captured = !capture_options.empty();
    const std::string trace = folder_ + "/trace";
    std::string socket = folder_ + "/daemon";
    pid_t capture = -1;
    if (captured) {
        const std::string in_front = folder_ + "/capture";
        std::vector<std::string> command{vutrace_, "capture", "listen:" + in_front, "connect:" + socket, "-w",
                                         trace,    "--once"};
        command.insert(command.end(), capture_options.begin(), capture_options.end());
        if (above_others_ && is_beside_the_path(capture_options)) {
            command.insert(command.end(), {"--priority", "normal"});  // else it would be below everybody
        }
        capture = start(command, above_others_ ? real_time_capture : ordinary);
        socket = in_front;
    }
    SessionResult result;
    const auto begin = Clock::now();
    {
        replay::BlockDriverOptions options;
        options.max_data = most_data;
        const auto driver = need(BlockDriver::start(connect(socket), options));
        set_priority(above_others_ ? real_time_peer : ordinary);
        (void)drive(*driver, workload, warm_up, data_, random_);
        const OtherLoad others(captured ? std::vector<pid_t>{daemon_, capture} : std::vector<pid_t>{daemon_});
        result.rate = drive(*driver, workload, time, data_, random_);
        result.other_load = others.cores();
        set_priority(ordinary);
        need(driver->stop());
    }
    const Seconds lasted = Clock::now() - begin;
    if (captured) {
        result.capture_cpu = finish(capture) / lasted;
        result.counts = count_chains(trace);
        (void)::unlink(trace.c_str());
    }
    return result;
}

}  // namespace vutrace::benchmarks
