#include "back_end_requests.h"
#include "front_end_requests.h"

#include <vutrace/protocol/requests.h>

#include <algorithm>
#include <array>
#include <tuple>

namespace vutrace::protocol {
namespace {

template <std::size_t... Sizes>
constexpr auto join(const std::array<RequestInfo, Sizes>&... parts) {
    std::array<RequestInfo, (Sizes + ...)> whole{};
    auto out = whole.begin();
    ((out = std::copy(parts.begin(), parts.end(), out)), ...);
    return whole;
}

constexpr auto table = join(front_end::requests, back_end::requests, gpu::requests);

// Calls `visit` for the name and each alias; true where one of the calls was.
template <class Visitor>
constexpr bool any_name(const RequestInfo& info, Visitor visit) {
    if (visit(info.name)) {
        return true;
    }
    std::string_view rest = info.aliases;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        if (visit(rest.substr(0, end))) {
            return true;
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return false;
}

constexpr bool sorted() {
    return std::adjacent_find(table.begin(), table.end(), [](const RequestInfo& left, const RequestInfo& right) {
               return std::tuple(left.channel, left.code) >= std::tuple(right.channel, right.code);
           }) == table.end();
}

// Every number from 1 on, as the specification gives them.
constexpr bool complete(std::span<const RequestInfo> part, std::uint32_t last) {
    for (std::uint32_t code = 1; code <= last; ++code) {
        if (part.size() < code || part[code - 1].code != code) {
            return false;
        }
    }
    return true;
}

constexpr bool names_unique() {
    for (const RequestInfo& info : table) {
        for (const RequestInfo& other : table) {
            const auto taken = [&other](std::string_view name) {
                return any_name(other, [name](std::string_view candidate) { return candidate == name; });
            };
            if (info.channel == other.channel && info.code != other.code && any_name(info, taken)) {
                return false;
            }
        }
    }
    return true;
}

// Empty stands for "nothing to tell" in some replies, whatever the layout.
constexpr bool fits_layout(PayloadKind kind, std::uint32_t size_min, std::uint32_t size_max) {
    const SizeRange range = sizes_of(kind);
    return size_min <= size_max && range.holds(size_max) && (size_min == 0 || range.holds(size_min));
}

constexpr bool sizes_consistent() {
    return std::all_of(table.begin(), table.end(), [](const RequestInfo& info) {
        return fits_layout(info.payload, info.size_min, info.size_max) &&
               fits_layout(info.reply_payload, info.reply_size_min, info.reply_size_max) &&
               info.descriptors_min <= info.descriptors_max &&
               info.reply_descriptors_min <= info.reply_descriptors_max &&
               (info.descriptors_max == 0) == info.descriptors_what.empty();
    });
}

static_assert(front_end::requests.size() == 45 && complete(front_end::requests, 45));
static_assert(complete(back_end::requests, 10));
static_assert(gpu::requests.size() == 12 && complete(gpu::requests, 12));
static_assert(sorted(), "ordered by channel and code, each of them once");
static_assert(names_unique());
static_assert(sizes_consistent());

constexpr char upper(char letter) {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
}

constexpr bool starts_with_any_case(std::string_view text, std::string_view start) {
    return text.size() >= start.size() && std::equal(start.begin(), start.end(), text.begin(),
                                                     [](char left, char right) { return upper(left) == upper(right); });
}

constexpr bool equal_any_case(std::string_view left, std::string_view right) {
    return left.size() == right.size() && starts_with_any_case(left, right);
}

const RequestInfo* find_exact(Channel channel, std::string_view name) noexcept {
    const auto row = std::find_if(table.begin(), table.end(), [channel, name](const RequestInfo& info) {
        return info.channel == channel &&
               any_name(info, [name](std::string_view candidate) { return equal_any_case(candidate, name); });
    });
    return row == table.end() ? nullptr : &*row;
}

// Longest first: each of them may stand before a name.
constexpr std::string_view prefixes[] = {"VHOST_USER_BACKEND_", "VHOST_USER_SLAVE_", "VHOST_USER_GPU_", "VHOST_USER_"};

}  // namespace

std::span<const RequestInfo> requests() noexcept {
    return table;
}

const RequestInfo* find_request(Channel channel, std::uint32_t code) noexcept {
    const auto key = std::tuple(channel, code);
    const auto row = std::lower_bound(table.begin(), table.end(), key, [](const RequestInfo& info, const auto& wanted) {
        return std::tuple(info.channel, info.code) < wanted;
    });
    return row != table.end() && row->channel == channel && row->code == code ? &*row : nullptr;
}

const RequestInfo* find_request(Channel channel, std::string_view name) noexcept {
    if (const RequestInfo* info = find_exact(channel, name)) {
        return info;
    }
    for (const std::string_view prefix : prefixes) {
        if (!starts_with_any_case(name, prefix)) {
            continue;
        }
        if (const RequestInfo* info = find_exact(channel, name.substr(prefix.size()))) {
            return info;
        }
    }
    return nullptr;
}

std::string_view request_name(Channel channel, std::uint32_t code) noexcept {
    const RequestInfo* info = find_request(channel, code);
    return info != nullptr ? info->name : "UNKNOWN";
}

}  // namespace vutrace::protocol
