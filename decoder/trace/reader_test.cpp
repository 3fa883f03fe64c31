#include "vutrace/trace/reader.h"

#include "framing.h"
#include "test_support.h"

#include <vutrace/trace/encode.h>

#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <filesystem>

namespace vutrace::trace {
namespace {

using test::append_packet;
using test::append_raw;
using test::encode;
using test::pattern;
using test::raw_file_header;
using test::RawRecord;
using test::read_trace;
using test::start_time;

class ReaderTest : public testing::Test {
  protected:
    // What a reader makes of a file with these bytes.
    [[nodiscard]] test::Contents read(ByteView bytes) const {
        test::write_file(path(), bytes);
        return read_trace(path());
    }
    [[nodiscard]] std::string path() const { return folder_.file("trace"); }

    test::TemporaryFolder folder_;
};

RawRecord note(std::string_view text, std::uint32_t seconds = 1'700'000'000) {
    RawRecord raw;
    raw.piece = encode(NoteRecord{NoteRecord::Severity::info, no_queue, std::string(text)});
    raw.body_length = static_cast<std::uint32_t>(raw.piece.size());
    raw.seconds = seconds;
    return raw;
}

// A piece of a record of `whole` bytes.
RawRecord fragment(const RawRecord& of, std::uint32_t offset, std::uint32_t size) {
    RawRecord raw = of;
    raw.fragment_offset = offset;
    raw.piece.assign(of.piece.begin() + offset, of.piece.begin() + offset + size);
    return raw;
}

// Sequence numbers of what could be read.
std::vector<std::uint64_t> numbers(const test::Contents& contents) {
    std::vector<std::uint64_t> found;
    for (const Record& record : contents.records) {
        found.push_back(record.sequence);
    }
    return found;
}

using Numbers = std::vector<std::uint64_t>;

TEST_F(ReaderTest, GivesBackWhatWasWritten) {
    const auto bodies = test::sample_bodies();
    test::write_trace(path(), bodies);
    const auto contents = read_trace(path());
    ASSERT_EQ(contents.records.size(), bodies.size());
    std::uint64_t sequence = 1;
    for (std::size_t i = 0; i < bodies.size(); ++i) {
        const Record& record = contents.records[i];
        EXPECT_TRUE(record.body == bodies[i]) << i;
        EXPECT_EQ(record.sequence, sequence);
        EXPECT_EQ(record.session, 1U);
        EXPECT_EQ(record.time, start_time + static_cast<std::int64_t>(i) * 1000);
        sequence += sequence_count(record);
    }
    EXPECT_EQ(contents.end.next_sequence, sequence);
    EXPECT_FALSE(contents.problems.torn);
}

// Every length for a trace with all types, and every place near the edges of a record in fragments.
TEST_F(ReaderTest, AnyPrefixOfATraceIsATrace) {
    auto bodies = test::sample_bodies();
    bodies.erase(bodies.begin() + 1);  // the one with 70,000 bytes of text, for the time it takes
    bodies.push_back(NoteRecord{NoteRecord::Severity::info, 1, std::string(2 * max_piece, 'f')});
    bodies.push_back(EventRecord{});
    test::write_trace(path(), bodies);
    const std::uint64_t file_size = std::filesystem::file_size(path());
    const auto whole = read_trace(path());
    std::vector<std::uint64_t> ends{file_header_size};
    for (std::size_t i = 1; i < whole.positions.size(); ++i) {
        ends.push_back(whole.positions[i].offset);
    }
    ends.push_back(file_size);
    const std::uint64_t large = ends[ends.size() - 3];
    for (std::uint64_t size = file_size + 1; size-- > 0;) {
        const std::uint64_t in_packet = size < large ? 0 : (size - large) % (packet_header_size + max_packet);
        if (in_packet > 200 && in_packet < max_packet - 200 && size % 4001 != 0) {
            continue;
        }
        std::filesystem::resize_file(path(), size);
        const auto contents = read_trace(path());
        const auto records = static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), size) - ends.begin());
        ASSERT_EQ(contents.records.size(), records == 0 ? 0 : records - 1) << size;
        ASSERT_EQ(contents.problems.torn.has_value(), !std::binary_search(ends.begin(), ends.end(), size)) << size;
        if (contents.problems.torn) {
            ASSERT_EQ(contents.problems.torn->code, ErrorCode::torn) << size;
        }
        ASSERT_TRUE(std::equal(contents.records.begin(), contents.records.end(), whole.records.begin())) << size;
        ASSERT_EQ(contents.problems.bad_record_count, 0U);
    }
}

TEST_F(ReaderTest, NoChangedByteMakesItCrashHangOrAllocate) {
    std::vector<RecordBody> bodies;
    for (const RecordBody& body : test::sample_bodies()) {
        if (encoded_size(body) < 1000) {
            bodies.push_back(body);
        }
    }
    test::write_trace(path(), bodies);
    Bytes file = test::read_file(path());
    ASSERT_LT(file.size(), 3000U);
    for (std::size_t at = 0; at < file.size(); ++at) {
        const std::byte before = file[at];
        for (const unsigned change : {0x01U, 0x80U, 0xffU}) {
            file[at] = before ^ static_cast<std::byte>(change);
            test::write_file(path(), file);
            test::forget_allocations();
            auto reader = Reader::open(path());
            if (!reader) {
                EXPECT_LT(at, file_header_size) << "only the file header decides whether it is a trace";
                continue;
            }
            std::size_t records = 0;
            while (reader->next().value()) {
                ++records;
            }
            ASSERT_LE(records, file.size() / packet_header_size);
            ASSERT_LE(test::largest_allocation(), 256U << 10U) << "at " << at;
        }
        file[at] = before;
    }
}

TEST_F(ReaderTest, StepsOverUnknownTypesAndNewerVersionsAndCountsThem) {
    Bytes file = raw_file_header();
    append_raw(file, note("first"));
    for (const unsigned type : {0U, 8U, 255U}) {
        RawRecord unknown = note("x");
        unknown.type = static_cast<std::uint8_t>(type);
        append_raw(file, unknown);
    }
    RawRecord newer = note("x");
    newer.version = 2;
    append_raw(file, newer);
    append_raw(file, note("last"));
    const auto contents = read(file);
    EXPECT_EQ(numbers(contents), (Numbers{1, 6}));
    EXPECT_EQ(contents.problems.unknown_records, 4U);
    EXPECT_EQ(contents.problems.bad_record_count, 0U);
}

TEST_F(ReaderTest, AnUnknownRecordInFragmentsTakesOneNumber) {
    RawRecord unknown = note(std::string(100, 'x'));
    unknown.type = 99;
    Bytes file = raw_file_header();
    append_raw(file, fragment(unknown, 0, 50));
    append_raw(file, fragment(unknown, 50, 50));
    append_raw(file, fragment(unknown, 100, 8));
    append_raw(file, note("last"));
    const auto contents = read(file);
    EXPECT_EQ(numbers(contents), (Numbers{2}));
    EXPECT_EQ(contents.problems.unknown_records, 1U);
}

TEST_F(ReaderTest, ForeignPacketsTakeNoNumberEvenBetweenFragments) {
    const RawRecord large = note(std::string(100, 'x'));
    Bytes file = raw_file_header();
    append_packet(file, {});
    append_raw(file, fragment(large, 0, 50));
    append_packet(file, pattern(60));
    append_raw(file, fragment(large, 50, 58));
    append_packet(file, pattern(31));
    append_raw(file, note("last"));
    const auto contents = read(file);
    EXPECT_EQ(numbers(contents), (Numbers{1, 2}));
    EXPECT_EQ(contents.problems.foreign_packets, 3U);
    EXPECT_EQ(contents.problems.bad_record_count, 0U);
}

struct FragmentCase {
    const char* name;
    std::vector<RawRecord> pieces;
    Numbers numbers;  // of what is read, with a good record at the end
    std::uint64_t bad;
};

TEST_F(ReaderTest, DamagedFragmentsAreOneBadRecordAndWhatFollowsIsRead) {
    const RawRecord large = note(std::string(100, 'x'));  // 108 bytes
    RawRecord other_session = fragment(large, 50, 58);
    other_session.session = 2;
    RawRecord later = fragment(large, 50, 58);
    ++later.seconds;
    RawRecord too_long = large;
    too_long.body_length = 60;
    RawRecord huge = fragment(large, 0, 50);
    huge.body_length = max_body_size + 1;
    RawRecord claims_much = fragment(large, 0, 50);
    claims_much.body_length = max_body_size;
    RawRecord cut = large;
    cut.cut_from = 1000;
    RawRecord cut_fragment = fragment(large, 50, 58);
    cut_fragment.cut_from = 1000;
    RawRecord huge_rest = fragment(large, 50, 58);
    huge_rest.body_length = huge.body_length;
    const std::vector<FragmentCase> cases{
        {"the end is missing", {fragment(large, 0, 50)}, {2}, 1},
        {"the beginning is missing", {fragment(large, 50, 58)}, {2}, 1},
        {"only ends", {fragment(large, 20, 30), fragment(large, 50, 58)}, {2}, 1},
        {"a hole", {fragment(large, 0, 50), fragment(large, 60, 48)}, {2}, 1},
        {"a hole and more", {fragment(large, 0, 50), fragment(large, 60, 8), fragment(large, 68, 40)}, {2}, 1},
        {"doubled", {fragment(large, 0, 50), fragment(large, 50, 20), fragment(large, 50, 58)}, {2}, 1},
        {"begun twice", {fragment(large, 0, 50), fragment(large, 0, 50), fragment(large, 50, 58)}, {2, 3}, 1},
        {"another session", {fragment(large, 0, 50), other_session}, {3}, 2},
        {"another time", {fragment(large, 0, 50), later}, {2}, 1},
        {"no bytes", {fragment(large, 0, 50), fragment(large, 50, 0)}, {2}, 1},
        {"longer than announced", {too_long}, {2}, 1},
        {"beyond the largest body", {huge, huge_rest}, {2}, 1},
        {"a claim of the largest body", {claims_much}, {2}, 1},
        {"cut by an editor", {cut}, {2}, 1},
        {"a cut fragment", {fragment(large, 0, 50), cut_fragment}, {2}, 1},
    };
    for (const FragmentCase& test_case : cases) {
        Bytes file = raw_file_header();
        for (const RawRecord& piece : test_case.pieces) {
            append_raw(file, piece);
        }
        append_raw(file, note("last", 1'700'000'001));
        const auto contents = read(file);
        EXPECT_EQ(numbers(contents), test_case.numbers) << test_case.name;
        EXPECT_EQ(contents.problems.bad_record_count, test_case.bad) << test_case.name;
        EXPECT_EQ(contents.problems.bad_records.size(), test_case.bad) << test_case.name;
        EXPECT_FALSE(contents.problems.torn) << test_case.name;
    }
}

TEST_F(ReaderTest, ARecordWhoseLastFragmentComesLaterIsReadWhole) {
    const RawRecord large = note(std::string(100, 'x'));
    Bytes file = raw_file_header();
    append_raw(file, note("first"));
    const std::size_t second = file.size();
    for (const std::uint32_t size : {50U, 30U}) {
        append_raw(file, fragment(large, size == 50 ? 0 : 50, size));
    }
    test::write_file(path(), file);
    auto reader = Reader::open(path());
    ASSERT_TRUE(reader);
    EXPECT_TRUE(reader->next().value());
    EXPECT_FALSE(reader->next().value());
    EXPECT_TRUE(reader->problems().torn);
    const Position end = reader->position();
    EXPECT_EQ(end.offset, second);
    EXPECT_EQ(end.next_sequence, 2U);
    append_raw(file, fragment(large, 80, 28));
    test::write_file(path(), file);
    ASSERT_TRUE(reader->seek(end));
    const auto whole = reader->next();
    ASSERT_TRUE(whole && *whole);
    EXPECT_EQ((*whole)->sequence, 2U);
    EXPECT_FALSE(reader->next().value());
    EXPECT_FALSE(reader->problems().torn);
    EXPECT_EQ(reader->problems().bad_record_count, 0U);
}

TEST_F(ReaderTest, AClaimOfTheLargestBodyCostsOnlyWhatIsThere) {
    RawRecord claim = fragment(note(std::string(100, 'x')), 0, 50);
    claim.body_length = max_body_size;
    Bytes file = raw_file_header();
    append_raw(file, claim);
    test::write_file(path(), file);
    test::forget_allocations();
    auto reader = Reader::open(path());
    ASSERT_TRUE(reader);
    EXPECT_FALSE(reader->next().value());
    EXPECT_TRUE(reader->problems().torn);
    EXPECT_LE(test::largest_allocation(), 256U << 10U) << "the reader's own buffer";
    EXPECT_GT(test::largest_allocation(), 0U) << "or nothing was watched";
}

TEST_F(ReaderTest, ReportsBadRecordsWithTheirOffsetAndKeepsTheFirstHundred) {
    Bytes file = raw_file_header();
    const std::size_t first = file.size();
    for (int i = 0; i < 150; ++i) {
        RawRecord bad;
        bad.piece = pattern(3);
        bad.body_length = 3;
        append_raw(file, bad);
    }
    append_raw(file, note("last"));
    const auto contents = read(file);
    EXPECT_EQ(numbers(contents), (Numbers{151}));
    EXPECT_EQ(contents.problems.bad_record_count, 150U);
    ASSERT_EQ(contents.problems.bad_records.size(), 100U);
    EXPECT_EQ(contents.problems.bad_records[0].offset, first);
    EXPECT_EQ(contents.problems.bad_records[1].offset, first + packet_header_size + prefix_size + 3);
    EXPECT_EQ(contents.problems.bad_records[0].code, ErrorCode::bad_input);
}

TEST_F(ReaderTest, TellsEachRecordThatItPassesOverWithItsNumber) {
    RawRecord bad;
    bad.piece = pattern(3);
    bad.body_length = 3;
    RawRecord unknown = note("x");
    unknown.type = 99;
    Bytes file = raw_file_header();
    append_raw(file, note("first"));
    append_raw(file, bad);
    const std::size_t third = file.size();
    append_raw(file, unknown);
    append_raw(file, note("last"));
    test::write_file(path(), file);
    auto reader = Reader::open(path());
    ASSERT_TRUE(reader);
    std::vector<std::pair<std::uint64_t, Error>> told;
    reader->watch_passed_over([&](std::uint64_t sequence, const Error& error) { told.emplace_back(sequence, error); });
    EXPECT_TRUE(reader->next().value());
    EXPECT_TRUE(told.empty());
    EXPECT_EQ(reader->next().value()->sequence, 4U);
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[0].first, 2U);
    EXPECT_EQ(told[0].second.code, ErrorCode::bad_input);
    EXPECT_EQ(told[1].first, 3U);
    EXPECT_EQ(told[1].second.code, ErrorCode::unsupported);
    EXPECT_EQ(told[1].second.offset, third);
}

TEST_F(ReaderTest, RaisesTimesThatStepBack) {
    Bytes file = raw_file_header();
    append_raw(file, note("a", 2000));
    append_raw(file, note("b", 1000));
    append_raw(file, note("c", 0xffffffff));
    const auto contents = read(file);
    ASSERT_EQ(contents.records.size(), 3U);
    EXPECT_EQ(contents.records[1].time, 2000'000'000'000);
    EXPECT_EQ(contents.records[2].time, 4'294'967'295'000'000'000) << "seconds are unsigned";
}

TEST_F(ReaderTest, StopsWhereAPacketHeaderMakesNoSense) {
    Bytes file = raw_file_header();
    append_raw(file, note("first"));
    const std::size_t damaged = file.size();
    append_raw(file, note("second"));
    append_raw(file, note("third"));
    store(MutableByteView(file), damaged + 8, std::uint32_t{262145});
    const auto contents = read(file);
    EXPECT_EQ(numbers(contents), (Numbers{1}));
    ASSERT_TRUE(contents.problems.torn);
    EXPECT_EQ(contents.problems.torn->code, ErrorCode::bad_input);
    EXPECT_EQ(contents.problems.torn->offset, damaged);
}

TEST_F(ReaderTest, RefusesWhatIsNoTrace) {
    Bytes ethernet = raw_file_header();
    store(MutableByteView(ethernet), 20, std::uint32_t{1});
    for (const Bytes& bytes : {ethernet, pattern(100), pattern(1), Bytes(24)}) {
        test::write_file(path(), bytes);
        const auto reader = Reader::open(path());
        ASSERT_FALSE(reader);
        EXPECT_EQ(reader.error().code, ErrorCode::bad_input);
    }
    const auto reader = Reader::open(folder_.file("missing"));
    ASSERT_FALSE(reader);
    EXPECT_EQ(reader.error().code, ErrorCode::system);
    EXPECT_EQ(Reader::open("/tmp").error().code, ErrorCode::system) << "a folder opens, and cannot be read";
}

TEST_F(ReaderTest, GoesToEveryPositionInAnyOrder) {
    auto bodies = test::sample_bodies();
    for (int i = 0; i < 20; ++i) {
        bodies.push_back(
            NoteRecord{NoteRecord::Severity::info, 1, std::string(static_cast<std::size_t>(i) * 20'011, 'x')});
        bodies.push_back(EventRecord{});
    }
    test::write_trace(path(), bodies);
    const auto whole = read_trace(path());
    auto reader = Reader::open(path());
    ASSERT_TRUE(reader);
    const std::size_t count = whole.records.size();
    for (std::size_t step = 0; step < 3 * count; ++step) {
        const std::size_t index = step * 17 % count;
        ASSERT_TRUE(reader->seek(whole.positions[index]));
        EXPECT_EQ(reader->position(), whole.positions[index]);
        for (std::size_t i = index; i < std::min(index + 3, count); ++i) {
            const auto record = reader->next().value();
            ASSERT_TRUE(record);
            EXPECT_TRUE(*record == whole.records[i]) << i;
        }
    }
    ASSERT_TRUE(reader->seek(whole.end));
    EXPECT_FALSE(reader->next().value());
    EXPECT_FALSE(reader->problems().torn);
    ASSERT_TRUE(reader->seek(whole.positions[0]));
    EXPECT_TRUE(reader->next().value()) << "also from the end";
}

TEST_F(ReaderTest, TheTornEndIsMetAgainAfterGoingBack) {
    test::write_trace(path(), {EventRecord{}, EventRecord{}});
    Bytes file = test::read_file(path());
    file.resize(file.size() - 1);
    test::write_file(path(), file);
    auto reader = Reader::open(path());
    ASSERT_TRUE(reader);
    const Position begin = reader->position();
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(reader->seek(begin));
        EXPECT_FALSE(reader->problems().torn);
        EXPECT_TRUE(reader->next().value());
        EXPECT_FALSE(reader->next().value());
        EXPECT_TRUE(reader->problems().torn);
        EXPECT_FALSE(reader->next().value());
    }
}

TEST_F(ReaderTest, RefusesPositionsOutsideTheFile) {
    test::write_trace(path(), {EventRecord{}});
    auto reader = Reader::open(path());
    ASSERT_TRUE(reader);
    for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{23}, reader->file_size() + 1, UINT64_MAX}) {
        EXPECT_EQ(reader->seek({offset, 1}).error().code, ErrorCode::usage) << offset;
    }
    EXPECT_TRUE(reader->next().value()) << "and stays where it was";
}

Bytes compress(ByteView bytes) {
    Bytes out(ZSTD_compressBound(bytes.size()));
    out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 1));
    return out;
}

TEST_F(ReaderTest, ReadsCompressedTracesWhateverTheirName) {
    auto bodies = test::sample_bodies();
    bodies.push_back(NoteRecord{NoteRecord::Severity::info, 1, std::string(3'000'000, 'z')});
    test::write_trace(path(), bodies);
    const auto whole = read_trace(path());
    const Bytes compressed = compress(test::read_file(path()));
    for (const char* name : {"trace", "trace.pcap.zst"}) {
        test::write_file(folder_.file(name), compressed);
        const auto contents = read_trace(folder_.file(name));
        EXPECT_TRUE(contents.records == whole.records);
        EXPECT_EQ(contents.positions, whole.positions) << "offsets are those of the decompressed bytes";
        EXPECT_FALSE(contents.problems.torn);
    }
    auto reader = Reader::open(path());
    ASSERT_TRUE(reader);
    EXPECT_EQ(reader->seek(whole.positions[1]).error().code, ErrorCode::usage);
    EXPECT_EQ(reader->file_size(), compressed.size());
}

TEST_F(ReaderTest, ACompressedTraceThatEndsEarlyOrIsDamagedIsTorn) {
    std::vector<RecordBody> bodies(2000, NoteRecord{NoteRecord::Severity::info, 1, "text"});
    test::write_trace(path(), bodies);
    Bytes plain = test::read_file(path());
    Bytes compressed = compress(plain);
    const Bytes second = compress(ByteView(plain).subspan(file_header_size));
    const std::size_t boundary = compressed.size();
    compressed.insert(compressed.end(), second.begin(), second.end());
    const auto two_frames = read(compressed);
    EXPECT_EQ(two_frames.records.size(), 4000U) << "frames may follow one another";
    EXPECT_FALSE(two_frames.problems.torn);

    const auto cut = read(ByteView(compressed).first(compressed.size() - 1));
    ASSERT_TRUE(cut.problems.torn);
    EXPECT_EQ(cut.problems.torn->code, ErrorCode::torn);
    EXPECT_GE(cut.records.size(), 2000U);

    store(MutableByteView(compressed), boundary, std::uint32_t{0x12345678});
    const auto damaged = read(compressed);
    ASSERT_TRUE(damaged.problems.torn);
    EXPECT_EQ(damaged.problems.torn->code, ErrorCode::bad_input);
    EXPECT_EQ(damaged.records.size(), 2000U);
}

TEST_F(ReaderTest, SaysWhyThereIsNothingToRead) {
    test::write_trace(path(), test::sample_bodies());
    const Bytes compressed = compress(test::read_file(path()));
    for (const auto& [bytes, why] : {std::pair{Bytes{}, "empty"},
                                     std::pair{Bytes(compressed.begin(), compressed.begin() + 20), "inside a frame"}}) {
        const auto contents = read(bytes);
        ASSERT_TRUE(contents.problems.torn);
        EXPECT_EQ(contents.problems.torn->code, ErrorCode::torn);
        EXPECT_NE(contents.problems.torn->text.find(why), std::string::npos) << contents.problems.torn->text;
    }
    Bytes ethernet(file_header_size);
    std::copy(file_header().begin(), file_header().end(), ethernet.begin());
    store(MutableByteView(ethernet), 20, std::uint32_t{1});
    for (const auto& [bytes, why] : {std::pair{Bytes(100, std::byte{'x'}), "zstd"}, std::pair{ethernet, "EN10MB"}}) {
        test::write_file(folder_.file("other.pcap.zst"), bytes == ethernet ? compress(ethernet) : bytes);
        const auto reader = Reader::open(folder_.file("other.pcap.zst"));
        ASSERT_FALSE(reader);
        EXPECT_EQ(reader.error().code, ErrorCode::bad_input);
        EXPECT_NE(reader.error().text.find("no trace of vutrace"), std::string::npos) << reader.error().text;
        EXPECT_NE(reader.error().text.find(why), std::string::npos) << reader.error().text;
    }
}

}  // namespace
}  // namespace vutrace::trace
