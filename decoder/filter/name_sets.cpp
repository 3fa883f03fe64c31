#include "name_sets.h"

#include <vutrace/explain/devices.h>
#include <vutrace/protocol/features.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/system/descriptor_kind.h>
#include <vutrace/trace/records.h>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>

namespace vutrace::filter {
namespace {

using protocol::FeatureInfo;

char lower(char letter) noexcept {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

// Every enumerator from `first` on that has a name of its own.
template <class Enum>
Names enumerate(Enum first, Enum last) {
    Names names;
    for (auto value = static_cast<unsigned>(first); value <= static_cast<unsigned>(last); ++value) {
        names.push_back({name_of(static_cast<Enum>(value)), value, {}, false});
    }
    return names;
}

// Calls `visit` for each word of a list separated by spaces.
template <class Visit>
void for_each_word(std::string_view words, Visit visit) {
    while (!words.empty()) {
        const std::size_t end = std::min(words.find(' '), words.size());
        visit(words.substr(0, end));
        words.remove_prefix(std::min(end + 1, words.size()));
    }
}

constexpr unsigned bits_of_mask = 64;

std::span<const FeatureInfo> table_of(MaskNames table) {
    return table == MaskNames::features            ? protocol::features()
           : table == MaskNames::protocol_features ? protocol::protocol_features()
                                                   : std::span<const FeatureInfo>();
}

const FeatureInfo* find_row(std::span<const FeatureInfo> rows, std::uint32_t device, unsigned bit) {
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const FeatureInfo& candidate) {
        return candidate.device == device && candidate.bit == bit;
    });
    return row == rows.end() ? nullptr : &*row;
}

// The bits of one device's masks for which `matches(name, aliases)`: named as `protocol::feature_names` names them.
template <class Matches>
std::uint64_t bits_where(std::span<const FeatureInfo> rows, std::uint32_t device, Matches matches) {
    std::uint64_t mask = 0;
    for (unsigned bit = 0; bit < bits_of_mask; ++bit) {
        const FeatureInfo* row = find_row(rows, device, bit);
        row = row != nullptr ? row : find_row(rows, 0, bit);
        const std::string number = row == nullptr ? fmt::format("bit {}", bit) : std::string();
        if (row != nullptr ? matches(row->name, row->aliases) : matches(number, std::string_view())) {
            mask |= std::uint64_t{1} << bit;
        }
    }
    return mask;
}

template <class Matches>
DeviceMask mask_where(MaskNames table, Matches matches) {
    DeviceMask mask;
    if (table == MaskNames::seals) {
        for (unsigned bit = 0; bit < 32; ++bit) {
            const std::uint32_t seal = std::uint32_t{1} << bit;
            mask.common |= matches(seal_names(seal).front(), std::string_view()) ? seal : 0;
        }
        return mask;
    }
    const std::span<const FeatureInfo> rows = table_of(table);
    mask.common = bits_where(rows, 0, matches);
    std::set<std::uint32_t> devices;
    for (const FeatureInfo& row : rows) {
        devices.insert(row.device);
    }
    for (const std::uint32_t device : devices) {
        if (const std::uint64_t own = bits_where(rows, device, matches); own != mask.common) {
            mask.of_device.emplace_back(device, own);
        }
    }
    return mask;
}

bool is_called(std::string_view word, std::string_view name, std::string_view aliases) {
    bool found = equal_any_case(word, name);
    for_each_word(aliases, [&](std::string_view alias) { found = found || equal_any_case(word, alias); });
    return found;
}

// As the specification's headings have them, and as they were before.
void append_prefixed(Names& names, Channel channel, std::string_view name, std::uint64_t row) {
    const auto append = [&](std::string_view prefix) {
        names.push_back({std::string(prefix) + std::string(name), row, {}, true});
    };
    append("VHOST_USER_");
    if (channel == Channel::back_end) {
        append("VHOST_USER_BACKEND_");
        append("VHOST_USER_SLAVE_");
    } else if (channel == Channel::gpu) {
        append("VHOST_USER_GPU_");
    }
}

bool is_empty(const DeviceMask& mask) {
    return mask.common == 0 && mask.of_device.empty();
}

}  // namespace

bool equal_any_case(std::string_view left, std::string_view right) noexcept {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](char one, char other) { return lower(one) == lower(other); });
}

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

Names request_names() {
    Names names;
    std::uint64_t row = 0;
    for (const protocol::RequestInfo& info : protocol::requests()) {
        names.push_back({std::string(info.name), row, std::string(info.meaning), false});
        append_prefixed(names, info.channel, info.name, row);
        for_each_word(info.aliases, [&](std::string_view alias) {
            names.push_back({std::string(alias), row, {}, true});
            append_prefixed(names, info.channel, alias, row);
        });
        ++row;
    }
    names.push_back({"UNKNOWN", row, "a code that is no known request's", false});
    return names;
}

Names record_names() {
    return enumerate(trace::RecordType::session, trace::RecordType::note);
}
Names channel_names() {
    return enumerate(Channel::front_end, Channel::gpu);
}
Names side_names() {
    return enumerate(Side::front_end, Side::back_end);
}
Names session_event_names() {
    return enumerate(trace::SessionRecord::Kind::opened, trace::SessionRecord::Kind::closed);
}
Names event_names() {
    return enumerate(trace::EventRecord::Kind::kick, trace::EventRecord::Kind::err);
}
Names chain_state_names() {
    return enumerate(trace::ChainEntry::State::available, trace::ChainEntry::State::used);
}
Names proof_names() {
    return enumerate(trace::Proof::absent, trace::Proof::verified);
}
Names memory_part_names() {
    return enumerate(trace::MemoryRecord::Part::region, trace::MemoryRecord::last_part);
}
Names severity_names() {
    return enumerate(trace::NoteRecord::Severity::info, trace::NoteRecord::Severity::error);
}
Names descriptor_kind_names() {
    return enumerate(DescriptorKind::other, DescriptorKind::userfaultfd);
}

std::vector<std::uint64_t> find_values(const Names& names, std::string_view word) {
    std::vector<std::uint64_t> values;
    for (const Name& name : names) {
        if (equal_any_case(name.text, word)) {
            values.push_back(name.value);
        }
    }
    return values;
}

std::uint64_t DeviceMask::at(std::uint32_t device) const noexcept {
    for (const auto& [type, mask] : of_device) {
        if (type == device) {
            return mask;
        }
    }
    return common;
}

void DeviceMask::add(const DeviceMask& other) {
    for (auto& [type, mask] : of_device) {
        mask |= other.at(type);
    }
    for (const auto& [type, mask] : other.of_device) {
        const bool known = std::any_of(of_device.begin(), of_device.end(),
                                       [wanted = type](const auto& own) { return own.first == wanted; });
        if (!known) {
            of_device.emplace_back(type, mask | common);
        }
    }
    common |= other.common;
}

DeviceMask find_mask(MaskNames table, std::string_view word) {
    const auto called = [](std::string_view wanted) {
        return [wanted](std::string_view name, std::string_view aliases) { return is_called(wanted, name, aliases); };
    };
    DeviceMask mask = mask_where(table, called(word));
    constexpr std::string_view infix = "_F_";
    const std::string lower = lower_case(word);
    const std::size_t at = lower.find(lower_case(infix));
    const bool prefixed = lower.starts_with("virtio_") || lower.starts_with("vhost_");
    if (!is_empty(mask) || at == std::string::npos || !prefixed) {
        return mask;
    }
    mask = mask_where(table, called(word.substr(at + infix.size())));
    constexpr std::size_t device_at = std::string_view("virtio_").size();
    const auto device = at <= device_at ? std::nullopt : explain::find_device(lower.substr(device_at, at - device_at));
    if (!device) {
        return mask;
    }
    return mask.at(*device) == 0 ? DeviceMask{} : DeviceMask{0, {{*device, mask.at(*device)}}};
}

DeviceMask find_mask_containing(MaskNames table, std::string_view word) {
    const std::string wanted = lower_case(word);
    return mask_where(table, [&](std::string_view name, std::string_view) {
        return lower_case(name).find(wanted) != std::string::npos;
    });
}

Names mask_names(MaskNames table) {
    Names names;
    if (table == MaskNames::seals) {
        for (unsigned bit = 0; bit < 32; ++bit) {
            const std::string name = seal_names(std::uint32_t{1} << bit).front();
            if (!name.starts_with("bit ")) {
                names.push_back({name, bit, {}, false});
            }
        }
    }
    for (const FeatureInfo& row : table_of(table)) {
        const std::string_view device = explain::device_name(row.device);
        std::string meaning = row.device == 0 ? fmt::format("bit {}", row.bit)
                                              : fmt::format("bit {} of {}", row.bit,
                                                            device.empty() ? fmt::format("device type {}", row.device)
                                                                           : std::string(device));
        names.push_back({std::string(row.name), row.bit, std::move(meaning), false});
        for_each_word(row.aliases, [&](std::string_view alias) {
            names.push_back({std::string(alias), row.bit, {}, true});
        });
    }
    return names;
}

}  // namespace vutrace::filter
