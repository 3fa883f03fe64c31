#include "vutrace/system/event_descriptor.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace vutrace {
namespace {

// The number behind `name` in the text of /proc/self/fdinfo/N.
std::optional<std::uint64_t> field(std::string_view text, std::string_view name, int base) noexcept {
    const auto found = text.find(name);
    if (found == std::string_view::npos) {
        return std::nullopt;
    }
    text.remove_prefix(found + name.size());
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return parsed.ec == std::errc{} ? std::optional(value) : std::nullopt;
}

}  // namespace

Result<FileDescriptor> create_event_descriptor(bool semaphore) {
    FileDescriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | (semaphore ? EFD_SEMAPHORE : 0)));
    if (!event) {
        return fail_errno("cannot create an eventfd");
    }
    return event;
}

Status signal_event(const FileDescriptor& event, std::uint64_t count) {
    while (::write(event.number(), &count, sizeof(count)) < 0) {
        if (errno == EAGAIN) {
            return {};
        }
        if (errno != EINTR) {
            return fail_errno("cannot write to an eventfd");
        }
    }
    return {};
}

Result<EventState> event_state(const FileDescriptor& event) {
    const std::string path = "/proc/self/fdinfo/" + std::to_string(event.number());
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 512> buffer{};
    const ssize_t size = file ? ::read(file.number(), buffer.data(), buffer.size()) : -1;
    if (size < 0) {
        return fail_errno("cannot ask for the state of an eventfd");
    }
    const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
    const auto count = field(text, "eventfd-count:", 16);
    if (!count) {
        return fail(ErrorCode::usage, "the descriptor is no eventfd");
    }
    return EventState{*count, field(text, "eventfd-semaphore:", 10).value_or(0) != 0};
}

Result<std::uint64_t> take_event(const FileDescriptor& event) {
    std::uint64_t count = 0;
    while (::read(event.number(), &count, sizeof(count)) < 0) {
        if (errno == EAGAIN) {
            return 0;
        }
        if (errno != EINTR) {
            return fail_errno("cannot read an eventfd");
        }
    }
    return count;
}

}  // namespace vutrace
