#include <vutrace/render/hexdump.h>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace vutrace::render {

void Hexdump::append(std::string& out, ByteView bytes, const std::vector<bool>& known) {
    std::vector<int> line;
    for (std::size_t at = 0; at < bytes.size(); at += line_bytes) {
        const std::size_t length = std::min(line_bytes, bytes.size() - at);
        line.clear();
        for (std::size_t i = at; i < at + length; ++i) {
            line.push_back(known.empty() || known[i] ? std::to_integer<int>(bytes[i]) : -1);
        }
        if (line == previous_) {
            if (!repeating_) {
                out.append(indent_, ' ').append("*\n");
            }
            repeating_ = true;
        } else {
            repeating_ = false;
            append_line(out, line);
            previous_.swap(line);
        }
        address_ += length;
    }
}

void Hexdump::append_run(std::string& out, std::uint64_t length, bool known) {
    const auto append_some = [&](std::uint64_t some) {
        const auto size = static_cast<std::size_t>(some);
        append(out, Bytes(size), std::vector<bool>(size, known));
    };
    const std::uint64_t first = std::min<std::uint64_t>(length, 2 * line_bytes);
    append_some(first);
    const std::uint64_t tail = (length - first) % line_bytes;
    address_ += length - first - tail;  // the second line was folded, and so are these
    append_some(tail);
}

void Hexdump::append_line(std::string& out, const std::vector<int>& line) const {
    out.append(indent_, ' ');
    fmt::format_to(std::back_inserter(out), "{:08x} ", address_);
    for (std::size_t i = 0; i < line_bytes; ++i) {
        out += i % 8 == 0 ? " " : "";
        if (i >= line.size()) {
            out += "   ";
        } else if (line[i] < 0) {
            out += "-- ";
        } else {
            fmt::format_to(std::back_inserter(out), "{:02x} ", line[i]);
        }
    }
    out += " |";
    for (const int byte : line) {
        out.push_back(byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : byte < 0 ? ' ' : '.');
    }
    out += "|\n";
}

void Hexdump::finish(std::string& out) const {
    out.append(indent_, ' ');
    fmt::format_to(std::back_inserter(out), "{:08x}\n", address_);
}

}  // namespace vutrace::render
