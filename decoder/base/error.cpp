#include "vutrace/base/error.h"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace vutrace {

const char* name_of(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::usage:
            return "usage";
        case ErrorCode::bad_input:
            return "bad input";
        case ErrorCode::torn:
            return "torn";
        case ErrorCode::unsupported:
            return "unsupported";
        case ErrorCode::system:
            return "system";
        case ErrorCode::peer_closed:
            return "peer closed";
        case ErrorCode::timeout:
            return "timeout";
        case ErrorCode::limit:
            return "limit";
    }
    return "unknown";
}

std::string describe(const Error& error) {
    std::string line = error.text;
    if (error.offset) {
        line += fmt::format(" (at offset {})", *error.offset);
    }
    if (error.errno_value != 0) {
        line += fmt::format(": {}", std::generic_category().message(error.errno_value));
    }
    return line;
}

tl::unexpected<Error> fail(ErrorCode code, std::string text, std::optional<std::uint64_t> offset) {
    return tl::unexpected(Error{code, std::move(text), offset, 0});
}

tl::unexpected<Error> fail_errno(std::string text) {
    const int errno_value = errno;
    return fail_errno(std::move(text), errno_value);
}

tl::unexpected<Error> fail_errno(std::string text, int errno_value) {
    return tl::unexpected(Error{ErrorCode::system, std::move(text), std::nullopt, errno_value});
}

}  // namespace vutrace
