// A session as bytes that a fuzzer can change: what went over each socket, cut into messages as the relay cuts it (a
// header, then as much as the header announces), and records of the other kinds between.
//
// The first byte is the virtio device type to take the device for, 0 for none. Then items, each of which begins with a
// byte, its kind, modulo 9:
//   0-5  a message: channel is kind % 3, sender kind / 3; u8 descriptors; header; payload
//   6    any record: u8 type; u16 length; a body as a trace has it
//   7    time passes: u32 microseconds
//   8    what follows belongs to another session: u8, modulo 4
// Integers are little-endian. What ends too early is cut off there, as a session whose connection breaks.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace vutrace::fuzz {

struct Session {
    std::optional<std::uint32_t> device;
    std::vector<trace::Record> records;
};

// Any bytes are a session. Records are numbered and timed as the reader of a trace does it.
[[nodiscard]] Session parse_session(ByteView bytes);

// The other way. Records that are too long for an item are left out; descriptors lose what is known of them.
[[nodiscard]] Bytes session_bytes(const Session& session);

}  // namespace vutrace::fuzz
