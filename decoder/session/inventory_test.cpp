#include "vutrace/session/inventory.h"

#include <gtest/gtest.h>

namespace vutrace::session {
namespace {

TEST(Inventory, TakesWhatIsThere) {
    Inventory inventory;
    inventory.add(0);
    inventory.add(1, 0);
    inventory.add(1, 1);
    inventory.add(3);
    EXPECT_TRUE(inventory.check({}, {}, "in the trace"));
    EXPECT_TRUE(inventory.check(0, {}, "in the trace"));
    EXPECT_TRUE(inventory.check(3, {}, "in the trace"));
    EXPECT_TRUE(inventory.check({}, 1, "in the trace"));
    EXPECT_TRUE(inventory.check(1, 0, "in the trace"));
}

TEST(Inventory, NamesWhatThereIsInstead) {
    Inventory inventory;
    const auto text = [&](std::optional<std::uint32_t> session, std::optional<std::uint32_t> queue) {
        const Status checked = inventory.check(session, queue, "up to record 5");
        EXPECT_FALSE(checked);
        EXPECT_EQ(checked.error().code, ErrorCode::usage);
        return checked.error().text;
    };
    EXPECT_EQ(text(1, {}), "no session 1 up to record 5: the sessions there are none");
    EXPECT_EQ(text({}, 0), "no queue 0 up to record 5: the queues there are none");
    inventory.add(0);
    inventory.add(1, 0);
    inventory.add(2, 1);
    inventory.add(2, 2);
    inventory.add(7);
    EXPECT_EQ(text(9, 0), "no session 9 up to record 5: the sessions there are 1-2, 7");
    EXPECT_EQ(text(2, 0), "no queue 0 of session 2 up to record 5: the queues there are 1-2");
    EXPECT_EQ(text({}, 9), "no queue 9 up to record 5: the queues there are 0-2");
}

TEST(Inventory, StaysShortHoweverManyThereAre) {
    std::set<std::uint32_t> even{UINT32_MAX};
    for (std::uint32_t i = 0; i < 10'000; i += 2) {
        even.insert(i);
    }
    EXPECT_LT(list_numbers(even).size(), 120U);
    EXPECT_NE(list_numbers(even).find("and 4985 more ranges"), std::string::npos) << list_numbers(even);
    EXPECT_EQ(list_numbers({UINT32_MAX - 1, UINT32_MAX}), "4294967294-4294967295");
    EXPECT_EQ(list_numbers({UINT32_MAX, 0}), "0, 4294967295");
}

}  // namespace
}  // namespace vutrace::session
