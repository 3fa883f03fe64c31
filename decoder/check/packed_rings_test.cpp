// Rules on packed rings, and that those on split rings keep silent there.
#include "ring_fixture.h"

#include <vutrace/virtio/packed_ring.h>

#include <gmock/gmock.h>

namespace vutrace::check::test {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using virtio::ChainProblem;
using virtio::PackedPosition;

// A ring of 128 descriptors whose chains each take three.
struct PackedSession {
    static constexpr std::uint32_t size = BlockSession::queue_size;

    explicit PackedSession(std::uint64_t more_features = 0) {
        BlockSession::connect(session);
        session.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"datapath", "relay"}}});
        session.set(FrontEndRequest::SET_FEATURES,
                    BlockSession::features | bit(protocol::feature::RING_PACKED) | more_features);
        BlockSession::add_regions(session);
        BlockSession::start_queue(session, 0, virtio::PackedBase::fresh);
    }

    [[nodiscard]] trace::ChainEntry write(std::uint16_t id) const {
        trace::ChainEntry entry = BlockSession::write_request(0, available.value(), 8, 0x200000, Bytes(512));
        entry.head = id;
        PackedPosition at = available;
        for (trace::ChainDescriptor& descriptor : entry.descriptors) {
            descriptor.flags |= virtio::available_flags(at.wrap);
            descriptor.next = id;
            at = at.plus(1, size);
        }
        return entry;
    }
    std::uint64_t offer(trace::ChainEntry entry) {
        available = available.plus(virtio::slots_of(entry.descriptors), size);
        return add(std::move(entry));
    }
    std::uint64_t complete(std::uint16_t id) {
        trace::ChainEntry entry = session::testing::used_entry(id, used.value(), session::testing::literal(Bytes(1)));
        used = used.plus(3, size);
        return add(std::move(entry));
    }
    std::uint64_t add(trace::ChainEntry entry) {
        fields.available_index = available.value();
        fields.used_index = used.value();
        return session.chains(0, {std::move(entry)}, fields);
    }
    std::uint64_t kick() { return session.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1}); }
    std::uint64_t call() { return session.add(trace::EventRecord{trace::EventRecord::Kind::call, 0, 1}); }
    [[nodiscard]] std::vector<std::string> said(const std::vector<std::string_view>& rules = {}) const {
        return texts(session, rules);
    }

    SessionBuilder session;
    trace::RingFields fields;
    PackedPosition available, used;
};

TEST(PackedRings, ARingThatGoesAroundGivesNothing) {
    PackedSession ring;
    for (int round = 0; round < 120; ++round) {
        for (const std::uint16_t id : {std::uint16_t{3}, std::uint16_t{1}}) {
            ring.offer(ring.write(id));
            ring.kick();
        }
        ring.complete(1);  // out of order
        ring.complete(3);
        ring.call();
    }
    EXPECT_THAT(ring.said(), Each(HasSubstr("takes what was not offered: RING_PACKED")))
        << "the fixture does not offer it";
}

TEST(PackedRings, ABufferIdInFlightThatIsOfferedAgainIsFound) {
    PackedSession ring;
    const auto first = ring.offer(ring.write(300));
    const auto record = ring.offer(ring.write(300));
    EXPECT_THAT(ring.said({"VU080"}), ElementsAre(AllOf(StartsWith(at("VU080", record, "error driver")),
                                                        HasSubstr("since record " + std::to_string(first)))));
    EXPECT_THAT(ring.said({"VU070"}), IsEmpty());
}

TEST(PackedRings, ADescriptorOfTheWrongRoundIsFound) {
    PackedSession ring;
    auto entry = ring.write(0);
    entry.descriptors.front().flags ^= virtio::packed_available | virtio::packed_used;
    auto record = ring.offer(std::move(entry));
    EXPECT_THAT(ring.said({"VU080"}), ElementsAre(AllOf(StartsWith(at("VU080", record, "error driver")),
                                                        HasSubstr("flags NEXT|USED are not"))));

    PackedSession later;
    entry = later.write(0);
    entry.problem = static_cast<std::uint16_t>(ChainProblem::element_not_available);
    record = later.offer(std::move(entry));
    EXPECT_THAT(later.said({"VU080"}),
                ElementsAre(AllOf(StartsWith(at("VU080", record, "error driver")), HasSubstr("not marked available"))));

    PackedSession mixed;
    entry = mixed.write(0);
    entry.problem = static_cast<std::uint16_t>(ChainProblem::readable_after_writable);
    mixed.offer(std::move(entry));
    EXPECT_THAT(mixed.said({"VU073"}), ElementsAre(HasSubstr("flags WRITE|AVAIL, id 0")));
}

TEST(PackedRings, ADriverThatLeavesDescriptorsOutIsFound) {
    PackedSession ring;
    ring.offer(ring.write(0));
    ring.available = ring.available.plus(2, PackedSession::size);
    const auto record = ring.offer(ring.write(1));
    EXPECT_THAT(ring.said({"VU080"}),
                ElementsAre(AllOf(StartsWith(at("VU080", record, "error driver")),
                                  HasSubstr("buffer 1 (available at 5, wrap counter 1): the driver was at 3"))));
    EXPECT_THAT(ring.said({"VU069"}), IsEmpty());
}

TEST(PackedRings, AUsedDescriptorInTheWrongPlaceIsFound) {
    PackedSession ring;
    ring.offer(ring.write(0));
    ring.offer(ring.write(1));
    ring.complete(0);
    ring.used = PackedPosition{1, true};  // as if the chain had taken one descriptor
    const auto record = ring.complete(1);
    EXPECT_THAT(ring.said({"VU093"}), ElementsAre(AllOf(StartsWith(at("VU093", record, "error back-end")),
                                                        HasSubstr("the device was at 3, wrap counter 1"))));
    EXPECT_THAT(ring.said({"VU086"}), IsEmpty());
}

// virtio-user of DPDK 22.11: which of the two is used first, and how long it is, is not known. The device is not
// blamed.
TEST(PackedRings, AnIdThatIsGivenTwiceIsTheDriversFaultAlone) {
    PackedSession ring;
    ring.offer(ring.write(7));
    trace::ChainEntry second = ring.write(7);
    second.descriptors.resize(1);
    second.descriptors.front().flags &= static_cast<std::uint16_t>(~virtio::descriptor_next);
    ring.offer(second);
    ring.offer(ring.write(1));
    ring.complete(7);
    ring.used = PackedPosition{3, true};
    ring.complete(7);
    ring.used = PackedPosition{4, true};
    ring.complete(1);
    EXPECT_THAT(ring.said({"VU080"}), testing::SizeIs(1));
    EXPECT_THAT(ring.said({"VU084", "VU086", "VU087", "VU093"}), IsEmpty());
}

TEST(PackedRings, WhatNobodyOfferedIsFoundOnce) {
    PackedSession ring;
    ring.offer(ring.write(0));
    const auto record = ring.complete(7);
    EXPECT_THAT(ring.said({"VU084", "VU087", "VU093"}), ElementsAre(StartsWith(at("VU084", record, "error back-end"))));
}

TEST(PackedRings, MoreThanIsWritableIsFound) {
    PackedSession ring;
    ring.offer(ring.write(0));
    auto entry = session::testing::used_entry(0, ring.used.value(), session::testing::literal(Bytes(2)));
    const auto record = ring.add(std::move(entry));
    EXPECT_THAT(ring.said({"VU085"}), ElementsAre(StartsWith(at("VU085", record, "error back-end"))));
}

TEST(PackedRings, IndirectBehindDirectDescriptorsIsFound) {
    PackedSession ring;
    auto entry = ring.write(0);
    entry.problem = static_cast<std::uint16_t>(ChainProblem::indirect_mixed);
    const auto record = ring.offer(std::move(entry));
    EXPECT_THAT(ring.said({"VU074"}), ElementsAre(StartsWith(at("VU074", record, "error driver"))));
}

TEST(PackedRings, ADescriptorOfAnIndirectTableHasAnIdAndNoNext) {
    PackedSession ring;
    auto entry = ring.write(0);
    trace::ChainDescriptor table = entry.descriptors.at(0);
    table.flags = virtio::descriptor_indirect;
    entry.descriptors.insert(entry.descriptors.begin(), table);
    entry.problem = static_cast<std::uint16_t>(ChainProblem::indirect_mixed);
    ring.offer(std::move(entry));
    EXPECT_THAT(ring.said({"VU074"}), ElementsAre(AllOf(HasSubstr(", id "), Not(HasSubstr(", next ")))));
}

TEST(PackedRings, EventAreasThatSayNothingAreFoundOnce) {
    PackedSession ring;
    ring.fields.available_flags = 3;
    ring.fields.used_flags = 2;  // EVENT_IDX is not negotiated
    const auto record = ring.offer(ring.write(0));
    ring.offer(ring.write(1));
    EXPECT_THAT(ring.said({"VU081"}), ElementsAre(StartsWith(at("VU081", record, "error driver"))));
    EXPECT_THAT(ring.said({"VU089"}), ElementsAre(StartsWith(at("VU089", record, "error back-end"))));
}

struct DueCase {
    const char* name;
    virtio::PackedEvent event;
    bool due;
};

class PackedNotifications : public ::testing::TestWithParam<DueCase> {};

TEST_P(PackedNotifications, AreDueAsTheEventAreaSays) {
    PackedSession ring(bit(protocol::feature::RING_EVENT_IDX));
    ring.fields.used_flags = GetParam().event.flags;
    ring.fields.available_event = GetParam().event.position;
    ring.fields.available_flags = virtio::PackedEvent::disable;
    ring.kick();  // they are seen at all
    ring.offer(ring.write(0));
    ring.complete(0);
    ring.offer(ring.write(1));
    ring.session.pass(5 * one_second);
    ring.complete(1);
    EXPECT_EQ(ring.said({"VU082"}).size(), GetParam().due ? 1U : 0U);
}

INSTANTIATE_TEST_SUITE_P(Cases, PackedNotifications,
                         ::testing::Values(DueCase{"enabled", {0, 0}, true}, DueCase{"disabled", {0, 1}, false},
                                           DueCase{"within_the_chain", {0x8005, 2}, true},
                                           DueCase{"behind_it", {0x8006, 2}, false},
                                           DueCase{"of_the_other_round", {0x0003, 2}, false}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace vutrace::check::test
