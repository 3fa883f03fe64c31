#include "vutrace/replay/replayer.h"

#include "testing.h"

#include <vutrace/replay/block_workload.h>
#include <vutrace/replay/comparison.h>
#include <vutrace/replay/spawned_back_end.h>
#include <vutrace/replay/trace_recorder.h>

#include <csignal>

namespace vutrace::replay {
namespace {

using std::chrono::milliseconds;
using testing::create_image;
using testing::read_file;
using testing::ServedBackend;
using testing::TemporaryFolder;

constexpr std::uint64_t image_size = 2U << 20U;
constexpr std::uint64_t request_count = 300;

// A driver records itself while it works with the back-end behind `socket`.
void record_session(FileDescriptor socket, const std::string& trace, BlockDriverOptions options) {
    auto recorder = TraceRecorder::create(trace);
    ASSERT_TRUE(recorder) << describe(recorder.error());
    recorder->open_session({{"role", "driver"}});
    {
        auto driver = BlockDriver::start(Connection(std::move(socket)), options, &*recorder);
        ASSERT_TRUE(driver) << describe(driver.error());
        const auto done = run_block_workload(**driver, {request_count, 3, options.queue_count, false});
        ASSERT_TRUE(done) << describe(done.error());
        ASSERT_EQ(done->mismatches + done->refused, 0U);
        ASSERT_TRUE((*driver)->stop());
    }
    recorder->close_session({});
    ASSERT_TRUE(recorder->finish());
}

class ReplayerTest : public ::testing::Test {
  protected:
    void SetUp() override {
        recorded_image_ = create_image(folder_, "recorded.img", image_size);
        replayed_image_ = create_image(folder_, "replayed.img", image_size);
        trace_ = folder_.file("trace.pcap");
    }
    void record(BlockDriverOptions options = {}) {
        BlockBackendOptions backend;
        backend.image = recorded_image_;
        backend.packed = options.packed;
        ServedBackend served(backend);
        record_session(std::move(served.front_end), trace_, options);
    }
    Report replay(FileDescriptor socket, ReplayOptions options = fast()) {
        const auto preview = preview_trace(trace_, std::nullopt);
        EXPECT_TRUE(preview) << describe(preview.error());
        Replayer replayer(Connection(std::move(socket)), *preview, std::move(options));
        auto report = replayer.run(trace_);
        EXPECT_TRUE(report) << describe(report.error());
        return report ? *report : Report{};
    }
    Report replay_against(const BlockBackendOptions& backend, ReplayOptions options = fast()) {
        ServedBackend served(backend);
        return replay(std::move(served.front_end), std::move(options));
    }
    [[nodiscard]] BlockBackendOptions fresh_backend() const {
        BlockBackendOptions options;
        options.image = replayed_image_;
        return options;
    }
    static ReplayOptions fast() {
        ReplayOptions options;
        options.time_scale = 0;
        options.timeout = milliseconds(20'000);
        return options;
    }
    static std::uint64_t count(const Report& report, Divergence::Kind kind) {
        return static_cast<std::uint64_t>(
            std::count_if(report.divergences.begin(), report.divergences.end(),
                          [kind](const Divergence& divergence) { return divergence.kind == kind; }));
    }
    TemporaryFolder folder_;
    std::string recorded_image_;
    std::string replayed_image_;
    std::string trace_;
};

TEST_F(ReplayerTest, SameBackEndGivesNoDivergenceAndTheSameImage) {
    struct Case {
        std::uint16_t queues;
        std::uint16_t size;
        bool event_index, indirect, packed;
    };
    for (const Case& each :
         {Case{1, 128, false, false, false}, Case{2, 64, true, false, false}, Case{2, 256, true, true, false},
          Case{1, 127, false, false, true}, Case{2, 65, true, false, true}, Case{2, 255, true, true, true}}) {
        SCOPED_TRACE(each.size);
        SetUp();
        BlockDriverOptions options;
        options.queue_count = each.queues;
        options.queue_size = each.size;
        options.event_index = each.event_index;
        options.indirect = each.indirect;
        options.packed = each.packed;
        record(options);
        BlockBackendOptions backend = fresh_backend();
        backend.packed = each.packed;
        const Report report = replay_against(backend);
        EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
        EXPECT_EQ(report.chains_submitted, request_count);
        EXPECT_EQ(report.chains_completed, request_count);
        EXPECT_EQ(report.chains_skipped, 0U);
        EXPECT_GT(report.replies_compared, 5U);
        EXPECT_GT(report.bytes_compared, request_count);
        EXPECT_EQ(report.back_end.state, BackEndOutcome::State::alive);
        EXPECT_TRUE(read_file(recorded_image_) == read_file(replayed_image_));
    }
}

TEST_F(ReplayerTest, RecordedTimingTakesAtLeastTheRecordedTime) {
    record();
    ReplayOptions options = fast();
    options.time_scale = 1.0;
    const auto preview = preview_trace(trace_, std::nullopt);
    ASSERT_TRUE(preview);
    std::int64_t first = 0;
    std::int64_t last = 0;
    auto reader = trace::Reader::open(trace_);
    ASSERT_TRUE(reader);
    for (auto record = reader->next(); record && *record; record = reader->next()) {
        const auto* chain = std::get_if<trace::ChainRecord>(&(*record)->body);
        first = first == 0 ? (*record)->time : first;
        const bool offered = chain != nullptr && chain->entries[0].state == trace::ChainEntry::State::available;
        last = offered ? (*record)->time : last;
    }
    const Report report = replay_against(fresh_backend(), options);
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_GE(report.seconds, static_cast<double>(last - first) * 1e-9 * 0.9);
}

TEST_F(ReplayerTest, OtherSerialIsADivergenceWithBothValues) {
    record();
    BlockBackendOptions other = fresh_backend();
    other.serial = "vulture";
    const Report report = replay_against(other);
    ASSERT_GT(count(report, Divergence::Kind::bytes), 0U);
    EXPECT_EQ(report.divergence_count, count(report, Divergence::Kind::bytes)) << to_text(report);
    EXPECT_EQ(report.chains_completed, request_count) << "goes on after a divergence";
    EXPECT_EQ(report.divergences[0].expected, "7472616365" + std::string(26, '0') + " at offset 2");
    EXPECT_EQ(report.divergences[0].actual, "6c74757265" + std::string(26, '0') + " at offset 2");
}

TEST_F(ReplayerTest, ReadOnlyBackEndDivergesInFeaturesAndStatus) {
    record();
    BlockBackendOptions other = fresh_backend();
    other.read_only = true;
    const Report report = replay_against(other);
    EXPECT_EQ(report.replies_diverged, 1U);
    EXPECT_EQ(report.divergences[0].subject, "GET_FEATURES");
    EXPECT_GT(count(report, Divergence::Kind::status), 0U);
    EXPECT_EQ(report.back_end.state, BackEndOutcome::State::alive);
}

TEST_F(ReplayerTest, EndsAtTheFirstDivergenceWhereAsked) {
    record();
    BlockBackendOptions other = fresh_backend();
    other.read_only = true;
    ReplayOptions options = fast();
    options.stop_on_divergence = true;
    const Report report = replay_against(other, options);
    EXPECT_EQ(report.divergence_count, 1U);
    EXPECT_EQ(report.chains_submitted, 0U);
}

TEST_F(ReplayerTest, BackEndThatClosesIsDisconnected) {
    record();
    auto pair = create_socket_pair();
    ASSERT_TRUE(pair);
    pair->second.reset();
    const Report report = replay(std::move(pair->first));
    EXPECT_EQ(report.back_end.state, BackEndOutcome::State::disconnected);
    EXPECT_EQ(report.chains_completed, 0U);
}

TEST_F(ReplayerTest, BackEndThatNeverAnswersIsHung) {
    record();
    auto pair = create_socket_pair();
    ASSERT_TRUE(pair);
    ReplayOptions options = fast();
    options.timeout = milliseconds(30);
    const Report report = replay(std::move(pair->first), options);
    EXPECT_EQ(report.back_end.state, BackEndOutcome::State::hung);
    EXPECT_EQ(count(report, Divergence::Kind::reply_missing), 1U);
}

TEST_F(ReplayerTest, TraceCutAnywhereReplaysItsBeginning) {
    record();
    const std::string whole = read_file(trace_);
    constexpr std::size_t cuts = 12;
    for (std::size_t cut = 1; cut < cuts; ++cut) {
        SCOPED_TRACE(cut);
        std::ofstream(trace_, std::ios::binary) << whole.substr(0, whole.size() / cuts * cut + cut);
        std::filesystem::resize_file(replayed_image_, 0);
        std::filesystem::resize_file(replayed_image_, image_size);
        const Report report = replay_against(fresh_backend());
        EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
        EXPECT_EQ(report.back_end.state, BackEndOutcome::State::alive);
    }
}

TEST_F(ReplayerTest, SessionThatIsNotThereIsAskedForByMistake) {
    record();
    const auto preview = preview_trace(trace_, 2);
    ASSERT_FALSE(preview);
    EXPECT_EQ(preview.error().code, ErrorCode::usage);
}

TEST_F(ReplayerTest, WhatTheTraceLacksIsNamed) {
    auto writer = trace::Writer::create(trace_);
    ASSERT_TRUE(writer);
    trace::MessageRecord message;
    message.bytes = serialise_message({1, protocol::version_1, 0}, {});
    trace::ChainEntry entry;
    entry.proof = trace::Proof::late;
    entry.content.add_missing(100);
    ASSERT_TRUE(writer->append(1, 1, message));
    ASSERT_TRUE(writer->append(2, 1, trace::ChainRecord{0, {}, {entry}}));
    ASSERT_TRUE(writer->append(3, 1, trace::GapRecord{0, 5, 0, 0, "test"}));
    ASSERT_TRUE(writer->flush());
    const auto preview = preview_trace(trace_, std::nullopt);
    ASSERT_TRUE(preview);
    EXPECT_EQ(describe_doubts(*preview).size(), 3U);
}

// A copy of the trace in which every third offered chain was read too late, out of memory that held something else.
TEST_F(ReplayerTest, UnprovenChainOutsideTheMemoryIsSkippedNotSent) {
    record();
    const std::string spoilt = folder_.file("spoilt.pcap");
    auto reader = trace::Reader::open(trace_);
    auto writer = trace::Writer::create(spoilt);
    ASSERT_TRUE(reader && writer);
    std::uint64_t offered = 0;
    std::uint64_t spoilt_chains = 0;
    for (auto record = reader->next(); record && *record; record = reader->next()) {
        auto* chain = std::get_if<trace::ChainRecord>(&(*record)->body);
        if (chain != nullptr && chain->entries[0].state == trace::ChainEntry::State::available && ++offered % 3 == 0) {
            chain->entries[0].proof = trace::Proof::late;
            chain->entries[0].descriptors.back().address = UINT64_MAX - 10;
            ++spoilt_chains;
        }
        ASSERT_TRUE(writer->append((*record)->time, (*record)->session, (*record)->body));
    }
    ASSERT_TRUE(writer->flush());
    trace_ = spoilt;
    const Report report = replay_against(fresh_backend());
    EXPECT_EQ(report.chains_submitted, request_count - spoilt_chains);
    EXPECT_EQ(report.chains_completed, report.chains_submitted);
    EXPECT_EQ(report.chains_skipped, spoilt_chains);
    EXPECT_EQ(report.completions_skipped, spoilt_chains);
    EXPECT_EQ(report.skipped[static_cast<std::size_t>(SkipReason::not_credible)].count, spoilt_chains);
    EXPECT_NE(to_text(report).find("point outside the guest's memory"), std::string::npos) << to_text(report);
    EXPECT_EQ(report.back_end.state, BackEndOutcome::State::alive);
    EXPECT_EQ(report.replies_diverged, 0U) << to_text(report);
}

// --- Comparison and memory

TEST(CompareUsed, BytesThatTheTraceDoesNotVouchForAreDoubtful) {
    const auto file = create_memory_file("test", 4096);
    ASSERT_TRUE(file);
    MappedMemory memory;
    ASSERT_TRUE(memory.update({{{0, 4096, 0, 0}, 1}}, [&](std::uint32_t) { return &*file; }));
    const std::vector<trace::ChainDescriptor> descriptors{{0, 8, virtio::descriptor_write, 0}};
    trace::ChainEntry entry;
    entry.used_length = 8;
    entry.proof = trace::Proof::late;
    entry.content.add_missing(4);
    entry.content.add_literal(as_bytes("data"));
    UsedComparison comparison = compare_used(entry, 8, descriptors, memory, false);
    EXPECT_TRUE(comparison.doubtful);
    EXPECT_TRUE(comparison.divergences.empty());
    entry.proof = trace::Proof::verified;
    comparison = compare_used(entry, 7, descriptors, memory, false);
    ASSERT_EQ(comparison.divergences.size(), 2U);
    EXPECT_EQ(comparison.divergences[0].kind, Divergence::Kind::used_length);
    EXPECT_EQ(comparison.divergences[1].kind, Divergence::Kind::bytes);
    EXPECT_EQ(comparison.divergences[1].expected, "64617461 at offset 4");
    ASSERT_TRUE(memory.write(0, as_bytes("xxxxdata")));
    EXPECT_TRUE(compare_used(entry, 8, descriptors, memory, false).divergences.empty());
}

TEST(CompareReplies, RulesSayWhatMayDiffer) {
    struct Case {
        protocol::FrontEndRequest request;
        std::size_t differing_byte;
        bool uncertain;
        bool equal;
    };
    using R = protocol::FrontEndRequest;
    for (const Case& each : {Case{R::GET_FEATURES, 0, false, false}, Case{R::GET_VRING_BASE, 4, false, false},
                             Case{R::GET_VRING_BASE, 4, true, true}, Case{R::GET_INFLIGHT_FD, 3, false, true},
                             Case{R::GET_INFLIGHT_FD, 17, false, false}, Case{R::SET_LOG_BASE, 0, false, true}}) {
        const Bytes expected(24);
        Message actual{{static_cast<std::uint32_t>(each.request), 5, 24}, Bytes(24), {}};
        actual.payload[each.differing_byte] = std::byte{1};
        EXPECT_EQ(!compare_replies(actual.header, expected, actual, each.uncertain), each.equal)
            << static_cast<std::uint32_t>(each.request) << " " << each.differing_byte;
    }
}

TEST(RestoreMemory, LeavesProtectedRangesAndUnknownBytesAlone) {
    const auto file = create_memory_file("test", 4096);
    ASSERT_TRUE(file);
    MappedMemory memory;
    ASSERT_TRUE(memory.update({{{0x1000, 4096, 0, 0}, 1}}, [&](std::uint32_t) { return &*file; }));
    ASSERT_TRUE(memory.write(0x1000, as_bytes("................")));
    trace::Content content;
    content.add_literal(as_bytes("abcdef"));
    content.add_missing(2);
    content.add_zeros(2);
    content.add_literal(as_bytes("ghi"));
    restore_memory(memory, 0x1000, content, {{0x100b, 0x100c}, {0x1002, 0x1004}, {0, 0x1001}});
    Bytes bytes(16);
    ASSERT_TRUE(memory.read(0x1000, bytes));
    const std::string expected(".b..ef..\0\0g.i...", 16);
    EXPECT_TRUE(std::ranges::equal(bytes, as_bytes(expected)));
}

// --- Started back-ends

TEST(SpawnedBackEnd, SaysHowItEndedBeforeItListened) {
    struct Case {
        const char* command;
        BackEndOutcome::State state;
        int value;
    };
    for (const Case& each : {Case{"exit 3", BackEndOutcome::State::exited, 3},
                             Case{"kill -KILL $$", BackEndOutcome::State::signalled, SIGKILL}}) {
        auto back_end = SpawnedBackEnd::start(each.command);
        ASSERT_TRUE(back_end) << describe(back_end.error());
        const auto deadline = Clock::now() + std::chrono::seconds(10);
        const auto socket = back_end->connect(deadline);
        ASSERT_FALSE(socket);
        EXPECT_EQ(socket.error().code, ErrorCode::peer_closed);
        const auto outcome = back_end->wait_for_end(deadline);
        ASSERT_TRUE(outcome);
        EXPECT_EQ(outcome->state, each.state);
        EXPECT_EQ(outcome->status.value_or(outcome->signal.value_or(-1)), each.value);
    }
}

TEST(SpawnedBackEnd, IsEndedWithEverythingItStarted) {
    auto back_end = SpawnedBackEnd::start("sleep 1000 & sleep 1000");
    ASSERT_TRUE(back_end);
    EXPECT_FALSE(back_end->wait_for_end(Clock::now()));
    EXPECT_FALSE(back_end->finish(std::chrono::seconds(10))) << "our own signal is not a death";
}

TEST(QemuStorageDaemon, ReplaysAgainstAFreshOneWithTheSameImage) {
    if (std::system("command -v qemu-storage-daemon > /dev/null") != 0) {
        GTEST_SKIP() << "qemu-storage-daemon is not installed (package qemu-system-common): NOT TESTED against it";
    }
    const TemporaryFolder folder;
    const std::string recorded = create_image(folder, "recorded.img", image_size);
    const std::string replayed = create_image(folder, "replayed.img", image_size);
    const std::string trace = folder.file("trace.pcap");
    const auto start = [](const std::string& image) {
        return SpawnedBackEnd::start("qemu-storage-daemon --blockdev driver=file,node-name=d,filename=" + image +
                                     " --export type=vhost-user-blk,id=e,node-name=d,addr.type=unix,"
                                     "addr.path={socket},writable=on,num-queues=2");
    };
    const auto deadline = Clock::now() + std::chrono::seconds(30);
    auto first = start(recorded);
    ASSERT_TRUE(first);
    auto socket = first->connect(deadline);
    ASSERT_TRUE(socket) << describe(socket.error());
    BlockDriverOptions options;
    options.queue_count = 2;
    record_session(std::move(*socket), trace, options);
    EXPECT_FALSE(first->finish(std::chrono::seconds(10)));
    auto second = start(replayed);
    ASSERT_TRUE(second);
    socket = second->connect(deadline);
    ASSERT_TRUE(socket) << describe(socket.error());
    const auto preview = preview_trace(trace, std::nullopt);
    ASSERT_TRUE(preview);
    ReplayOptions replay_options;
    replay_options.time_scale = 0;
    const auto report = Replayer(Connection(std::move(*socket)), *preview, replay_options).run(trace);
    ASSERT_TRUE(report) << describe(report.error());
    EXPECT_EQ(report->divergence_count, 0U) << to_text(*report);
    EXPECT_EQ(report->chains_completed, request_count);
    EXPECT_FALSE(second->finish(std::chrono::seconds(10)));
    EXPECT_TRUE(read_file(recorded) == read_file(replayed));
}

}  // namespace
}  // namespace vutrace::replay
