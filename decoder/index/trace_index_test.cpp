#include "vutrace/index/trace_index.h"

#include "index_fixture.h"
#include "vutrace/index/cursor.h"

#include <fstream>
#include <thread>
#include <vector>

namespace vutrace::index {
namespace {

// What an annotation says of a row that depends on the rows before it.
struct Seen {
    std::uint64_t row{0};
    std::uint64_t available{0};
    std::uint64_t answers{0};
    std::int64_t start{0};
    std::uint32_t device{0};
    bool operator==(const Seen&) const = default;
};

Seen seen(const explain::Annotation& annotation, std::size_t entry) {
    return {annotation.record->sequence + entry,
            entry < annotation.entries.size() ? annotation.entries[entry].context.available_sequence : 0,
            annotation.message.answers, annotation.start_time, annotation.device};
}

class TraceIndexTest : public test::IndexFixture {
  protected:
    [[nodiscard]] std::vector<Seen> single_pass() const {
        std::vector<Seen> all;
        explain::Annotator annotator;
        for (const trace::Record& record : builder_.records()) {
            const explain::Annotation& annotation = annotator.annotate(record);
            for (std::size_t entry = 0; entry < trace::sequence_count(record); ++entry) {
                all.push_back(seen(annotation, entry));
            }
        }
        return all;
    }
    [[nodiscard]] static std::vector<Seen> visit(Cursor& cursor, std::uint64_t first, std::uint64_t last) {
        std::vector<Seen> rows;
        const Status visited = cursor.visit(first, last, [&](const auto& annotation, std::size_t entry) {
            rows.push_back(seen(annotation, entry));
            return true;
        });
        EXPECT_TRUE(visited) << describe(visited.error());
        return rows;
    }
};

TEST_F(TraceIndexTest, AnyRowsInAnyOrderAreAnnotatedAsInASinglePass) {
    write_trace(100);
    const std::vector<Seen> expected = single_pass();
    const auto index = make_index();
    ASSERT_TRUE(index->build({}));
    ASSERT_EQ(index->progress().rows, expected.size());
    EXPECT_TRUE(index->progress().complete);
    EXPECT_GT(index->checkpoint_count(), 5U);
    Cursor cursor(index);
    for (const std::size_t count : {std::size_t{1}, std::size_t{3}, std::size_t{64}}) {
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const std::size_t first = i * 37 % expected.size();
            const std::size_t end = std::min(first + count, expected.size());
            const std::vector<Seen> wanted(expected.begin() + static_cast<std::ptrdiff_t>(first),
                                           expected.begin() + static_cast<std::ptrdiff_t>(end));
            ASSERT_EQ(visit(cursor, first + 1, first + count), wanted) << first;
        }
    }
}

TEST_F(TraceIndexTest, RowsThatFollowAreNotReadTwice) {
    write_trace(1000);
    const auto index = make_index(256);
    ASSERT_TRUE(index->build({}));
    Cursor cursor(index);
    for (std::uint64_t row = 1; row <= index->progress().rows; row += 7) {  // 7: also from inside of a record
        (void)visit(cursor, row, row + 6);
    }
    EXPECT_EQ(cursor.records_read(), builder_.records().size());
    const std::uint64_t before = cursor.records_read();
    (void)visit(cursor, 1000, 1000);
    EXPECT_LE(cursor.records_read() - before, 256U);
}

TEST_F(TraceIndexTest, AVisitEndsWhereItIsTold) {
    write_trace(10);
    const auto index = make_index();
    ASSERT_TRUE(index->build({}));
    int visited = 0;
    ASSERT_TRUE(Cursor(index).visit(1, 100, [&](const auto&, std::size_t) { return ++visited < 3; }));
    EXPECT_EQ(visited, 3);
}

TEST_F(TraceIndexTest, RowsThatAreNotThereAreNotVisited) {
    write_trace(1);
    const auto index = make_index();
    ASSERT_TRUE(index->build({}));
    Cursor cursor(index);
    const std::uint64_t last = index->progress().rows;
    EXPECT_TRUE(visit(cursor, last + 1, last + 10).empty());
    EXPECT_EQ(visit(cursor, last, last + 10).size(), 1U);
    EXPECT_EQ(visit(cursor, 0, 1).size(), 1U);
    EXPECT_TRUE(visit(cursor, 5, 4).empty());
}

TEST_F(TraceIndexTest, TellsWhyARowCannotBeDecoded) {
    write_trace(40);
    const std::uint64_t offset = std::filesystem::file_size(path_);
    const std::uint64_t damaged =
        builder_.add(trace::EventRecord{static_cast<trace::EventRecord::Kind>(99), 0, 1});  // there is no such kind
    builder_.add(trace::EventRecord{trace::EventRecord::Kind::call, 0, 1});
    ASSERT_TRUE(builder_.write_to(path_));
    const auto index = make_index();
    ASSERT_TRUE(index->build({}));
    EXPECT_EQ(index->progress().rows, builder_.last_sequence());
    const Cursor cursor(index);
    const auto problem = cursor.problem_of(damaged);
    ASSERT_TRUE(problem && *problem);
    EXPECT_EQ((*problem)->code, ErrorCode::unsupported);
    EXPECT_EQ((*problem)->offset, offset);
    for (const std::uint64_t row : {std::uint64_t{0}, std::uint64_t{1}, damaged - 1, damaged + 1, damaged + 1000}) {
        const auto none = cursor.problem_of(row);
        ASSERT_TRUE(none) << row;
        EXPECT_FALSE(*none) << row;
    }
}

TEST_F(TraceIndexTest, ATornTraceGivesItsRowsAndTheReason) {
    write_trace(20);
    const std::uint64_t whole = builder_.last_sequence();
    std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 3);
    const auto index = make_index();
    ASSERT_TRUE(index->build({}));
    EXPECT_EQ(index->progress().rows, whole - 2) << "the last record has two entries";
    ASSERT_TRUE(index->problems().torn);
    EXPECT_EQ(index->problems().torn->code, ErrorCode::torn);
}

TEST_F(TraceIndexTest, EveryLengthOfATraceOpens) {
    write_trace(1);
    const std::uint64_t size = std::filesystem::file_size(path_);
    for (std::uint64_t length = size; length-- > 0;) {
        std::filesystem::resize_file(path_, length);
        const auto index = make_index();
        ASSERT_TRUE(index->build({})) << length;
        ASSERT_LT(index->progress().rows, builder_.last_sequence());
    }
}

TEST_F(TraceIndexTest, WhatIsNoTraceIsAnError) {
    std::ofstream(path_) << "this is not a trace, and long enough to be told from one";
    const auto index = make_index();
    const Status built = index->build({});
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().code, ErrorCode::bad_input);
    EXPECT_TRUE(index->progress().complete) << "nobody waits for more";
    const auto missing = std::make_shared<TraceIndex>(path_ + ".none");
    ASSERT_FALSE(missing->build({}));
    EXPECT_TRUE(missing->progress().complete);
}

TEST_F(TraceIndexTest, AStopKeepsWhatIsIndexed) {
    write_trace(2000);
    const auto index = make_index();
    std::stop_source stop;
    stop.request_stop();
    const Status built = index->build(stop.get_token());
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().code, ErrorCode::limit);
    const Progress progress = index->progress();
    EXPECT_TRUE(progress.complete);
    ASSERT_GT(progress.rows, 0U);
    ASSERT_LT(progress.rows, builder_.last_sequence());
    Cursor cursor(index);
    EXPECT_EQ(visit(cursor, 1, UINT64_MAX).size(), progress.rows);
}

TEST_F(TraceIndexTest, RowsCanBeReadWhileTheRestIsIndexed) {
    write_trace(5000);
    const std::vector<Seen> expected = single_pass();
    const auto index = make_index(64);
    const std::jthread indexing([&](const std::stop_token& stop) { (void)index->build(stop); });
    Cursor cursor(index);
    std::uint64_t rows = 0;
    for (Progress progress; !progress.complete || rows < progress.rows;) {
        progress = index->wait_for_more(rows, {});
        if (progress.rows > rows) {
            ASSERT_EQ(visit(cursor, progress.rows, progress.rows), std::vector{expected[progress.rows - 1]});
        }
        rows = progress.rows;
    }
    EXPECT_EQ(rows, expected.size());
}

TEST_F(TraceIndexTest, GivesUpCheckpointsRatherThanMemory) {
    write_trace(2000);
    TraceIndex index(path_, {8, UINT64_MAX, 1024, 256U << 10U});
    ASSERT_TRUE(index.build({}));
    EXPECT_LT(index.checkpoint_count(), 200U) << "there would be 750";
    EXPECT_GE(index.checkpoint_count(), 2U);
}

TEST_F(TraceIndexTest, TheStateAfterAnyRowIsThatOfASinglePass) {
    write_trace(60);
    const auto index = make_index();
    ASSERT_TRUE(index->build({}));
    std::vector<std::size_t> open(1);  // chains in flight after each row
    session::Tracker tracker;
    for (const trace::Record& record : builder_.records()) {
        const session::Tracker before = tracker;
        for (std::size_t entry = 1; entry <= trace::sequence_count(record); ++entry) {
            tracker = before;
            (void)tracker.apply_first(record, entry);
            const auto& queues = tracker.session(1)->queues;
            open.push_back(queues.empty() ? 0 : queues.begin()->second.open.size());
        }
    }
    const std::uint64_t last = builder_.last_sequence();
    ASSERT_EQ(open.size(), last + 1);
    for (const std::uint64_t stride : {std::uint64_t{1}, last - 1, std::uint64_t{37}}) {
        Cursor cursor(index);
        for (std::uint64_t i = 0; i < last; ++i) {
            const std::uint64_t row = i * stride % last + 1;
            const auto state = cursor.state_after(row);
            ASSERT_TRUE(state) << describe(state.error());
            const auto& queues = state->session(1)->queues;
            ASSERT_EQ(queues.empty() ? 0 : queues.begin()->second.open.size(), open[row]) << row;
            if (i % 5 == 0) {  // reading rows in between does no harm
                ASSERT_EQ(visit(cursor, row, row).size(), 1U);
            }
        }
    }
    Cursor cursor(index);
    EXPECT_EQ(cursor.state_after(0).error().code, ErrorCode::usage);
    EXPECT_EQ(cursor.state_after(last + 1).error().code, ErrorCode::usage);
}

// Wherever the writer has come to, in the middle of a record too.
TEST_F(TraceIndexTest, GoesOnWithWhatIsWrittenToATraceThatGrows) {
    write_trace(100);
    const std::vector<Seen> expected = single_pass();
    std::ifstream file(path_, std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(file), {}};
    std::filesystem::resize_file(path_, all.size() / 3);

    auto index = std::make_shared<TraceIndex>(path_, session::CheckpointPolicy{32, UINT64_MAX, 1024, UINT64_MAX},
                                              TraceIndex::AtEnd::wait_for_more);
    Status built;
    std::jthread indexing([&](const std::stop_token& stop) { built = index->build(stop); });
    std::uint64_t rows = index->wait_for_more(0, {}).rows;
    EXPECT_LT(rows, expected.size());
    for (const std::size_t until : {all.size() / 2 + 1, all.size() * 2 / 3 + 2, all.size()}) {
        std::ofstream more(path_, std::ios::binary | std::ios::app);
        const std::size_t written = std::filesystem::file_size(path_);
        more << all.substr(written, until - written);
        more.close();
        const Progress progress = index->wait_for_more(rows, {});
        EXPECT_GT(progress.rows, rows);
        EXPECT_FALSE(progress.complete);
        rows = progress.rows;
    }
    while (index->progress().rows < expected.size()) {
        (void)index->wait_for_more(index->progress().rows, {});
    }
    Cursor cursor(index);
    EXPECT_EQ(visit(cursor, 1, expected.size()), expected);
    indexing.request_stop();
    indexing.join();
    EXPECT_TRUE(built);
    EXPECT_TRUE(index->progress().complete);
    EXPECT_FALSE(index->problems().torn);
}

// As when somebody begins another capture into the same file.
TEST_F(TraceIndexTest, ATraceThatBecomesShorterIsSaidToBe) {
    write_trace(100);
    TraceIndex index(path_, TraceIndex::default_policy, TraceIndex::AtEnd::wait_for_more);
    Status built;
    {
        const std::jthread indexing([&] { built = index.build({}); });
        while (index.progress().rows < builder_.last_sequence()) {
            (void)index.wait_for_more(index.progress().rows, {});
        }
        std::filesystem::resize_file(path_, 100);
    }
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().code, ErrorCode::bad_input);
    EXPECT_NE(built.error().text.find("shorter"), std::string::npos);
}

// As a window that shows a capture before a front-end has come.
TEST_F(TraceIndexTest, ATraceThatBeginsEmptyStartsWithItsFirstRecord) {
    write_trace(3);
    std::ifstream file(path_, std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(file), {}};
    constexpr std::size_t file_header_size = 24;
    std::filesystem::resize_file(path_, file_header_size);
    TraceIndex index(path_, TraceIndex::default_policy, TraceIndex::AtEnd::wait_for_more);
    const std::jthread indexing([&](const std::stop_token& stop) { (void)index.build(stop); });
    while (index.progress().total_bytes != file_header_size || index.progress().bytes != file_header_size) {
        std::this_thread::yield();  // until it waits: bounded by the test's own deadline
    }
    std::ofstream(path_, std::ios::binary | std::ios::app) << all.substr(file_header_size);
    EXPECT_GT(index.wait_for_more(0, {}).rows, 0U);
    EXPECT_EQ(index.start_time(), builder_.records().front().time);
}

}  // namespace
}  // namespace vutrace::index
