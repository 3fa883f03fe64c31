#include "vutrace/gui/models/state_tables.h"

#include <vutrace/base/count_text.h>
#include <vutrace/explain/annotation.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/render/phrases.h>
#include <vutrace/virtio/descriptor_flags.h>

#include <QCoreApplication>
#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace vutrace::gui {
namespace {

using render::Tone;

// What a translator sees as one context.
struct Words {
    Q_DECLARE_TR_FUNCTIONS(StateTables)
};
QString text_of(std::string_view text) {
    return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}
QString hex(std::uint64_t value) {
    return QStringLiteral("0x%1").arg(value, 0, 16);
}
QString number(std::uint64_t value) {
    return QString::number(value);
}
template <class T>
QString or_unknown(const std::optional<T>& value) {
    return value ? number(*value) : Words::tr("unknown");
}

void add_features(std::vector<TableRow>& rows, const std::vector<render::FeatureBit>& bits, const QString& kind) {
    using render::FeatureStanding;
    for (const render::FeatureBit& bit : bits) {
        const bool offered =
            bit.standing != FeatureStanding::never_offered && bit.standing != FeatureStanding::offer_unknown;
        const bool accepted = bit.standing != FeatureStanding::missing && bit.standing != FeatureStanding::offered;
        const QString unknown = bit.standing == FeatureStanding::offer_unknown ? QStringLiteral("?") : QString();
        rows.push_back({{kind, number(bit.bit), text_of(bit.name), offered ? QStringLiteral("✓") : unknown,
                         accepted ? QStringLiteral("✓") : QString(), text_of(render::name_of(bit.standing))},
                        render::tone_of(bit.standing),
                        0,
                        {}});
    }
}

const std::vector<render::MemoryMark>& marks_of(const render::StateView& view, int region) {
    const auto number = static_cast<std::size_t>(region);
    return number < view.regions.size() ? view.regions[number].marks : view.outside;
}

TableRow region_row(const render::RegionView& region) {
    const virtio::Region& where = region.known.region;
    return {{hex(where.guest_address), text_of(render::size_text(where.size)),
             Words::tr("region, descriptor id %1").arg(region.known.descriptor_id), hex(where.user_address),
             hex(where.mmap_offset)},
            Tone::strong,
            0,
            {}};
}

TableRow mark_row(const render::StateView& view, const render::MemoryMark& mark, bool outside) {
    const bool wrong = outside && !view.translated;
    const QString before = !outside ? QStringLiteral("    ") : wrong ? QStringLiteral("!! ") : QString();
    const QString text = text_of(render::mark_name(mark, view.packed));
    return {{before + hex(mark.address),
             text_of(render::size_text(mark.size)),
             wrong ? Words::tr("in no region: %1").arg(text) : text,
             {},
             {}},
            wrong ? Tone::bad : Tone::plain,
            mark.record,
            {}};
}

QString indices_of(const render::RingView& ring, const std::optional<std::uint16_t>& index) {
    return ring.packed ? text_of(render::position_text(index)) : or_unknown(index);
}

QString descriptor_text(std::uint32_t id) {
    return id == 0 ? Words::tr("none") : Words::tr("id %1").arg(id);
}

TableRow queue_row(const render::QueueView& queue) {
    const render::RingView& ring = queue.ring;
    const bool bad = !ring.problems.empty();
    const session::QueueState setup = queue.setup.value_or(session::QueueState());
    const auto address = [&](std::uint64_t protocol::VringAddress::*place) {
        return setup.addresses ? hex((*setup.addresses).*place) : Words::tr("not set");
    };
    QStringList problems;
    for (const std::string& problem : ring.problems) {
        problems += text_of(problem);
    }
    const QString state =
        QStringLiteral("%1%2, %3")
            .arg(bad ? QStringLiteral("!! ") : QString(), ring.started ? Words::tr("started") : Words::tr("stopped"),
                 ring.enabled ? Words::tr("enabled") : Words::tr("not enabled"));
    return {{number(queue.number), text_of(queue.role), state, or_unknown(setup.size),
             indices_of(ring, ring.available_index), indices_of(ring, ring.used_index), number(ring.open.size()),
             setup.base_given ? text_of(render::base_text(setup.base, ring.packed)) : Words::tr("not set"),
             setup.polling ? Words::tr("polling") : descriptor_text(setup.kick_descriptor),
             descriptor_text(setup.call_descriptor), number(queue.kicks), number(queue.calls), number(ring.chains_lost),
             address(&protocol::VringAddress::descriptor), address(&protocol::VringAddress::available),
             address(&protocol::VringAddress::used)},
            bad                            ? Tone::bad
            : ring.started && ring.enabled ? Tone::plain
                                           : Tone::faint,
            0,
            problems.join(QLatin1Char('\n')),
            static_cast<int>(queue.number)};
}

TableRow open_row(const render::InFlightChain& open, std::int64_t now) {
    const QString problem = text_of(render::chain_problem_text(open.chain.problem));
    return {{number(open.chain.sequence), number(open.queue), number(open.chain.head),
             text_of(render::duration_text(explain::elapsed(open.chain.time, now))),
             text_of(count_text(open.readable, "byte")), text_of(count_text(open.writable, "byte")),
             QString::fromLatin1(trace::name_of(open.chain.proof)),
             problem.isEmpty() ? QString() : QStringLiteral("!! ") + problem},
            problem.isEmpty() ? Tone::plain : Tone::bad,
            open.chain.sequence,
            problem};
}

TableRow life_row(const session::DescriptorLife& life, bool in_use) {
    return {{number(life.descriptor.id), QString::fromLatin1(vutrace::name_of(life.descriptor.description.kind)),
             text_of(render::use_text(life)), QString::fromLatin1(vutrace::name_of(life.sender)), number(life.passed),
             text_of(render::end_text(life)), text_of(render::descriptor_text(life.descriptor))},
            in_use ? Tone::plain : Tone::faint,
            life.passed,
            {}};
}

// A descriptor of the ring, or of an indirect table that one of the ring refers to.
struct RingLine {
    render::TableEntry entry;
    const render::OpenChainView* chain{nullptr};  // that it belongs to; of the ring
    bool indirect{false};
};

TableRow ring_row(const render::RingView& ring, const RingLine& line) {
    const render::TableEntry& entry = line.entry;
    const auto state = entry.index < ring.slots.size() ? ring.slots[entry.index] : render::SlotState::unknown;
    const QString owner =
        line.indirect ? Words::tr("device, in an indirect table") : text_of(render::owner_text(state, ring.packed));
    const QString problem =
        line.chain == nullptr ? QString() : text_of(render::chain_problem_text(line.chain->problem));
    const trace::ChainDescriptor& descriptor = entry.descriptor;
    const bool linked = ring.packed || (descriptor.flags & virtio::descriptor_next) != 0;
    const QString record = line.chain == nullptr ? QString() : Words::tr("record %1").arg(line.chain->sequence);
    const auto place = virtio::place_in_ring(ring.packed && !line.indirect);
    return {
        {(line.indirect ? QStringLiteral("    ↳ ") : QString()) + number(entry.index), owner, hex(descriptor.address),
         number(descriptor.length), text_of(virtio::descriptor_flags_text(descriptor.flags, place)),
         linked ? number(descriptor.next) : QString(), record,
         problem.isEmpty() ? QString() : QStringLiteral("!! ") + problem},
        !problem.isEmpty()      ? Tone::bad
        : line.chain != nullptr ? Tone::plain
                                : Tone::faint,
        line.chain == nullptr ? 0 : line.chain->sequence,
        problem,
        line.indirect ? -1 : static_cast<int>(entry.index)};
}

}  // namespace

QStringList feature_titles() {
    return {Words::tr("Of"),      Words::tr("Bit"),      Words::tr("Feature"),
            Words::tr("Offered"), Words::tr("Accepted"), Words::tr("Standing")};
}

TableRows feature_rows(const StatePointer& view) {
    std::vector<TableRow> rows;
    add_features(rows, view->features, Words::tr("virtio"));
    add_features(rows, view->protocol_features, Words::tr("vhost-user"));
    return rows_of(std::move(rows));
}

QString feature_summary(const render::StateView& view) {
    using render::FeatureStanding;
    std::map<FeatureStanding, std::size_t> counts;
    for (const auto* bits : {&view.features, &view.protocol_features}) {
        for (const render::FeatureBit& bit : *bits) {
            ++counts[bit.standing];
        }
    }
    if (counts.empty()) {
        return Words::tr("No features were offered or accepted so far.");
    }
    QStringList parts;
    if (const std::size_t wrong = counts[FeatureStanding::never_offered]; wrong != 0) {
        parts += Words::tr("!! %1 accepted that were never offered.").arg(wrong);
    }
    const std::size_t accepted = counts[FeatureStanding::accepted] + counts[FeatureStanding::offer_unknown];
    const std::size_t missing = counts[FeatureStanding::missing];
    if (accepted + missing != 0) {
        parts += Words::tr("%1 accepted, %2 offered and not accepted.").arg(accepted).arg(missing);
    }
    if (const std::size_t open = counts[FeatureStanding::offered]; open != 0) {
        parts += Words::tr("%1 offered, not answered yet.").arg(open);
    }
    return parts.join(QLatin1Char(' '));
}

QStringList region_titles() {
    return {Words::tr("Guest address"), Words::tr("Size"), Words::tr("What"), Words::tr("User address"),
            Words::tr("File offset")};
}

TableRows region_rows(const StatePointer& view) {
    // Which region, and which mark of it: -1 for itself. Those outside have the region behind the last.
    std::vector<std::pair<int, int>> places;
    const int regions = static_cast<int>(view->regions.size());
    for (int region = 0; region <= regions; ++region) {
        const auto& marks = marks_of(*view, region);
        if (region < regions) {
            places.emplace_back(region, -1);
        }
        for (int mark = 0; mark < static_cast<int>(marks.size()); ++mark) {
            places.emplace_back(region, mark);
        }
    }
    const int count = static_cast<int>(places.size());
    return {count,
            [view, places = std::move(places)](int row) {
                const auto [region, mark] = places[static_cast<std::size_t>(row)];
                TableRow made = mark < 0 ? region_row(view->regions[static_cast<std::size_t>(region)])
                                         : mark_row(*view, marks_of(*view, region)[static_cast<std::size_t>(mark)],
                                                    region == static_cast<int>(view->regions.size()));
                made.key = row;
                return made;
            },
            [count](int key) { return key < count ? key : -1; }};
}

QStringList queue_titles() {
    return {Words::tr("Queue"),     Words::tr("Role"),        Words::tr("State"),       Words::tr("Size"),
            Words::tr("Available"), Words::tr("Used"),        Words::tr("In flight"),   Words::tr("Base"),
            Words::tr("Kick"),      Words::tr("Call"),        Words::tr("Kicks"),       Words::tr("Calls"),
            Words::tr("Lost"),      Words::tr("Descriptors"), Words::tr("Driver part"), Words::tr("Device part")};
}

TableRows queue_rows(const StatePointer& view) {
    return {static_cast<int>(view->queues.size()),
            [view](int row) { return queue_row(view->queues[static_cast<std::size_t>(row)]); },
            {}};
}

QStringList open_titles() {
    return {Words::tr("Record"),   Words::tr("Queue"),    Words::tr("Head"),    Words::tr("Waits"),
            Words::tr("Readable"), Words::tr("Writable"), Words::tr("Content"), Words::tr("Problem")};
}

TableRows open_rows(const StatePointer& view) {
    return {static_cast<int>(view->open.size()),
            [view](int row) { return open_row(view->open[static_cast<std::size_t>(row)], view->time); },
            {}};
}

QStringList descriptor_titles() {
    return {Words::tr("Id"),     Words::tr("Kind"), Words::tr("For"), Words::tr("Passed by"),
            Words::tr("Record"), Words::tr("Life"), Words::tr("File")};
}

TableRows descriptor_rows(const std::shared_ptr<const session::History>& history, std::uint32_t session,
                          std::uint64_t sequence) {
    std::vector<std::size_t> lives;
    const auto& all = history->descriptors();
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i].session == session && all[i].passed <= sequence) {
            lives.push_back(i);
        }
    }
    std::stable_partition(lives.begin(), lives.end(), [&](std::size_t life) { return all[life].in_use(sequence); });
    const int count = static_cast<int>(lives.size());
    return {count,
            [history, sequence, lives = std::move(lives)](int row) {
                const auto& life = history->descriptors()[lives[static_cast<std::size_t>(row)]];
                return life_row(life, life.in_use(sequence));
            },
            {}};
}

QStringList ring_titles() {
    return {Words::tr("Slot"),  Words::tr("Owner"),      Words::tr("Address"), Words::tr("Length"),
            Words::tr("Flags"), Words::tr("Next or id"), Words::tr("Chain"),   Words::tr("Problem")};
}

TableRows ring_rows(const std::shared_ptr<const render::RingView>& ring) {
    std::map<std::uint16_t, const render::OpenChainView*> chains;  // by slot
    for (const render::OpenChainView& chain : ring->open) {
        for (const render::TableEntry& entry : chain.table) {
            chains[entry.index] = &chain;
        }
    }
    std::vector<RingLine> lines;
    std::map<int, int> rows;  // by slot
    for (const render::TableEntry& entry : ring->table_with_open()) {
        const auto found = chains.find(entry.index);
        const render::OpenChainView* chain = found == chains.end() ? nullptr : found->second;
        rows.emplace(entry.index, static_cast<int>(lines.size()));
        lines.push_back({entry, chain, false});
        if (chain == nullptr || (entry.descriptor.flags & virtio::descriptor_indirect) == 0) {
            continue;
        }
        for (std::size_t i = 0; i < chain->indirect.size(); ++i) {
            lines.push_back({{static_cast<std::uint16_t>(i), chain->indirect[i]}, chain, true});
        }
    }
    const int count = static_cast<int>(lines.size());
    return {count,
            [ring, lines = std::move(lines)](int row) { return ring_row(*ring, lines[static_cast<std::size_t>(row)]); },
            [rows = std::move(rows)](int key) {
                const auto found = rows.find(key);
                return found == rows.end() ? -1 : found->second;
            }};
}

EpochPlace epoch_at(const session::History& history, std::uint32_t session, std::uint64_t sequence) {
    EpochPlace place;
    for (const session::MemoryEpoch& epoch : history.epochs()) {
        if (epoch.session != session) {
            continue;
        }
        ++place.count;
        if (epoch.first <= sequence) {
            place.before = place.first;
            place.first = epoch.first;
            place.number = place.count;
        } else if (place.next == 0) {
            place.next = epoch.first;
        }
    }
    return place;
}

}  // namespace vutrace::gui
