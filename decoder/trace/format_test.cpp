// docs/trace-format.md against the encoder: its examples in hex, and what it says things cost.
#include "framing.h"
#include "test_support.h"

#include <vutrace/trace/encode.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

namespace vutrace::trace {
namespace {

using test::encode;

// The fenced blocks whose information string is "hex NAME"; "#" begins a remark.
std::map<std::string, Bytes> examples() {
    std::map<std::string, Bytes> found;
    std::ifstream document(VUTRACE_TRACE_FORMAT_DOCUMENT);
    EXPECT_TRUE(document) << VUTRACE_TRACE_FORMAT_DOCUMENT;
    std::string name;
    for (std::string line; std::getline(document, line);) {
        if (line.starts_with("```")) {
            name = line.starts_with("```hex ") ? line.substr(7) : "";
        } else if (!name.empty()) {
            std::istringstream words(line.substr(0, line.find('#')));
            for (std::string word; words >> word;) {
                found[name].push_back(static_cast<std::byte>(std::stoul(word, nullptr, 16)));
            }
        }
    }
    return found;
}

ChainRecord chain_example() {
    ChainEntry available;
    available.proof = Proof::verified;
    available.head = 4;
    available.index = 7;
    available.descriptors = {{0x1000, 16, 1, 5}, {0x2000, 4096, 3, 6}, {0x3000, 1, 2, 0}};
    Bytes request(16);
    request[8] = std::byte{8};
    available.content.add_literal(request);
    ChainEntry used;
    used.state = ChainEntry::State::used;
    used.proof = Proof::verified;
    used.head = 4;
    used.index = 6;
    used.time_offset = 1000;
    used.used_length = 4097;
    used.content.add_zeros(4097);
    return {2, {8, 0, 0, 7, 0, 0}, {available, used}};
}

ChainRecord packed_chain_example() {
    ChainEntry available;
    available.proof = Proof::verified;
    available.head = 7;
    available.index = 0x8000;
    available.descriptors = {{0x1000, 8, 0x81, 0}, {0x2000, 1, 0x82, 7}};
    available.content.add_zeros(8);
    ChainEntry used;
    used.state = ChainEntry::State::used;
    used.proof = Proof::verified;
    used.head = 7;
    used.index = 0x8000;
    used.time_offset = 1000;
    used.used_length = 1;
    used.content.add_zeros(1);
    return {0, {0x8002, 0, 0, 0x8002, 0, 0}, {available, used}};
}

MessageRecord message_example() {
    MessageRecord message;
    message.descriptors.push_back({5, {DescriptorKind::eventfd, 0, 04002, 14, 0x421, 0}});
    ByteWriter writer(message.bytes);
    for (const std::uint32_t word : {12U, 1U, 8U, 1U, 0U}) {
        writer.write(word);
    }
    return message;
}

MemoryRecord hole() {
    MemoryRecord memory{MemoryRecord::Part::region, Proof::late, no_queue, 0x100000000, {}};
    memory.content.add_zeros(std::uint64_t{64} << 30U);
    return memory;
}

TEST(Document, EveryExampleIsWhatTheEncoderMakes) {
    const std::map<std::string, RecordBody> bodies{
        {"memory-hole", hole()},
        {"session", SessionRecord{SessionRecord::Kind::closed, {{"reason", "stopped"}}}},
        {"message", message_example()},
        {"event", EventRecord{EventRecord::Kind::call, 3, 2}},
        {"chain", chain_example()},
        {"packed-chain", packed_chain_example()},
        {"gap", GapRecord{2, 17, 0, 0, "overload"}},
        {"gap-at-least", GapRecord{2, 17, 0, 0, "overload", true}},
        {"note", NoteRecord{NoteRecord::Severity::warning, no_queue, "no fds"}},
    };
    auto documented = examples();
    for (const auto& [name, body] : bodies) {
        EXPECT_EQ(documented[name], encode(body)) << name;
        const auto decoded = decode_body(type_of(body), format_version, documented[name]);
        ASSERT_TRUE(decoded) << name;
        EXPECT_TRUE(*decoded == body) << name;
        documented.erase(name);
    }
    const auto prefix = make_prefix({1, 3, 2, 12, 0});
    EXPECT_EQ(documented["prefix"], Bytes(prefix.begin(), prefix.end()));
    EXPECT_EQ(documented["file-header"], Bytes(file_header().begin(), file_header().end()));
    EXPECT_EQ(documented.size(), 2U) << "an example that nobody checks";
}

TEST(Document, TheFileHeaderIsTheOneThatLibpcapWrites) {
    const test::TemporaryFolder folder;
    test::write_trace(folder.file("empty"), {});
    EXPECT_EQ(test::read_file(folder.file("empty")), Bytes(file_header().begin(), file_header().end()));
    EXPECT_EQ(test::raw_file_header(), Bytes(file_header().begin(), file_header().end()));
}

std::uintmax_t size_in_file(const RecordBody& body) {
    const test::TemporaryFolder folder;
    test::write_trace(folder.file("one"), {body});
    return std::filesystem::file_size(folder.file("one")) - file_header_size;
}

TEST(Cost, AHoleOf64GiBIs72Bytes) {
    EXPECT_EQ(size_in_file(hole()), 72U);
}

// Sixteen chains of the commonest shape in one record, with one literal run each way.
TEST(Cost, ABatchedChainIsUnder128BytesBeyondItsPayload) {
    constexpr std::size_t request = 16;
    constexpr std::size_t response = 4097;
    constexpr std::size_t chains = 16;
    ChainRecord record = chain_example();
    record.entries[1].content.clear();
    record.entries[1].content.add_literal(test::pattern(response));
    const std::vector<ChainEntry> pair = record.entries;
    for (std::size_t i = 1; i < chains; ++i) {
        record.entries.insert(record.entries.end(), pair.begin(), pair.end());
    }
    const auto cost = static_cast<double>(size_in_file(record) - chains * (request + response)) / chains;
    EXPECT_DOUBLE_EQ(cost, 116.25) << "the document says so";
}

}  // namespace
}  // namespace vutrace::trace
