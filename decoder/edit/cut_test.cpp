#include "vutrace/edit/cut.h"

#include <vutrace/check/checker.h>
#include <vutrace/explain/annotation.h>
#include <vutrace/render/json.h>
#include <vutrace/session/testing/session_builder.h>
#include <vutrace/trace/reader.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace vutrace::edit {
namespace {

using nlohmann::json;
using session::testing::BlockSession;

class CutTest : public ::testing::Test {
  protected:
    void TearDown() override {
        std::filesystem::remove(source_);
        std::filesystem::remove(target_);
    }
    // Two writes offered in one record, a kick, both used in another record, a call, in each round.
    void write_source(int rounds) {
        BlockSession::start(builder_);
        before_chains_ = builder_.last_sequence();
        for (int i = 0; i < rounds; ++i) {
            const auto index = static_cast<std::uint16_t>(i * 2);
            const auto next = static_cast<std::uint16_t>(index + 1);
            const Bytes data(64, static_cast<std::byte>(i));
            const auto sector = static_cast<std::uint64_t>(i);
            builder_.chains(0, {BlockSession::write_request(0, index, sector, 0x100000, data),
                                BlockSession::write_request(3, next, sector, 0x140000, data)});
            builder_.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
            using session::testing::literal;
            using session::testing::used_entry;
            builder_.chains(0, {used_entry(3, index, literal(Bytes(1))), used_entry(0, next, literal(Bytes(1)))});
            builder_.add(trace::EventRecord{trace::EventRecord::Kind::call, 0, 1});
        }
        ASSERT_TRUE(builder_.write_to(source_));
    }
    // The row of step `step` of a round: 0, 1 available, 2 kick, 3, 4 used, 5 call.
    [[nodiscard]] std::uint64_t row(std::uint64_t round, std::uint64_t step) const {
        return before_chains_ + 1 + round * 6 + step;
    }
    static index::RowSet rows(const std::vector<std::uint64_t>& wanted) {
        index::RowSet set;
        for (const std::uint64_t one : wanted) {
            set.append(one);
        }
        return set;
    }
    [[nodiscard]] static std::vector<trace::Record> read(const std::string& path) {
        std::vector<trace::Record> records;
        auto reader = trace::Reader::open(path);
        while (reader) {
            auto record = reader->next();
            if (!record || !*record) {
                EXPECT_FALSE(reader->problems().torn);
                break;
            }
            records.push_back(std::move(**record));
        }
        return records;
    }
    // What is behind the control conversation.
    [[nodiscard]] std::vector<trace::Record> data_path() const {
        auto records = read(target_);
        std::erase_if(records, [](const trace::Record& record) {
            const auto type = trace::type_of(record.body);
            return type == trace::RecordType::session || type == trace::RecordType::message ||
                   type == trace::RecordType::note || type == trace::RecordType::memory;
        });
        return records;
    }

    session::testing::SessionBuilder builder_;
    std::uint64_t before_chains_{0};
    const std::string source_ = ::testing::TempDir() + "edit_test." + std::to_string(getpid()) + ".pcap";
    const std::string target_ = source_ + ".cut.pcap";
};

TEST_F(CutTest, HoldsBothStepsOfAChainOfWhichOneWasAskedFor) {
    write_source(10);
    for (const std::uint64_t step : {0U, 4U}) {  // of the same chain: available first, used second
        const auto counts = cut(source_, target_, rows({row(4, step)}));
        ASSERT_TRUE(counts) << describe(counts.error());
        EXPECT_EQ(counts->picked, 1U);
        EXPECT_EQ(counts->context, before_chains_ + 1);
        EXPECT_EQ(counts->left_out, 10 * 6 - 2);
        const auto records = data_path();
        ASSERT_EQ(records.size(), 5U) << "gap, available, gap, used, gap";
        const auto& available = std::get<trace::ChainRecord>(records[1].body);
        const auto& used = std::get<trace::ChainRecord>(records[3].body);
        ASSERT_EQ(available.entries.size(), 1U);
        ASSERT_EQ(used.entries.size(), 1U);
        EXPECT_EQ(available.entries[0].head, 0);
        EXPECT_EQ(used.entries[0].head, 0);
        EXPECT_EQ(used.entries[0].state, trace::ChainEntry::State::used);
    }
}

TEST_F(CutTest, WhatIsLeftOutIsCountedWhereItWas) {
    write_source(10);
    ASSERT_TRUE(cut(source_, target_, rows({row(4, 0)})));
    const auto records = data_path();
    ASSERT_EQ(records.size(), 5U);
    const auto& before = std::get<trace::GapRecord>(records[0].body);
    EXPECT_EQ(before.chains, 8U) << "of four rounds";
    EXPECT_EQ(before.records, 24U);
    EXPECT_EQ(before.queue, 0);
    const auto& between = std::get<trace::GapRecord>(records[2].body);
    EXPECT_EQ(between.chains, 1U);
    EXPECT_EQ(between.records, 3U) << "an offer, the kick, the other completion";
    EXPECT_EQ(std::get<trace::GapRecord>(records[4].body).records, 1U + 5 * 6) << "the call, and the other rounds";
    EXPECT_EQ(records[4].session, 1U);
}

TEST_F(CutTest, KeepsTheConversationAndSaysWhatItIs) {
    write_source(3);
    const auto whole = read(source_);
    ASSERT_TRUE(cut(source_, target_, {}));
    const auto records = read(target_);
    ASSERT_GT(records.size(), before_chains_);
    const auto& note = std::get<trace::NoteRecord>(records[0].body);
    EXPECT_NE(note.text.find("with 0 asked for"), std::string::npos) << note.text;
    EXPECT_EQ(records[0].session, 0U);
    for (std::size_t i = 0; i < before_chains_; ++i) {
        EXPECT_EQ(records[i + 1].body, whole[i].body);
        EXPECT_EQ(records[i + 1].time, whole[i].time);
    }
}

TEST_F(CutTest, OfAllRowsIsTheWholeTrace) {
    write_source(5);
    std::vector<std::uint64_t> all;
    for (std::uint64_t one = 1; one <= builder_.last_sequence(); ++one) {
        all.push_back(one);
    }
    const auto counts = cut(source_, target_, rows(all));
    ASSERT_TRUE(counts);
    EXPECT_EQ(counts->picked, all.size());
    EXPECT_EQ(counts->left_out, 0U);
    const auto before = read(source_);
    const auto after = read(target_);
    ASSERT_EQ(after.size(), before.size() + 1) << "the note";
    for (std::size_t i = 0; i < before.size(); ++i) {
        EXPECT_EQ(after[i + 1].body, before[i].body);
    }
}

TEST_F(CutTest, ASnapshotOfMemoryIsCountedInBytes) {
    write_source(1);
    trace::MemoryRecord memory;
    memory.address = 0x1000;
    memory.content.add_zeros(4096);
    const std::uint64_t number = builder_.add(memory);
    ASSERT_TRUE(builder_.write_to(source_));
    ASSERT_TRUE(cut(source_, target_, {}));
    bool counted = false;
    for (const trace::Record& record : data_path()) {
        const auto* gap = std::get_if<trace::GapRecord>(&record.body);
        counted = counted || (gap != nullptr && gap->queue == trace::no_queue && gap->bytes == 4096);
    }
    EXPECT_TRUE(counted);
    const auto counts = cut(source_, target_, rows({number}));
    ASSERT_TRUE(counts);
    EXPECT_EQ(counts->picked, 1U);
}

TEST_F(CutTest, ATornTraceIsCutAsFarAsItGoes) {
    write_source(10);
    std::filesystem::resize_file(source_, std::filesystem::file_size(source_) - 5);
    const auto counts = cut(source_, target_, rows({row(0, 0), row(9, 5)}));
    ASSERT_TRUE(counts);
    EXPECT_EQ(counts->picked, 1U) << "the last record is torn";
}

TEST_F(CutTest, StopsWhenItIsToldTo) {
    write_source(2000);
    std::stop_source stop;
    double share = -1;
    const auto stopped = cut(source_, target_, {}, stop.get_token(), [&](double done) {
        EXPECT_GT(done, share);
        share = done;
        stop.request_stop();
    });
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, ErrorCode::limit);
    EXPECT_GT(share, 0);
    EXPECT_LT(share, 0.5);
}

TEST_F(CutTest, WhatCannotBeReadOrWrittenIsAnError) {
    const auto none = cut(source_, target_, {});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::system);
    write_source(1);
    const auto nowhere = cut(source_, "/proc/vutrace/no/such/folder", {});
    ASSERT_FALSE(nowhere);
    EXPECT_EQ(nowhere.error().code, ErrorCode::system);
    const auto full = cut(source_, "/dev/full", {});
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().errno_value, ENOSPC);
}

std::vector<std::string> samples() {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(VUTRACE_SAMPLES)) {
        if (entry.path().string().ends_with(".pcap.zst")) {
            all.push_back(entry.path().stem().stem().string());
        }
    }
    return all;
}

class CutOfSample : public CutTest, public ::testing::WithParamInterface<std::string> {
  protected:
    // What each row says, without numbers of rows, which change.
    static std::vector<json> said(const std::string& path) {
        std::vector<json> rows;
        explain::Annotator annotator;
        for (const trace::Record& record : read(path)) {
            const auto& annotation = annotator.annotate(record);
            for (std::size_t entry = 0; entry < trace::sequence_count(record); ++entry) {
                std::string line;
                render::append_json(line, annotation, entry, {});
                json object = json::parse(line);
                object.erase("seq");
                object.erase("answers");
                object.erase("available");
                object.erase("ring");  // stands in the first row of a chain record, whichever that is
                rows.push_back(std::move(object));
            }
        }
        return rows;
    }
    static std::multiset<std::string> findings(const std::string& path) {
        std::multiset<std::string> found;
        check::Checker checker({{}, check::Severity::warning}, [&](const check::Finding& finding) {
            found.insert(std::string(finding.rule->id) + " at " + std::to_string(finding.time));
        });
        for (const trace::Record& record : read(path)) {
            (void)checker.take(record);
        }
        checker.finish();
        return found;
    }
};

// Whatever is picked, it says the same as in the whole trace, and nobody is accused of what was left out.
TEST_P(CutOfSample, SaysTheSameOfWhatWasPicked) {
    const std::string sample = std::string(VUTRACE_SAMPLES) + "/" + GetParam() + ".pcap.zst";
    const auto whole = said(sample);
    const auto all_findings = findings(sample);
    for (const std::size_t every : {2U, 7U}) {
        index::RowSet wanted;
        std::map<std::int64_t, std::vector<json>> expected;  // by time
        for (std::size_t i = 0; i < whole.size(); i += every) {
            wanted.append(i + 1);
            expected[whole[i]["time"].get<std::int64_t>()].push_back(whole[i]);
        }
        const auto counts = cut(sample, target_, wanted);
        ASSERT_TRUE(counts) << describe(counts.error());
        EXPECT_EQ(counts->picked, wanted.size());
        for (const json& row : said(target_)) {
            auto& same_time = expected[row["time"].get<std::int64_t>()];
            std::erase(same_time, row);
        }
        for (const auto& [time, missing] : expected) {
            for (const json& row : missing) {
                ADD_FAILURE() << "one in " << every << ": not there, or not the same: " << row.dump();
            }
        }
        for (const std::string& finding : findings(target_)) {
            EXPECT_TRUE(all_findings.contains(finding)) << "one in " << every << ": " << finding;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All, CutOfSample, ::testing::ValuesIn(samples()), [](const auto& test) {
    std::string name = test.param;
    std::replace_if(
        name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
    return name;
});

}  // namespace
}  // namespace vutrace::edit
