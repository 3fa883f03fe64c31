
#include <vutrace/base/count_text.h>
#include <vutrace/render/phrases.h>
#include <vutrace/render/ring_view.h>
#include <vutrace/virtio/descriptor_flags.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>

namespace vutrace::render {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
std::string or_unknown(const std::optional<T>& value, const char* format = "{}") {
    return value ? fmt::format(fmt::runtime(format), *value) : "unknown";
}

template <class T>
Json or_null(const std::optional<T>& value) {
    return value ? Json(*value) : Json(nullptr);
}

std::string hex(std::uint64_t value) {
    return fmt::format("0x{:x}", value);
}

std::string event_text(const std::optional<std::uint16_t>& flags, const std::optional<std::uint16_t>& position) {
    if (!flags) {
        return "unknown";
    }
    switch (*flags) {
        case virtio::PackedEvent::enable:
            return "enabled";
        case virtio::PackedEvent::disable:
            return "disabled";
        case virtio::PackedEvent::descriptor:
            return "at " + position_text(position);
        default:
            return fmt::format("0x{:x} (no meaning)", *flags);
    }
}

void append_entry(std::string& out, const TableEntry& entry, bool packed, virtio::DescriptorPlace place) {
    const trace::ChainDescriptor& descriptor = entry.descriptor;
    fmt::format_to(std::back_inserter(out), "    {:>5}  {:>18}  {:>10}  {:<14}", entry.index, hex(descriptor.address),
                   descriptor.length, virtio::descriptor_flags_text(descriptor.flags, place));
    if (packed) {
        fmt::format_to(std::back_inserter(out), "  id {}", descriptor.next);
    } else if ((descriptor.flags & virtio::descriptor_next) != 0) {
        fmt::format_to(std::back_inserter(out), "  next {}", descriptor.next);
    }
    out += '\n';
}

void append_header(std::string& out, const RingView& ring, const Style& style) {
    style.append(out, Tone::strong, fmt::format("session {} queue {}", ring.session, ring.queue));
    fmt::format_to(std::back_inserter(out), "  {}  {}  {}\n",
                   ring.layout          ? fmt::format("size {}", ring.layout->size)
                   : ring.packed_layout ? fmt::format("size {}  packed", ring.packed_layout->size)
                                        : std::string("size unknown"),
                   ring.started ? "started" : "not started", ring.enabled ? "enabled" : "not enabled");
    if (!ring.layout && !ring.packed_layout) {
        out += "  ring addresses unknown: not set, invalid, or outside the memory regions\n";
    }
    fmt::format_to(std::back_inserter(out), "  so far: {} made available, {} used, {}{} lost\n",
                   count_text(ring.chains_available, "chain"), ring.chains_used,
                   ring.chains_lost_at_least ? "at least " : "", ring.chains_lost);
}

void append_rings(std::string& out, const RingView& ring) {
    const auto end = std::back_inserter(out);
    const auto place = [&](std::uint64_t virtio::SplitRingLayout::*member) {
        return ring.layout ? hex((*ring.layout).*member) : std::string("unknown");
    };
    const char* events = ring.event_index ? "" : " (not negotiated)";
    fmt::format_to(end, "  descriptor table  at {}\n", place(&virtio::SplitRingLayout::descriptor));
    fmt::format_to(end, "  available ring    at {}  index {}  flags {}  used_event {}{}\n",
                   place(&virtio::SplitRingLayout::available), or_unknown(ring.available_index),
                   or_unknown(ring.available_flags, "0x{:x}"), or_unknown(ring.used_event), events);
    fmt::format_to(end, "  used ring         at {}  index {}  flags {}  available_event {}{}\n",
                   place(&virtio::SplitRingLayout::used), or_unknown(ring.used_index),
                   or_unknown(ring.used_flags, "0x{:x}"), or_unknown(ring.available_event), events);
}

void append_packed(std::string& out, const RingView& ring) {
    const auto end = std::back_inserter(out);
    const auto place = [&](std::uint64_t virtio::PackedRingLayout::*member) {
        return ring.packed_layout ? hex((*ring.packed_layout).*member) : std::string("unknown");
    };
    fmt::format_to(end, "  descriptor ring   at {}  driver at {}  device at {}\n",
                   place(&virtio::PackedRingLayout::descriptor), position_text(ring.available_index),
                   position_text(ring.used_index));
    fmt::format_to(end, "  driver event area at {}  calls {}\n", place(&virtio::PackedRingLayout::driver_event),
                   event_text(ring.available_flags, ring.used_event));
    fmt::format_to(end, "  device event area at {}  kicks {}\n", place(&virtio::PackedRingLayout::device_event),
                   event_text(ring.used_flags, ring.available_event));
}

void append_slot_counts(std::string& out, const RingView& ring) {
    for (const SlotState state : {SlotState::available, SlotState::part, SlotState::used, SlotState::free}) {
        const auto count = std::count(ring.slots.begin(), ring.slots.end(), state);
        if (count != 0) {
            fmt::format_to(std::back_inserter(out), "  {:>5} {}\n", count,
                           state == SlotState::part ? "more of available chains" : name_of(state));
        }
    }
}

void append_facts(std::string& out, const RingView& ring, const Style& style) {
    append_header(out, ring, style);
    ring.packed ? append_packed(out, ring) : append_rings(out, ring);
}

void append_problems(std::string& out, const RingView& ring, const Style& style) {
    for (const std::string& problem : ring.problems) {
        out += "  ";
        style.append(out, Tone::bad, "!! " + problem);
        out += '\n';
    }
}

void append_open(std::string& out, const RingView& ring, const Style& style) {
    if (ring.open.empty()) {
        const bool seen = ring.chains_available + ring.chains_used != 0;
        out += !seen                   ? "  no chain was recorded so far: who owns what is unknown\n"
               : ring.chains_lost != 0 ? "  no open chain known, but chains were lost\n"
                                       : "  no open chain: the driver owns every descriptor\n";
        return;
    }
    fmt::format_to(std::back_inserter(out), "  {} owned by the device:\n", count_text(ring.open.size(), "open chain"));
    for (const OpenChainView& chain : ring.open) {
        out += "  ";
        style.append(out, Tone::name, fmt::format("{} {}", ring.packed ? "buffer" : "head", chain.head));
        fmt::format_to(std::back_inserter(out), "  available {}  since record {}  content {}",
                       ring.packed ? "at " + position_text(chain.index) : fmt::format("index {}", chain.index),
                       chain.sequence, trace::name_of(chain.proof));
        if (chain.problem != 0) {
            out += "  ";
            style.append(out, Tone::bad, "!! " + chain_problem_text(chain.problem));
        }
        out += '\n';
        for (const TableEntry& entry : chain.table) {
            append_entry(out, entry, ring.packed, virtio::place_in_ring(ring.packed));
        }
        if (!chain.indirect.empty()) {
            out += "      indirect table:\n";
        }
        std::uint16_t index = 0;
        for (const trace::ChainDescriptor& descriptor : chain.indirect) {
            append_entry(out, {index++, descriptor}, ring.packed, virtio::DescriptorPlace::elsewhere);
        }
    }
}

Json descriptor_json(const TableEntry& entry) {
    const trace::ChainDescriptor& descriptor = entry.descriptor;
    return {{"index", entry.index},
            {"address", hex(descriptor.address)},
            {"length", descriptor.length},
            {"flags", descriptor.flags},
            {"next", descriptor.next}};
}

Json table_json(const std::vector<TableEntry>& entries) {
    Json list = Json::array();
    for (const TableEntry& entry : entries) {
        list.push_back(descriptor_json(entry));
    }
    return list;
}

Json open_json(const OpenChainView& chain, bool packed) {
    Json indirect = Json::array();
    std::uint16_t index = 0;
    for (const trace::ChainDescriptor& descriptor : chain.indirect) {
        indirect.push_back(descriptor_json({index++, descriptor}));
    }
    Json json{{"head", chain.head},
              {"index", chain.index},
              {"seq", chain.sequence},
              {"time", chain.time},
              {"owner", "device"},
              {"content", trace::name_of(chain.proof)},
              {"descriptors", table_json(chain.table)},
              {"indirect", std::move(indirect)}};
    if (packed) {
        json["index"] = virtio::PackedPosition::parse(chain.index).offset;
        json["wrap"] = virtio::PackedPosition::parse(chain.index).wrap;
    }
    if (chain.problem != 0) {
        json["problem"] = chain_problem_text(chain.problem);
    }
    return json;
}

Json address_json(const RingView& ring, std::uint64_t virtio::SplitRingLayout::*member) {
    return ring.layout ? Json(hex((*ring.layout).*member)) : Json(nullptr);
}

Json position_json(const std::optional<std::uint16_t>& position) {
    if (!position) {
        return nullptr;
    }
    const auto at = virtio::PackedPosition::parse(*position);
    return {{"offset", at.offset}, {"wrap", at.wrap}};
}

Json event_json(const RingView& ring, std::uint64_t virtio::PackedRingLayout::*address,
                const std::optional<std::uint16_t>& flags, const std::optional<std::uint16_t>& position) {
    return {{"address", ring.packed_layout ? Json(hex((*ring.packed_layout).*address)) : Json(nullptr)},
            {"flags", or_null(flags)},
            {"position", position_json(position)}};
}

// What a packed ring has in the place of the three parts of a split one.
void add_packed(Json& json, const RingView& ring) {
    Json descriptors = Json::array();
    for (const TableEntry& entry : ring.table) {
        const trace::ChainDescriptor& descriptor = entry.descriptor;
        descriptors.push_back({{"index", entry.index},
                               {"address", hex(descriptor.address)},
                               {"length", descriptor.length},
                               {"id", descriptor.next},
                               {"flags", descriptor.flags},
                               {"state", name_of(ring.slots[entry.index])}});
    }
    json["size"] = ring.packed_layout ? Json(ring.packed_layout->size) : Json(nullptr);
    json["descriptor_ring"] = {
        {"address", ring.packed_layout ? Json(hex(ring.packed_layout->descriptor)) : Json(nullptr)},
        {"known", std::move(descriptors)},
        {"available_position", position_json(ring.available_index)},
        {"used_position", position_json(ring.used_index)}};
    json["driver_event"] =
        event_json(ring, &virtio::PackedRingLayout::driver_event, ring.available_flags, ring.used_event);
    json["device_event"] =
        event_json(ring, &virtio::PackedRingLayout::device_event, ring.used_flags, ring.available_event);
}

// The parts of a split ring.
void add_split(Json& json, const RingView& ring) {
    Json available = Json::array();
    for (const auto& head : ring.available_ring) {
        available.push_back(or_null(head));
    }
    Json used = Json::array();
    for (const auto& entry : ring.used_ring) {
        used.push_back(entry ? Json{{"id", entry->id}, {"length", entry->length}} : Json(nullptr));
    }
    json["size"] = ring.layout ? Json(ring.layout->size) : Json(nullptr);
    json["descriptor_table"] = {{"address", address_json(ring, &virtio::SplitRingLayout::descriptor)},
                                {"known", table_json(ring.table)}};
    json["available"] = {{"address", address_json(ring, &virtio::SplitRingLayout::available)},
                         {"index", or_null(ring.available_index)},
                         {"flags", or_null(ring.available_flags)},
                         {"used_event", or_null(ring.used_event)},
                         {"ring", std::move(available)}};
    json["used"] = {{"address", address_json(ring, &virtio::SplitRingLayout::used)},
                    {"index", or_null(ring.used_index)},
                    {"flags", or_null(ring.used_flags)},
                    {"available_event", or_null(ring.available_event)},
                    {"ring", std::move(used)}};
}

}  // namespace

std::string position_text(const std::optional<std::uint16_t>& position) {
    if (!position) {
        return "unknown";
    }
    const auto at = virtio::PackedPosition::parse(*position);
    return fmt::format("{}, wrap counter {}", at.offset, at.wrap ? 1 : 0);
}

std::string base_text(std::uint32_t base, bool packed) {
    if (!packed) {
        return fmt::format("{}", base);
    }
    const auto both = virtio::PackedBase::parse(base);
    return fmt::format("{}; used {}", position_text(both.available.value()), position_text(both.used.value()));
}

std::string chain_problem_text(std::uint16_t problem) {
    return problem == 0 ? "" : virtio::name_of(static_cast<virtio::ChainProblem>(problem));
}

std::string ring_text(const RingView& ring, const Style& style) {
    std::string out;
    append_facts(out, ring, style);
    if (ring.packed) {
        append_slot_counts(out, ring);
    }
    append_problems(out, ring, style);
    append_open(out, ring, style);
    return out;
}

std::string ring_facts(const RingView& ring) {
    std::string out;
    append_facts(out, ring, Style(false));
    append_problems(out, ring, Style(false));
    return out;
}

std::string ring_json(const RingView& ring) {
    Json json{
        {"session", ring.session},
        {"queue", ring.queue},
        {"size", nullptr},
        {"packed", ring.packed},
        {"started", ring.started},
        {"enabled", ring.enabled},
        {"chains",
         {{"available", ring.chains_available},
          {"used", ring.chains_used},
          {"lost", ring.chains_lost},
          {"lost_at_least", ring.chains_lost_at_least}}},
    };
    ring.packed ? add_packed(json, ring) : add_split(json, ring);
    Json open = Json::array();
    for (const OpenChainView& chain : ring.open) {
        open.push_back(open_json(chain, ring.packed));
    }
    json["open"] = std::move(open);
    if (!ring.problems.empty()) {
        json["problems"] = ring.problems;
    }
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace vutrace::render
