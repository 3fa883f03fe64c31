// What stands around a body in the file: the tags and the record header of docs/trace-format.md, shared by writer and
// reader and known to nobody else.
#pragma once

#include <vutrace/base/bytes.h>

#include <array>
#include <cstdint>
#include <optional>

namespace vutrace::trace {

inline constexpr int link_type = 252;              // LINKTYPE_WIRESHARK_UPPER_PDU
inline constexpr std::size_t max_packet = 262144;  // libpcap reads no larger one; the snap length of the file
inline constexpr std::size_t tags_size = 16;       // name of the dissector, end of options
inline constexpr std::size_t record_header_size = 16;
inline constexpr std::size_t prefix_size = tags_size + record_header_size;
inline constexpr std::size_t max_piece = max_packet - prefix_size;
inline constexpr std::size_t file_header_size = 24;
inline constexpr std::size_t packet_header_size = 16;  // as pcap writes it

// Stands before each piece of a body.
struct RecordHeader {
    std::uint8_t version{0};
    std::uint8_t type{0};
    std::uint32_t session{0};
    std::uint32_t body_length{0};      // of the whole body
    std::uint32_t fragment_offset{0};  // of this piece in it
};

// The tags and the header, ready to be followed by the piece.
[[nodiscard]] std::array<std::byte, prefix_size> make_prefix(const RecordHeader& header) noexcept;

// Empty for a packet that is not a piece of a record.
[[nodiscard]] std::optional<RecordHeader> parse_prefix(ByteView packet) noexcept;

// The header of every file that `Writer` writes.
[[nodiscard]] const std::array<std::byte, file_header_size>& file_header() noexcept;

}  // namespace vutrace::trace
