// Sessions on packed rings, made by hand and replayed.
#include "session_case.h"

#include <vutrace/virtio/packed_ring.h>

namespace vutrace::replay {
namespace {

using session::testing::literal;
using session::testing::used_entry;
using testing::begin_session;
using testing::BlockSession;
using testing::buffers;
using testing::SessionBuilder;
using virtio::PackedBase;
using virtio::PackedPosition;

constexpr std::uint64_t features = BlockSession::features | std::uint64_t{1} << protocol::feature::RING_PACKED;

class PackedSession : public testing::SessionCases {
  protected:
    // What the trace has of the ring when it starts: chains of three descriptors from `from` on, not used.
    static void add_image(SessionBuilder& builder, PackedPosition from, std::uint16_t chains) {
        Bytes ring(BlockSession::queue_size * virtio::descriptor_size);
        for (std::uint16_t i = 0; i < 3 * chains; ++i) {
            const PackedPosition at = from.plus(i, BlockSession::queue_size);
            const unsigned next = i % 3 == 2 ? 0U : unsigned{virtio::descriptor_next};
            virtio::serialise_packed_descriptor(
                {buffers, 16, static_cast<std::uint16_t>(virtio::available_flags(at.wrap) | next),
                 static_cast<std::uint16_t>(100 + i / 3)},
                MutableByteView(ring).subspan(at.offset * virtio::descriptor_size, virtio::descriptor_size));
        }
        using Part = trace::MemoryRecord::Part;
        builder.add(
            trace::MemoryRecord{Part::descriptor, trace::Proof::late, 0, BlockSession::descriptor, literal(ring)});
    }
    // Writes one block after the other, three descriptors each, from `at` on; gives where the next one would go.
    static PackedPosition write_blocks(SessionBuilder& builder, PackedPosition at, int count) {
        for (int i = 0; i < count; ++i) {
            const Bytes data(512, std::byte{7});
            builder.chains(0, {BlockSession::write_request(0, at.value(), 3, buffers, data)});
            builder.chains(0, {used_entry(0, at.value(), literal(Bytes(1)))});
            at = at.plus(3, BlockSession::queue_size);
        }
        return at;
    }
};

TEST_F(PackedSession, GoesOnWhereTheRingStoodInEitherRound) {
    for (const PackedPosition begin : {PackedPosition{0, true}, PackedPosition{127, true}, PackedPosition{64, false}}) {
        SCOPED_TRACE(begin.value());
        SessionBuilder builder;
        begin_session(builder, features, PackedBase{begin, begin}.value());
        const PackedPosition end = write_blocks(builder, begin, 100);
        BlockSession::stop_queue(builder, 0, PackedBase{end, end}.value());
        const Report report = replay_against_block_back_end(builder, true);
        EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
        EXPECT_EQ(report.chains_completed, 100U);
        EXPECT_EQ(report.replies_compared, 1U);
    }
}

// Its descriptors could not be read, and what came of it is known all the same.
TEST_F(PackedSession, AChainWithoutDescriptorsIsLeftOut) {
    SessionBuilder builder;
    begin_session(builder, features, PackedBase::fresh);
    PackedPosition at = write_blocks(builder, {}, 10);
    builder.chains(0, {session::testing::available_entry(9, at.value(), {}, {})});
    builder.chains(0, {used_entry(9, at.value(), {})});
    at = write_blocks(builder, at.plus(1, BlockSession::queue_size), 100);  // some rounds
    BlockSession::stop_queue(builder, 0, PackedBase{at, at}.value());
    const Report report = replay_against_block_back_end(builder, true);
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(report.chains_completed, 110U);
    EXPECT_EQ(report.skipped[static_cast<std::size_t>(SkipReason::no_descriptors)].count, 1U);
    EXPECT_EQ(report.completions_skipped, 1U);
}

// The recorded device did them again, this one knows nothing of them; it goes on giving back where it is told to.
TEST_F(PackedSession, ChainsInFlightAtTheStartKeepTheirPlaces) {
    for (const bool with_image : {true, false}) {
        SCOPED_TRACE(with_image);
        SessionBuilder builder;
        const PackedPosition used{120, true};
        const PackedPosition available = used.plus(6, BlockSession::queue_size);
        begin_session(builder, features, PackedBase{available, used}.value());
        if (with_image) {
            add_image(builder, used, 2);
        }
        builder.chains(0, {used_entry(100, used.value(), literal(Bytes(1)))});
        (void)write_blocks(builder, available, 100);
        builder.chains(0, {used_entry(101, used.value(), literal(Bytes(1)))});
        const Report report = replay_against_block_back_end(builder, true);
        EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
        EXPECT_EQ(report.chains_submitted, 100U);
        EXPECT_EQ(report.chains_completed, 100U);
        EXPECT_EQ(report.completions_skipped, 2U);
        EXPECT_EQ(report.back_end.state, BackEndOutcome::State::alive);
    }
}

TEST_F(PackedSession, ABaseThatMakesNoSenseOfWhatIsUsedCountsAsNothingInFlight) {
    SessionBuilder builder;
    begin_session(builder, features, 0xffff8000);
    BlockSession::stop_queue(builder, 0, PackedBase::fresh);
    const Report report = replay_against_block_back_end(builder, true);
    EXPECT_EQ(report.back_end.state, BackEndOutcome::State::disconnected) << "it refuses such a base";
    EXPECT_TRUE(std::none_of(report.divergences.begin(), report.divergences.end(), [](const Divergence& divergence) {
        return divergence.kind == Divergence::Kind::ring;
    })) << to_text(report);
}

}  // namespace
}  // namespace vutrace::replay
