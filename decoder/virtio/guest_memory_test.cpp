#include "vutrace/virtio/guest_memory.h"

#include <gtest/gtest.h>

namespace vutrace::virtio {
namespace {

struct LookupCase {
    const char* name;
    std::uint64_t address;
    std::uint64_t length;
    std::optional<std::size_t> guest;  // index of the region that holds it
};

void PrintTo(const LookupCase& lookup, std::ostream* out) {
    *out << lookup.name;
}

RegionTable two_regions() {
    RegionTable table;
    table.regions = {{0, 0xa0000, 0x7f0000000000, 0},
                     {0xc0000, 0x40000, 0x7f0000100000, 0xc0000},
                     {UINT64_MAX - 0xfff, 0x2000, 0x1000, 0}};  // wraps on the guest's side
    return table;
}

class FindGuest : public ::testing::TestWithParam<LookupCase> {};

TEST_P(FindGuest, HoldsTheWholeRangeOrNothing) {
    const LookupCase& c = GetParam();
    const RegionTable table = two_regions();
    const Region* expected = c.guest ? &table.regions[*c.guest] : nullptr;
    EXPECT_EQ(table.find_guest(c.address, c.length), expected);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, FindGuest,
    ::testing::Values(LookupCase{"first_byte", 0, 1, 0}, LookupCase{"whole", 0, 0xa0000, 0},
                      LookupCase{"one_too_many", 0, 0xa0001, {}}, LookupCase{"last_byte", 0x9ffff, 1, 0},
                      LookupCase{"behind_the_end", 0xa0000, 0, {}}, LookupCase{"in_the_hole", 0xb0000, 1, {}},
                      LookupCase{"across_the_hole", 0x9f000, 0x30000, {}}, LookupCase{"second", 0xc0000, 0x40000, 1},
                      LookupCase{"empty_range", 0x100, 0, 0}, LookupCase{"length_wraps", 0x100, UINT64_MAX, {}},
                      LookupCase{"before_the_wrap", UINT64_MAX - 0xfff, 0x800, 2},
                      LookupCase{"across_the_wrap", UINT64_MAX - 0x7ff, 0x1000, {}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(UserToGuest, TranslatesWithTheRegionsOffset) {
    const RegionTable table = two_regions();
    EXPECT_EQ(table.user_to_guest(0x7f0000100010, 0x100), 0xc0010U);
    EXPECT_EQ(table.user_to_guest(0x7f000009fff0, 0x10), 0x9fff0U);
    EXPECT_EQ(table.user_to_guest(0x7f000009fff0, 0x11), std::nullopt);
    EXPECT_EQ(table.user_to_guest(0xc0010, 1), std::nullopt) << "a guest address is no user address";
    EXPECT_EQ(table.user_to_guest(0x1000, 0x10), UINT64_MAX - 0xfff);
    EXPECT_EQ(table.user_to_guest(0x2000, 0x10), std::nullopt) << "the guest address would wrap";
    EXPECT_EQ(table.find_user(0x7f0000140000, 1), nullptr);
}

}  // namespace
}  // namespace vutrace::virtio
