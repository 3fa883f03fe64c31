#include "vutrace/trace/encode.h"

#include "test_support.h"

#include <gtest/gtest.h>

namespace vutrace::trace {
namespace {

using test::encode;
using test::pattern;
using test::sample_bodies;

Result<RecordBody> decode(const RecordBody& like, ByteView bytes) {
    return decode_body(type_of(like), format_version, bytes);
}

TEST(Encode, EveryBodyComesBackAsItWas) {
    for (const RecordBody& body : sample_bodies()) {
        const auto decoded = decode(body, encode(body));
        ASSERT_TRUE(decoded) << name_of(type_of(body)) << ": " << describe(decoded.error());
        EXPECT_TRUE(*decoded == body) << name_of(type_of(body));
    }
}

TEST(Encode, FillsExactlyTheSizeItAnnounces) {
    for (const RecordBody& body : sample_bodies()) {
        const std::size_t size = encoded_size(body);
        Bytes bytes(size + 8, std::byte{0xa5});
        encode_body(body, MutableByteView(bytes).first(size));
        EXPECT_EQ(Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(size), bytes.end()), Bytes(8, std::byte{0xa5}));
        EXPECT_EQ(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)), encode(body));
    }
}

TEST(Decode, EveryTruncationIsBadInput) {
    for (const RecordBody& body : sample_bodies()) {
        const Bytes bytes = encode(body);
        for (std::size_t size = 0; size < bytes.size(); size += size < 600 ? 1 : 997) {
            const auto decoded = decode(body, ByteView(bytes).first(size));
            ASSERT_FALSE(decoded) << name_of(type_of(body)) << " cut to " << size << " of " << bytes.size();
            EXPECT_EQ(decoded.error().code, ErrorCode::bad_input);
            EXPECT_TRUE(decoded.error().offset);
        }
    }
}

TEST(Decode, IgnoresBytesAfterTheKnownFields) {
    for (const RecordBody& body : sample_bodies()) {
        Bytes bytes = encode(body);
        bytes.resize(bytes.size() + 9, std::byte{0xff});
        const auto decoded = decode(body, bytes);
        ASSERT_TRUE(decoded) << name_of(type_of(body));
        EXPECT_TRUE(*decoded == body);
    }
}

TEST(Decode, StepsOverWhatALaterVersionAddsToRepeatedParts) {
    MessageRecord message;
    message.descriptors.resize(1);
    message.bytes = pattern(4);
    Bytes bytes = encode(message);
    store(MutableByteView(bytes), 20, std::uint16_t{43});
    bytes.insert(bytes.begin() + 24 + 40, 3, std::byte{0xff});
    EXPECT_TRUE(decode(message, bytes).value() == RecordBody{message});

    ChainRecord chain;
    chain.entries.resize(1);
    chain.entries[0].descriptors = {{1, 2, 3, 4}};
    bytes = encode(chain);
    store(MutableByteView(bytes), 14, std::uint16_t{24});
    bytes.insert(bytes.begin() + 20 + 20, 4, std::byte{0xff});
    EXPECT_TRUE(decode(chain, bytes).value() == RecordBody{chain});
}

TEST(Decode, RefusesPartsSmallerThanItKnows) {
    Bytes bytes = encode(MessageRecord{});
    store(MutableByteView(bytes), 20, std::uint16_t{39});
    EXPECT_EQ(decode(MessageRecord{}, bytes).error().code, ErrorCode::bad_input);
    ChainRecord chain;
    chain.entries.resize(1);
    bytes = encode(chain);
    store(MutableByteView(bytes), 14, std::uint16_t{0});
    EXPECT_EQ(decode(chain, bytes).error().code, ErrorCode::bad_input);
}

TEST(Decode, AChainRecordMaySayHowManyTranslationsItHad) {
    ChainRecord chain;
    chain.entries.resize(1);
    const Bytes without = encode(chain);
    chain.translations = 7;
    const Bytes with = encode(chain);
    EXPECT_EQ(with.size(), without.size() + 8);
    EXPECT_TRUE(decode(chain, with).value() == RecordBody{chain});
    for (std::size_t cut = 1; cut <= 8; ++cut) {
        const auto decoded = decode(chain, ByteView(with).first(with.size() - cut));
        ASSERT_TRUE(decoded);
        EXPECT_EQ(std::get<ChainRecord>(*decoded).translations, std::nullopt);
    }
}

TEST(Decode, RefusesAChainRecordWithoutEntries) {
    EXPECT_EQ(decode(ChainRecord{}, encode(ChainRecord{})).error().code, ErrorCode::bad_input);
}

TEST(Decode, TellsUnknownFromBad) {
    const Bytes event = encode(EventRecord{});
    EXPECT_EQ(decode_body(RecordType::event, 0, event).error().code, ErrorCode::bad_input);
    EXPECT_EQ(decode_body(RecordType::event, 2, event).error().code, ErrorCode::unsupported);
    for (const int type : {0, 8, 255}) {
        EXPECT_EQ(decode_body(static_cast<RecordType>(type), 1, event).error().code, ErrorCode::unsupported);
    }
}

// Where each body keeps an enumerator, and the first value that is not one.
struct EnumeratorCase {
    const char* name;
    RecordBody body;
    std::size_t offset;
    std::uint8_t unknown;
};

TEST(Decode, ReportsUnknownEnumeratorsAsUnsupported) {
    ChainRecord chain;
    chain.entries.resize(1);
    MemoryRecord memory;
    memory.content.add_zeros(1);
    const std::vector<EnumeratorCase> cases{
        {"session kind 0", SessionRecord{}, 0, 0},
        {"session kind", SessionRecord{}, 0, 4},
        {"channel", MessageRecord{}, 0, 3},
        {"sender", MessageRecord{}, 1, 2},
        {"event kind", EventRecord{}, 0, 3},
        {"state", chain, 20, 2},
        {"proof", chain, 21, 4},
        {"part", MemoryRecord{}, 0, static_cast<std::uint8_t>(MemoryRecord::last_part) + 1},
        {"memory proof", MemoryRecord{}, 1, 4},
        {"severity", NoteRecord{}, 0, 3},
        {"run kind", memory, 12 + 4 + 7, 3},
    };
    for (const EnumeratorCase& test_case : cases) {
        Bytes bytes = encode(test_case.body);
        bytes[test_case.offset] = static_cast<std::byte>(test_case.unknown);
        const auto decoded = decode(test_case.body, bytes);
        ASSERT_FALSE(decoded) << test_case.name;
        EXPECT_EQ(decoded.error().code, ErrorCode::unsupported) << test_case.name;
    }
}

TEST(Decode, AnUnknownKindOfDescriptorIsOther) {
    MessageRecord message;
    message.descriptors.resize(1);
    message.descriptors[0].description.inode = 5;
    Bytes bytes = encode(message);
    bytes[24 + 4] = std::byte{200};
    EXPECT_TRUE(decode(message, bytes).value() == RecordBody{message});
}

TEST(Decode, RefusesRunsThatContradictThemselves) {
    MemoryRecord memory;
    memory.content.add_zeros(1);
    Bytes empty_run = encode(memory);
    store(MutableByteView(empty_run), 16, std::uint64_t{1} << 56U);
    EXPECT_EQ(decode(memory, empty_run).error().code, ErrorCode::bad_input);

    Bytes too_large = encode(memory);
    store(MutableByteView(too_large), 12, std::uint32_t{2});
    store(MutableByteView(too_large), 16, (std::uint64_t{1} << 56U) | max_content_size);
    ByteWriter(too_large).write((std::uint64_t{1} << 56U) | 1U);
    EXPECT_EQ(decode(memory, too_large).error().code, ErrorCode::bad_input);
}

TEST(Decode, CountsAreBoundedByTheBytesThatAreThere) {
    // Offsets of a count in the smallest body of each type; a claim of 2^32 - 1 must cost nothing.
    ChainRecord chain;
    chain.entries.resize(1);
    const std::vector<std::pair<RecordBody, std::size_t>> cases{
        {SessionRecord{}, 4}, {MessageRecord{}, 4}, {MessageRecord{}, 16}, {chain, 16},       {chain, 36},
        {chain, 40},          {MemoryRecord{}, 12}, {GapRecord{}, 28},     {NoteRecord{}, 4},
    };
    for (const auto& [body, offset] : cases) {
        Bytes bytes = encode(body);
        store(MutableByteView(bytes), offset, UINT32_MAX);
        const auto decoded = decode(body, bytes);
        ASSERT_FALSE(decoded) << name_of(type_of(body)) << " " << offset;
        EXPECT_EQ(decoded.error().code, ErrorCode::bad_input);
    }
}

TEST(Records, HaveNames) {
    EXPECT_STREQ(name_of(RecordType::session), "session");
    EXPECT_STREQ(name_of(RecordType::note), "note");
    EXPECT_STREQ(name_of(static_cast<RecordType>(0)), "unknown");
    EXPECT_STREQ(name_of(static_cast<RecordType>(8)), "unknown");
    EXPECT_STREQ(name_of(Proof::absent), "absent");
    EXPECT_STREQ(name_of(Proof::verified), "verified");
    EXPECT_STREQ(name_of(MemoryRecord::Part::inflight), "inflight");
    EXPECT_STREQ(name_of(MemoryRecord::Part::log), "log");
    EXPECT_STREQ(name_of(MemoryRecord::Part::device_state), "device-state");
    EXPECT_STREQ(name_of(static_cast<MemoryRecord::Part>(static_cast<unsigned>(MemoryRecord::last_part) + 1)),
                 "unknown");
}

TEST(Records, AChainRecordTakesOneNumberForEachEntry) {
    Record record;
    record.body = EventRecord{};
    EXPECT_EQ(sequence_count(record), 1U);
    ChainRecord chain;
    chain.entries.resize(5);
    record.body = chain;
    EXPECT_EQ(sequence_count(record), 5U);
}

}  // namespace
}  // namespace vutrace::trace
