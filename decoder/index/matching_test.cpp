#include "vutrace/index/matching.h"

#include "index_fixture.h"

#include <algorithm>
#include <thread>

namespace vutrace::index {
namespace {

class MatchingTest : public test::IndexFixture {
  protected:
    // The rows by a single pass.
    [[nodiscard]] std::vector<std::uint64_t> expected(const filter::Filter& filter) const {
        std::vector<std::uint64_t> rows;
        explain::Annotator annotator;
        for (const trace::Record& record : builder_.records()) {
            const explain::Annotation& annotation = annotator.annotate(record);
            for (std::size_t entry = 0; entry < trace::sequence_count(record); ++entry) {
                if (filter.matches(annotation, entry)) {
                    rows.push_back(record.sequence + entry);
                }
            }
        }
        return rows;
    }
};

TEST_F(MatchingTest, FindsTheSameRowsInOrderWithAnyNumberOfThreads) {
    write_trace(3000);
    const auto index = make_index(128);
    ASSERT_TRUE(index->build({}));
    for (const char* text : {"", "state == used", "request == SET_VRING_ADDR", "record == event", "seq == 0",
                             "seq in 700..900 and state == used", "latency >= 0ns", "queue == 0"}) {
        const auto filter = filter::Filter::compile(text);
        ASSERT_TRUE(filter) << text;
        for (const unsigned threads : {1U, 2U, 5U}) {
            std::vector<std::uint64_t> rows;
            std::uint64_t next = 1;
            const Status matched = match_rows(index, *filter, threads, {}, [&](Matches&& found) {
                EXPECT_EQ(found.first, next) << "stretches come in order";
                next = found.last + 1;
                rows.insert(rows.end(), found.rows.begin(), found.rows.end());
            });
            ASSERT_TRUE(matched) << describe(matched.error());
            EXPECT_EQ(next, index->progress().rows + 1) << "all were looked at";
            EXPECT_EQ(rows, expected(*filter)) << text << ", threads " << threads;
        }
    }
}

TEST_F(MatchingTest, FollowsATraceThatIsStillBeingIndexed) {
    write_trace(3000);
    const auto index = make_index(128);
    const auto filter = filter::Filter::compile("state == used");
    const std::jthread indexing([&](const std::stop_token& stop) { (void)index->build(stop); });
    std::vector<std::uint64_t> rows;
    ASSERT_TRUE(match_rows(index, *filter, 2, {},
                           [&](Matches&& found) { rows.insert(rows.end(), found.rows.begin(), found.rows.end()); }));
    EXPECT_EQ(rows, expected(*filter));
}

TEST_F(MatchingTest, EndsWhenStoppedAlsoWhileItWaits) {
    write_trace(10);
    const auto index = make_index();  // nobody builds it
    std::stop_source stop;
    std::optional<Error> error;
    std::thread matching([&] {
        const Status matched = match_rows(index, {}, 2, stop.get_token(), [](Matches&&) {});
        if (!matched) {
            error = matched.error();
        }
    });
    stop.request_stop();
    matching.join();
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::limit);
}

TEST_F(MatchingTest, AFileThatBecameShorterIsAnErrorOrGivesFewerRows) {
    write_trace(2000);
    const auto index = make_index(128);
    ASSERT_TRUE(index->build({}));
    std::filesystem::resize_file(path_, std::filesystem::file_size(path_) / 2);
    std::uint64_t rows = 0;
    const Status matched = match_rows(index, {}, 2, {}, [&](Matches&& found) { rows += found.rows.size(); });
    EXPECT_TRUE(!matched || rows < builder_.last_sequence());
}

TEST_F(MatchingTest, FindsTheNearestRowBothWays) {
    write_trace(3000);
    const auto index = make_index(128);
    ASSERT_TRUE(index->build({}));
    const auto filter = filter::Filter::compile("state == used");
    const std::vector<std::uint64_t> rows = expected(*filter);
    const auto wanted = [&](const auto& annotation, std::size_t entry) { return filter->matches(annotation, entry); };
    for (const std::uint64_t from : {rows[0], rows[1], rows[2000], rows[3001] + 1, rows.back()}) {
        const auto after = std::upper_bound(rows.begin(), rows.end(), from);
        const auto before = std::lower_bound(rows.begin(), rows.end(), from);
        const auto next = find_row(index, from, Direction::forward, wanted, {});
        ASSERT_TRUE(next);
        EXPECT_EQ(*next, after == rows.end() ? std::nullopt : std::optional(*after)) << from;
        const auto previous = find_row(index, from, Direction::backward, wanted, {});
        ASSERT_TRUE(previous);
        EXPECT_EQ(*previous, before == rows.begin() ? std::nullopt : std::optional(*std::prev(before))) << from;
    }
    EXPECT_EQ(*find_row(index, UINT64_MAX - 1, Direction::backward, wanted, {}), rows.back());
    EXPECT_EQ(*find_row(index, 0, Direction::backward, wanted, {}), std::nullopt);
    EXPECT_EQ(*find_row(index, 0, Direction::forward, wanted, {}, rows[3]), rows[0]);
    EXPECT_EQ(*find_row(index, rows[3], Direction::forward, wanted, {}, rows[4] - 1), std::nullopt);
    EXPECT_EQ(*find_row(index, rows[3], Direction::forward, wanted, {}, rows[4]), rows[4]);
    EXPECT_EQ(*find_row(index, rows[3], Direction::backward, wanted, {}, rows[2] + 1), std::nullopt);
    EXPECT_EQ(*find_row(index, rows[3], Direction::backward, wanted, {}, rows[2]), rows[2]);
    std::stop_source stop;
    stop.request_stop();
    EXPECT_FALSE(find_row(index, 0, Direction::forward, wanted, stop.get_token()));
}

TEST_F(MatchingTest, GoesOnAtTheOtherEndWhereThereIsNoneBothWays) {
    write_trace(3000);
    const auto index = make_index(128);
    ASSERT_TRUE(index->build({}));
    const std::uint64_t all = index->progress().rows;
    const auto search = [&](std::uint64_t from, Direction direction, const std::vector<std::uint64_t>& rows) {
        std::uint64_t looked_at = 0;
        const auto found = find_row_around(index, from, direction,
                                           [&](const explain::Annotation& annotation, std::size_t entry) {
                                               ++looked_at;
                                               return std::find(rows.begin(), rows.end(),
                                                                annotation.record->sequence + entry) != rows.end();
                                           },
                                           {});
        EXPECT_TRUE(found);
        EXPECT_LE(looked_at, all) << "none twice";
        EXPECT_TRUE(found->row || looked_at == all || from == 0) << "not found is said when all were looked at";
        return std::pair(found->row.value_or(0), found->went_around);
    };
    using Found = std::pair<std::uint64_t, bool>;
    EXPECT_EQ(search(500, Direction::forward, {40, 7000}), Found(7000, false));
    EXPECT_EQ(search(7000, Direction::forward, {40, 7000}), Found(40, true));
    EXPECT_EQ(search(all, Direction::forward, {40, 7000}), Found(40, true));
    EXPECT_EQ(search(500, Direction::backward, {40, 7000}), Found(40, false));
    EXPECT_EQ(search(40, Direction::backward, {40, 7000}), Found(7000, true));
    EXPECT_EQ(search(1, Direction::backward, {40, 7000}), Found(7000, true));
    for (const Direction direction : {Direction::forward, Direction::backward}) {
        EXPECT_EQ(search(40, direction, {40}), Found(40, true)) << "it is the only one";
        EXPECT_EQ(search(40, direction, {}), Found(0, false));
        EXPECT_EQ(search(1, direction, {}), Found(0, false));
        EXPECT_EQ(search(all, direction, {}), Found(0, false));
    }
    EXPECT_EQ(search(0, Direction::forward, {40}), Found(40, false));
    std::stop_source stop;
    stop.request_stop();
    EXPECT_FALSE(find_row_around(index, 40, Direction::forward, {}, stop.get_token()));
}

}  // namespace
}  // namespace vutrace::index
