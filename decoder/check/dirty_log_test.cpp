#include "check_fixture.h"

#include <vutrace/protocol/features.h>

#include <gmock/gmock.h>

namespace vutrace::check {
namespace {

using test::BlockSession;
using test::FrontEndRequest;
using test::SessionBuilder;
using test::texts;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t log_all = std::uint64_t{1} << protocol::feature::LOG_ALL;
constexpr std::uint64_t log_size = 0x800;  // of 64 MiB

std::uint64_t set_log(SessionBuilder& session, std::uint64_t size = log_size) {
    const std::uint64_t record =
        session.request(FrontEndRequest::SET_LOG_BASE, protocol::serialise(protocol::Log{size, 0}), {60});
    session.reply(FrontEndRequest::SET_LOG_BASE, protocol::serialise_u64(size));
    return record;
}

// As QEMU begins a migration.
SessionBuilder migrating() {
    SessionBuilder session;
    BlockSession::start(session);
    set_log(session);
    session.set(FrontEndRequest::SET_FEATURES, BlockSession::features | log_all);
    const std::uint64_t base = BlockSession::user_base;
    session.request(
        FrontEndRequest::SET_VRING_ADDR,
        protocol::serialise(protocol::VringAddress{0, 1, base + BlockSession::descriptor, base + BlockSession::used,
                                                   base + BlockSession::available, BlockSession::used}));
    return session;
}

void look_at_log(SessionBuilder& session, std::uint64_t page) {
    trace::Content content;
    content.add_zeros(page / 8);
    content.add_literal(Bytes(1, static_cast<std::byte>(1U << (page % 8))));
    session.add(trace::MemoryRecord{trace::MemoryRecord::Part::log, trace::Proof::late, trace::no_queue, 0, content});
}

TEST(DirtyLog, AMigrationAsQemuBeginsItIsInOrder) {
    SessionBuilder session = migrating();
    look_at_log(session, 0x3fff);
    BlockSession::stop_queue(session, 0, 0);
    test::close(session);
    EXPECT_THAT(texts(session, {"VU096", "VU097", "VU099"}), IsEmpty());
}

TEST(DirtyLog, ALogThatIsTooSmallForTheGuest) {
    SessionBuilder session;
    BlockSession::start(session);
    const std::uint64_t record = set_log(session, log_size - 1);
    EXPECT_THAT(texts(session, {"VU096"}),
                ElementsAre(AllOf(HasSubstr("@" + std::to_string(record) + " error front-end"),
                                  HasSubstr("guest memory ends at 0x4000000"))));
}

TEST(DirtyLog, MemoryThatComesWhileLoggingIsOnMustFit) {
    SessionBuilder session = migrating();
    session.request(FrontEndRequest::ADD_MEM_REG,
                    protocol::serialise_region({0x100000000, 0x1000, 0x7f0000000000, 0, 0, 0}, false), {61});
    EXPECT_THAT(texts(session, {"VU096"}), ElementsAre(HasSubstr("ends at 0x100001000")));
}

TEST(DirtyLog, AUsedRingThatIsLoggedBehindTheLog) {
    SessionBuilder session = migrating();
    session.request(FrontEndRequest::SET_VRING_ADDR,
                    protocol::serialise(protocol::VringAddress{0, 1, 0, 0, 0, 0x4000000 - 8}));
    EXPECT_THAT(texts(session, {"VU096"}), ElementsAre(HasSubstr("used ring of queue 0")));
}

TEST(DirtyLog, LoggingWithoutALog) {
    SessionBuilder session;
    BlockSession::start(session);
    session.set(FrontEndRequest::SET_FEATURES, BlockSession::features | log_all);
    EXPECT_THAT(texts(session, {"VU097"}), ElementsAre(HasSubstr("error front-end: VHOST_F_LOG_ALL")));
    SessionBuilder before_the_start;
    BlockSession::connect(before_the_start);
    before_the_start.set(FrontEndRequest::SET_FEATURES, log_all);
    EXPECT_THAT(texts(before_the_start, {"VU097"}), ElementsAre(HasSubstr("info front-end"))) << "QEMU does";
}

TEST(DirtyLog, ASecondSetLogBaseWhileLoggingIsTheFrontEnds) {
    SessionBuilder session = migrating();
    const std::uint64_t second = set_log(session);
    EXPECT_THAT(texts(session, {"VU097"}),
                ElementsAre(AllOf(HasSubstr("VU097 @" + std::to_string(second) + " warn front-end"),
                                  HasSubstr("comes while rings write to the log of record"))));
}

TEST(DirtyLog, ALogThatGrowsIsANoteAndOneForARestartedRingIsNothing) {
    SessionBuilder grows = migrating();
    set_log(grows, 2 * log_size);
    EXPECT_THAT(texts(grows, {"VU097"}), ElementsAre(HasSubstr("info front-end")));
    SessionBuilder restarted = migrating();
    BlockSession::stop_queue(restarted, 0, 0);
    BlockSession::start_queue(restarted, 0);
    set_log(restarted);
    EXPECT_THAT(texts(restarted, {"VU097"}), IsEmpty());
}

TEST(DirtyLog, AMarkBehindTheEndOfMemoryIsTheBackEnds) {
    SessionBuilder session = migrating();
    look_at_log(session, 0x4000);
    look_at_log(session, 0x4000);
    EXPECT_THAT(texts(session, {"VU099"}), ElementsAre(AllOf(HasSubstr("error back-end"), HasSubstr("page 0x4000"))));
}

TEST(DirtyLog, SetLogBaseAnsweredInThreeDifferentShapesIsANoteThatNamesTheShape) {
    const auto answered = [](const Bytes& payload) {
        SessionBuilder session;
        BlockSession::connect(session);
        session.request(FrontEndRequest::SET_LOG_BASE, protocol::serialise(protocol::Log{log_size, 0}), {60});
        session.reply(FrontEndRequest::SET_LOG_BASE, payload);
        EXPECT_THAT(texts(session, {"VU007", "VU008", "VU009", "VU011", "VU012"}), IsEmpty()) << payload.size();
        return texts(session, {"VU100"});
    };
    EXPECT_THAT(answered({}), ElementsAre(HasSubstr("info back-end: SET_LOG_BASE is answered with no bytes, as DPDK")));
    EXPECT_THAT(answered(protocol::serialise_u64(log_size)), ElementsAre(AllOf(HasSubstr("info"), HasSubstr("0x800"))));
    EXPECT_THAT(answered(protocol::serialise_u64(0)), ElementsAre(AllOf(HasSubstr("info"), HasSubstr("yc-lib"))));
    EXPECT_THAT(answered(protocol::serialise(protocol::Log{log_size, 0})),
                ElementsAre(AllOf(HasSubstr("info"), HasSubstr("rust-vmm"))));
}

TEST(DirtyLog, AnyOtherShapeOfTheAnswerIsAWarning) {
    SessionBuilder session;
    BlockSession::connect(session);
    session.request(FrontEndRequest::SET_LOG_BASE, protocol::serialise(protocol::Log{log_size, 0}), {60});
    session.reply(FrontEndRequest::SET_LOG_BASE, Bytes(12));
    EXPECT_THAT(texts(session, {"VU100"}), ElementsAre(HasSubstr("warn back-end: SET_LOG_BASE is answered with 12")));
}

}  // namespace
}  // namespace vutrace::check
