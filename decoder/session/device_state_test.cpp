#include "vutrace/session/device_state.h"

#include "vutrace/session/testing/session_builder.h"

#include <gtest/gtest.h>

#include <string>

namespace vutrace::session {
namespace {

using protocol::serialise;
using protocol::serialise_region;
using protocol::serialise_regions;
using protocol::serialise_u64;
using testing::BlockSession;
using testing::SessionBuilder;
using Request = protocol::FrontEndRequest;

constexpr std::uint32_t plain = protocol::version_1;
constexpr std::uint32_t wants_reply = protocol::version_1 | protocol::need_reply_flag;
constexpr std::uint32_t answer_flags = protocol::version_1 | protocol::reply_flag;

Change send(DeviceState& state, Request request, const Bytes& payload = {}, const std::vector<std::uint32_t>& ids = {},
            std::uint32_t flags = plain) {
    const auto size = static_cast<std::uint32_t>(payload.size());
    return state.apply(Side::front_end, {static_cast<std::uint32_t>(request), flags, size}, payload, ids);
}

Change answer(DeviceState& state, Request request, const Bytes& payload = {}) {
    const auto size = static_cast<std::uint32_t>(payload.size());
    return state.apply(Side::back_end, {static_cast<std::uint32_t>(request), answer_flags, size}, payload, {});
}

Change set_vring(DeviceState& state, Request request, std::uint32_t queue, std::uint32_t number) {
    return send(state, request, serialise(protocol::VringState{queue, number}));
}

DeviceState started_block_device() {
    SessionBuilder builder;
    BlockSession::start(builder);
    DeviceState state;
    for (const trace::Record& record : builder.records()) {
        if (const auto* message = std::get_if<trace::MessageRecord>(&record.body)) {
            std::vector<std::uint32_t> ids;
            for (const trace::Descriptor& descriptor : message->descriptors) {
                ids.push_back(descriptor.id);
            }
            state.apply(message->sender, *protocol::parse_header(message->bytes),
                        ByteView(message->bytes).subspan(protocol::header_size), ids);
        }
    }
    return state;
}

protocol::MemoryRegion region(std::uint64_t guest, std::uint64_t size = 0x10000) {
    return {guest, size, 0x7f0000000000 + guest, guest, 0, 0};
}

TEST(DeviceState, KnowsAllThatABlockSessionAgreedOn) {
    const DeviceState state = started_block_device();
    EXPECT_EQ(state.offered_features(), BlockSession::offered_features);
    EXPECT_EQ(state.features(), BlockSession::features);
    EXPECT_EQ(state.offered_protocol_features(), BlockSession::protocol_features);
    EXPECT_EQ(state.protocol_features(), BlockSession::protocol_features);
    EXPECT_EQ(state.queue_count(), 2U);
    EXPECT_EQ(state.configuration(), BlockSession::configuration());
    ASSERT_EQ(state.regions().size(), 2U);
    EXPECT_EQ(state.regions()[1].region.guest_address, 0xc0000U);
    EXPECT_EQ(state.regions()[1].descriptor_id, 11U);
    EXPECT_EQ(state.epoch(), 2U);

    const QueueState* queue = state.queue(0);
    ASSERT_NE(queue, nullptr);
    EXPECT_TRUE(queue->started && queue->enabled && queue->has_call);
    EXPECT_FALSE(queue->polling);
    const auto ring = state.split_ring(0);
    ASSERT_TRUE(ring);
    EXPECT_EQ(*ring,
              (virtio::SplitRingLayout{128, BlockSession::descriptor, BlockSession::available, BlockSession::used}));
    EXPECT_EQ(state.queue(7), nullptr);
    EXPECT_FALSE(state.split_ring(7));
}

TEST(DeviceState, KnowsTheDescriptorsOfAQueueUntilItStops) {
    DeviceState state = started_block_device();
    EXPECT_EQ(state.queue(0)->kick_descriptor, 20U);
    EXPECT_EQ(state.queue(0)->call_descriptor, 1U);
    EXPECT_EQ(state.queue(0)->err_descriptor, 0U);
    send(state, Request::SET_VRING_ERR, serialise_u64(0), {30});
    EXPECT_EQ(state.queue(0)->err_descriptor, 30U);
    set_vring(state, Request::GET_VRING_BASE, 0, 0);
    answer(state, Request::GET_VRING_BASE, serialise(protocol::VringState{0, 7}));
    EXPECT_EQ(state.queue(0)->kick_descriptor, 0U);
    EXPECT_EQ(state.queue(0)->call_descriptor, 0U);
    EXPECT_EQ(state.queue(0)->err_descriptor, 30U) << "back-ends keep it";
    EXPECT_TRUE(state.protocol_features_given());
    EXPECT_FALSE(DeviceState().protocol_features_given());
}

TEST(DeviceState, ReportsEachStartAndStopOnce) {
    DeviceState state = started_block_device();
    const Change again = send(state, Request::SET_VRING_KICK, serialise_u64(0), {77});
    EXPECT_EQ(again.queue_changed, 0U);
    EXPECT_FALSE(again.queue_started) << "only the descriptor is another";

    EXPECT_FALSE(set_vring(state, Request::GET_VRING_BASE, 0, 0).queue_stopped) << "stopped by the answer";
    EXPECT_TRUE(state.queue(0)->started);
    const Change stopped = answer(state, Request::GET_VRING_BASE, serialise(protocol::VringState{0, 41}));
    EXPECT_EQ(stopped.queue_stopped, 0U);
    EXPECT_FALSE(state.queue(0)->started);
    EXPECT_FALSE(state.queue(0)->has_call);
    EXPECT_EQ(state.queue(0)->base, 41U);

    EXPECT_EQ(send(state, Request::SET_VRING_KICK, serialise_u64(0x100)).queue_started, 0U);
    EXPECT_TRUE(state.queue(0)->polling);
}

TEST(DeviceState, StopsAQueueWhoseAnswerCannotBeRead) {
    DeviceState state = started_block_device();
    set_vring(state, Request::GET_VRING_BASE_SKIP_DRAIN, 0, 0);
    EXPECT_EQ(answer(state, Request::GET_VRING_BASE_SKIP_DRAIN).queue_stopped, 0U);
    EXPECT_EQ(state.queue(0)->base, 0U);
}

TEST(DeviceState, EnablesRingsFromTheStartWithoutProtocolFeatures) {
    DeviceState state;
    set_vring(state, Request::SET_VRING_NUM, 0, 8);
    EXPECT_FALSE(state.queue(0)->enabled);
    send(state, Request::SET_FEATURES, serialise_u64(std::uint64_t{1} << protocol::feature::VERSION_1));
    EXPECT_TRUE(state.queue(0)->enabled) << "set up before the features";
    set_vring(state, Request::SET_VRING_NUM, 1, 8);
    EXPECT_TRUE(state.queue(1)->enabled);
    set_vring(state, Request::SET_VRING_ENABLE, 1, 0);
    EXPECT_FALSE(state.queue(1)->enabled);

    DeviceState other;
    send(other, Request::SET_FEATURES, serialise_u64(std::uint64_t{1} << protocol::feature::PROTOCOL_FEATURES));
    set_vring(other, Request::SET_VRING_NUM, 0, 8);
    EXPECT_FALSE(other.queue(0)->enabled);
}

TEST(DeviceState, BelievesAnswersOfTheRightNumberOnly) {
    DeviceState state;
    EXPECT_FALSE(answer(state, Request::GET_FEATURES, serialise_u64(5)).features) << "nobody asked";
    send(state, Request::GET_FEATURES);
    send(state, Request::GET_QUEUE_NUM);
    EXPECT_FALSE(state.apply(Side::back_end, {1, plain, 8}, serialise_u64(5), {}).features) << "no reply flag";
    answer(state, Request::GET_QUEUE_NUM, serialise_u64(4));
    EXPECT_EQ(state.queue_count(), 4U);
    answer(state, Request::GET_FEATURES, serialise_u64(5));
    EXPECT_FALSE(state.offered_features()) << "answers come in order: this one came too late";
    send(state, Request::GET_FEATURES);
    state.apply(Side::back_end, {1, answer_flags | protocol::need_reply_flag, 8}, serialise_u64(6), {});
    EXPECT_EQ(state.offered_features(), 6U) << "VPP repeats NEED_REPLY";
}

TEST(DeviceState, IgnoresWhatTheFrontEndMarksAsReply) {
    DeviceState state;
    send(state, Request::SET_FEATURES, serialise_u64(1), {}, answer_flags);
    EXPECT_FALSE(state.features());
}

// --- Memory

TEST(MemoryRegions, AreReplacedByATableAndMatchedByThreeFieldsWhenRemoved) {
    DeviceState state;
    EXPECT_TRUE(
        send(state, Request::SET_MEM_TABLE, serialise_regions({region(0), region(0x20000)}, false), {1}).memory);
    ASSERT_EQ(state.regions().size(), 2U);
    EXPECT_EQ(state.regions()[0].descriptor_id, 1U);
    EXPECT_EQ(state.regions()[1].descriptor_id, 0U) << "too few descriptors came";

    auto named = region(0x20000);
    named.mmap_offset = 99;
    for (auto field : {&protocol::MemoryRegion::guest_address, &protocol::MemoryRegion::size,
                       &protocol::MemoryRegion::user_address}) {
        auto other = named;
        other.*field += 1;
        EXPECT_FALSE(send(state, Request::REM_MEM_REG, serialise_region(other, false)).memory);
    }
    const std::uint64_t epoch = state.epoch();
    EXPECT_TRUE(send(state, Request::REM_MEM_REG, serialise_region(named, false)).memory);
    EXPECT_EQ(state.epoch(), epoch + 1);
    ASSERT_EQ(state.regions().size(), 1U);
    EXPECT_EQ(state.regions()[0].region.guest_address, 0U);
    send(state, Request::SET_MEM_TABLE, serialise_regions({region(0x50000)}, false), {3});
    ASSERT_EQ(state.regions().size(), 1U);
    EXPECT_EQ(state.regions()[0].descriptor_id, 3U);
}

TEST(MemoryRegions, AreTakenBackWhenTheBackEndRefusesThem) {
    DeviceState state;
    send(state, Request::ADD_MEM_REG, serialise_region(region(0), false), {1}, wants_reply);
    EXPECT_FALSE(answer(state, Request::ADD_MEM_REG, serialise_u64(0)).memory);
    send(state, Request::ADD_MEM_REG, serialise_region(region(0x20000), false), {2}, wants_reply);
    ASSERT_EQ(state.regions().size(), 2U);
    EXPECT_TRUE(answer(state, Request::ADD_MEM_REG, serialise_u64(1)).memory);
    ASSERT_EQ(state.regions().size(), 1U);
    EXPECT_EQ(state.regions()[0].region.guest_address, 0U);
    EXPECT_EQ(state.epoch(), 3U);

    send(state, Request::ADD_MEM_REG, Bytes(7), {3}, wants_reply);
    EXPECT_FALSE(answer(state, Request::ADD_MEM_REG, serialise_u64(1)).memory) << "malformed: it had added nothing";
    send(state, Request::ADD_MEM_REG, serialise_region(region(0x40000), false), {4}, wants_reply);
    EXPECT_FALSE(answer(state, Request::ADD_MEM_REG, serialise_region(region(0x40000), false)).memory)
        << "a region, as in postcopy, is no failure";
    EXPECT_EQ(state.regions().size(), 2U);
}

TEST(MemoryRegions, HaveEightBytesMoreWithXenMmap) {
    DeviceState state;
    send(state, Request::SET_PROTOCOL_FEATURES, serialise_u64(1U << protocol::protocol_feature::XEN_MMAP));
    send(state, Request::SET_MEM_TABLE, serialise_regions({region(0), region(0x20000)}, true), {1, 2});
    ASSERT_EQ(state.regions().size(), 2U);
    EXPECT_EQ(state.regions()[1].region.guest_address, 0x20000U);
    send(state, Request::REM_MEM_REG, serialise_region(region(0), true));
    EXPECT_EQ(state.regions().size(), 1U);
}

TEST(MemoryRegions, SurviveTheAcknowledgementOfPostcopy) {
    for (const Bytes& acknowledgement : {Bytes{}, serialise_u64(0)}) {
        DeviceState state;
        EXPECT_TRUE(send(state, Request::POSTCOPY_LISTEN).postcopy);
        EXPECT_TRUE(state.postcopy_active());
        const Bytes table = serialise_regions({region(0), region(0x20000)}, false);
        EXPECT_TRUE(send(state, Request::SET_MEM_TABLE, table, {1, 2}).memory);
        answer(state, Request::SET_MEM_TABLE, table);
        EXPECT_FALSE(send(state, Request::SET_MEM_TABLE, acknowledgement).memory);
        EXPECT_EQ(state.regions().size(), 2U);
        EXPECT_TRUE(send(state, Request::SET_MEM_TABLE, table, {3, 4}).memory) << "a table again";
        EXPECT_TRUE(send(state, Request::POSTCOPY_END, {}, {}, wants_reply).postcopy);
        EXPECT_FALSE(state.postcopy_active());
    }
}

TEST(MemoryRegions, MayLackPagesFromTheAnnouncementOfPostcopyToItsEnd) {
    DeviceState state;
    EXPECT_TRUE(send(state, Request::POSTCOPY_ADVISE).memory_incomplete);
    EXPECT_TRUE(state.memory_incomplete());
    EXPECT_FALSE(send(state, Request::POSTCOPY_LISTEN).memory_incomplete) << "no change";
    EXPECT_FALSE(send(state, Request::SET_VRING_KICK, serialise_u64(0)).memory_incomplete);
    EXPECT_TRUE(state.memory_incomplete());
    EXPECT_TRUE(send(state, Request::POSTCOPY_END).memory_incomplete);
    EXPECT_FALSE(state.memory_incomplete());
}

TEST(MemoryRegions, AreWholeWhenAQueueStartsWithoutPostcopyHavingBegun) {
    for (const bool in_band : {false, true}) {
        DeviceState state;
        send(state, Request::POSTCOPY_ADVISE);
        const Change change = in_band ? send(state, Request::VRING_KICK, serialise(protocol::VringState{0, 0}))
                                      : send(state, Request::SET_VRING_KICK, serialise_u64(0));
        EXPECT_TRUE(change.memory_incomplete);
        EXPECT_FALSE(state.memory_incomplete());
    }
}

TEST(MemoryRegions, MakeRingsOfAnOldTableVanish) {
    DeviceState state = started_block_device();
    send(state, Request::SET_MEM_TABLE, serialise_regions({BlockSession::regions()[0]}, false), {1});
    EXPECT_FALSE(state.split_ring(0));
    send(state, Request::SET_MEM_TABLE, serialise_regions(BlockSession::regions(), false), {1, 2});
    EXPECT_TRUE(state.split_ring(0));
}

// --- Rings

struct RingCase {
    const char* name;
    std::uint32_t size;
    std::uint64_t descriptor;
    std::uint64_t available;
    std::uint64_t used;
    std::uint64_t features;  // besides PROTOCOL_FEATURES
    std::uint64_t protocol_features;
    bool found;
};

void PrintTo(const RingCase& ring, std::ostream* out) {
    *out << ring.name;
}

class SplitRing : public ::testing::TestWithParam<RingCase> {};

TEST_P(SplitRing, IsGivenOnlyWhereItIsKnownToBe) {
    const RingCase& c = GetParam();
    DeviceState state;
    send(state, Request::SET_PROTOCOL_FEATURES, serialise_u64(c.protocol_features));
    send(state, Request::SET_FEATURES, serialise_u64(c.features | 1U << 30U));
    send(state, Request::ADD_MEM_REG, serialise_region({0x100000, 0x10000, 0x7f0000000000, 0, 0, 0}, false), {1});
    set_vring(state, Request::SET_VRING_NUM, 0, c.size);
    send(state, Request::SET_VRING_ADDR, serialise(protocol::VringAddress{0, 0, c.descriptor, c.used, c.available, 0}));
    const auto ring = state.split_ring(0);
    ASSERT_EQ(ring.has_value(), c.found);
    if (ring) {
        EXPECT_EQ(*ring, (virtio::SplitRingLayout{c.size, 0x100000, 0x101000, 0x102000}));
    }
}

constexpr std::uint64_t user = 0x7f0000000000;
INSTANTIATE_TEST_SUITE_P(
    Cases, SplitRing,
    ::testing::Values(
        RingCase{"sound", 128, user, user + 0x1000, user + 0x2000, 0, 0, true},
        RingCase{"guest_addresses", 128, 0x100000, 0x101000, 0x102000, 0, 1U << 21U, true},
        RingCase{"guest_addresses_without_the_bit", 128, 0x100000, 0x101000, 0x102000, 0, 0, false},
        RingCase{"user_addresses_with_the_bit", 128, user, user + 0x1000, user + 0x2000, 0, 1U << 21U, false},
        RingCase{"access_platform", 128, user, user + 0x1000, user + 0x2000, std::uint64_t{1} << 33U, 0, false},
        RingCase{"packed", 128, user, user + 0x1000, user + 0x2000, std::uint64_t{1} << 34U, 0, false},
        RingCase{"W1_part_outside", 128, user, user + 0x1000, user + 0x10000, 0, 0, false},
        RingCase{"W1_part_beyond_the_end", 128, user, user + 0x1000, user + 0xff00, 0, 0, false},
        RingCase{"W1_part_wraps", 128, user, user + 0x1000, UINT64_MAX - 3, 0, 0, false},
        RingCase{"W2_descriptor_misaligned", 128, user + 8, user + 0x1000, user + 0x2000, 0, 0, false},
        RingCase{"W2_available_misaligned", 128, user, user + 0x1001, user + 0x2000, 0, 0, false},
        RingCase{"W2_used_misaligned", 128, user, user + 0x1000, user + 0x2002, 0, 0, false},
        RingCase{"W3_size_zero", 0, user, user + 0x1000, user + 0x2000, 0, 0, false},
        RingCase{"W3_size_odd", 100, user, user + 0x1000, user + 0x2000, 0, 0, false},
        RingCase{"W3_size_huge", 65536, user, user + 0x1000, user + 0x2000, 0, 0, false}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(DeviceReset, StopsAllQueues) {
    struct {
        Request request;
        Bytes payload;
        bool resets;
    } const cases[] = {{Request::RESET_OWNER, {}, true},
                       {Request::RESET_DEVICE, {}, true},
                       {Request::SET_STATUS, serialise_u64(0), true},
                       {Request::SET_STATUS, serialise_u64(7), false},
                       {Request::SET_STATUS, {}, false}};
    for (const auto& c : cases) {
        DeviceState state = started_block_device();
        EXPECT_EQ(send(state, c.request, c.payload).device_reset, c.resets);
        EXPECT_EQ(state.queue(0)->started, !c.resets);
        EXPECT_EQ(state.queue(0)->enabled, !c.resets);
        EXPECT_EQ(state.regions().size(), 2U);
    }
}

TEST(InBandKick, StartsTheQueueOnce) {
    DeviceState state;
    EXPECT_EQ(set_vring(state, Request::VRING_KICK, 3, 0).queue_started, 3U);
    const Change again = set_vring(state, Request::VRING_KICK, 3, 0);
    EXPECT_FALSE(again.queue_started || again.queue_changed);
}

// --- Device type

TEST(DeviceType, IsOnlyWhatMessagesProve) {
    DeviceState state;
    EXPECT_EQ(state.device_type(), 0U);
    EXPECT_STREQ(state.device_type_reason(), "");
    send(state, Request::SET_FEATURES, serialise_u64(BlockSession::features));
    EXPECT_EQ(state.device_type(), 0U) << "most feature bits are shared between types";

    EXPECT_EQ(started_block_device().device_type(), 2U);
    EXPECT_NE(std::string(started_block_device().device_type_reason()).find("configuration"), std::string::npos);

    send(state, Request::NET_SET_MTU, serialise_u64(1500));
    EXPECT_EQ(state.device_type(), 1U);
    EXPECT_NE(std::string(state.device_type_reason()).find("NET_SET_MTU"), std::string::npos);
}

TEST(DeviceType, IsProvenByFeaturesThatOneTypeHas) {
    struct Case {
        const char* what;
        std::uint64_t offered;
        std::uint32_t type;
    };
    for (const Case& one : {
             Case{"DPDK's network back-end", 0xd7c66e7cb, 1},
             Case{"network: CTRL_RX, GUEST_ANNOUNCE", 0x240000, 1},
             Case{"nothing that belongs to a type", 0x170000000, 0},
             Case{"qemu-storage-daemon's disk, which a network device could offer, too", 0x170006e46 & ~0x40U, 0},
             Case{"bits that no type has together", 0x3fffff | (1ULL << 44U), 0},
             Case{"all bits", UINT64_MAX, 0},
         }) {
        DeviceState state;
        send(state, Request::GET_FEATURES, {});
        answer(state, Request::GET_FEATURES, serialise_u64(one.offered));
        EXPECT_EQ(state.device_type(), one.type) << one.what;
        EXPECT_EQ(std::string(state.device_type_reason()).empty(), one.type == 0) << one.what;
    }
}

TEST(DeviceType, IsProvenByTheFormOfAConfigurationSpace) {
    const auto type_of = [](const Bytes& space) {
        DeviceState state;
        const auto size = static_cast<std::uint32_t>(space.size());
        send(state, Request::GET_CONFIG, serialise(protocol::Config{0, size, 0, Bytes(size)}));
        answer(state, Request::GET_CONFIG, serialise(protocol::Config{0, size, 0, space}));
        return state.device_type();
    };
    Bytes input(136);
    EXPECT_EQ(type_of(input), 0U) << "all zero proves nothing";
    input[0] = std::byte{1};
    input[2] = std::byte{9};
    EXPECT_EQ(type_of(input), 18U);
    input[5] = std::byte{1};
    EXPECT_EQ(type_of(input), 0U);

    Bytes scsi(36);
    store<std::uint32_t>(scsi, 0, 1);
    store<std::uint32_t>(scsi, 20, 96);
    EXPECT_EQ(type_of(scsi), 0U);
    store<std::uint32_t>(scsi, 24, 32);
    EXPECT_EQ(type_of(scsi), 8U);
}

TEST(Configuration, IsPutTogetherFromAnswersAndKeepsOnFailure) {
    DeviceState state;
    const auto ask = [&] { send(state, Request::GET_CONFIG, serialise(protocol::Config{0, 4, 0, Bytes(4)})); };
    const auto give = [&](std::uint32_t offset, const Bytes& data) {
        ask();
        answer(state, Request::GET_CONFIG,
               serialise(protocol::Config{offset, static_cast<std::uint32_t>(data.size()), 0, data}));
    };
    give(0, Bytes(4, std::byte{1}));
    give(6, Bytes(2, std::byte{2}));
    const Bytes expected{std::byte{1}, std::byte{1}, std::byte{1}, std::byte{1},
                         std::byte{0}, std::byte{0}, std::byte{2}, std::byte{2}};
    EXPECT_EQ(state.configuration(), expected);
    ask();
    answer(state, Request::GET_CONFIG);
    give(0, {});
    ask();
    answer(state, Request::GET_CONFIG, serialise_u64(1));
    give(0xffffffff, Bytes(4));
    give(4095, Bytes(2));
    give(0, Bytes(4097));
    EXPECT_EQ(state.configuration(), expected) << "failures and hostile offsets change nothing";
}

// --- Hostile

TEST(HostileMessages, CannotMakeTheStateGrowWithoutBound) {
    DeviceState state;
    for (std::uint32_t i = 0; i < 5000; ++i) {
        set_vring(state, Request::SET_VRING_NUM, i, 8);
        send(state, Request::ADD_MEM_REG, serialise_region(region(std::uint64_t{i} << 20U), false), {}, wants_reply);
        send(state, Request::GET_FEATURES);
    }
    EXPECT_EQ(state.queues().size(), 1024U);
    EXPECT_EQ(state.regions().size(), 1024U);
    DeviceState other;
    EXPECT_FALSE(set_vring(other, Request::SET_VRING_NUM, 0xffff, 8).queue_changed) << "no queue of a trace";
    EXPECT_FALSE(set_vring(other, Request::SET_VRING_NUM, UINT32_MAX, 8).queue_changed);
    set_vring(other, Request::GET_VRING_BASE, 5, 0);
    EXPECT_FALSE(answer(other, Request::GET_VRING_BASE, serialise(protocol::VringState{5, 1})).queue_changed);
    EXPECT_TRUE(other.queues().empty());
}

TEST(HostileMessages, ChangeNothingWhereTooShortOrUnknown) {
    DeviceState state = started_block_device();
    const std::uint64_t epoch = state.epoch();
    for (std::uint32_t code = 0; code < 64; ++code) {
        const bool resets = code == 4 || code == 34;  // have no payload that could be too short
        for (std::uint32_t size = 0; !resets && size < 8; ++size) {
            const Bytes payload(size, std::byte{0xff});
            const Change change = state.apply(Side::front_end, {code, plain, size}, payload, {});
            EXPECT_FALSE(change.memory || change.features || change.queue_changed || change.device_reset) << code;
            state.apply(Side::back_end, {code, answer_flags, size}, payload, {});
        }
    }
    EXPECT_EQ(state.epoch(), epoch);
    EXPECT_TRUE(state.queue(0)->enabled);
    EXPECT_TRUE(state.split_ring(0));
}

}  // namespace
}  // namespace vutrace::session
