// Where the block driver keeps what in its guest's memory.
#pragma once

#include <cstdint>

namespace vutrace::replay::block_driver_layout {

// Guest memory as on a PC: two regions of one file, with a gap where the video memory is.
inline constexpr std::uint64_t low_end = 0xa0000;
inline constexpr std::uint64_t high_start = 0xc0000;
inline constexpr std::uint64_t user_base = 0x7f0000000000;
inline constexpr std::uint64_t page = 4096;

// Per slot in low memory: request header, status, indirect table.
inline constexpr std::uint64_t slot_stride = 128;
inline constexpr std::uint64_t status_offset = 16;
inline constexpr std::uint64_t table_offset = 32;
inline constexpr std::uint16_t descriptors_per_chain = 3;

}  // namespace vutrace::replay::block_driver_layout
