#include "vutrace/system/descriptor_kind.h"

#include "vutrace/system/event_descriptor.h"
#include "vutrace/system/unix_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>

namespace vutrace {
namespace {

TEST(DescriptorKind, TellsMemfdWithSizeAndSeals) {
    const FileDescriptor file(::memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::ftruncate(file.number(), 8192), 0);
    ASSERT_EQ(::fcntl(file.number(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
    const auto description = describe_descriptor(file);
    EXPECT_EQ(description.kind, DescriptorKind::memfd);
    EXPECT_EQ(description.size, 8192U);
    EXPECT_EQ(description.seals, static_cast<std::uint32_t>(F_SEAL_SHRINK));
    EXPECT_NE(description.inode, 0U);
}

TEST(DescriptorKind, TellsEventfdSocketPipeAndFile) {
    const auto event = create_event_descriptor();
    ASSERT_TRUE(event);
    EXPECT_EQ(describe_descriptor(*event).kind, DescriptorKind::eventfd);
    const auto pair = create_socket_pair();
    ASSERT_TRUE(pair);
    EXPECT_EQ(describe_descriptor(pair->first).kind, DescriptorKind::socket);
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const FileDescriptor read_end(ends[0]);
    const FileDescriptor write_end(ends[1]);
    EXPECT_EQ(describe_descriptor(read_end).kind, DescriptorKind::pipe);
    const FileDescriptor self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(describe_descriptor(self).kind, DescriptorKind::file);
    EXPECT_EQ(describe_descriptor(FileDescriptor()).kind, DescriptorKind::other);
}

}  // namespace
}  // namespace vutrace
