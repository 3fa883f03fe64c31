// Taps behind an IOMMU, in mode `relay`: messages and looks in an order that each test gives.
#include "testing/data_path_fixture.h"

#include <gmock/gmock.h>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;
using ::testing::IsEmpty;
using testing::PackedRingPair;
using testing::RingPair;
using ::testing::SizeIs;
using testing::text_of;
using State = trace::ChainEntry::State;
using trace::Proof;

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t iova_ring = 0xfff00000;     // 1 MiB: all of the ring
constexpr std::uint64_t iova_buffers = 0xff000000;  // leads nowhere at first
constexpr std::uint64_t elsewhere = 0x1000;         // an address that no test uses
constexpr std::uint8_t update = 2, invalidate = 3;
constexpr std::uint64_t access_platform = std::uint64_t{1} << protocol::feature::ACCESS_PLATFORM;

class TranslatedRings : public testing::DataPathTest {
  protected:
    static std::uint64_t to_user(std::uint64_t guest) {
        return guest - RingPair::guest_address + RingPair::user_address;
    }
    void translate(std::uint64_t iova, std::uint64_t guest, std::uint64_t size, std::uint8_t permission = 3) {
        (void)send(FrontEndRequest::IOTLB_MSG,
                   protocol::serialise(protocol::Iotlb{iova, size, to_user(guest), permission, update}));
    }
    void send_invalidation(std::uint64_t iova, std::uint64_t size, bool wants_answer = true) {
        (void)send(FrontEndRequest::IOTLB_MSG, protocol::serialise(protocol::Iotlb{iova, size, 0, 0, invalidate}), {},
                   protocol::version_1 | (wants_answer ? protocol::need_reply_flag : 0U));
    }
    void answer_invalidation() { answer(FrontEndRequest::IOTLB_MSG, protocol::serialise_u64(0)); }
    // Makes the taps look: a message about an address that nobody uses.
    void look() { translate(elsewhere, RingPair::buffers, 1); }

    // A started queue whose ring has no translation yet. The layout begins at the beginning of guest memory.
    void start(RingPair& ring, std::uint64_t features = access_platform) {
        (void)send(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(features));
        send_memory(ring);
        start_queue(ring.layout().size, ring.layout().descriptor, ring.layout().available, ring.layout().used, 0);
    }
    void start(PackedRingPair& ring) {
        (void)send(FrontEndRequest::SET_FEATURES,
                   protocol::serialise_u64(access_platform | std::uint64_t{1} << protocol::feature::RING_PACKED));
        send_memory(ring);
        const auto& layout = ring.layout();
        start_queue(layout.size, layout.descriptor, layout.driver_event, layout.device_event,
                    virtio::PackedBase::fresh);
    }
    void start_queue(std::uint32_t size, std::uint64_t descriptor, std::uint64_t available, std::uint64_t used,
                     std::uint32_t base) {
        const auto iova = [](std::uint64_t guest) { return guest - RingPair::guest_address + iova_ring; };
        (void)send(FrontEndRequest::SET_VRING_NUM, protocol::serialise(protocol::VringState{0, size}));
        (void)send(FrontEndRequest::SET_VRING_ADDR,
                   protocol::serialise(protocol::VringAddress{0, 0, iova(descriptor), iova(used), iova(available), 0}));
        (void)send(FrontEndRequest::SET_VRING_BASE, protocol::serialise(protocol::VringState{0, base}));
        kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    }
    void translate_ring() { translate(iova_ring, RingPair::guest_address, 1U << 20U); }

    Ends kick;
};

// A started split ring that is translated, and no buffer yet.
class TranslatedSplitRing : public TranslatedRings {
  protected:
    TranslatedSplitRing() {
        open(DataPathMode::relay);
        start(ring);
        translate_ring();
    }

    RingPair ring{16};
};

TEST_F(TranslatedRings, AreSeenOnceMessagesTellWhereTheyAre) {
    RingPair ring(16);
    open(DataPathMode::relay);
    start(ring);
    ring.describe_chain(0, {{iova_buffers, 8, true}});
    ring.offer(0);
    look();
    EXPECT_THAT(recorder.entries(), IsEmpty());
    EXPECT_THAT(recorder.all<trace::MemoryRecord>(), IsEmpty());
    translate_ring();
    ASSERT_THAT(recorder.entries(), SizeIs(1));
    EXPECT_EQ(recorder.entries()[0].descriptors[0].address, iova_buffers) << "bit for bit as in the ring";
    ASSERT_THAT(recorder.all<trace::MemoryRecord>(), SizeIs(3));
    EXPECT_EQ(recorder.all<trace::MemoryRecord>()[0].address, ring.layout().descriptor) << "a guest address";
    EXPECT_EQ(recorder.all<trace::ChainRecord>()[0].translations, state.translations());
}

TEST_F(TranslatedSplitRing, AChainWaitsForTheTranslationOfWhatIsReadOfIt) {
    ring.write(RingPair::buffers, "question");
    ring.describe_chain(0, {{iova_buffers + 0x10, 8, false}, {iova_buffers + page, 8, true}});
    ring.offer(0);
    look();
    EXPECT_THAT(recorder.entries(), IsEmpty());
    translate(iova_buffers, RingPair::buffers - 0x10, page);
    ASSERT_THAT(recorder.entries(), SizeIs(1));
    EXPECT_EQ(text_of(recorder.entries()[0].content), "question");
    EXPECT_EQ(recorder.entries()[0].proof, Proof::verified);
}

TEST_F(TranslatedSplitRing, AChainThatIsUsedWithoutATranslationIsRecordedWithoutItsBytes) {
    ring.describe_chain(3, {{iova_buffers, 8, false}});
    ring.offer(3);
    look();
    ring.use(3, 0);
    look();
    const auto entries = recorder.entries();
    ASSERT_THAT(entries, SizeIs(2));
    EXPECT_EQ(entries[0].proof, Proof::absent);
    EXPECT_EQ(entries[0].descriptors[0].address, iova_buffers);
    EXPECT_EQ(entries[1].state, State::used);
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
}

TEST_F(TranslatedSplitRing, AtTheQueuesEndNothingWaits) {
    ring.describe_chain(0, {{iova_buffers, 8, false}});
    ring.offer(0);
    (void)send(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    answer(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    ASSERT_THAT(recorder.entries(), SizeIs(1));
    EXPECT_EQ(recorder.entries()[0].proof, Proof::absent);
}

TEST_F(TranslatedSplitRing, BuffersMaySpanTranslations) {
    translate(iova_buffers, RingPair::buffers, page);
    translate(iova_buffers + page, RingPair::buffers + 5 * page, page);
    ring.write(RingPair::buffers + page - 4, "ques");
    ring.write(RingPair::buffers + 5 * page, "tion");
    ring.describe_chain(0, {{iova_buffers + page - 4, 8, false}});
    ring.offer(0);
    look();
    ASSERT_THAT(recorder.entries(), SizeIs(1));
    EXPECT_EQ(text_of(recorder.entries()[0].content), "question");
}

TEST_F(TranslatedSplitRing, FollowsAnIndirectTable) {
    ring.write(RingPair::buffers + page, "question");
    ring.describe_indirect(0, RingPair::buffers, {{iova_buffers + page, 8, false}});
    ring.describe(0, {iova_buffers, virtio::descriptor_size, virtio::descriptor_indirect, 0});
    ring.offer(0);
    look();
    EXPECT_THAT(recorder.entries(), IsEmpty()) << "the table has no translation";
    translate(iova_buffers, RingPair::buffers, 2 * page);
    ASSERT_THAT(recorder.entries(), SizeIs(1));
    EXPECT_EQ(text_of(recorder.entries()[0].content), "question");
}

TEST_F(TranslatedSplitRing, NeedThePermissionToRead) {
    translate(iova_buffers, RingPair::buffers, page, 2);
    ring.describe_chain(0, {{iova_buffers, 8, false}});
    ring.offer(0);
    ring.use(0, 0);
    look();
    ASSERT_THAT(recorder.entries(), SizeIs(2));
    EXPECT_EQ(recorder.entries()[0].proof, Proof::absent);
}

// The device may write by a translation until it has acknowledged that it is gone.
TEST_F(TranslatedRings, AreLookedAtBeforeTheAnswerToAnInvalidation) {
    for (const bool wants_answer : {true, false}) {
        RingPair ring(16);
        recorder.clear();
        state = {};
        path.reset();
        open(DataPathMode::relay);
        start(ring);
        translate_ring();
        translate(iova_buffers, RingPair::buffers, page);
        ring.describe_chain(0, {{iova_buffers, 6, true}});
        ring.offer(0);
        look();
        if (wants_answer) {
            send_invalidation(iova_buffers, page);
        }
        ring.write(RingPair::buffers, "answer");
        ring.use(0, 6);
        if (wants_answer) {
            answer_invalidation();
        } else {
            send_invalidation(iova_buffers, page, false);
        }
        ASSERT_THAT(recorder.entries(), SizeIs(2));
        EXPECT_EQ(text_of(recorder.entries()[1].content), "answer");
        EXPECT_EQ(recorder.entries()[1].proof, Proof::verified);
    }
}

TEST_F(TranslatedSplitRing, NothingIsReadByATranslationThatIsGone) {
    translate(iova_buffers, RingPair::buffers, page);
    ring.describe_chain(0, {{iova_buffers, 6, true}});
    ring.offer(0);
    look();
    send_invalidation(iova_buffers, page);
    answer_invalidation();
    ring.use(0, 6);
    look();
    ASSERT_THAT(recorder.entries(), SizeIs(2));
    EXPECT_EQ(recorder.entries()[1].proof, Proof::absent);
}

TEST_F(TranslatedSplitRing, ARingWhoseTranslationIsGoneIsLeftAloneUntilItIsBack) {
    translate(iova_buffers, RingPair::buffers, page);
    send_invalidation(iova_ring, page);
    answer_invalidation();
    ring.describe_chain(0, {{iova_buffers, 8, false}});
    ring.offer(0);
    look();
    EXPECT_THAT(recorder.entries(), IsEmpty());
    translate(iova_ring, RingPair::guest_address, page);
    EXPECT_THAT(recorder.entries(), SizeIs(1));
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
}

TEST_F(TranslatedRings, PackedOnesTooWaitForTheirTranslations) {
    PackedRingPair ring(16);
    open(DataPathMode::relay);
    start(ring);
    translate_ring();
    ring.write(RingPair::buffers, "question");
    ring.offer(7, {{iova_buffers, 8, false}});
    look();
    EXPECT_THAT(recorder.entries(), IsEmpty());
    translate(iova_buffers, RingPair::buffers, page);
    ASSERT_THAT(recorder.entries(), SizeIs(1));
    EXPECT_EQ(text_of(recorder.entries()[0].content), "question");
    EXPECT_EQ(recorder.entries()[0].proof, Proof::verified);
}

// The device writes over a packed chain when it uses it: DPDK uses one without a translation at once.
TEST_F(TranslatedRings, APackedChainThatIsUsedWithoutATranslationIsNotLost) {
    PackedRingPair ring(16);
    open(DataPathMode::relay);
    start(ring);
    translate_ring();
    ring.offer(7, {{iova_buffers, 8, false}});
    look();
    ring.use(7, 0);
    look();
    const auto entries = recorder.entries();
    ASSERT_THAT(entries, SizeIs(2));
    EXPECT_EQ(entries[0].proof, Proof::absent);
    ASSERT_THAT(entries[0].descriptors, SizeIs(1));
    EXPECT_EQ(entries[0].descriptors[0].address, iova_buffers);
    EXPECT_EQ(entries[1].state, State::used);
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
    ring.offer(8, {{iova_buffers, 8, true}});
    look();
    EXPECT_THAT(recorder.entries(), SizeIs(3)) << "and it goes on behind it";
}

// On a thread of its own the tap learns of messages later than the peers.
TEST_F(TranslatedRings, ByOldTranslationsNothingIsProven) {
    RingPair ring(16);
    open(DataPathMode::relay);
    bool stale = false;
    path->follow_translations([&] { return stale; });
    start(ring);
    translate_ring();
    translate(iova_buffers, RingPair::buffers, page);
    for (const std::uint16_t head : std::vector<std::uint16_t>{0, 1}) {
        stale = head == 1;
        ring.describe_chain(head, {{iova_buffers, 8, false}});
        ring.offer(head);
        look();
    }
    const auto entries = recorder.entries();
    ASSERT_THAT(entries, SizeIs(2));
    EXPECT_EQ(entries[0].proof, Proof::verified);
    EXPECT_EQ(entries[1].proof, Proof::late);
}

TEST_F(TranslatedRings, WithoutTranslationsTheTraceSaysWhyNothingIsThere) {
    RingPair ring(16);
    open(DataPathMode::relay);
    start(ring);
    const auto notes = recorder.all<trace::NoteRecord>();
    ASSERT_THAT(notes, SizeIs(1));
    EXPECT_THAT(notes[0].text, ::testing::HasSubstr("ACCESS_PLATFORM"));
    EXPECT_EQ(notes[0].severity, trace::NoteRecord::Severity::info);
}

}  // namespace
}  // namespace vutrace::capture
