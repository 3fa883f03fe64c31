#include "vutrace/system/event_descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace vutrace {
namespace {

TEST(EventDescriptor, SaysItsCountWithoutTakingIt) {
    const auto event = create_event_descriptor();
    ASSERT_TRUE(event);
    ASSERT_TRUE(signal_event(*event, 0x1234));
    for (int i = 0; i < 2; ++i) {
        const auto state = event_state(*event);
        ASSERT_TRUE(state);
        EXPECT_EQ(state->count, 0x1234U);
        EXPECT_FALSE(state->semaphore);
    }
    EXPECT_EQ(*take_event(*event), 0x1234U);
}

TEST(EventDescriptor, ASemaphoreGivesOneAtATime) {
    const auto event = create_event_descriptor(true);
    ASSERT_TRUE(event);
    ASSERT_TRUE(signal_event(*event, 2));
    EXPECT_EQ(event_state(*event)->count, 2U);
    EXPECT_EQ(*take_event(*event), 1U);
    EXPECT_EQ(*take_event(*event), 1U);
    EXPECT_EQ(*take_event(*event), 0U);
}

TEST(EventDescriptor, WhatIsNoEventfdHasNoState) {
    const FileDescriptor file(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const auto state = event_state(file);
    ASSERT_FALSE(state);
    EXPECT_EQ(state.error().code, ErrorCode::usage);
    EXPECT_FALSE(event_state(FileDescriptor{}));
}

}  // namespace
}  // namespace vutrace
