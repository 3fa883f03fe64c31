// Errors as values. Libraries return them, programs print them, once.
#pragma once

#include <tl/expected.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace vutrace {

// What went wrong, in terms of what the caller can do about it.
enum class ErrorCode : std::uint8_t {
    usage,        // the request makes no sense: change it
    bad_input,    // bytes from a file, a peer or a guest are not what they must be: report, go on elsewhere
    torn,         // the input ends in the middle of something: what came before it is valid
    unsupported,  // valid, and this version cannot do it: say so, go on without
    system,       // the operating system refused; `errno_value` says why
    peer_closed,  // the other end of a socket is gone: reconnect or give up
    timeout,      // nothing happened in the given time: wait longer or give up
    limit,        // a bound of ours was reached (queue full, too large): thin out or raise it
};

// Name of a code in words, such as "bad input".
[[nodiscard]] const char* name_of(ErrorCode code) noexcept;

struct Error {
    ErrorCode code{ErrorCode::bad_input};
    std::string text;                     // operation and evidence: what was expected, what was there
    std::optional<std::uint64_t> offset;  // byte offset in the input, where there is one
    int errno_value{0};                   // 0 where the operating system was not involved
    bool operator==(const Error&) const = default;
};

// One line for people: text, offset where known, strerror where known.
[[nodiscard]] std::string describe(const Error& error);

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

// `return fail(ErrorCode::bad_input, "…", offset);`
[[nodiscard]] tl::unexpected<Error> fail(ErrorCode code, std::string text,
                                         std::optional<std::uint64_t> offset = std::nullopt);

// The same with the current value of errno, which is read before anything else is done.
[[nodiscard]] tl::unexpected<Error> fail_errno(std::string text);

// The same with an error number that did not come through errno (io_uring, posix_spawn).
[[nodiscard]] tl::unexpected<Error> fail_errno(std::string text, int errno_value);

}  // namespace vutrace
