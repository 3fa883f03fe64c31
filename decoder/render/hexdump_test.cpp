#include <vutrace/render/hexdump.h>

#include <gtest/gtest.h>

namespace vutrace::render {
namespace {

std::string dump(std::uint64_t address, const Bytes& bytes, const std::vector<bool>& known = {}) {
    std::string out;
    Hexdump hexdump(address);
    hexdump.append(out, bytes, known);
    hexdump.finish(out);
    return out;
}

TEST(Hexdump, LooksLikeHexdumpC) {
    EXPECT_EQ(dump(0x10, Bytes{std::byte{'A'}, std::byte{0}, std::byte{0xff}}),
              "00000010  41 00 ff                                          |A..|\n"
              "00000013\n");
}

TEST(Hexdump, ShowsUnknownBytesAsUnknown) {
    const Bytes bytes(17, std::byte{0});
    std::vector<bool> known(17, true);
    known[8] = false;
    EXPECT_EQ(dump(0, bytes, known),
              "00000000  00 00 00 00 00 00 00 00  -- 00 00 00 00 00 00 00  |........ .......|\n"
              "00000010  00                                                |.|\n"
              "00000011\n");
}

TEST(Hexdump, FoldsEqualLinesAlsoAcrossPieces) {
    std::string out;
    Hexdump hexdump(0);
    const Bytes piece(32, std::byte{0});
    hexdump.append(out, piece);
    hexdump.append(out, piece);
    hexdump.finish(out);
    EXPECT_EQ(out,
              "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
              "*\n"
              "00000040\n");
}

TEST(Hexdump, FoldsRunsOfAnyLengthLikeTheirBytes) {
    for (const bool known : {true, false}) {
        for (const std::size_t length : {1U, 16U, 17U, 32U, 33U, 48U, 1000U}) {
            const Bytes before(16, std::byte{7});
            std::string by_bytes;
            Hexdump one(0x1000);
            one.append(by_bytes, before);
            one.append(by_bytes, Bytes(length), std::vector<bool>(length, known));
            one.finish(by_bytes);
            std::string by_run;
            Hexdump other(0x1000);
            other.append(by_run, before);
            other.append_run(by_run, length, known);
            other.finish(by_run);
            EXPECT_EQ(by_run, by_bytes) << length;
        }
    }
    std::string out;
    Hexdump dump(0);
    dump.append_run(out, std::uint64_t{1} << 60U, false);
    dump.append_run(out, 16, false);
    dump.finish(out);
    EXPECT_EQ(out,
              "00000000  -- -- -- -- -- -- -- --  -- -- -- -- -- -- -- --  |                |\n"
              "*\n"
              "1000000000000010\n");
}

TEST(Hexdump, TellsUnknownLinesFromZeros) {
    std::string out;
    Hexdump hexdump(0);
    const Bytes piece(16, std::byte{0});
    hexdump.append(out, piece, std::vector<bool>(16, true));
    hexdump.append(out, piece, std::vector<bool>(16, false));
    EXPECT_EQ(out.find('*'), std::string::npos);
}

}  // namespace
}  // namespace vutrace::render
