// Copies a trace that cannot be sought in, a compressed one or a pipe, into a file that can.
#pragma once

#include "input.h"

#include <vutrace/base/error.h>
#include <vutrace/system/file_descriptor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace vutrace::trace {

// As many bytes in a row without a record are no part of a trace: a small compressed file may hold any number of them.
constexpr std::uint64_t most_bytes_without_a_record = std::uint64_t{64} << 20U;

struct Unpacking {
    std::string path;  // for messages
    std::stop_token stop;
    std::function<void(std::uint64_t, std::uint64_t)> progress;  // bytes copied, bytes of the source; may be empty
    std::optional<std::uint64_t> keep_free;                      // bytes of the disk of `to`; without it our own choice
};

// Goes through the packets on the way and ends where a reader of the copy would: what lies behind is never read, and
// may be without end. Gives why the copy ends early where a reader of it would not see that, otherwise nothing. Errors:
// system, bad_input (no trace), limit (stopped, no room).
[[nodiscard]] Result<std::optional<Error>> unpack(std::unique_ptr<Input> source, const FileDescriptor& to,
                                                  const Unpacking& how);

}  // namespace vutrace::trace
