#include "vutrace/gui/models/ring_picture.h"

#include <QCoreApplication>
#include <QRegularExpression>
#include <QStringList>
#include <algorithm>
#include <array>

namespace vutrace::gui {
namespace {

using Part = DrawnRing::Part;
using render::OpenChainView;
using render::RingView;
using render::SlotState;

// What a translator sees as one context.
struct Words {
    Q_DECLARE_TR_FUNCTIONS(RingPicture)
};
QString text_of(std::string_view text) {
    return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

SlotLook look_of(SlotState state) noexcept {
    constexpr std::array looks{SlotLook::unknown, SlotLook::driver, SlotLook::device, SlotLook::used, SlotLook::part};
    return looks[static_cast<std::size_t>(state) % looks.size()];
}

void draw_descriptors(const RingView& ring, std::uint32_t size, DrawnRing& drawn) {
    drawn.slots.assign(size, SlotLook::unknown);
    for (std::size_t i = 0; i < std::min<std::size_t>(size, ring.slots.size()); ++i) {
        drawn.slots[i] = look_of(ring.slots[i]);
    }
    for (const OpenChainView& chain : ring.open) {
        for (const render::TableEntry& entry : chain.table) {
            if (chain.problem != 0 && entry.index < size) {
                drawn.slots[entry.index] = SlotLook::bad;
            }
        }
    }
}

void draw_available(const RingView& ring, std::uint32_t size, DrawnRing& drawn) {
    drawn.slots.assign(size, SlotLook::unknown);
    for (std::size_t i = 0; i < std::min<std::size_t>(size, ring.available_ring.size()); ++i) {
        drawn.slots[i] = ring.available_ring[i] ? SlotLook::driver : SlotLook::unknown;
    }
    for (const OpenChainView& chain : ring.open) {
        drawn.slots[chain.index % size] = chain.problem != 0 ? SlotLook::bad : SlotLook::device;
    }
    if (ring.available_index) {
        drawn.position = Words::tr("index %1").arg(*ring.available_index);
        drawn.pointers.push_back({*ring.available_index % size, Words::tr("driver"), false});
    }
}

void draw_used(const RingView& ring, std::uint32_t size, DrawnRing& drawn) {
    drawn.slots.assign(size, SlotLook::unknown);
    for (std::size_t i = 0; i < std::min<std::size_t>(size, ring.used_ring.size()); ++i) {
        drawn.slots[i] = ring.used_ring[i] ? SlotLook::driver : SlotLook::unknown;
    }
    for (std::uint64_t back = 1; ring.used_index && back <= ring.used_since_start; ++back) {
        const auto slot = static_cast<std::uint16_t>(*ring.used_index - back) % size;
        if (slot < ring.used_ring.size() && ring.used_ring[slot]) {
            drawn.slots[slot] = ring.used_ring[slot]->id < size ? SlotLook::used : SlotLook::bad;
        }
    }
    if (ring.used_index) {
        drawn.position = Words::tr("index %1").arg(*ring.used_index);
        drawn.pointers.push_back({*ring.used_index % size, Words::tr("device"), true});
    }
}

void add_position(DrawnRing& drawn, const std::optional<std::uint16_t>& position, std::uint32_t size,
                  const QString& who, bool device) {
    if (position) {
        drawn.pointers.push_back({virtio::PackedPosition::parse(*position).offset % size, who, device});
    }
}

void add_facts(const RingView& ring, RingPicture& picture) {
    const QString text = text_of(render::ring_facts(ring));
    for (const QString& line : text.split(QLatin1Char('\n'), Qt::SkipEmptyParts)) {
        picture.facts.push_back(
            QString(line).replace(QRegularExpression(QStringLiteral(" {3,}")), QStringLiteral("  ")).trimmed());
    }
}

const OpenChainView* chain_offered_at(const RingView& ring, std::uint32_t slot, std::uint32_t size) {
    const auto found = std::find_if(ring.open.begin(), ring.open.end(),
                                    [&](const OpenChainView& chain) { return chain.index % size == slot; });
    return found == ring.open.end() ? nullptr : &*found;
}

QString in_flight(const OpenChainView* chain) {
    return chain == nullptr ? QString()
                            : QStringLiteral(", ") + Words::tr("in flight since record %1").arg(chain->sequence) +
                                  (chain->problem == 0
                                       ? QString()
                                       : QStringLiteral("\n!! ") + text_of(render::chain_problem_text(chain->problem)));
}

}  // namespace

QString name_of(SlotLook look, bool packed) {
    switch (look) {
        case SlotLook::device:
            return Words::tr("device: chain in flight");
        case SlotLook::part:
            return Words::tr("device: more of a chain");
        case SlotLook::used:
            return Words::tr("used by the device");
        case SlotLook::driver:
            return packed ? Words::tr("driver: free") : Words::tr("driver: free or past");
        case SlotLook::bad:
            return Words::tr("malformed");
        case SlotLook::unknown:
            break;
    }
    return Words::tr("not in the trace");
}

RingPicture draw_rings(const RingView& ring) {
    RingPicture picture;
    picture.packed = ring.packed;
    add_facts(ring, picture);
    const std::uint32_t size = ring.layout ? ring.layout->size : ring.packed_layout ? ring.packed_layout->size : 0;
    if (size == 0) {
        return picture;
    }
    DrawnRing descriptors{Part::descriptors,
                          ring.packed ? Words::tr("Descriptor ring") : Words::tr("Descriptors"),
                          Words::tr("%1 slots").arg(size),
                          {},
                          {}};
    draw_descriptors(ring, size, descriptors);
    if (ring.packed) {
        add_position(descriptors, ring.available_index, size, Words::tr("driver"), false);
        add_position(descriptors, ring.used_index, size, Words::tr("device"), true);
        picture.rings = {std::move(descriptors)};
        return picture;
    }
    DrawnRing available{Part::available, Words::tr("Available"), Words::tr("index unknown"), {}, {}};
    draw_available(ring, size, available);
    DrawnRing used{Part::used, Words::tr("Used"), Words::tr("index unknown"), {}, {}};
    draw_used(ring, size, used);
    picture.rings = {std::move(descriptors), std::move(available), std::move(used)};
    return picture;
}

std::vector<std::uint32_t> slots_of_chain(const RingView& ring, Part part, std::uint16_t head) {
    std::vector<std::uint32_t> slots;
    for (const OpenChainView& chain : ring.open) {
        if (chain.head != head) {
            continue;
        }
        if (part == Part::available && ring.layout) {
            slots.push_back(chain.index % ring.layout->size);
        } else if (part == Part::descriptors) {
            for (const render::TableEntry& entry : chain.table) {
                slots.push_back(entry.index);
            }
        }
    }
    return slots;
}

QString slot_text(const RingView& ring, Part part, std::uint32_t slot) {
    const QString name = Words::tr("slot %1: ").arg(slot);
    if (part == Part::descriptors) {
        const SlotState state = slot < ring.slots.size() ? ring.slots[slot] : SlotState::unknown;
        return name + text_of(render::owner_text(state, ring.packed)) + in_flight(ring.chain_at(slot));
    }
    if (part == Part::available) {
        if (slot >= ring.available_ring.size() || !ring.available_ring[slot]) {
            return name + Words::tr("not in the trace");
        }
        return name + Words::tr("head %1").arg(*ring.available_ring[slot]) +
               in_flight(chain_offered_at(ring, slot, ring.layout->size));
    }
    if (slot >= ring.used_ring.size() || !ring.used_ring[slot]) {
        return name + Words::tr("not in the trace");
    }
    const RingView::Used& used = *ring.used_ring[slot];
    return name + Words::tr("head %1, %2 bytes written").arg(used.id).arg(used.length);
}

std::optional<std::uint32_t> descriptor_of(const RingView& ring, Part part, std::uint32_t slot) {
    if (part == Part::descriptors) {
        return slot;
    }
    if (part == Part::available) {
        return slot < ring.available_ring.size() && ring.available_ring[slot]
                   ? std::optional<std::uint32_t>(*ring.available_ring[slot])
                   : std::nullopt;
    }
    return slot < ring.used_ring.size() && ring.used_ring[slot] ? std::optional(ring.used_ring[slot]->id)
                                                                : std::nullopt;
}

}  // namespace vutrace::gui
