// Shared by the tests of this room: temporary folders and images, a block back-end on a thread.
#pragma once

#include <vutrace/replay/block_backend.h>
#include <vutrace/replay/block_driver.h>
#include <vutrace/system/descriptor_kind.h>
#include <vutrace/system/event_descriptor.h>
#include <vutrace/system/unix_socket.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace vutrace::replay::testing {

class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "vutrace-test-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

inline std::string create_image(const TemporaryFolder& folder, const std::string& name, std::uint64_t size) {
    const std::string path = folder.file(name);
    std::ofstream(path).close();
    std::filesystem::resize_file(path, size);
    return path;
}

inline std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Serves one session on a thread of its own. `front_end` is the other end of its socket.
class ServedBackend {
  public:
    explicit ServedBackend(const BlockBackendOptions& options) : stop_(*create_event_descriptor()) {
        auto pair = create_socket_pair();
        front_end = std::move(pair->first);
        auto backend = BlockBackend::open(options);
        EXPECT_TRUE(backend) << describe(backend.error());
        thread_ = std::thread([this, backend = std::move(*backend), socket = std::move(pair->second)]() mutable {
            outcome_ = backend.serve(std::move(socket), stop_);
        });
    }
    ~ServedBackend() {
        if (thread_.joinable()) {
            (void)signal_event(stop_);
            thread_.join();
        }
    }
    ServedBackend(const ServedBackend&) = delete;
    ServedBackend& operator=(const ServedBackend&) = delete;
    // Waits for the end of the session, which the front-end's closing brings about.
    Status finish() {
        thread_.join();
        return outcome_;
    }
    FileDescriptor front_end;

  private:
    FileDescriptor stop_;
    Status outcome_;
    std::thread thread_;
};

}  // namespace vutrace::replay::testing
