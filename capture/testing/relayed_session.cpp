#include "relayed_session.h"

#include <sys/stat.h>

namespace vutrace::capture::testing {

Bytes message(std::uint32_t request, std::uint32_t flags, ByteView payload) {
    Bytes bytes(protocol::header_size);
    protocol::serialise_header({request, flags, static_cast<std::uint32_t>(payload.size())}, bytes);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return bytes;
}

Bytes pattern(std::size_t size, unsigned seed) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::byte>((i * 31 + std::size_t{seed} * 7 + i / 251) & 0xffU);
    }
    return bytes;
}

Files::Files(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        files_.emplace_back(::memfd_create("test", MFD_CLOEXEC));
    }
}

std::vector<int> Files::numbers(std::size_t first, std::size_t count) const {
    std::vector<int> numbers;
    numbers.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        numbers.push_back(files_[(first + i) % files_.size()].number());
    }
    return numbers;
}

ino_t inode_of(int number) {
    struct stat status {};
    EXPECT_EQ(::fstat(number, &status), 0);
    return status.st_ino;
}

std::vector<ino_t> inodes(const std::vector<int>& numbers) {
    std::vector<ino_t> result;
    result.reserve(numbers.size());
    for (const int number : numbers) {
        result.push_back(inode_of(number));
    }
    return result;
}

std::vector<ino_t> inodes(const std::vector<FileDescriptor>& descriptors) {
    std::vector<ino_t> result;
    result.reserve(descriptors.size());
    for (const FileDescriptor& descriptor : descriptors) {
        result.push_back(inode_of(descriptor.number()));
    }
    return result;
}

Result<Message> read_message(const FileDescriptor& socket) {
    Message result;
    std::vector<FileDescriptor> descriptors;
    result.bytes.resize(protocol::header_size);
    if (auto header = receive_exactly(socket, result.bytes, descriptors, patience_ms); !header) {
        return tl::unexpected(header.error());
    }
    const std::uint32_t size = load<std::uint32_t>(result.bytes, 8);
    result.bytes.resize(protocol::header_size + size);
    const auto payload = MutableByteView(result.bytes).subspan(protocol::header_size);
    if (auto rest = receive_exactly(socket, payload, descriptors, patience_ms); !rest) {
        return tl::unexpected(rest.error());
    }
    result.files = inodes(descriptors);
    return result;
}

ErrorCode end_of(const FileDescriptor& socket, int* errno_value) {
    std::byte byte{};
    std::vector<FileDescriptor> descriptors;
    const auto received = receive_exactly(socket, MutableByteView(&byte, 1), descriptors, patience_ms);
    if (errno_value != nullptr) {
        *errno_value = received ? 0 : received.error().errno_value;
    }
    return received ? ErrorCode::bad_input : received.error().code;
}
}  // namespace vutrace::capture::testing
