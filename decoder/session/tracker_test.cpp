#include "vutrace/session/testing/session_builder.h"
#include "vutrace/session/timeline.h"

#include <gtest/gtest.h>

namespace vutrace::session {
namespace {

using testing::available_entry;
using testing::BlockSession;
using testing::literal;
using testing::SessionBuilder;
using testing::used_entry;
using Request = protocol::FrontEndRequest;

Tracker tracker_of(const SessionBuilder& builder) {
    Tracker tracker;
    for (const trace::Record& record : builder.records()) {
        (void)tracker.apply(record);
    }
    return tracker;
}

template <PlainInteger T>
std::optional<T> read_integer(const SparseMemory& memory, std::uint64_t address) {
    Bytes bytes(sizeof(T));
    return memory.read(address, bytes) ? std::optional(load<T>(bytes)) : std::nullopt;
}

Bytes read_bytes(const SparseMemory& memory, std::uint64_t address, std::size_t size) {
    Bytes bytes(size);
    return memory.read(address, bytes) ? bytes : Bytes{};
}

const Bytes data(512, std::byte{0xd5});
const trace::Content ok_status = [] { return literal(Bytes(1)); }();

TEST(Tracker, FollowsASessionFromOpenedToClosed) {
    SessionBuilder builder(3);
    BlockSession::start(builder);
    builder.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 2});
    builder.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, UINT64_MAX});
    builder.add(trace::EventRecord{trace::EventRecord::Kind::call, 0, 1});
    builder.add(trace::EventRecord{trace::EventRecord::Kind::err, 1, 1});
    builder.add(trace::GapRecord{0, 5, 0, 0, "ran ahead"});
    builder.add(trace::GapRecord{trace::no_queue, 5, 0, 0, "disk"});
    builder.add(trace::NoteRecord{});
    builder.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {{"reason", "front-end closed"}}});
    const Tracker tracker = tracker_of(builder);
    ASSERT_EQ(tracker.sessions().size(), 1U);
    EXPECT_EQ(tracker.session(1), nullptr);
    const SessionState& session = *tracker.session(3);
    EXPECT_EQ(session.number, 3U);
    EXPECT_EQ(session.opened.front().second, "tap");
    EXPECT_EQ(session.closed.front().second, "front-end closed");
    EXPECT_TRUE(session.ended);
    EXPECT_EQ(session.device.device_type(), 2U);
    EXPECT_EQ(session.queues.at(0).kicks, UINT64_MAX) << "saturates";
    EXPECT_EQ(session.queues.at(0).calls, 1U);
    EXPECT_EQ(session.queues.at(1).errs, 1U);
    EXPECT_EQ(session.queues.at(0).chains_lost, 5U);
    EXPECT_EQ(session.messages, 21U);
}

TEST(Tracker, MakesTheRingAndTheBuffersReadableFromMemory) {
    SessionBuilder builder;
    BlockSession::start(builder);
    trace::RingFields fields{1, 0, 7, 0, 1, 9};
    const std::uint64_t offered = builder.chains(0, {BlockSession::write_request(5, 0, 8, 0x100000, data)}, fields);
    Tracker tracker = tracker_of(builder);
    const SparseMemory& memory = tracker.session(1)->memory;
    const auto ring = *tracker.session(1)->device.split_ring(0);

    EXPECT_EQ(read_integer<std::uint16_t>(memory, ring.available + 2), 1U);
    EXPECT_EQ(read_integer<std::uint16_t>(memory, ring.available + ring.available_slot(0)), 5U);
    EXPECT_EQ(read_integer<std::uint16_t>(memory, ring.available + ring.used_event()), 7U);
    EXPECT_EQ(read_integer<std::uint16_t>(memory, ring.used), 1U);
    EXPECT_EQ(read_integer<std::uint16_t>(memory, ring.used + 2), 0U);
    EXPECT_EQ(read_integer<std::uint16_t>(memory, ring.used + ring.available_event()), 9U);
    virtio::Chain chain;
    virtio::walk_chain(memory, ring, 5, chain);
    EXPECT_EQ(chain.problem, virtio::ChainProblem::none);
    ASSERT_EQ(chain.descriptors.size(), 3U);
    EXPECT_EQ(chain.readable_bytes, 16U + 512);
    EXPECT_EQ(read_integer<std::uint64_t>(memory, 0x100008), 8U) << "sector";
    EXPECT_EQ(read_bytes(memory, 0x101000, 512), data);
    EXPECT_FALSE(read_integer<std::uint8_t>(memory, 0x100010)) << "the status was not written yet";

    const trace::Record used{offered + 1, 5000, 1, trace::ChainRecord{0, {}, {used_entry(5, 0, ok_status)}}};
    const auto contexts = tracker.apply(used);
    ASSERT_EQ(contexts.size(), 1U);
    EXPECT_EQ(contexts[0].available_sequence, offered);
    EXPECT_EQ(contexts[0].descriptors.size(), 3U);
    EXPECT_EQ(contexts[0].readable.size(), 16U + 512);
    const SparseMemory& after = tracker.session(1)->memory;
    EXPECT_EQ(read_integer<std::uint8_t>(after, 0x100010), 0U);
    EXPECT_EQ(read_integer<std::uint16_t>(after, ring.used + 2), 1U);
    EXPECT_EQ(read_integer<std::uint32_t>(after, ring.used + ring.used_slot(0)), 5U);
    EXPECT_EQ(read_integer<std::uint32_t>(after, ring.used + ring.used_slot(0) + 4), 1U);
    EXPECT_TRUE(tracker.session(1)->queues.at(0).open.empty());
}

TEST(Tracker, MovesTheIndicesWithEachEntryOfARecord) {
    SessionBuilder builder;
    BlockSession::start(builder);
    Tracker tracker = tracker_of(builder);
    const trace::ChainRecord both{0,
                                  {2, 0, 0, 1, 0, 0},
                                  {BlockSession::write_request(5, 0, 8, 0x100000, data),
                                   BlockSession::write_request(7, 1, 8, 0x200000, data), used_entry(5, 0, ok_status)}};
    (void)tracker.apply_first(trace::Record{100, 5000, 1, both}, 1);
    const QueueProgress& queue = tracker.session(1)->queues.at(0);
    EXPECT_EQ(queue.fields.available_index, 1U) << "as many as were made available";
    EXPECT_EQ(queue.fields.used_index, 0U);
}

TEST(Tracker, WritesIndirectTablesWhereTheyStand) {
    SessionBuilder builder;
    BlockSession::start(builder);
    builder.chains(
        0, {available_entry(9, 0, {{0x200000, 48, 4, 0}, {0x300000, 4, 1, 2}, {0x300010, 4, 1, 1}, {0x300020, 1, 2, 0}},
                            literal(Bytes(8, std::byte{3})))});
    const Tracker tracker = tracker_of(builder);
    virtio::Chain chain;
    virtio::walk_chain(tracker.session(1)->memory, *tracker.session(1)->device.split_ring(0), 9, chain);
    EXPECT_EQ(chain.problem, virtio::ChainProblem::none);
    ASSERT_EQ(chain.descriptors.size(), 4U);
    EXPECT_EQ(chain.descriptors[2].address, 0x300010U);
    EXPECT_EQ(read_bytes(tracker.session(1)->memory, 0x300010, 4), Bytes(4, std::byte{3}));
}

TEST(Tracker, GivesTheStateBetweenTheEntriesOfOneRecord) {
    SessionBuilder builder;
    BlockSession::start(builder);
    const Tracker before = tracker_of(builder);
    const std::uint64_t first =
        builder.chains(0, {BlockSession::write_request(0, 0, 1, 0x100000, data),
                           BlockSession::write_request(3, 1, 2, 0x110000, data), used_entry(3, 0, ok_status)});
    const trace::Record& record = builder.records().back();
    struct {
        std::size_t entries;
        std::size_t open;
        std::uint16_t next_available;
        std::uint16_t next_used;
    } const cases[] = {{0, 0, 0, 0}, {1, 1, 1, 0}, {2, 2, 2, 0}, {3, 1, 2, 1}, {4, 1, 2, 1}};
    for (const auto& c : cases) {
        Tracker tracker = before;
        const auto contexts = tracker.apply_first(record, c.entries);
        EXPECT_EQ(contexts.size(), std::min<std::size_t>(c.entries, 3));
        const QueueProgress& queue = tracker.session(1)->queues.at(0);
        EXPECT_EQ(queue.open.size(), c.open);
        EXPECT_EQ(queue.next_available, c.next_available);
        EXPECT_EQ(queue.next_used, c.next_used);
        if (c.entries >= 3) {
            EXPECT_EQ(contexts[2].available_sequence, first + 1) << "entries are numbered one by one";
        }
    }
}

TEST(Tracker, PairsOnlyWhatItSawAndKeepsNoMoreThanTheQueueHolds) {
    SessionBuilder builder;
    BlockSession::start(builder);
    for (std::uint32_t i = 0; i < 1000; ++i) {
        builder.chains(0, {available_entry(static_cast<std::uint16_t>(i), static_cast<std::uint16_t>(i), {}, {})});
    }
    Tracker tracker = tracker_of(builder);
    EXPECT_EQ(tracker.session(1)->queues.at(0).open.size(), BlockSession::queue_size);
    EXPECT_EQ(tracker.session(1)->queues.at(0).chains_available, 1000U);

    trace::ChainEntry unseen = used_entry(999, 0, ok_status);
    unseen.descriptors = {{0x100000, 1, 2, 0}};
    const auto contexts = tracker.apply({5000, 1, 1, trace::ChainRecord{0, {}, {unseen}}});
    ASSERT_EQ(contexts.size(), 1U);
    EXPECT_EQ(contexts[0].available_sequence, 0U);
    EXPECT_EQ(contexts[0].descriptors.size(), 1U);
    EXPECT_EQ(read_integer<std::uint8_t>(tracker.session(1)->memory, 0x100000), 0U);
}

TEST(Tracker, ForgetsTheMemoryOfRemovedRegions) {
    SessionBuilder builder;
    BlockSession::start(builder);
    trace::Content zeros;
    zeros.add_zeros(0x4000000);
    builder.add(trace::MemoryRecord{trace::MemoryRecord::Part::region, trace::Proof::late, trace::no_queue, 0, zeros});
    builder.add(trace::MemoryRecord{trace::MemoryRecord::Part::inflight, trace::Proof::late, 0, 0x1000,
                                    literal(Bytes(8, std::byte{1}))});
    EXPECT_EQ(read_integer<std::uint8_t>(tracker_of(builder).session(1)->memory, 0x1000), 0U)
        << "the in-flight area is no guest memory";
    builder.request(Request::REM_MEM_REG, protocol::serialise_region(BlockSession::regions()[1], false));
    const Tracker removed = tracker_of(builder);
    EXPECT_TRUE(read_integer<std::uint8_t>(removed.session(1)->memory, 0x9ffff));
    EXPECT_FALSE(read_integer<std::uint8_t>(removed.session(1)->memory, 0xc0000));
    builder.request(Request::SET_MEM_TABLE, protocol::serialise_regions({BlockSession::regions()[0]}, false), {9});
    EXPECT_TRUE(read_integer<std::uint8_t>(tracker_of(builder).session(1)->memory, 0))
        << "the same region handed over again";
}

TEST(Tracker, DropsOpenChainsWhereAQueueStartsAnew) {
    for (const bool resumes : {true, false}) {
        SessionBuilder builder;
        BlockSession::start(builder);
        builder.chains(0, {BlockSession::write_request(0, 0, 1, 0x100000, data)});
        BlockSession::stop_queue(builder, 0, 1);
        BlockSession::start_queue(builder, 0, resumes ? 1 : 0);
        const Tracker tracker = tracker_of(builder);
        EXPECT_EQ(tracker.session(1)->queues.at(0).open.size(), resumes ? 1U : 0U);
        EXPECT_EQ(tracker.session(1)->queues.at(0).next_available, resumes ? 1U : 0U);
    }
    SessionBuilder builder;
    BlockSession::start(builder);
    builder.chains(0, {BlockSession::write_request(0, 0, 1, 0x100000, data)});
    builder.request(Request::RESET_DEVICE);
    EXPECT_TRUE(tracker_of(builder).session(1)->queues.at(0).open.empty());
}

// --- Behind an IOMMU

// Buffers of a write at 0x100000, header and status in one page and the data in the next; these lie apart.
constexpr std::uint64_t iova_buffers = 0x100000, first_page = 0x200000, second_page = 0x400000;

SessionBuilder translated_session() {
    SessionBuilder builder;
    BlockSession::start_translated(builder);
    BlockSession::translate(builder, iova_buffers, first_page, 0x1000);
    BlockSession::translate(builder, iova_buffers + 0x1000, second_page, 0x1000, 1);
    return builder;
}

bool knows(const Tracker& tracker, std::uint64_t address, std::uint64_t length) {
    Bytes bytes(length);
    return tracker.session(1)->memory.read(address, bytes);
}

TEST(Tracker, LeavesMemoryAloneThatIovasWithoutTranslationLeadTo) {
    SessionBuilder builder;
    BlockSession::start_untranslated(builder);
    builder.chains(0, {BlockSession::write_request(0, 0, 1, iova_buffers, data)});
    EXPECT_EQ(tracker_of(builder).session(1)->memory.resident_bytes(), 0U);
}

TEST(Tracker, FindsRingAndBuffersThroughTheTranslationsAtTheRecord) {
    SessionBuilder builder = translated_session();
    builder.chains(0, {BlockSession::write_request(0, 0, 1, iova_buffers, data)});
    const Tracker tracker = tracker_of(builder);
    EXPECT_TRUE(knows(tracker, BlockSession::descriptor, 16)) << "the ring";
    EXPECT_TRUE(knows(tracker, first_page, 16)) << "the header";
    EXPECT_TRUE(knows(tracker, second_page, data.size())) << "the data";
    EXPECT_FALSE(knows(tracker, iova_buffers, 1)) << "an IOVA is no guest address";
}

TEST(Tracker, WritesABufferThatSpansTranslationsToBothPlaces) {
    SessionBuilder builder = translated_session();
    const Bytes bytes(32, std::byte{7});
    builder.chains(0, {testing::available_entry(0, 0, {{iova_buffers + 0xff0, 32, 0, 0}}, testing::literal(bytes))});
    const Tracker tracker = tracker_of(builder);
    EXPECT_TRUE(knows(tracker, first_page + 0xff0, 16));
    EXPECT_TRUE(knows(tracker, second_page, 16));
    EXPECT_FALSE(knows(tracker, first_page + 0x1000, 1));
}

TEST(Tracker, DoesNotGuessWhereAnInvalidatedAddressLeads) {
    SessionBuilder builder = translated_session();
    BlockSession::invalidate(builder, iova_buffers, 0x1000);
    builder.chains(0, {BlockSession::write_request(0, 0, 1, iova_buffers, data)});
    const Tracker tracker = tracker_of(builder);
    EXPECT_FALSE(knows(tracker, first_page, 16));
    EXPECT_TRUE(knows(tracker, second_page, data.size())) << "this one still has its translation";
}

TEST(Tracker, AnInvalidationCountsOnceItIsAnswered) {
    SessionBuilder builder = translated_session();
    builder.request_with_reply(Request::IOTLB_MSG, protocol::serialise(protocol::Iotlb{iova_buffers, 0x1000, 0, 0, 3}));
    builder.chains(0, {BlockSession::write_request(0, 0, 1, iova_buffers, data)});
    EXPECT_TRUE(knows(tracker_of(builder), first_page, 16));
}

TEST(Tracker, NeedsThePermissionOfTheAccess) {
    SessionBuilder builder = translated_session();
    const Bytes bytes(16, std::byte{7});
    trace::ChainEntry used = testing::used_entry(0, 0, testing::literal(bytes));
    used.descriptors = {{iova_buffers + 0x1000, 16, 2, 0}};
    builder.chains(0, {used});
    EXPECT_FALSE(knows(tracker_of(builder), second_page, 16)) << "the device may only read there";
}

// A tap may have looked before a message that is in the trace before its record.
TEST(Tracker, TakesNoTranslationThatTheLookDidNotHave) {
    SessionBuilder builder = translated_session();
    const std::uint64_t count = tracker_of(builder).session(1)->device.translations();
    for (const std::uint64_t had : {count, count - 1, count + 1}) {
        SessionBuilder again = translated_session();
        trace::ChainRecord record{0, {}, {BlockSession::write_request(0, 0, 1, iova_buffers, data)}, had};
        again.add(record);
        EXPECT_EQ(knows(tracker_of(again), first_page, 16), had == count) << had;
    }
}

// --- Messages in pieces

struct Piece {
    std::uint64_t offset;
    std::size_t size;
    bool incomplete;
};
struct PiecesCase {
    const char* name;
    std::vector<Piece> pieces;  // of a SET_MEM_TABLE of two regions: 12 + 72 bytes
    std::size_t regions;
};

void PrintTo(const PiecesCase& pieces, std::ostream* out) {
    *out << pieces.name;
}

class MessageInPieces : public ::testing::TestWithParam<PiecesCase> {};

TEST_P(MessageInPieces, CountsOnceAndOnlyWhereWhole) {
    const Bytes whole = testing::message_bytes(static_cast<std::uint32_t>(Request::SET_MEM_TABLE), 1,
                                               protocol::serialise_regions(BlockSession::regions(), false));
    SessionBuilder builder;
    std::uint32_t id = 1;
    for (const Piece& piece : GetParam().pieces) {
        trace::MessageRecord record;
        record.offset = piece.offset;
        record.incomplete = piece.incomplete;
        record.descriptors = {{id++, {}}};
        const ByteView bytes = ByteView(whole).subspan(std::min<std::size_t>(piece.offset, whole.size()));
        const std::size_t size = std::min(piece.size, bytes.size());
        record.bytes.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
        builder.add(record);
    }
    const Tracker tracker = tracker_of(builder);
    const auto& regions = tracker.session(1)->device.regions();
    ASSERT_EQ(regions.size(), GetParam().regions);
    if (!regions.empty() && GetParam().pieces.size() > 1) {
        EXPECT_EQ(regions[1].descriptor_id, 2U);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, MessageInPieces,
    ::testing::Values(
        PiecesCase{"whole", {{0, 84, false}}, 2}, PiecesCase{"two_pieces", {{0, 20, false}, {20, 64, false}}, 2},
        PiecesCase{"header_first", {{0, 12, false}, {12, 30, false}, {42, 42, false}}, 2},
        PiecesCase{"last_missing", {{0, 20, false}, {20, 30, false}}, 0},
        PiecesCase{"hole", {{0, 20, false}, {30, 54, false}}, 0}, PiecesCase{"first_missing", {{20, 64, false}}, 0},
        PiecesCase{"repeated", {{0, 20, false}, {20, 30, false}, {20, 64, false}}, 0},
        PiecesCase{"half_a_header", {{0, 7, false}, {7, 77, false}}, 0},
        PiecesCase{"cut_off", {{0, 20, false}, {20, 30, true}}, 0}, PiecesCase{"cut_off_at_once", {{0, 84, true}}, 0}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(HostileRecords, NeitherGrowNorBreakTheTracker) {
    SessionBuilder builder;
    BlockSession::start(builder);
    trace::MessageRecord lie;  // announces 4 GiB
    lie.bytes.resize(protocol::header_size + 100);
    protocol::serialise_header({5, 1, UINT32_MAX}, lie.bytes);
    builder.add(lie);
    lie.offset = lie.bytes.size();
    builder.add(lie);
    lie.offset = 0;  // more bytes than announced
    protocol::serialise_header({2, 1, 8}, lie.bytes);
    builder.add(lie);
    builder.add(trace::MessageRecord{});
    trace::Content everything;
    everything.add_zeros(UINT64_MAX);
    builder.add(trace::MemoryRecord{trace::MemoryRecord::Part::region, trace::Proof::late, 0, UINT64_MAX, everything});
    builder.chains(0xffff, {available_entry(0xffff, 0xffff, {{UINT64_MAX, UINT32_MAX, 0, 0}, {UINT64_MAX, 16, 4, 9}},
                                            everything)});
    builder.chains(0, {available_entry(0xffff, 0xffff, {{UINT64_MAX - 8, 32, 4, 0}, {1, 1, 1, 7}}, literal(Bytes(9)))});
    builder.add(trace::EventRecord{trace::EventRecord::Kind::kick, trace::no_queue, 1});
    const Tracker tracker = tracker_of(builder);
    EXPECT_EQ(tracker.session(1)->device.features(), BlockSession::features);
    EXPECT_LT(tracker.session(1)->memory.resident_bytes(), 1U << 20U);
    EXPECT_TRUE(tracker.session(1)->device.split_ring(0));

    Tracker whole_trace;
    EXPECT_EQ(whole_trace.apply({1, 0, 0, trace::ChainRecord{0, {}, {used_entry(1, 1, {})}}}).size(), 1U);
    EXPECT_TRUE(whole_trace.sessions().empty());
}

TEST(HostileRecords, TimesBeyondTheLastAreTheLast) {
    Tracker tracker;
    trace::ChainEntry entry = available_entry(0, 0, {}, {});
    entry.time_offset = UINT32_MAX;
    const auto contexts = tracker.apply({1, INT64_MAX - 5, 1, trace::ChainRecord{0, {}, {entry}}});
    ASSERT_EQ(contexts.size(), 1U);
    EXPECT_EQ(contexts[0].available_time, INT64_MAX);
}

TEST(MemoryTracking, OffChangesNothingButGuestMemory) {
    SessionBuilder builder;
    BlockSession::start(builder);
    builder.chains(0, {available_entry(0, 0, {{0x1000, 16, 0, 0}}, literal(Bytes(16)))});
    builder.add(
        trace::MemoryRecord{trace::MemoryRecord::Part::region, trace::Proof::late, 0, 0x1000, literal(Bytes(16))});
    Tracker without(MemoryTracking::off);
    const Tracker with = tracker_of(builder);
    for (const trace::Record& record : builder.records()) {
        (void)without.apply(record);
    }
    EXPECT_EQ(without.session(1)->queues.at(0).open.size(), with.session(1)->queues.at(0).open.size());
    EXPECT_GT(with.session(1)->memory.resident_bytes(), 0U);
    EXPECT_EQ(without.session(1)->memory.resident_bytes(), 0U);
}

}  // namespace
}  // namespace vutrace::session
