#include "output.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace vutrace::cli {
namespace {

constexpr std::size_t flush_at = 256U << 10U;

}  // namespace

Output::Output(int descriptor) : descriptor_(descriptor) {
    (void)std::signal(SIGPIPE, SIG_IGN);
    buffer_.reserve(flush_at + flush_at / 4);
}

Status Output::flush_if_full() {
    return buffer_.size() < flush_at ? Status{} : flush();
}

Status Output::flush() {
    std::string_view rest = buffer_;
    while (!rest.empty()) {
        const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
        if (written >= 0) {
            rest.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EPIPE) {
            return fail(ErrorCode::peer_closed, "the reader of the output is gone");
        } else if (errno != EINTR) {
            return fail_errno("cannot write the output");
        }
    }
    buffer_.clear();
    return {};
}

bool use_colour(ColourChoice choice, int descriptor) {
    if (choice != ColourChoice::automatic) {
        return choice == ColourChoice::always;
    }
    const char* no_colour = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    return ::isatty(descriptor) == 1 && (no_colour == nullptr || *no_colour == '\0') &&
           (terminal == nullptr || std::string_view(terminal) != "dumb");
}

}  // namespace vutrace::cli
