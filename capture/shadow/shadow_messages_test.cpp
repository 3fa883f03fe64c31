// What mode `shadow` changes in messages, and where it leaves them alone.
#include "shadow_messages.h"

#include "../testing/shadow_peers.h"

#include <fcntl.h>

namespace vutrace::capture {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace testing;
using protocol::serialise;
using protocol::serialise_region;
using protocol::serialise_regions;
using protocol::serialise_u64;

constexpr std::uint64_t bit(unsigned number) {
    return std::uint64_t{1} << number;
}
constexpr std::uint64_t with_slots =
    bit(protocol::protocol_feature::CONFIGURE_MEM_SLOTS) | bit(protocol::protocol_feature::REPLY_ACK);

TEST_F(ShadowPeersTest, TheTableHasOneRegionMoreThatTouchesNone) {
    const RingPair ring(16);
    begin();
    const FileDescriptor file = send_table(ring);
    ASSERT_TRUE(file);
    EXPECT_EQ(shadow_region_.guest_address, shadow_region_.user_address);
    ShadowMemory like = ShadowMemory::create(1).value();
    like.place(shadow_region_.guest_address);
    EXPECT_FALSE(like.collides_with({ring.region(0).region}));
    // Another table: the same region.
    const auto before = shadow_region_;
    EXPECT_EQ(inode_of(send_table(ring).number()), inode_of(file.number()));
    EXPECT_EQ(shadow_region_, before);
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("SET_MEM_TABLE went to the back-end with one region more")));
    const auto recorded = recorder_.all<trace::MessageRecord>();
    ASSERT_EQ(recorded.size(), 2U);
    EXPECT_EQ(recorded[0].descriptors.size(), 1U) << "the record is what the front-end said";
    EXPECT_EQ(recorded[0].bytes.size(), protocol::header_size + 8 + 32);
}

TEST_F(ShadowPeersTest, ATableThatIsFullPassesAndItsQueuesKeepTheirRings) {
    const RingPair ring(16);
    begin();
    std::vector<protocol::MemoryRegion> regions(8, region_of(ring));
    for (std::size_t i = 1; i < regions.size(); ++i) {
        regions[i].guest_address += i << 32U;
        regions[i].user_address += i << 32U;
    }
    const FileDescriptor file = ring.file();
    expect_passes(Request::SET_MEM_TABLE, serialise_regions(regions, false), std::vector<int>(8, file.number()));
    expect_passes(Request::SET_VRING_NUM, state(0, 16));
    expect_passes(Request::SET_VRING_ADDR, serialise(addresses_of(ring)));
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("no place for one more region")));
}

TEST_F(ShadowPeersTest, MessagesThatAreNotAsTheyMustBePassAsTheyCame) {
    const RingPair ring(16);
    begin();
    const FileDescriptor file = ring.file();
    const Bytes one = serialise_regions({region_of(ring)}, false);
    Bytes lying = one;
    store<std::uint32_t>(lying, 0, 7);
    Bytes longer = one;
    longer.resize(one.size() + 5);
    expect_passes(Request::SET_MEM_TABLE, one);                                  // no descriptor
    expect_passes(Request::SET_MEM_TABLE, one, {file.number(), file.number()});  // one too many
    expect_passes(Request::SET_MEM_TABLE, lying, {file.number()});
    expect_passes(Request::SET_MEM_TABLE, longer, {file.number()});
    expect_passes(Request::SET_MEM_TABLE, {}, {});
    expect_passes(Request::SET_MEM_TABLE, Bytes(5000), {file.number()});
    expect_passes(Request::ADD_MEM_REG, Bytes(39), {file.number()});
    expect_passes(Request::SET_VRING_ADDR, Bytes(41));
    expect_passes(Request::SET_VRING_ADDR, Bytes(3));
    expect_passes(Request::SET_VRING_ADDR, serialise(protocol::VringAddress{0xffffffff, 0, 0, 0, 0, 0}));
    expect_passes(Request::SET_VRING_KICK, Bytes(8, std::byte{0xff}));
    expect_passes(Request::SET_STATUS, Bytes(8));
    expect_passes(Request::RESET_OWNER, {});
    // Answers to nothing.
    for (const Request request : {Request::GET_MAX_MEM_SLOTS, Request::ADD_MEM_REG}) {
        EXPECT_EQ(answer(request, Bytes(8)).payload, Bytes(8));
        EXPECT_EQ(answer(request, Bytes(7)).payload, Bytes(7));
    }
}

TEST_F(ShadowPeersTest, AMessageThatComesInPiecesIsChangedAllTheSame) {
    const RingPair ring(16);
    begin();
    const FileDescriptor file = ring.file();
    const Bytes table = message(5, plain, serialise_regions({region_of(ring)}, false));
    ASSERT_TRUE(send_all(front_end_, ByteView(table).first(7), std::vector<int>{file.number()}));
    ASSERT_TRUE(send_all(front_end_, ByteView(table).subspan(7, 20), {}));
    ASSERT_TRUE(send_all(front_end_, ByteView(table).subspan(27), {}));
    const Delivered delivered = read(back_end_);
    EXPECT_EQ(delivered.payload.size(), 8U + 2 * 32);
    EXPECT_EQ(delivered.descriptors.size(), 2U);
}

TEST_F(ShadowPeersTest, AHeldMessageThatEndsInTheMiddlePassesAsFarAsItCame) {
    begin();
    const Bytes table = message(5, plain, Bytes(40));
    ASSERT_TRUE(send_all(front_end_, ByteView(table).first(30), {}));
    ASSERT_EQ(::shutdown(front_end_.number(), SHUT_WR), 0);
    Bytes bytes(30);
    std::vector<FileDescriptor> descriptors;
    ASSERT_TRUE(receive_exactly(back_end_, bytes, descriptors, patience_ms));
    EXPECT_EQ(bytes, Bytes(table.begin(), table.begin() + 30));
}

TEST_F(ShadowPeersTest, OneSlotIsKept) {
    begin();
    (void)pass(Request::GET_MAX_MEM_SLOTS, {});
    EXPECT_EQ(answer(Request::GET_MAX_MEM_SLOTS, serialise_u64(32)).payload, serialise_u64(31));
    EXPECT_EQ(answer(Request::GET_MAX_MEM_SLOTS, serialise_u64(1)).payload, serialise_u64(1)) << "not the last one";
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("told of 31 memory slots")));
    const auto recorded = recorder_.all<trace::MessageRecord>();
    EXPECT_EQ(load<std::uint64_t>(recorded[1].bytes, protocol::header_size), 32U) << "as the back-end said";
}

TEST_F(ShadowPeersTest, ARegionOfOurOwnGoesBeforeTheFirst) {
    const RingPair ring(16);
    begin();
    expect_passes(Request::SET_PROTOCOL_FEATURES, serialise_u64(with_slots));
    (void)pass(Request::GET_MAX_MEM_SLOTS, {});
    (void)answer(Request::GET_MAX_MEM_SLOTS, serialise_u64(32));
    const FileDescriptor file = ring.file();
    const Bytes theirs = serialise_region(region_of(ring), false);
    const Delivered ours = pass(Request::ADD_MEM_REG, theirs, {file.number()}, need_reply);
    EXPECT_EQ(ours.header.flags, need_reply);
    EXPECT_EQ(ours.payload.size(), 40U);
    ASSERT_EQ(ours.descriptors.size(), 1U);
    EXPECT_NE(inode_of(ours.descriptors[0].number()), inode_of(file.number()));
    const Delivered next = read(back_end_);
    EXPECT_EQ(next.payload, theirs);
    EXPECT_EQ(inodes(next.descriptors), std::vector{inode_of(file.number())});
    // The answer to ours is kept back; the front-end's is its own.
    send(back_end_, Request::ADD_MEM_REG, serialise_u64(0), {}, reply);
    EXPECT_EQ(answer(Request::ADD_MEM_REG, serialise_u64(0)).request(), Request::ADD_MEM_REG);
    expect_passes(Request::ADD_MEM_REG, theirs, {file.number()});
    expect_passes(Request::SET_VRING_NUM, state(0, 16));
    EXPECT_NE(pass(Request::SET_VRING_ADDR, serialise(addresses_of(ring))).payload, serialise(addresses_of(ring)));
    stop();
    EXPECT_EQ(recorder_.all<trace::MessageRecord>().size(), 8U) << "ours is none of the session's messages";
}

TEST_F(ShadowPeersTest, ABackEndThatRefusesTheRegionKeepsTheRingsItIsGiven) {
    const RingPair ring(16);
    begin();
    expect_passes(Request::SET_PROTOCOL_FEATURES, serialise_u64(with_slots));
    (void)pass(Request::GET_MAX_MEM_SLOTS, {});
    (void)answer(Request::GET_MAX_MEM_SLOTS, serialise_u64(2));
    const FileDescriptor file = ring.file();
    (void)pass(Request::ADD_MEM_REG, serialise_region(region_of(ring), false), {file.number()}, need_reply);
    (void)read(back_end_);
    send(back_end_, Request::ADD_MEM_REG, serialise_u64(1), {}, reply);
    (void)answer(Request::ADD_MEM_REG, serialise_u64(0));
    expect_passes(Request::SET_VRING_NUM, state(0, 16));
    expect_passes(Request::SET_VRING_ADDR, serialise(addresses_of(ring)));
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("refused the memory of shadow rings")));
}

// The front-end must get its own all the same.
TEST_F(ShadowPeersTest, AnAnswerOfAnotherSizeIsARefusal) {
    const RingPair ring(16);
    begin();
    expect_passes(Request::SET_PROTOCOL_FEATURES, serialise_u64(with_slots));
    (void)pass(Request::GET_MAX_MEM_SLOTS, {});
    (void)answer(Request::GET_MAX_MEM_SLOTS, serialise_u64(32));
    const FileDescriptor file = ring.file();
    (void)pass(Request::ADD_MEM_REG, serialise_region(region_of(ring), false), {file.number()}, need_reply);
    (void)read(back_end_);
    send(back_end_, Request::ADD_MEM_REG, Bytes(4), {}, reply);
    EXPECT_EQ(answer(Request::ADD_MEM_REG, serialise_u64(0)).payload, serialise_u64(0));
    expect_passes(Request::SET_VRING_NUM, state(0, 16));
    expect_passes(Request::SET_VRING_ADDR, serialise(addresses_of(ring)));
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("refused the memory of shadow rings")));
}

TEST_F(ShadowPeersTest, AnAnswerThatIsNotDueIsNotWaitedFor) {
    const RingPair ring(16);
    begin();
    (void)send_table(ring);
    const FileDescriptor file = ring.file();
    const Bytes added = serialise_region(region_of(ring), false);
    const Delivered unanswered = pass(Request::ADD_MEM_REG, added, {file.number()}, need_reply);
    EXPECT_EQ(unanswered.header.flags, need_reply);
    // REPLY_ACK is there from here on, and our region is lost.
    expect_passes(Request::SET_PROTOCOL_FEATURES, serialise_u64(with_slots));
    (void)pass(Request::GET_MAX_MEM_SLOTS, {});
    (void)answer(Request::GET_MAX_MEM_SLOTS, serialise_u64(32));
    expect_passes(Request::SET_MEM_TABLE, serialise_regions({region_of(ring)}, false));  // no descriptor
    EXPECT_NE(pass(Request::ADD_MEM_REG, added, {file.number()}, need_reply).payload, added);
    EXPECT_EQ(read(back_end_).payload, added);
    send(back_end_, Request::ADD_MEM_REG, serialise_u64(1), {}, reply);
    EXPECT_EQ(answer(Request::ADD_MEM_REG, serialise_u64(0)).payload, serialise_u64(0));
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("refused the memory of shadow rings")));
}

TEST_F(ShadowPeersTest, ABackEndThatHasNotSaidHowManySlotsItHasIsNotTried) {
    const RingPair ring(16);
    begin();
    expect_passes(Request::SET_PROTOCOL_FEATURES, serialise_u64(with_slots));
    const FileDescriptor file = ring.file();
    expect_passes(Request::ADD_MEM_REG, serialise_region(region_of(ring), false), {file.number()});
    expect_passes(Request::SET_VRING_NUM, state(0, 16));
    expect_passes(Request::SET_VRING_ADDR, serialise(addresses_of(ring)));
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("has not said that it has a slot")));
}

// Each makes a queue keep its own ring, and says so.
struct ObstacleCase {
    const char* name;
    std::uint64_t features;
    std::uint64_t protocol_features;
    std::uint32_t size;
    std::uint64_t misplaced;
    const char* says;
};
class ShadowObstacleTest : public ShadowPeersTest, public ::testing::WithParamInterface<ObstacleCase> {};

TEST_P(ShadowObstacleTest, TheQueueKeepsItsRing) {
    const RingPair ring(16);
    begin();
    expect_passes(Request::SET_PROTOCOL_FEATURES, serialise_u64(GetParam().protocol_features));
    expect_passes(Request::SET_FEATURES, serialise_u64(GetParam().features));
    (void)send_table(ring);
    if (GetParam().size != 0) {
        expect_passes(Request::SET_VRING_NUM, state(0, GetParam().size));
    }
    auto addresses = addresses_of(ring);
    addresses.used += GetParam().misplaced;
    expect_passes(Request::SET_VRING_ADDR, serialise(addresses));
    // Its notifications go through all the same.
    const Event kick = hand_over(Request::SET_VRING_KICK);
    ASSERT_TRUE(signal_event(kick.front_end));
    wait_for_event(kick.back_end);
    stop();
    EXPECT_THAT(notes(), Contains(::testing::AllOf(HasSubstr("keeps its own ring"), HasSubstr(GetParam().says))));
}

INSTANTIATE_TEST_SUITE_P(
    All, ShadowObstacleTest,
    ::testing::Values(ObstacleCase{"iommu", bit(protocol::feature::ACCESS_PLATFORM), 0, 16, 0, "IOMMU"},
                      ObstacleCase{"in_band", 0, bit(protocol::protocol_feature::INBAND_NOTIFICATIONS), 16, 0,
                                   "messages"},
                      ObstacleCase{"no_size", 0, 0, 0, 0, "no size"}, ObstacleCase{"odd_size", 0, 0, 24, 0, "no size"},
                      ObstacleCase{"outside", 0, 0, 16, RingPair::memory_size, "not in one memory region"},
                      ObstacleCase{"misaligned", 0, 0, 16, 2, "not in one memory region"}),
    [](const auto& each) { return std::string(each.param.name); });

TEST_F(ShadowPeersTest, PostcopyLeavesTheTableAlone) {
    const RingPair ring(16);
    begin();
    (void)pass(Request::POSTCOPY_ADVISE, {});
    (void)pass(Request::POSTCOPY_LISTEN, {});
    const FileDescriptor file = ring.file();
    expect_passes(Request::SET_MEM_TABLE, serialise_regions({region_of(ring)}, false), {file.number()});
    expect_passes(Request::SET_VRING_NUM, state(0, 16));
    expect_passes(Request::SET_VRING_ADDR, serialise(addresses_of(ring)));
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("postcopy")));
}

TEST_F(ShadowPeersTest, MemoryThatCannotBeWrittenKeepsItsRings) {
    const RingPair ring(16);
    begin();
    const FileDescriptor read_only(
        ::open(("/proc/self/fd/" + std::to_string(ring.file().number())).c_str(), O_RDONLY | O_CLOEXEC));
    (void)pass(Request::SET_MEM_TABLE, serialise_regions({region_of(ring)}, false), {read_only.number()});
    expect_passes(Request::SET_VRING_NUM, state(0, 16));
    expect_passes(Request::SET_VRING_ADDR, serialise(addresses_of(ring)));
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("cannot be written")));
}

TEST_F(ShadowPeersTest, AHostNotifierIsRefusedByTheFrontEnd) {
    const RingPair ring(16);
    begin();
    auto pair = create_socket_pair().value();
    Delivered handed = pass(Request::SET_BACKEND_REQ_FD, {}, {pair.second.number()});
    ASSERT_EQ(handed.descriptors.size(), 1U);
    const FileDescriptor& back_end_channel = handed.descriptors.front();
    const auto area = [](std::uint64_t queue) { return serialise(protocol::VringArea{{queue}, 4096, 0}); };
    constexpr auto request = static_cast<Request>(3);
    const FileDescriptor file = ring.file();
    send(back_end_channel, request, area(0), {file.number()}, need_reply);
    EXPECT_EQ(read(pair.first).payload, area(0)) << "there are no shadow rings";
    (void)send_table(ring);
    send(back_end_channel, request, area(0), {file.number()}, need_reply);
    const Delivered refused = read(pair.first);
    EXPECT_EQ(refused.payload, area(0xff));
    EXPECT_EQ(refused.descriptors.size(), 1U);
    send(back_end_channel, request, area(0x100));
    EXPECT_EQ(read(pair.first).payload, area(0x100)) << "to remove one is no harm";
    send(pair.first, request, serialise_u64(1), {}, reply);
    EXPECT_EQ(read(back_end_channel).payload, serialise_u64(1));
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("host notifier")));
}

TEST_F(ShadowPeersTest, OtherModesHoldNothing) {
    const RingPair ring(16);
    start([this](const session::DeviceState& state) {
        return DataPath::create({.mode = DataPathMode::relay}, 1, recorder_, loop_, state);
    });
    const FileDescriptor file = ring.file();
    expect_passes(Request::SET_MEM_TABLE, serialise_regions({region_of(ring)}, false), {file.number()});
    expect_passes(Request::SET_VRING_ADDR, serialise(addresses_of(ring)));
    EXPECT_EQ(answer(Request::GET_MAX_MEM_SLOTS, serialise_u64(32)).payload, serialise_u64(32));
    stop();
    EXPECT_THAT(notes(), IsEmpty());
}

}  // namespace
}  // namespace vutrace::capture
