#include "capture_process.h"

#include <vutrace/protocol/header.h>
#include <vutrace/system/pipe.h>
#include <vutrace/system/unix_socket.h>
#include <vutrace/trace/reader.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace vutrace::cli::test {
namespace {

constexpr int patience_ms = 30'000;

}  // namespace

BackgroundProgram::BackgroundProgram(const std::vector<std::string>& arguments, const std::vector<int>& inherited) {
    auto [read, their_end] = create_pipe().value();
    errors_ = std::move(read);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, their_end.number(), STDERR_FILENO);
    for (const int number : inherited) {
        ::posix_spawn_file_actions_adddup2(&actions, number, number);  // clears close-on-exec
    }
    std::vector<std::string> words{VUTRACE_PROGRAM};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) {
        pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    EXPECT_EQ(::posix_spawn(&process_, VUTRACE_PROGRAM, &actions, nullptr, pointers.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
}

BackgroundProgram::~BackgroundProgram() {
    if (process_ > 0) {
        (void)::kill(process_, SIGKILL);
        (void)::waitpid(process_, nullptr, 0);
    }
}

bool BackgroundProgram::read_more() {
    pollfd entry{errors_.number(), POLLIN, 0};
    if (::poll(&entry, 1, patience_ms) != 1) {
        return false;
    }
    std::array<char, 4096> buffer{};
    const ssize_t size = ::read(errors_.number(), buffer.data(), buffer.size());
    said_.append(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return size > 0;
}

bool BackgroundProgram::says(const std::string& text) {
    while (said_.find(text) == std::string::npos) {
        if (!read_more()) {
            return false;
        }
    }
    return true;
}

void BackgroundProgram::send_signal(int signal) const {
    ASSERT_EQ(::kill(process_, signal), 0);
}

// Its standard error ends when it does.
int BackgroundProgram::wait() {
    while (read_more()) {
    }
    pollfd entry{errors_.number(), POLLIN, 0};
    if (::poll(&entry, 1, 0) != 1 || process_ <= 0) {
        return -1;
    }
    int status = 0;
    (void)::waitpid(std::exchange(process_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

CaptureProcess::CaptureProcess(std::vector<std::string> arguments, const std::vector<int>& inherited)
    : BackgroundProgram((arguments.insert(arguments.begin(), "capture"), arguments), inherited) {}

Bytes message(std::uint32_t request, std::uint32_t flags, ByteView payload) {
    Bytes bytes(protocol::header_size);
    protocol::serialise_header({request, flags, static_cast<std::uint32_t>(payload.size())}, bytes);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return bytes;
}

ReceivedMessage receive_message(const FileDescriptor& socket) {
    ReceivedMessage received;
    received.bytes.resize(protocol::header_size);
    if (!receive_exactly(socket, received.bytes, received.descriptors, patience_ms)) {
        return {};
    }
    received.bytes.resize(protocol::header_size + load<std::uint32_t>(received.bytes, 8));
    const auto payload = MutableByteView(received.bytes).subspan(protocol::header_size);
    return receive_exactly(socket, payload, received.descriptors, patience_ms) ? std::move(received)
                                                                               : ReceivedMessage{};
}

bool is_closed(const FileDescriptor& socket) {
    std::byte byte{};
    std::vector<FileDescriptor> none;
    const Status received = receive_exactly(socket, MutableByteView(&byte, 1), none, patience_ms);
    return !received && received.error().code == ErrorCode::peer_closed;
}

std::vector<trace::Record> read_trace(const std::string& path) {
    std::vector<trace::Record> records;
    auto reader = trace::Reader::open(path);
    if (!reader) {
        ADD_FAILURE() << describe(reader.error());
        return records;
    }
    for (auto record = reader->next(); record && *record; record = reader->next()) {
        records.push_back(std::move(**record));
    }
    EXPECT_FALSE(reader->problems().torn);
    return records;
}

}  // namespace vutrace::cli::test
