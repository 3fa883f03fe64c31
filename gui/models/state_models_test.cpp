#include "vutrace/gui/models/history_reader.h"
#include "vutrace/gui/models/memory_map.h"
#include "vutrace/gui/models/payload_text.h"
#include "vutrace/gui/models/ring_geometry.h"
#include "vutrace/gui/models/ring_picture.h"
#include "vutrace/gui/models/state_reader.h"
#include "vutrace/gui/models/state_tables.h"

#include <vutrace/session/testing/session_builder.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>
#include <cmath>
#include <filesystem>
#include <set>

namespace vutrace::gui {
namespace {

using render::SlotState;
using session::testing::BlockSession;
using session::testing::literal;
using session::testing::SessionBuilder;
using session::testing::used_entry;

constexpr int patience = 20000;  // milliseconds

// Nothing is used in it, and all of it is known.
trace::MemoryRecord cleared_used_ring() {
    trace::MemoryRecord zeros;
    zeros.part = trace::MemoryRecord::Part::used;
    zeros.queue = 0;
    zeros.address = BlockSession::used;
    zeros.content.add_zeros(4 + 8 * BlockSession::queue_size);
    return zeros;
}

// A trace of a block device, whose rings are 128 long.
class StateModelsTest : public ::testing::Test {
  protected:
    void TearDown() override { std::filesystem::remove(path_); }

    void add_rounds(int rounds, bool last_stays_open) {
        BlockSession::start(builder_);
        for (int i = 0; i < rounds; ++i) {
            const auto index = static_cast<std::uint16_t>(i);
            builder_.chains(0, {BlockSession::write_request(4, index, static_cast<std::uint64_t>(i), 0x100000,
                                                            Bytes(64, std::byte{'v'}))});
            if (i + 1 < rounds || !last_stays_open) {
                builder_.chains(0, {used_entry(4, index, literal(Bytes(1)))});
            }
        }
    }
    [[nodiscard]] std::unique_ptr<TraceDocument> open() const {
        EXPECT_TRUE(builder_.write_to(path_));
        auto document = std::make_unique<TraceDocument>(QString::fromStdString(path_));
        EXPECT_TRUE(QTest::qWaitFor([&] { return document->progress().complete; }, patience));
        return document;
    }
    // All that was told until the state was whole.
    static std::vector<std::shared_ptr<const StateAt>> states_of(StateReader& reader, std::uint64_t sequence) {
        std::vector<std::shared_ptr<const StateAt>> states;
        const auto connection =
            QObject::connect(&reader, &StateReader::state_read, [&](const auto& state) { states.push_back(state); });
        reader.read(sequence);
        EXPECT_TRUE(QTest::qWaitFor([&] { return !reader.is_reading(); }, patience));
        QObject::disconnect(connection);
        return states;
    }
    static std::shared_ptr<const StateAt> state_of(TraceDocument& document, std::uint64_t sequence) {
        StateReader reader(document);
        auto states = states_of(reader, sequence);
        EXPECT_FALSE(states.empty());
        return states.empty() ? std::make_shared<const StateAt>() : states.back();
    }
    // The state after the last record without a file.
    [[nodiscard]] std::shared_ptr<const render::StateView> view() const {
        session::Tracker tracker;
        for (const trace::Record& record : builder_.records()) {
            (void)tracker.apply(record);
        }
        const trace::Record& last = builder_.records().back();
        return std::make_shared<const render::StateView>(
            render::view_state(*tracker.session(1), 2, last.sequence, last.time));
    }

    SessionBuilder builder_;
    const std::string path_ = ::testing::TempDir() + "gui_state." + std::to_string(getpid()) + ".pcap";
};

TEST_F(StateModelsTest, TheStateIsThatAfterTheRecord) {
    add_rounds(3, true);
    const auto document = open();
    const auto state = state_of(*document, builder_.last_sequence());
    EXPECT_TRUE(state->whole);
    EXPECT_EQ(state->view.session, 1U);
    ASSERT_EQ(state->view.queues.size(), 1U);
    ASSERT_EQ(state->view.open.size(), 1U);
    EXPECT_EQ(state->view.open[0].chain.sequence, builder_.last_sequence());
    EXPECT_EQ(state->event.kind, QueueEvent::Kind::available);
    EXPECT_EQ(state->event.head, 4);
    EXPECT_EQ(state->event.readable.size, 16U + 64U);
    EXPECT_FALSE(state->event.request.empty()) << "a block device's";
    const auto before = state_of(*document, builder_.last_sequence() - 1);
    EXPECT_TRUE(before->view.open.empty());
    EXPECT_EQ(before->event.kind, QueueEvent::Kind::used);
    EXPECT_EQ(before->event.offered, builder_.last_sequence() - 2);
    EXPECT_EQ(before->event.written.size, 1U);
    EXPECT_EQ(before->event.readable.size, 16U + 64U) << "what was asked is still known";
    EXPECT_TRUE(state_of(*document, 1)->view.queues.empty());
}

TEST_F(StateModelsTest, BetweenTheEntriesOfOneRecordOnlyTheFirstOnesCount) {
    BlockSession::start(builder_);
    builder_.chains(0, {BlockSession::write_request(0, 0, 0, 0x100000, Bytes(8)),
                        BlockSession::write_request(3, 1, 0, 0x110000, Bytes(8))});
    const auto document = open();
    const std::uint64_t first = builder_.last_sequence() - 1;
    EXPECT_EQ(state_of(*document, first)->view.open.size(), 1U);
    EXPECT_EQ(state_of(*document, first + 1)->view.open.size(), 2U);
}

TEST_F(StateModelsTest, FarAheadTheChainsAreToldFirst) {
    add_rounds(static_cast<int>(StateReader::far), true);
    const auto document = open();
    StateReader reader(*document);
    const auto states = states_of(reader, builder_.last_sequence());
    ASSERT_EQ(states.size(), 2U);
    EXPECT_FALSE(states[0]->whole);
    EXPECT_TRUE(states[1]->whole);
    ASSERT_EQ(states[0]->view.open.size(), 1U);
    EXPECT_EQ(states[0]->view.open[0].chain.sequence, states[1]->view.open[0].chain.sequence);
    EXPECT_EQ(states[0]->view.queues[0].ring.used_index, states[1]->view.queues[0].ring.used_index);
    EXPECT_TRUE(states[0]->view.queues[0].ring.table.empty());
    EXPECT_FALSE(states[1]->view.queues[0].ring.table.empty()) << "what the rings' memory tells";
    EXPECT_EQ(states_of(reader, builder_.last_sequence() - 5).size(), 1U) << "near by now";
}

TEST_F(StateModelsTest, OfManyRequestsOnlyTheNewestIsTold) {
    add_rounds(2000, false);
    const auto document = open();
    StateReader reader(*document);
    std::vector<std::uint64_t> told;
    QObject::connect(&reader, &StateReader::state_read,
                     [&](const auto& state) { told.push_back(state->view.sequence); });
    const std::uint64_t last = builder_.last_sequence();
    for (std::uint64_t sequence = 1; sequence <= last; sequence += 37) {
        reader.read(sequence);
    }
    reader.read(last);
    ASSERT_TRUE(QTest::qWaitFor([&] { return !reader.is_reading(); }, patience));
    ASSERT_EQ(told.size(), 1U) << "nothing came while the event loop did not run";
    EXPECT_EQ(told[0], last);
}

TEST_F(StateModelsTest, ARecordThatIsNoneIsNotRead) {
    add_rounds(1, false);
    const auto document = open();
    StateReader reader(*document);
    reader.read(0);
    reader.read(builder_.last_sequence() + 1);
    EXPECT_FALSE(reader.is_reading());
}

TEST_F(StateModelsTest, TheHistoryIsReadOnceTheTraceIsIndexed) {
    add_rounds(1, false);
    EXPECT_TRUE(builder_.write_to(path_));
    TraceDocument document(QString::fromStdString(path_));
    HistoryReader reader(document);
    ASSERT_TRUE(QTest::qWaitFor([&] { return reader.history() != nullptr; }, patience));
    EXPECT_EQ(reader.history()->descriptors().size(), 4U);
}

TEST_F(StateModelsTest, TablesKeepTheRulesOfAModel) {
    add_rounds(5, true);
    SnapshotTable table(queue_titles());
    const QAbstractItemModelTester tester(&table, QAbstractItemModelTester::FailureReportingMode::Fatal);
    QSignalSpy resets(&table, &QAbstractItemModel::modelReset);
    table.set_rows(queue_rows(view()));
    ASSERT_EQ(table.rowCount(), 1);
    EXPECT_EQ(resets.count(), 1);
    table.set_rows(queue_rows(view()));
    EXPECT_EQ(resets.count(), 1) << "as many rows as before: views keep their place";
    EXPECT_EQ(table.data(table.index(0, 2)).toString(), QStringLiteral("started, enabled"));
    EXPECT_EQ(table.data(table.index(0, 3)).toString(), QStringLiteral("128"));
    EXPECT_EQ(table.data(table.index(0, 8)).toString(), QStringLiteral("id 20"));
    table.set_rows({});
    EXPECT_EQ(table.rowCount(), 0);
    EXPECT_EQ(table.row(0).key, -1);
}

TEST_F(StateModelsTest, FeaturesHaveWhatEachSideSaid) {
    add_rounds(1, false);
    const auto rows = feature_rows(view());
    ASSERT_GT(rows.count, 20);
    std::set<QString> standings;
    for (int i = 0; i < rows.count; ++i) {
        standings.insert(rows.make(i).cells.last());
        EXPECT_EQ(rows.make(i).cells.size(), feature_titles().size());
    }
    EXPECT_TRUE(standings.contains(QStringLiteral("accepted")));
    EXPECT_TRUE(standings.contains(QStringLiteral("offered, not accepted")));
    EXPECT_TRUE(feature_summary(*view()).contains(QStringLiteral("accepted")));
    builder_.set(protocol::FrontEndRequest::SET_FEATURES, std::uint64_t{1} << 60U);
    EXPECT_TRUE(feature_summary(*view()).startsWith(QStringLiteral("!! 1 accepted that were never offered")));
    EXPECT_EQ(feature_rows(std::make_shared<const render::StateView>()).count, 0);
}

TEST_F(StateModelsTest, FeaturesThatNobodyAnsweredYetAreCountedAsSuch) {
    using R = protocol::FrontEndRequest;
    builder_.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {}});
    builder_.request(R::GET_FEATURES);
    builder_.reply(R::GET_FEATURES, protocol::serialise_u64(7));
    EXPECT_EQ(feature_summary(*view()), QStringLiteral("3 offered, not answered yet."));
    builder_.request(R::GET_PROTOCOL_FEATURES);
    builder_.reply(R::GET_PROTOCOL_FEATURES, protocol::serialise_u64(3));
    builder_.set(R::SET_PROTOCOL_FEATURES, std::uint64_t{1});
    EXPECT_EQ(feature_summary(*view()),
              QStringLiteral("1 accepted, 1 offered and not accepted. 3 offered, not answered yet."));
}

TEST_F(StateModelsTest, FeaturesOfWhichTheOfferWasNotSeenAreAcceptedNonetheless) {
    builder_.set(protocol::FrontEndRequest::SET_FEATURES, std::uint64_t{7});
    EXPECT_EQ(feature_summary(*view()), QStringLiteral("3 accepted, 0 offered and not accepted."));
}

TEST_F(StateModelsTest, RegionRowsAndTheMapAgreeOnTheirKeys) {
    add_rounds(1, true);
    const auto state = view();
    const auto rows = region_rows(state);
    const MemoryMap map(*state, 400, 16);
    ASSERT_EQ(map.bars().size(), 2U);
    ASSERT_EQ(map.marks().size(), 6U);
    EXPECT_EQ(rows.count, 8);
    for (const MemoryMap::Mark& mark : map.marks()) {
        const QString address = QStringLiteral("0x%1").arg(mark.what->address, 0, 16);
        EXPECT_EQ(rows.make(mark.key).cells.first().trimmed(), address);
        EXPECT_GE(mark.place.width(), MemoryMap::narrowest);
        EXPECT_TRUE(map.bars()[1].place.contains(mark.place)) << "all of them are in the second region";
        ASSERT_NE(map.mark_at(mark.place.center()), nullptr);
    }
    EXPECT_EQ(rows.make(map.bars()[1].key).cells.first(), QStringLiteral("0xc0000"));
    EXPECT_EQ(map.bar_at(map.bars()[0].place.center()), &map.bars()[0]);
    EXPECT_EQ(map.bar_at({-5, -5}), nullptr);
    EXPECT_EQ(map.mark_at({-5, -5}), nullptr);
    EXPECT_GT(map.height(), map.bars()[1].place.bottom());
}

TEST_F(StateModelsTest, ABufferInNoRegionIsMarked) {
    BlockSession::start(builder_);
    builder_.chains(0, {BlockSession::write_request(0, 0, 0, 0xffff00000000, Bytes(8))});
    const auto rows = region_rows(view());
    const TableRow last = rows.make(rows.count - 1);
    EXPECT_EQ(last.tone, render::Tone::bad);
    EXPECT_TRUE(last.cells.first().startsWith(QStringLiteral("!! ")));
}

TEST_F(StateModelsTest, OpenChainsSayHowLongTheyWait) {
    add_rounds(1, true);
    builder_.pass(5'000'000);
    builder_.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
    const auto rows = open_rows(view());
    ASSERT_EQ(rows.count, 1);
    EXPECT_EQ(rows.make(0).record, builder_.last_sequence() - 1);
    EXPECT_EQ(rows.make(0).cells[3], QStringLiteral("5.00ms"));
}

TEST_F(StateModelsTest, DescriptorsInUseComeFirst) {
    add_rounds(1, false);
    builder_.request(protocol::FrontEndRequest::SET_VRING_CALL, protocol::serialise_u64(0), {30});
    auto history = std::make_shared<session::History>();
    for (const trace::Record& record : builder_.records()) {
        history->take(record);
    }
    const auto rows = descriptor_rows(history, 1, builder_.last_sequence());
    ASSERT_EQ(rows.count, 5);
    EXPECT_EQ(rows.make(4).cells[0], QStringLiteral("1")) << "the call that was replaced";
    EXPECT_EQ(rows.make(4).tone, render::Tone::faint);
    EXPECT_EQ(rows.make(4).cells[5], QStringLiteral("replaced by record %1").arg(builder_.last_sequence()));
    EXPECT_EQ(descriptor_rows(history, 1, builder_.last_sequence() - 1).count, 4);
    EXPECT_EQ(descriptor_rows(history, 2, builder_.last_sequence()).count, 0);
    const EpochPlace place = epoch_at(*history, 1, builder_.last_sequence());
    EXPECT_EQ(place.number, 2U);
    EXPECT_EQ(place.count, 2U);
    EXPECT_EQ(place.next, 0U);
    EXPECT_LT(place.before, place.first);
    EXPECT_EQ(epoch_at(*history, 1, 1).number, 0U);
    EXPECT_GT(epoch_at(*history, 1, 1).next, 0U);
}

TEST_F(StateModelsTest, RingRowsAreFoundByTheirSlot) {
    add_rounds(2, true);
    const auto state = view();
    const std::shared_ptr<const render::RingView> ring(state, &state->queues[0].ring);
    const auto rows = ring_rows(ring);
    ASSERT_EQ(rows.count, 3);
    EXPECT_EQ(rows.row_of_key(5), 1);
    EXPECT_EQ(rows.row_of_key(77), -1);
    EXPECT_EQ(rows.make(0).cells[1], QStringLiteral("device, head of a chain"));
    EXPECT_EQ(rows.make(2).record, builder_.last_sequence());
}

TEST_F(StateModelsTest, AnIndirectTableStandsBelowItsDescriptor) {
    BlockSession::start(builder_);
    trace::ChainEntry entry = BlockSession::write_request(7, 0, 0, 0x100000, Bytes(8));
    entry.descriptors.insert(entry.descriptors.begin(), {0x9000, 48, virtio::descriptor_indirect, 0});
    builder_.chains(0, {entry});
    const auto state = view();
    const auto rows = ring_rows({state, &state->queues[0].ring});
    ASSERT_EQ(rows.count, 4);
    EXPECT_EQ(rows.row_of_key(7), 0);
    EXPECT_EQ(rows.row_of_key(0), -1);
    EXPECT_TRUE(rows.make(1).cells[0].contains(QStringLiteral("↳ 0")));
    EXPECT_EQ(rows.make(3).cells[2], QStringLiteral("0x100010"));
    EXPECT_EQ(rows.make(3).record, builder_.last_sequence());
}

TEST_F(StateModelsTest, ASplitRingIsDrawnAsThree) {
    add_rounds(3, true);
    const auto state = view();
    const render::RingView& ring = state->queues[0].ring;
    const RingPicture picture = draw_rings(ring);
    ASSERT_EQ(picture.rings.size(), 3U);
    EXPECT_EQ(picture.rings[0].slots[4], SlotLook::device);
    EXPECT_EQ(picture.rings[0].slots[5], SlotLook::part);
    EXPECT_EQ(picture.rings[0].slots[9], SlotLook::driver);
    EXPECT_EQ(picture.rings[1].slots[2], SlotLook::device);
    EXPECT_EQ(picture.rings[1].slots[1], SlotLook::driver);
    EXPECT_EQ(picture.rings[2].slots[1], SlotLook::used);
    EXPECT_EQ(picture.rings[2].slots[2], SlotLook::unknown);
    ASSERT_EQ(picture.rings[1].pointers.size(), 1U);
    EXPECT_EQ(picture.rings[1].pointers[0].slot, 3U);
    EXPECT_EQ(picture.rings[2].pointers[0].slot, 2U);
    EXPECT_EQ(slots_of_chain(ring, DrawnRing::Part::descriptors, 4), (std::vector<std::uint32_t>{4, 5, 6}));
    EXPECT_EQ(slots_of_chain(ring, DrawnRing::Part::available, 4), (std::vector<std::uint32_t>{2}));
    EXPECT_TRUE(slots_of_chain(ring, DrawnRing::Part::used, 4).empty());
    EXPECT_EQ(descriptor_of(ring, DrawnRing::Part::available, 2), 4U);
    EXPECT_EQ(descriptor_of(ring, DrawnRing::Part::used, 1), 4U);
    EXPECT_FALSE(descriptor_of(ring, DrawnRing::Part::used, 99));
    EXPECT_TRUE(slot_text(ring, DrawnRing::Part::available, 2).contains(QStringLiteral("in flight since record")));
    EXPECT_TRUE(slot_text(ring, DrawnRing::Part::used, 1).contains(QStringLiteral("head 4")));
    EXPECT_TRUE(slot_text(ring, DrawnRing::Part::used, 120).contains(QStringLiteral("not in the trace")));
    EXPECT_TRUE(picture.facts.front().contains(QStringLiteral("session 1 queue 0")));
}

TEST_F(StateModelsTest, WhatStoodInTheUsedRingBeforeIsNotTheDevices) {
    BlockSession::start(builder_);
    builder_.add(cleared_used_ring());
    builder_.chains(0, {BlockSession::write_request(4, 0, 0, 0x100000, Bytes(8))});
    builder_.chains(0, {used_entry(4, 0, literal(Bytes(1)))});
    const RingPicture picture = draw_rings(view()->queues[0].ring);
    EXPECT_EQ(picture.rings[2].slots[0], SlotLook::used);
    EXPECT_EQ(picture.rings[2].slots[1], SlotLook::driver);
    EXPECT_EQ(picture.rings[2].slots[127], SlotLook::driver);
}

// Firmware uses a queue before the system does, at the same place.
TEST_F(StateModelsTest, OnlyWhatTheDevicePutThereSinceTheQueueBeganIsDrawnAsUsed) {
    add_rounds(3, false);
    BlockSession::stop_queue(builder_, 0, 3);
    EXPECT_EQ(draw_rings(view()->queues[0].ring).rings[2].slots[2], SlotLook::driver) << "the queue does not run";
    builder_.add(cleared_used_ring());
    BlockSession::start_queue(builder_);
    builder_.chains(0, {BlockSession::write_request(4, 0, 0, 0x100000, Bytes(8))});
    const auto used_slots = [this] {
        const RingPicture picture = draw_rings(view()->queues[0].ring);
        const auto& slots = picture.rings[2].slots;
        return std::count(slots.begin(), slots.end(), SlotLook::used);
    };
    EXPECT_EQ(used_slots(), 0);
    builder_.chains(0, {used_entry(4, 0, literal(Bytes(1)))});
    EXPECT_EQ(used_slots(), 1);
    EXPECT_EQ(draw_rings(view()->queues[0].ring).rings[2].slots[0], SlotLook::used);
}

TEST_F(StateModelsTest, AUsedIndexBehindTheBaseTellsOfNothingUsedSince) {
    add_rounds(3, false);
    BlockSession::stop_queue(builder_, 0, 5);
    BlockSession::start_queue(builder_, 0, 5);
    builder_.chains(0, {BlockSession::write_request(4, 5, 0, 0x100000, Bytes(8))}, {6, 0, 0, 3, 0, 0});
    const RingPicture picture = draw_rings(view()->queues[0].ring);
    const auto& slots = picture.rings[2].slots;
    EXPECT_EQ(std::count(slots.begin(), slots.end(), SlotLook::used), 0);
}

TEST_F(StateModelsTest, AMalformedChainIsDrawnAsSuch) {
    BlockSession::start(builder_);
    trace::ChainEntry entry = BlockSession::write_request(7, 0, 0, 0x100000, Bytes(8));
    entry.problem = static_cast<std::uint16_t>(virtio::ChainProblem::too_long);
    builder_.chains(0, {entry});
    const auto state = view();
    const render::RingView& ring = state->queues[0].ring;
    const RingPicture picture = draw_rings(ring);
    EXPECT_EQ(picture.rings[0].slots[7], SlotLook::bad);
    EXPECT_EQ(picture.rings[1].slots[0], SlotLook::bad);
    const QString why = QString::fromStdString(render::chain_problem_text(entry.problem));
    EXPECT_TRUE(slot_text(ring, DrawnRing::Part::descriptors, 7).contains(why));
    EXPECT_TRUE(picture.facts.back().contains(why));
}

TEST_F(StateModelsTest, APackedRingIsDrawnAsOneWithBothSides) {
    const std::uint64_t packed = std::uint64_t{1} << protocol::feature::RING_PACKED;
    BlockSession::connect(builder_);
    builder_.set(protocol::FrontEndRequest::SET_FEATURES, BlockSession::features | packed);
    BlockSession::add_regions(builder_);
    BlockSession::start_queue(builder_, 0, virtio::PackedBase::fresh);
    const virtio::PackedPosition at{0, true};
    trace::ChainEntry entry = BlockSession::write_request(9, at.value(), 0, 0x100000, Bytes(8));
    entry.descriptors.front().flags |= virtio::packed_available;
    builder_.chains(0, {entry}, {virtio::PackedPosition{3, true}.value(), 0, 0, at.value(), 0, 0});
    const auto state = view();
    const RingPicture picture = draw_rings(state->queues[0].ring);
    EXPECT_TRUE(picture.packed);
    ASSERT_EQ(picture.rings.size(), 1U);
    EXPECT_EQ(picture.rings[0].slots[0], SlotLook::device);
    EXPECT_EQ(picture.rings[0].slots[2], SlotLook::part);
    ASSERT_EQ(picture.rings[0].pointers.size(), 2U);
    EXPECT_EQ(picture.rings[0].pointers[0].slot, 3U);
    EXPECT_TRUE(picture.rings[0].pointers[1].device);
    EXPECT_EQ(ring_rows({state, &state->queues[0].ring}).make(0).cells[4], QStringLiteral("NEXT|AVAIL"));
}

TEST(RingPicture, OfARingThatIsNowhereHasNoCircles) {
    EXPECT_TRUE(draw_rings({}).rings.empty());
    EXPECT_FALSE(draw_rings({}).facts.empty());
}

TEST(RingGeometry, EverySlotIsFoundWhereItIsDrawn) {
    for (const std::uint32_t size : {1U, 2U, 3U, 16U, 128U, 256U, 1024U, 32768U}) {
        const RingGeometry ring({100, 80}, 70, size);
        EXPECT_LE(ring.segments(), size);
        for (std::uint32_t slot = 0; slot < size; slot += 1 + size / 50) {
            const std::uint32_t segment = ring.segment_of(slot);
            EXPECT_LE(ring.first_slot(segment), slot);
            EXPECT_GT(ring.first_slot(segment + 1), slot);
            const QPointF middle = ring.point_at(slot, (ring.inner() + ring.outer()) / 2);
            EXPECT_EQ(ring.segment_at(middle), segment) << size << " " << slot;
            EXPECT_TRUE(ring.path_of(segment).contains(middle)) << size << " " << slot;
        }
    }
}

TEST(RingGeometry, SlotsBeginAtTheTopAndGoClockwise) {
    const RingGeometry ring({0, 0}, 100, 4);
    const QPointF first = ring.point_at(0, 100);
    EXPECT_GT(first.x(), 0);
    EXPECT_LT(first.y(), 0);
    const QPointF second = ring.point_at(1, 100);
    EXPECT_GT(second.x(), 0);
    EXPECT_GT(second.y(), 0);
}

TEST(RingGeometry, OutsideOfTheRingIsNothing) {
    const RingGeometry ring({0, 0}, 100, 8);
    EXPECT_FALSE(ring.segment_at({0, 0}));
    EXPECT_FALSE(ring.segment_at({0, 101}));
    EXPECT_FALSE(RingGeometry().segment_at({0, 0}));
    EXPECT_FALSE(RingGeometry({0, 0}, 100, 0).segment_at({0, 90}));
    EXPECT_EQ(RingGeometry({0, 0}, -5, 8).segments() > 0, true) << "no room at all";
}

TEST(PayloadText, ShowsWhatCanBePrintedAndWhatIsMissing) {
    render::RawBytes bytes;
    bytes.bytes = {std::byte{'a'}, std::byte{0}, std::byte{'b'}, std::byte{'\n'}};
    bytes.known = {true, true, false, true};
    bytes.size = 10;
    const QString text = text_of_payload(bytes);
    EXPECT_TRUE(text.startsWith(QStringLiteral("a.▯\n")));
    EXPECT_TRUE(text.contains(QStringLiteral("6 bytes more")));
    EXPECT_TRUE(packet_of_payload(false, {}, bytes).contains(QStringLiteral("network")));
    const QString packet = packet_of_payload(
        true, {{"frame", "", 0, render::Tone::plain, ""}, {"source", "52:54:00:12:34:56", 1, render::Tone::plain, ""}},
        bytes);
    EXPECT_TRUE(packet.startsWith(QStringLiteral("frame\n  source: 52:54:00:12:34:56\n")));
    EXPECT_TRUE(packet.contains(QStringLiteral("61 00 --")));
}

}  // namespace
}  // namespace vutrace::gui
