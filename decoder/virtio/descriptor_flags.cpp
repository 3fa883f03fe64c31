#include "vutrace/virtio/descriptor_flags.h"

#include "vutrace/virtio/packed_ring.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

namespace vutrace::virtio {
namespace {

struct Flag {
    std::uint16_t bit;
    std::string_view name;
    bool everywhere;
};
constexpr std::array flags_known{Flag{descriptor_next, "NEXT", true}, Flag{descriptor_write, "WRITE", true},
                                 Flag{descriptor_indirect, "INDIRECT", true}, Flag{packed_available, "AVAIL", false},
                                 Flag{packed_used, "USED", false}};

}  // namespace

std::string descriptor_flags_text(std::uint16_t flags, DescriptorPlace place) {
    std::string text;
    unsigned rest = flags;
    for (const Flag& flag : flags_known) {
        if ((rest & flag.bit) != 0 && (flag.everywhere || place == DescriptorPlace::packed_ring)) {
            text += text.empty() ? "" : "|";
            text += flag.name;
            rest &= ~unsigned{flag.bit};
        }
    }
    if (rest != 0) {
        text += fmt::format("{}0x{:x}", text.empty() ? "" : "|", rest);
    }
    return text.empty() ? "-" : text;
}

DescriptorPlace DescriptorPlaces::next(std::uint16_t flags) noexcept {
    return (flags & descriptor_indirect) == 0 ? place_ : std::exchange(place_, DescriptorPlace::elsewhere);
}

}  // namespace vutrace::virtio
