#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>
#include <vutrace/render/ring_view.h>

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace vutrace::render {
namespace {

constexpr std::size_t most_problems = 20;

// Reads from captured memory and remembers byte by byte what of it is known.
class KnownBytes {
  public:
    KnownBytes(const session::SparseMemory& memory, std::uint64_t address, std::uint64_t size)
        : bytes_(static_cast<std::size_t>(size)) {
        memory.read_known(address, bytes_, known_);
        known_.resize(bytes_.size(), false);
    }
    [[nodiscard]] bool known(std::size_t offset, std::size_t size) const {
        return offset + size <= known_.size() &&
               std::all_of(known_.begin() + static_cast<std::ptrdiff_t>(offset),
                           known_.begin() + static_cast<std::ptrdiff_t>(offset + size), [](bool one) { return one; });
    }
    template <PlainInteger T>
    [[nodiscard]] std::optional<T> get(std::uint64_t offset) const {
        const auto at = static_cast<std::size_t>(offset);
        return known(at, sizeof(T)) ? std::optional(load<T>(bytes_, at)) : std::nullopt;
    }
    [[nodiscard]] ByteView view(std::size_t offset, std::size_t size) const {
        return ByteView(bytes_).subspan(offset, size);
    }

  private:
    Bytes bytes_;
    std::vector<bool> known_;
};

// Where the descriptors of a packed chain stand, and those of its indirect table.
void place_packed(const trace::ChainEntry& entry, std::uint32_t size, OpenChainView& view) {
    const auto begin = virtio::PackedPosition::parse(entry.index);
    const std::uint32_t slots = std::min(virtio::slots_of(entry.descriptors), size);
    for (std::size_t i = 0; i < entry.descriptors.size(); ++i) {
        if (i < slots) {
            view.table.push_back({begin.plus(static_cast<std::uint32_t>(i), size).offset, entry.descriptors[i]});
        } else {
            view.indirect.push_back(entry.descriptors[i]);
        }
    }
}

OpenChainView view_chain(const session::OpenChain& chain, const RingView& ring) {
    OpenChainView view;
    view.head = chain.entry.head;
    view.index = chain.entry.index;
    view.sequence = chain.sequence;
    view.time = chain.time;
    view.proof = chain.entry.proof;
    view.problem = chain.entry.problem;
    if (ring.packed) {
        place_packed(chain.entry, ring.packed_layout ? ring.packed_layout->size : virtio::max_queue_size, view);
        return view;
    }
    std::uint16_t index = chain.entry.head;
    bool in_table = true;
    for (const trace::ChainDescriptor& descriptor : chain.entry.descriptors) {
        if (!in_table) {
            view.indirect.push_back(descriptor);
            continue;
        }
        view.table.push_back({index, descriptor});
        index = descriptor.next;
        // What follows a reference to an indirect table is that table.
        in_table = (descriptor.flags & virtio::descriptor_indirect) == 0;
    }
    return view;
}

void read_memory(const session::SparseMemory& memory, RingView& view) {
    const virtio::SplitRingLayout& layout = *view.layout;
    const KnownBytes table(memory, layout.descriptor, layout.descriptor_bytes());
    const KnownBytes available(memory, layout.available, layout.available_bytes());
    const KnownBytes used(memory, layout.used, layout.used_bytes());
    view.available_ring.resize(layout.size);
    view.used_ring.resize(layout.size);
    for (std::uint32_t i = 0; i < layout.size; ++i) {
        const auto index = static_cast<std::uint16_t>(i);
        const std::size_t at = i * virtio::descriptor_size;
        if (table.known(at, virtio::descriptor_size)) {
            const auto found = virtio::parse_descriptor(table.view(at, virtio::descriptor_size));
            if (found != virtio::RingDescriptor{}) {
                view.table.push_back({index, {found.address, found.length, found.flags, found.next}});
            }
        }
        view.available_ring[i] = available.get<std::uint16_t>(layout.available_slot(index));
        const auto id = used.get<std::uint32_t>(layout.used_slot(index));
        const auto length = used.get<std::uint32_t>(layout.used_slot(index) + 4);
        if (id && length) {
            view.used_ring[i] = RingView::Used{*id, *length};
        }
    }
    view.available_flags = available.get<std::uint16_t>(0);
    view.available_index = available.get<std::uint16_t>(2);
    view.used_event = available.get<std::uint16_t>(layout.used_event());
    view.used_flags = used.get<std::uint16_t>(0);
    view.used_index = used.get<std::uint16_t>(2);
    view.available_event = used.get<std::uint16_t>(layout.available_event());
}

void read_packed_memory(const session::SparseMemory& memory, RingView& view) {
    const virtio::PackedRingLayout& layout = *view.packed_layout;
    const KnownBytes table(memory, layout.descriptor, layout.descriptor_bytes());
    const KnownBytes driver(memory, layout.driver_event, virtio::packed_event_bytes);
    const KnownBytes device(memory, layout.device_event, virtio::packed_event_bytes);
    for (std::uint32_t i = 0; i < layout.size; ++i) {
        const std::size_t at = i * virtio::descriptor_size;
        if (table.known(at, virtio::descriptor_size)) {
            const auto found = virtio::parse_packed_descriptor(table.view(at, virtio::descriptor_size));
            view.table.push_back(
                {static_cast<std::uint16_t>(i), {found.address, found.length, found.flags, found.next}});
        }
    }
    view.used_event = driver.get<std::uint16_t>(0);
    view.available_flags = driver.get<std::uint16_t>(2);
    view.available_event = device.get<std::uint16_t>(0);
    view.used_flags = device.get<std::uint16_t>(2);
}

// Who owns which descriptor of a split ring: the open chains say it, as long as none is missing.
void judge_split_slots(RingView& view) {
    const bool whole = view.chains_available + view.chains_used != 0 && view.chains_lost == 0;
    view.slots.assign(view.layout->size, whole ? SlotState::free : SlotState::unknown);
    for (const OpenChainView& chain : view.open) {
        for (std::size_t i = 0; i < chain.table.size(); ++i) {
            if (chain.table[i].index < view.slots.size()) {
                view.slots[chain.table[i].index] = i == 0 ? SlotState::available : SlotState::part;
            }
        }
    }
}

// Indices are free-running: of what they leave open the fewest. A used index that lags behind the base, by what was in
// flight when the queue started, tells of none.
std::uint64_t used_since(std::uint16_t base, const RingView& view) {
    const auto since = static_cast<std::uint16_t>(view.used_index.value_or(base) - base);
    const std::uint64_t indices = std::uint64_t{1} << 16U;
    return since > indices - view.layout->size ? 0
                                               : std::min<std::uint64_t>({since, view.chains_used, view.layout->size});
}

// What stands in the rings and cannot be meant. Slots that no entry since the queue started reached are not judged:
// they may hold anything.
void find_problems(RingView& view) {
    const std::uint32_t size = view.layout->size;
    const auto add = [&](std::string text) {
        if (view.problems.size() < most_problems) {
            view.problems.push_back(std::move(text));
        }
    };
    for (const OpenChainView& chain : view.open) {
        if (chain.head >= size) {
            add(fmt::format("available ring, index {}: head {} is none, the queue has {}", chain.index, chain.head,
                            count_text(size, "descriptor")));
        } else if (chain.problem != 0) {
            add(fmt::format("head {}, available index {}: {}", chain.head, chain.index,
                            chain_problem_text(chain.problem)));
        }
    }
    for (std::uint64_t back = 1; view.used_index && back <= view.used_since_start; ++back) {
        const auto index = static_cast<std::uint16_t>(*view.used_index - back);
        const auto& used = view.used_ring[index & (size - 1)];
        if (used && used->id >= size) {
            add(fmt::format("used ring, index {}: id {} is none, the queue has {}", index, used->id,
                            count_text(size, "descriptor")));
        }
    }
}

void find_packed_problems(RingView& view) {
    for (const OpenChainView& chain : view.open) {
        if (chain.problem != 0 && view.problems.size() < most_problems) {
            view.problems.push_back(fmt::format("buffer {}, available at {}: {}", chain.head,
                                                position_text(chain.index), chain_problem_text(chain.problem)));
        }
    }
}

// Who owns which descriptor, by the driver's position: what is before it is of its round, the rest of the one before.
void judge_slots(RingView& view) {
    const std::uint32_t size = view.packed_layout->size;
    view.slots.assign(size, SlotState::unknown);
    if (!view.available_index) {
        return;
    }
    const auto driver = virtio::PackedPosition::parse(*view.available_index);
    for (const TableEntry& entry : view.table) {
        const bool wrap = entry.index < driver.offset ? driver.wrap : !driver.wrap;
        // Also those that the device skipped, behind a used one, are still marked available: they are nobody's.
        view.slots[entry.index] =
            virtio::is_used(entry.descriptor.flags, wrap) && entry.descriptor != trace::ChainDescriptor{}
                ? SlotState::used
                : SlotState::free;
    }
    for (const OpenChainView& chain : view.open) {
        for (std::size_t i = 0; i < chain.table.size(); ++i) {
            SlotState& slot = view.slots[chain.table[i].index];
            // A completion that came before may have been written over it.
            slot = slot == SlotState::used ? slot : i == 0 ? SlotState::available : SlotState::part;
        }
    }
}

void read_progress(const session::QueueProgress& progress, RingView& view) {
    view.chains_available = progress.chains_available;
    view.chains_used = progress.chains_used;
    view.chains_lost = progress.chains_lost;
    view.chains_lost_at_least = progress.chains_lost_at_least;
    for (const auto& [head, chain] : progress.open) {
        view.open.push_back(view_chain(chain, view));
    }
    std::sort(view.open.begin(), view.open.end(),
              [](const OpenChainView& a, const OpenChainView& b) { return a.sequence < b.sequence; });
    for (const OpenChainView& chain : view.open) {
        if (view.layout) {
            view.available_ring[chain.index & (view.layout->size - 1)] = chain.head;
        }
    }
    // The fields are those of the last chain record: without one they were never read.
    if (progress.chains_available + progress.chains_used == 0) {
        return;
    }
    view.available_index = progress.fields.available_index;
    view.available_flags = progress.fields.available_flags;
    view.used_index = progress.fields.used_index;
    view.used_flags = progress.fields.used_flags;
    view.used_event = progress.fields.used_event;
    view.available_event = progress.fields.available_event;
}

RingView view_ring(const session::SessionState& state, std::uint32_t queue) {
    RingView view;
    view.session = state.number;
    view.queue = queue;
    view.packed = state.device.has_feature(protocol::feature::RING_PACKED);
    view.event_index = state.device.has_feature(protocol::feature::RING_EVENT_IDX);
    if (const session::QueueState* setup = state.device.queue(queue)) {
        view.configured = true;
        view.started = setup->started;
        view.enabled = setup->enabled;
    }
    view.layout = state.device.split_ring(queue);
    view.packed_layout = state.device.packed_ring(queue);
    if (view.layout) {
        read_memory(state.memory, view);
    } else if (view.packed_layout) {
        read_packed_memory(state.memory, view);
    }
    if (queue < trace::no_queue) {
        const auto progress = state.queues.find(static_cast<std::uint16_t>(queue));
        if (progress != state.queues.end()) {
            read_progress(progress->second, view);
        }
    }
    if (view.packed_layout) {
        judge_slots(view);
        find_packed_problems(view);
    } else if (view.layout) {
        view.used_since_start =
            view.started ? used_since(static_cast<std::uint16_t>(state.device.ring_base(queue)), view) : 0;
        judge_split_slots(view);
        find_problems(view);
    }
    return view;
}

}  // namespace

const char* name_of(SlotState state) noexcept {
    switch (state) {
        case SlotState::free:
            return "free";
        case SlotState::available:
            return "available";
        case SlotState::used:
            return "used";
        case SlotState::part:
            return "part";
        case SlotState::unknown:
            break;
    }
    return "unknown";
}

const char* owner_text(SlotState state, bool packed) noexcept {
    switch (state) {
        case SlotState::free:
            return packed ? "driver" : "driver, or used and not taken back";
        case SlotState::available:
            return "device, head of a chain";
        case SlotState::used:
            return "driver, used by the device";
        case SlotState::part:
            return "device, more of a chain";
        case SlotState::unknown:
            break;
    }
    return "unknown";
}

const OpenChainView* RingView::chain_at(std::uint32_t slot) const noexcept {
    const auto holds = [&](const OpenChainView& chain) {
        return std::any_of(chain.table.begin(), chain.table.end(),
                           [&](const TableEntry& entry) { return entry.index == slot; });
    };
    const auto found = std::find_if(open.rbegin(), open.rend(), holds);
    return found == open.rend() ? nullptr : &*found;
}

std::vector<TableEntry> RingView::table_with_open() const {
    std::map<std::uint16_t, trace::ChainDescriptor> entries;
    for (const TableEntry& entry : table) {
        entries.emplace(entry.index, entry.descriptor);
    }
    for (const OpenChainView& chain : open) {
        for (const TableEntry& entry : chain.table) {
            entries.emplace(entry.index, entry.descriptor);
        }
    }
    std::vector<TableEntry> all;
    all.reserve(entries.size());
    for (const auto& [index, descriptor] : entries) {
        all.push_back({index, descriptor});
    }
    return all;
}

std::vector<RingView> view_rings(const session::SessionState& state, std::optional<std::uint32_t> queue) {
    std::vector<std::uint32_t> numbers;
    for (const auto& [number, setup] : state.device.queues()) {
        numbers.push_back(number);
    }
    for (const auto& [number, progress] : state.queues) {
        if (number != trace::no_queue) {
            numbers.push_back(number);
        }
    }
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    std::vector<RingView> rings;
    for (const std::uint32_t number : numbers) {
        if (!queue || *queue == number) {
            rings.push_back(view_ring(state, number));
        }
    }
    return rings;
}

}  // namespace vutrace::render
