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
