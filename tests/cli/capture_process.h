// The program in the background, and peers in a few lines to talk to it.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/trace/records.h>

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace vutrace::cli::test {

class BackgroundProgram {
  public:
    // `inherited` are descriptors that it gets under the same numbers.
    explicit BackgroundProgram(const std::vector<std::string>& arguments, const std::vector<int>& inherited = {});
    ~BackgroundProgram();  // kills it where nobody waited for it
    BackgroundProgram(const BackgroundProgram&) = delete;
    BackgroundProgram& operator=(const BackgroundProgram&) = delete;

    // Until it has said `text` on standard error; false where it does not in time, or ended without.
    [[nodiscard]] bool says(const std::string& text);
    void send_signal(int signal) const;
    // Its exit status; -1 where it was killed or did not end in time.
    [[nodiscard]] int wait();
    [[nodiscard]] const std::string& said() const noexcept { return said_; }
    [[nodiscard]] pid_t process() const noexcept { return process_; }

  private:
    [[nodiscard]] bool read_more();

    pid_t process_{-1};
    FileDescriptor errors_;
    std::string said_;
};

class CaptureProcess : public BackgroundProgram {
  public:
    explicit CaptureProcess(std::vector<std::string> arguments, const std::vector<int>& inherited = {});
};

// A message as it goes over the socket.
[[nodiscard]] Bytes message(std::uint32_t request, std::uint32_t flags, ByteView payload = {});

struct ReceivedMessage {
    Bytes bytes;
    std::vector<FileDescriptor> descriptors;
};
// The next message, as a correct peer reads it; empty at the end of the stream or where none comes in time.
[[nodiscard]] ReceivedMessage receive_message(const FileDescriptor& socket);
// True when the other end has closed, or does so in time, and nothing came before.
[[nodiscard]] bool is_closed(const FileDescriptor& socket);

// All records of a trace, which must be whole.
[[nodiscard]] std::vector<trace::Record> read_trace(const std::string& path);

}  // namespace vutrace::cli::test
