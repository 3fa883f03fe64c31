// How much a control round trip costs through `vutrace capture`, against the least-possible relay that keeps
// descriptors on their message, and against no relay. Three ways side by side in one run, in short turns, so that noise
// hits all alike.
//
//   control_round_trip PATH-TO-VUTRACE [ROUNDS]
#include "need.h"

#include <vutrace/base/bytes.h>
#include <vutrace/system/endpoint.h>
#include <vutrace/system/event_descriptor.h>
#include <vutrace/system/unix_socket.h>

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace vutrace {
namespace {

constexpr std::size_t header_size = 12;
constexpr std::uint32_t get_features = 1;
constexpr std::uint32_t set_vring_call = 13;

// Runs in a child that ends with its parent.
pid_t start_child(const std::function<void()>& body) {
    const pid_t child = ::fork();
    if (child == 0) {
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        body();
        ::_exit(EXIT_SUCCESS);
    }
    return child;
}

// One whole message with its descriptors, as every correct reader must take it; false at the end of the stream.
bool read_message(const FileDescriptor& socket, Bytes& message, std::vector<FileDescriptor>& descriptors) {
    message.resize(header_size);
    descriptors.clear();
    std::size_t done = 0;
    while (done < message.size()) {
        auto piece = receive(socket, MutableByteView(message).subspan(done), true);
        if (!piece || piece->end_of_stream) {
            return false;
        }
        std::move(piece->descriptors.begin(), piece->descriptors.end(), std::back_inserter(descriptors));
        done += piece->size;
        if (done == header_size && message.size() == header_size) {
            message.resize(header_size + load<std::uint32_t>(message, 8));
        }
    }
    return true;
}

bool write_message(const FileDescriptor& socket, ByteView message, const std::vector<FileDescriptor>& descriptors) {
    std::array<int, max_descriptors_per_message> numbers{};
    std::transform(descriptors.begin(), descriptors.end(), numbers.begin(),
                   [](const auto& one) { return one.number(); });
    return send_all(socket, message, std::span(numbers).first(descriptors.size())).has_value();
}

Bytes make_message(std::uint32_t request, std::uint32_t flags, bool with_value) {
    Bytes message;
    ByteWriter writer(message);
    writer.write(request);
    writer.write(flags);
    writer.write<std::uint32_t>(with_value ? 8 : 0);
    if (with_value) {
        writer.write<std::uint64_t>(0);
    }
    return message;
}

void serve_back_end(const FileDescriptor& connection) {
    Bytes message;
    std::vector<FileDescriptor> descriptors;
    while (read_message(connection, message, descriptors)) {
        if (!write_message(connection, make_message(load<std::uint32_t>(message), 5, true), {})) {
            return;
        }
    }
}

void accept_and_serve(const Listener& listener, const std::function<void(const FileDescriptor&)>& serve) {
    while (true) {
        const FileDescriptor connection = need(listener.accept());
        (void)start_child([&] { serve(connection); });
    }
}

void relay(const FileDescriptor& front_end, const std::string& back_end_path) {
    const FileDescriptor back_end = need(connect_to(back_end_path));
    std::array<pollfd, 2> ready{pollfd{front_end.number(), POLLIN, 0}, pollfd{back_end.number(), POLLIN, 0}};
    Bytes message;
    std::vector<FileDescriptor> descriptors;
    while (::poll(ready.data(), ready.size(), -1) > 0) {
        for (std::size_t side = 0; side < ready.size(); ++side) {
            const FileDescriptor& from = side == 0 ? front_end : back_end;
            const FileDescriptor& to = side == 0 ? back_end : front_end;
            if (ready.at(side).revents != 0 &&
                (!read_message(from, message, descriptors) || !write_message(to, message, descriptors))) {
                return;
            }
        }
    }
}

struct Way {
    const char* name;
    std::string path;
    FileDescriptor socket{};
    std::vector<double> plain{};  // nanoseconds for each round trip, one value a turn
    std::vector<double> with_descriptor{};
};

double turn(const Way& way, ByteView request, std::span<const int> descriptors, int rounds) {
    std::array<std::byte, header_size + 8> reply{};
    std::vector<FileDescriptor> none;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < rounds; ++i) {
        if (const auto sent = send_all(way.socket, request, descriptors); !sent) {
            die(sent.error());
        }
        std::size_t done = 0;
        while (done < reply.size()) {
            const auto piece = need(receive(way.socket, MutableByteView(reply).subspan(done), true));
            if (piece.end_of_stream) {
                die(Error{ErrorCode::peer_closed, fmt::format("'{}' closed the connection", way.name), {}, 0});
            }
            done += piece.size;
        }
    }
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
    return spent.count() / rounds;
}

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

FileDescriptor connect_when_ready(const std::string& path) {
    for (int tries = 0; tries < 1000; ++tries) {
        if (auto socket = connect_to(path)) {
            return std::move(*socket);
        }
        (void)::poll(nullptr, 0, 10);
    }
    return need(connect_to(path));
}

void run_capture(const char* vutrace, const std::string& from, const std::string& to, const std::string& file) {
    const std::string front_end = "listen:" + from;
    const std::string back_end = "connect:" + to;
    (void)::execl(vutrace, vutrace, "capture", front_end.c_str(), back_end.c_str(), "-w", file.c_str(), "--datapath",
                  "off", "--memory", "none", nullptr);
    die(Error{ErrorCode::system, fmt::format("cannot run '{}'", vutrace), {}, errno});
}

void print(const Way& way, const Way& least) {
    const double plain = median(way.plain);
    const double with_descriptor = median(way.with_descriptor);
    fmt::print("{:<14} {:>9.0f} ns {:>6.3f}   {:>9.0f} ns {:>6.3f}\n", way.name, plain, plain / median(least.plain),
               with_descriptor, with_descriptor / median(least.with_descriptor));
}

int run(int argument_count, char** arguments) {
    if (argument_count < 2) {
        fmt::print(stderr, "usage: control_round_trip PATH-TO-VUTRACE [ROUNDS]\n");
        return EXIT_FAILURE;
    }
    constexpr int turns = 40;
    const int rounds = argument_count > 2 ? std::max(1, std::atoi(arguments[2])) : 1000;
    std::array<char, 64> folder{"/tmp/vutrace-round-trip-XXXXXX"};
    if (::mkdtemp(folder.data()) == nullptr) {
        die(Error{ErrorCode::system, "cannot create a temporary folder", {}, errno});
    }
    const std::string base = folder.data();
    std::array<Way, 3> ways{Way{"no relay", base + "/back-end"}, Way{"least relay", base + "/least"},
                            Way{"vutrace", base + "/capture"}};
    std::vector<pid_t> children;
    const Listener back_end = need(Listener::create(ways[0].path));
    children.push_back(start_child([&] { accept_and_serve(back_end, serve_back_end); }));
    const Listener least = need(Listener::create(ways[1].path));
    children.push_back(start_child(
        [&] { accept_and_serve(least, [&](const FileDescriptor& socket) { relay(socket, ways[0].path); }); }));
    children.push_back(
        start_child([&] { run_capture(arguments[1], ways[2].path, ways[0].path, base + "/trace.pcap"); }));
    for (Way& way : ways) {
        way.socket = connect_when_ready(way.path);
    }
    const FileDescriptor event = need(create_event_descriptor());
    const std::array<int, 1> with_event{event.number()};
    const Bytes plain = make_message(get_features, 1, false);
    const Bytes with_descriptor = make_message(set_vring_call, 9, true);
    for (int i = 0; i < turns; ++i) {
        for (Way& way : ways) {
            way.plain.push_back(turn(way, plain, {}, rounds));
            way.with_descriptor.push_back(turn(way, with_descriptor, with_event, rounds));
        }
    }
    fmt::print("control round trip, median of {} turns of {} rounds; ratio to the least relay\n", turns, rounds);
    fmt::print("{:<14} {:>12} {:>6}   {:>12} {:>6}\n", "", "GET_FEATURES", "ratio", "with eventfd", "ratio");
    for (const Way& way : ways) {
        print(way, ways[1]);
    }
    for (const pid_t child : children) {
        (void)::kill(child, SIGTERM);
        (void)::waitpid(child, nullptr, 0);
    }
    (void)std::system(fmt::format("rm -rf '{}'", base).c_str());  // a folder of our own making
    return EXIT_SUCCESS;
}

}  // namespace
}  // namespace vutrace

int main(int argument_count, char** arguments) {
    return vutrace::run(argument_count, arguments);
}
