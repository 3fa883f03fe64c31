// Names that values have: of enumerations, of requests with their aliases, of feature bits by device.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vutrace::filter {

[[nodiscard]] bool equal_any_case(std::string_view left, std::string_view right) noexcept;
[[nodiscard]] std::string lower_case(std::string_view text);

// A value of an enumeration. Several may share a name, and a value may have several.
struct Name {
    std::string text;
    std::uint64_t value{0};
    std::string meaning;  // one phrase, may be empty
    bool alias{false};    // found, but not offered
};
using Names = std::vector<Name>;

// Of a message: its row in the catalogue, the number of rows where it has none.
[[nodiscard]] Names request_names();
[[nodiscard]] Names record_names();
[[nodiscard]] Names channel_names();
[[nodiscard]] Names side_names();
[[nodiscard]] Names session_event_names();
[[nodiscard]] Names event_names();
[[nodiscard]] Names chain_state_names();
[[nodiscard]] Names proof_names();
[[nodiscard]] Names memory_part_names();
[[nodiscard]] Names severity_names();
[[nodiscard]] Names descriptor_kind_names();

// The value of a name that stands for all values without one.
inline constexpr std::uint64_t unknown_name = UINT64_MAX;

// The values that `word` names, in any case. Empty where there are none.
[[nodiscard]] std::vector<std::uint64_t> find_values(const Names& names, std::string_view word);

// Which bits of a mask stand for something, by the device the mask belongs to.
struct DeviceMask {
    std::uint64_t common{0};                                         // for devices that are not listed
    std::vector<std::pair<std::uint32_t, std::uint64_t>> of_device;  // few

    [[nodiscard]] std::uint64_t at(std::uint32_t device) const noexcept;
    void add(const DeviceMask& other);
};

// Tables of bits.
enum class MaskNames : std::uint8_t { none, features, protocol_features, seals };

// The bits that the JSON calls `word`, "bit N" included, or by an older name, with or without prefix (VIRTIO_BLK_F_MQ
// is the bit of that device only). No bit at all where nothing is called so.
[[nodiscard]] DeviceMask find_mask(MaskNames table, std::string_view word);
// The bits whose name contains `word`, in any case.
[[nodiscard]] DeviceMask find_mask_containing(MaskNames table, std::string_view word);
[[nodiscard]] Names mask_names(MaskNames table);  // values are bits

}  // namespace vutrace::filter
