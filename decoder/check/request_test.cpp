#include "ring_fixture.h"

#include <gmock/gmock.h>

#include <array>

namespace vutrace::check {
namespace {

using test::at;
using test::bit;
using test::BlockSession;
using test::FrontEndRequest;
using test::RingSession;
using test::SessionBuilder;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
namespace feature = protocol::feature;

constexpr std::uint16_t writable = virtio::descriptor_write;

// --- Block devices

Bytes block_header(std::uint32_t type, std::uint64_t sector) {
    Bytes bytes(16);
    store<std::uint32_t>(bytes, 0, type);
    store<std::uint64_t>(bytes, 8, sector);
    return bytes;
}

// A request with `data` behind its header, and `answer` writable bytes.
trace::ChainEntry block_request(const RingSession& ring, std::uint32_t type, std::uint64_t sector, const Bytes& data,
                                std::uint32_t answer) {
    Bytes readable = block_header(type, sector);
    readable.insert(readable.end(), data.begin(), data.end());
    std::vector<trace::ChainDescriptor> descriptors{{0x200000, static_cast<std::uint32_t>(readable.size()), 1, 1}};
    if (answer != 0) {
        descriptors.push_back({0x210000, answer, writable, 0});
    } else {
        descriptors.back().flags = 0;
    }
    return ring.request(0, descriptors, readable);
}

Bytes segment(std::uint64_t sector, std::uint32_t count, std::uint32_t flags) {
    Bytes bytes(16);
    store<std::uint64_t>(bytes, 0, sector);
    store<std::uint32_t>(bytes, 8, count);
    store<std::uint32_t>(bytes, 12, flags);
    return bytes;
}

struct BlockCase {
    const char* rule;  // null: in order
    std::uint32_t type;
    std::uint64_t sector;
    Bytes data;
    std::uint32_t answer;
    const char* text;
    const char* severity{"error"};
};
// The disk of BlockSession has 131072 sectors.
const BlockCase block_cases[] = {
    {nullptr, 0, 0, {}, 513, ""},
    {nullptr, 0, 131071, {}, 513, ""},
    {"VU108", 0, 131072, {}, 513, "1 sectors from 131072 on, the disk has 131072"},
    {"VU108", 1, UINT64_MAX, Bytes(512), 1, "the disk has"},
    {"VU108", 0, 0, {}, 501, "500 bytes of data"},
    {nullptr, 1, 8, Bytes(1024), 1, ""},
    {"VU107", 1, 8, Bytes(512), 0, "0 writable bytes, OUT needs 1"},
    {nullptr, 8, 0, {}, 21, ""},
    {"VU107", 8, 0, {}, 20, "20 writable bytes, GET_ID needs 21"},
    {nullptr, 4, 0, {}, 1, ""},
    {"VU108", 4, 1, {}, 1, "FLUSH: sector 1", "warn"},
    {nullptr, 11, 0, segment(0, 8, 0), 1, ""},
    {"VU107", 11, 0, {}, 1, "16 readable bytes, DISCARD needs 32"},
    {"VU108", 11, 0, segment(0, 8, 1), 1, "flags 0x1"},
    {"VU108", 11, 0, segment(131071, 2, 0), 1, "a segment of 2 sectors from 131071 on"},
    {"VU108", 11, 0, Bytes(24), 1, "no whole number of segments"},
    {nullptr, 13, 0, segment(0, 8, 1), 1, ""},
    {"VU108", 13, 0, segment(0, 8, 2), 1, "flags 0x2"},
    {nullptr, 99, 0, {}, 1, ""},
};

TEST(Request, BlockRequestsAreJudgedByTheirKind) {
    for (const BlockCase& one : block_cases) {
        RingSession ring;
        const auto record = ring.offer(block_request(ring, one.type, one.sector, one.data, one.answer));
        const auto said = ring.said({"VU107", "VU108", "VU109"});
        if (one.rule == nullptr) {
            EXPECT_THAT(said, IsEmpty()) << "type " << one.type << " sector " << one.sector;
        } else {
            const std::string who = std::string(one.severity) + " driver";
            EXPECT_THAT(said, ElementsAre(AllOf(StartsWith(at(one.rule, record, who.c_str())), HasSubstr(one.text))));
        }
    }
}

TEST(Request, ABlockRequestWithoutAWholeHeaderIsFound) {
    RingSession ring;
    const auto record = ring.offer(ring.request(0, {{0x200000, 8, 1, 1}, {0x210000, 1, writable, 0}}, Bytes(8)));
    EXPECT_THAT(ring.said({"VU107"}),
                ElementsAre(AllOf(StartsWith(at("VU107", record, "error driver")), HasSubstr("8 readable bytes"))));
}

TEST(Request, SegmentsKeepTheLimitsOfTheConfiguration) {
    constexpr unsigned discard = 13;
    Bytes configuration = BlockSession::configuration();
    store<std::uint32_t>(configuration, 36, 4);
    store<std::uint32_t>(configuration, 40, 1);
    const auto with_limits = [&](const Bytes& data) {
        RingSession ring(bit(discard));
        const auto size = static_cast<std::uint32_t>(configuration.size());
        ring.session.request(FrontEndRequest::GET_CONFIG, protocol::serialise(protocol::Config{0, size, 0, Bytes(57)}));
        ring.session.reply(FrontEndRequest::GET_CONFIG,
                           protocol::serialise(protocol::Config{0, size, 0, configuration}));
        ring.offer(block_request(ring, 11, 0, data, 1));
        return ring.said({"VU108"});
    };
    Bytes two = segment(0, 4, 0);
    two.insert(two.end(), two.begin(), two.end());
    EXPECT_THAT(with_limits(segment(0, 4, 0)), IsEmpty());
    EXPECT_THAT(with_limits(segment(0, 5, 0)), ElementsAre(HasSubstr("a segment of 5 sectors, the device takes 4")));
    EXPECT_THAT(with_limits(two), ElementsAre(HasSubstr("2 segments, the device takes 1")));
}

TEST(Request, AWriteToAReadOnlyDiskIsFound) {
    constexpr unsigned read_only = 5;
    RingSession ring(bit(read_only));
    ring.offer(ring.write(0));
    EXPECT_THAT(ring.said({"VU108"}), ElementsAre(HasSubstr("read-only")));
}

TEST(Request, StatusesThatNobodyKnowsAreFound) {
    RingSession ring;
    ring.offer(ring.write(0));
    const auto record = ring.use(ring.done(0, Bytes(1, std::byte{9})));
    EXPECT_THAT(ring.said({"VU109"}),
                ElementsAre(AllOf(StartsWith(at("VU109", record, "error back-end")), HasSubstr("status 9"))));
}

TEST(Request, UnknownRequestsAreUnsupported) {
    for (const std::uint8_t status : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{2}}) {
        RingSession ring;
        ring.offer(block_request(ring, 99, 0, {}, 1));
        ring.use(ring.done(0, Bytes(1, std::byte{status})));
        if (status == 2) {
            EXPECT_THAT(ring.said({"VU109"}), IsEmpty());
        } else {
            EXPECT_THAT(ring.said({"VU109"}), ElementsAre(HasSubstr("request type 99 is answered with")));
        }
    }
}

TEST(Request, ARequestBeyondTheDiskIsNotAnsweredWithOk) {
    RingSession ring;
    ring.offer(ring.write(0, 131072));
    const auto record = ring.complete(0);
    EXPECT_THAT(ring.said({"VU109"}), ElementsAre(AllOf(StartsWith(at("VU109", record, "error back-end")),
                                                        HasSubstr("answered with OK, but"))));
    RingSession refused;
    refused.offer(refused.write(0, 131072));
    refused.use(refused.done(0, Bytes(1, std::byte{1})));
    EXPECT_THAT(refused.said({"VU109"}), IsEmpty());
}

TEST(Request, AShortReadIsANoteOnce) {
    RingSession ring;
    ring.offer(ring.read(0));
    const auto record = ring.use(ring.done(0, Bytes(1)));
    ring.offer(ring.read(0));
    ring.use(ring.done(0, Bytes(1)));
    EXPECT_THAT(ring.said({"VU109"}), ElementsAre(AllOf(StartsWith(at("VU109", record, "info back-end")),
                                                        HasSubstr("1 of 513 writable bytes"))));
}

TEST(Request, AStatusThatMayBeOverwrittenIsNotJudged) {
    RingSession ring;
    ring.offer(ring.write(0));
    trace::ChainEntry late = ring.done(0, Bytes(1, std::byte{9}));
    late.proof = trace::Proof::late;
    ring.use(late);
    EXPECT_THAT(ring.said({"VU109"}), IsEmpty());
}

// --- File systems

Bytes fuse_request(std::uint32_t opcode, std::uint64_t unique, std::size_t size) {
    Bytes bytes(size);
    store<std::uint32_t>(bytes, 0, static_cast<std::uint32_t>(size));
    store<std::uint32_t>(bytes, 4, opcode);
    store<std::uint64_t>(bytes, 8, unique);
    return bytes;
}
Bytes fuse_answer(std::uint32_t length, std::int32_t error, std::uint64_t unique) {
    Bytes bytes(16);
    store<std::uint32_t>(bytes, 0, length);
    store<std::int32_t>(bytes, 4, error);
    store<std::uint64_t>(bytes, 8, unique);
    return bytes;
}

// A session of which no message tells the device type, and a FUSE_INIT in queue 1.
struct FileSystem {
    FileSystem() {
        ring.session = SessionBuilder();
        ring.session.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"datapath", "relay"}}});
        ring.session.set(FrontEndRequest::SET_FEATURES, BlockSession::features);
        BlockSession::add_regions(ring.session);
        BlockSession::start_queue(ring.session, 0);
        BlockSession::start_queue(ring.session, 1);
        ring.queue = 1;
        Bytes init = fuse_request(26, 1, 104);
        store<std::uint32_t>(init, 40, 7);
        offer(init, 80);
        ring.use(ring.done(0, fuse_answer(16, 0, 1)));
    }
    std::uint64_t offer(const Bytes& request, std::uint32_t answer) {
        std::vector<trace::ChainDescriptor> descriptors{{0x200000, static_cast<std::uint32_t>(request.size()), 0, 0}};
        if (answer != 0) {
            descriptors[0].flags = 1;
            descriptors[0].next = 1;
            descriptors.push_back({0x210000, answer, writable, 0});
        }
        return ring.offer(ring.request(0, descriptors, request));
    }
    RingSession ring;
};

TEST(Request, ForgetGoesOverTheHighPriorityQueue) {
    FileSystem files;
    const auto record = files.offer(fuse_request(2, 2, 48), 0);
    EXPECT_THAT(files.ring.said({"VU110"}), ElementsAre(AllOf(StartsWith(at("VU110", record, "warn driver")),
                                                              HasSubstr("FORGET on request queue 1"))));
    FileSystem fine;
    fine.ring.queue = 0;
    fine.ring.available = fine.ring.used = 0;
    fine.offer(fuse_request(2, 2, 48), 0);
    EXPECT_THAT(fine.ring.said({"VU110", "VU107"}), IsEmpty());
    fine.ring.complete(0);
    fine.offer(fuse_request(42, 2, 56), 16);
    EXPECT_THAT(fine.ring.said({"VU110"}), ElementsAre(HasSubstr("BATCH_FORGET with 16 writable bytes")));
}

TEST(Request, AFuseRequestNeedsRoomForItsAnswer) {
    FileSystem files;
    const auto record = files.offer(fuse_request(3, 2, 56), 8);
    EXPECT_THAT(files.ring.said({"VU107"}),
                ElementsAre(AllOf(StartsWith(at("VU107", record, "error driver")), HasSubstr("8 writable bytes"))));
}

struct AnswerCase {
    std::uint32_t length;
    std::int32_t error;
    std::uint64_t unique;
    const char* text;  // null: in order
};
const AnswerCase answer_cases[] = {
    {16, 0, 2, nullptr},   {120, 0, 2, nullptr},
    {16, -2, 2, nullptr},  {16, 0, 3, "unique 3 instead of 2"},
    {16, 2, 2, "error 2"}, {121, 0, 2, "length 121, with 120 bytes writable"},
    {8, 0, 2, "length 8"},
};

TEST(Request, AFuseAnswerBelongsToItsRequest) {
    for (const AnswerCase& one : answer_cases) {
        FileSystem files;
        files.offer(fuse_request(3, 2, 56), 120);
        const auto record = files.ring.use(files.ring.done(0, fuse_answer(one.length, one.error, one.unique)));
        if (one.text == nullptr) {
            EXPECT_THAT(files.ring.said({"VU111"}), IsEmpty());
        } else {
            EXPECT_THAT(files.ring.said({"VU111"}),
                        ElementsAre(AllOf(StartsWith(at("VU111", record, "error back-end")), HasSubstr(one.text))));
        }
    }
}

TEST(Request, OtherDevicesAreNoFileSystems) {
    FileSystem files;
    files.ring.session = SessionBuilder();
    files.ring.session.set(FrontEndRequest::SET_FEATURES, BlockSession::features);
    BlockSession::start_queue(files.ring.session, 1);
    files.ring.available = files.ring.used = 0;
    files.offer(fuse_request(2, 2, 48), 0);
    EXPECT_THAT(files.ring.said({"VU107", "VU110", "VU111"}), IsEmpty());
}

// --- Network devices

struct Network {
    explicit Network(std::uint64_t more_features, std::uint16_t queue, const char* datapath = "shadow") {
        ring.session = SessionBuilder();
        ring.session.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"datapath", datapath}}});
        ring.session.set(FrontEndRequest::SET_FEATURES, bit(30) | bit(feature::VERSION_1) | more_features);
        ring.session.request(FrontEndRequest::NET_SET_MTU, protocol::serialise_u64(1500));
        BlockSession::add_regions(ring.session);
        BlockSession::start_queue(ring.session, queue);
        ring.queue = queue;
    }
    std::uint64_t receive_buffer(std::uint16_t head, std::uint32_t length = 1526) {
        return ring.offer(ring.request(head, {{0x200000, length, writable, 0}}));
    }
    [[nodiscard]] trace::ChainEntry received(std::uint16_t head, std::uint16_t num_buffers) const {
        Bytes bytes(100);
        store<std::uint16_t>(bytes, 10, num_buffers);
        return ring.done(head, bytes);
    }
    RingSession ring;
};
constexpr std::uint64_t merges = bit(15);

TEST(Request, TheBuffersOfAPacketAreUsedTogether) {
    Network net(merges, 0);
    for (std::uint16_t head = 0; head < 3; ++head) {
        net.receive_buffer(head);
    }
    const auto record = net.ring.use(net.received(0, 2));
    net.ring.use(net.received(1, 0));
    EXPECT_THAT(net.ring.said({"VU112"}),
                ElementsAre(AllOf(StartsWith(at("VU112", record, "error back-end")), HasSubstr("1 of the 2 buffers"))));
    Network together(merges, 0);
    together.receive_buffer(0);
    together.receive_buffer(1);
    trace::ChainEntry first = together.received(0, 2), second = together.received(1, 0);
    second.index = 1;
    together.ring.used = 2;
    together.ring.add({first, second});
    EXPECT_THAT(together.ring.said({"VU112"}), IsEmpty());
}

TEST(Request, NumBuffersIsAtLeastOne) {
    Network net(merges, 0);
    net.receive_buffer(0);
    const auto record = net.ring.use(net.received(0, 0));
    EXPECT_THAT(net.ring.said({"VU112"}), ElementsAre(StartsWith(at("VU112", record, "error back-end"))));
    Network polled(merges, 0, "relay");
    polled.receive_buffer(0);
    polled.ring.use(polled.received(0, 0));
    EXPECT_THAT(polled.ring.said({"VU112"}), ElementsAre(HasSubstr("info back-end")))
        << "the driver may have used the buffer again";
    Network without(0, 0);
    without.receive_buffer(0);
    without.ring.use(without.received(0, 0));
    EXPECT_THAT(without.ring.said({"VU112"}), ElementsAre(HasSubstr("info back-end")));
}

TEST(Request, APacketToSendHasNothingToWriteTo) {
    Network net(merges, 1);
    const auto record =
        net.ring.offer(net.ring.request(0, {{0x200000, 100, 1, 1}, {0x210000, 10, writable, 0}}, Bytes(100)));
    EXPECT_THAT(net.ring.said({"VU113"}),
                ElementsAre(AllOf(StartsWith(at("VU113", record, "error driver")), HasSubstr("10 writable bytes"))));
    Network fine(merges, 1);
    fine.ring.offer(fine.ring.request(0, {{0x200000, 100, 0, 0}}, Bytes(100)));
    EXPECT_THAT(fine.ring.said({"VU113", "VU107"}), IsEmpty());
    Bytes counted(100);
    store<std::uint16_t>(counted, 10, std::uint16_t{1});
    fine.ring.offer(fine.ring.request(1, {{0x200000, 100, 0, 0}}, counted));
    EXPECT_THAT(fine.ring.said({"VU113"}), ElementsAre(HasSubstr("info driver")));
}

TEST(Request, PacketsHaveRoomForTheirHeader) {
    Network sends(0, 1);
    sends.ring.offer(sends.ring.request(0, {{0x200000, 11, 0, 0}}, Bytes(11)));
    EXPECT_THAT(sends.ring.said({"VU107"}), ElementsAre(HasSubstr("11 readable bytes")));
    Network receives(0, 0);
    receives.receive_buffer(0, 11);
    EXPECT_THAT(receives.ring.said({"VU107"}), ElementsAre(HasSubstr("11 writable bytes")));
    receives.receive_buffer(1, 12);
    EXPECT_THAT(receives.ring.said({"VU107"}), testing::SizeIs(1));
}

}  // namespace
}  // namespace vutrace::check
