// What each data path mode costs a block workload: the emulated driver against qemu-storage-daemon, without a capture
// and through `vutrace capture` in every mode. The ways take short turns in one run, so that noise hits all alike.
//
//   block_throughput PATH-TO-VUTRACE [SECONDS-A-TURN]
#include <vutrace/replay/block_driver.h>
#include <vutrace/system/endpoint.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace vutrace {
namespace {

using replay::BlockDriver;
using Seconds = std::chrono::duration<double>;
using virtio::block::RequestType;

constexpr std::uint64_t image_bytes = std::uint64_t{256} << 20U;

struct Workload {
    const char* name;
    RequestType type;
    std::uint32_t bytes;  // of each request
    std::size_t depth;    // requests in flight
};
constexpr std::array workloads{Workload{"read 4 KiB, depth 1", RequestType::IN, 4096, 1},
                               Workload{"read 4 KiB, depth 32", RequestType::IN, 4096, 32},
                               Workload{"write 4 KiB, depth 32", RequestType::OUT, 4096, 32},
                               Workload{"read 128 KiB, depth 8", RequestType::IN, 131072, 8},
                               Workload{"write 128 KiB, depth 8", RequestType::OUT, 131072, 8}};

struct Way {
    const char* name;
    const char* datapath;  // null: no capture
    std::string socket{};
    std::unique_ptr<BlockDriver> driver{};
    std::array<std::vector<double>, workloads.size()> rates{};  // requests a second, one value a turn
};

[[noreturn]] void die(const Error& error) {
    fmt::print(stderr, "block_throughput: {}\n", describe(error));
    std::exit(EXIT_FAILURE);
}

template <class T>
T need(Result<T> result) {
    if (!result) {
        die(result.error());
    }
    return std::move(*result);
}

// A child that ends with us.
pid_t start(const std::vector<std::string>& command) {
    const pid_t child = ::fork();
    if (child == 0) {
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        std::vector<char*> arguments;
        for (const std::string& word : command) {
            arguments.push_back(const_cast<char*>(word.c_str()));
        }
        arguments.push_back(nullptr);
        (void)::execvp(arguments[0], arguments.data());
        fmt::print(stderr, "block_throughput: cannot run '{}'\n", command[0]);
        ::_exit(EXIT_FAILURE);
    }
    return child;
}

void wait_for_socket(const std::string& path) {
    for (int tries = 0; tries < 2000 && !std::filesystem::exists(path); ++tries) {
        ::usleep(5000);
    }
}

void prepare(Way& way, const std::string& base, const char* vutrace, std::vector<pid_t>& children) {
    const std::string prefix = fmt::format("{}/{}", base, way.name);
    const std::string image = prefix + ".img";
    const FileDescriptor file(::open(image.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (::ftruncate(file.number(), static_cast<off_t>(image_bytes)) != 0) {
        die(Error{ErrorCode::system, "cannot create " + image, {}, errno});
    }
    way.socket = prefix + ".sock";
    children.push_back(
        start({"qemu-storage-daemon", "--blockdev", "driver=file,node-name=disk,filename=" + image, "--export",
               "type=vhost-user-blk,id=export,node-name=disk,writable=on,addr.type=unix,addr.path=" + way.socket}));
    wait_for_socket(way.socket);
    if (way.datapath != nullptr) {
        const std::string in_front = prefix + ".capture";
        children.push_back(start({vutrace, "capture", "listen:" + in_front, "connect:" + way.socket, "-w",
                                  prefix + ".pcap", "--datapath", way.datapath}));
        way.socket = in_front;
        wait_for_socket(way.socket);
    }
    replay::BlockDriverOptions options;
    options.max_data = 131072;
    const auto deadline = replay::Clock::now() + std::chrono::seconds(10);
    auto connection = need(replay::Connection::open(Endpoint{Endpoint::Kind::connect, way.socket, -1}, deadline));
    way.driver = need(BlockDriver::start(std::move(connection), options));
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

double turn(BlockDriver& driver, const Workload& workload, Seconds time, ByteView data, std::mt19937_64& random) {
    const auto begin = std::chrono::steady_clock::now();
    std::uint64_t done = 0;
    bool submitting = true;
    while (submitting || driver.in_flight() > 0) {
        submitting = std::chrono::steady_clock::now() - begin < time;
        while (submitting && driver.in_flight() < workload.depth && driver.can_submit(0)) {
            if (const auto submitted = driver.submit(0, make_request(workload, data, random)); !submitted) {
                die(submitted.error());
            }
        }
        if (driver.in_flight() == 0) {
            break;
        }
        for (const auto& result : need(driver.wait())) {
            if (result.status != virtio::block::status_ok) {
                die(Error{ErrorCode::bad_input, fmt::format("a request failed with status {}", result.status), {}, 0});
            }
            ++done;
        }
    }
    return static_cast<double>(done) / Seconds(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

void print(const std::vector<Way>& ways) {
    fmt::print("{:<24}", "requests a second");
    for (const Way& way : ways) {
        fmt::print("{:>18}", way.name);
    }
    fmt::print("\n");
    for (std::size_t i = 0; i < workloads.size(); ++i) {
        const double plain = median(ways[0].rates.at(i));
        fmt::print("{:<24}", workloads.at(i).name);
        for (const Way& way : ways) {
            const double rate = median(way.rates.at(i));
            fmt::print("{:>11.0f} {:>6.3f}", rate, rate / plain);
        }
        fmt::print("  {:.0f} MB/s plain\n", plain * workloads.at(i).bytes / 1e6);
    }
}

int run(int argument_count, char** arguments) {
    if (argument_count < 2) {
        fmt::print(stderr, "usage: block_throughput PATH-TO-VUTRACE [SECONDS-A-TURN]\n");
        return EXIT_FAILURE;
    }
    constexpr int turns = 9;
    const Seconds time(argument_count > 2 ? std::atof(arguments[2]) : 0.4);
    std::array<char, 64> folder{"/dev/shm/vutrace-throughput-XXXXXX"};
    if (::mkdtemp(folder.data()) == nullptr) {
        die(Error{ErrorCode::system, "cannot create a temporary folder", {}, errno});
    }
    std::vector<pid_t> children;
    std::vector<Way> ways;
    ways.push_back({"plain", nullptr});
    ways.push_back({"off", "off"});
    ways.push_back({"tap", "tap"});
    ways.push_back({"relay", "relay"});
    for (Way& way : ways) {
        prepare(way, folder.data(), arguments[1], children);
    }
    std::mt19937_64 random(1);
    Bytes data(131072);
    std::generate(data.begin(), data.end(), [&] { return static_cast<std::byte>(random()); });
    for (int i = 0; i < turns; ++i) {
        for (std::size_t workload = 0; workload < workloads.size(); ++workload) {
            for (Way& way : ways) {
                way.rates.at(workload).push_back(turn(*way.driver, workloads.at(workload), time, data, random));
            }
        }
    }
    print(ways);
    ways.clear();
    for (const pid_t child : children) {
        (void)::kill(child, SIGTERM);
        (void)::waitpid(child, nullptr, 0);
    }
    std::filesystem::remove_all(folder.data());
    return EXIT_SUCCESS;
}

}  // namespace
}  // namespace vutrace

int main(int argument_count, char** arguments) {
    return vutrace::run(argument_count, arguments);
}
