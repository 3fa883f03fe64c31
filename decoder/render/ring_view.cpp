#include <vutrace/protocol/features.h>
#include <vutrace/render/ring_view.h>

#include <algorithm>

namespace vutrace::render {
namespace {

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

OpenChainView view_chain(const session::OpenChain& chain) {
    OpenChainView view;
    view.head = chain.entry.head;
    view.index = chain.entry.index;
    view.sequence = chain.sequence;
    view.time = chain.time;
    view.proof = chain.entry.proof;
    view.problem = chain.entry.problem;
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

void read_progress(const session::QueueProgress& progress, RingView& view) {
    view.chains_available = progress.chains_available;
    view.chains_used = progress.chains_used;
    view.chains_lost = progress.chains_lost;
    for (const auto& [head, chain] : progress.open) {
        view.open.push_back(view_chain(chain));
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
    if (view.layout) {
        read_memory(state.memory, view);
    }
    if (queue < trace::no_queue) {
        const auto progress = state.queues.find(static_cast<std::uint16_t>(queue));
        if (progress != state.queues.end()) {
            read_progress(progress->second, view);
        }
    }
    return view;
}

}  // namespace

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
