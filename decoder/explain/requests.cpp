// What devices' decoders make of chains.
#include <vutrace/explain/annotation.h>
#include <vutrace/virtio/devices/file_system.h>

#include <algorithm>
#include <array>

namespace vutrace::explain {
namespace {

// Enough for the header and the 256 segments that a block request shows.
constexpr std::size_t max_parsed_bytes = virtio::block::request_header_size + 256 * 16;
constexpr std::size_t most_tail_bytes = 16;
constexpr std::uint32_t most_chains_looked_at = 256;
constexpr virtio::QueueMemory after_loss{0, true};

// The first bytes of `content` as far as they were captured, at most `max_parsed_bytes`. `scratch` holds them where
// they are not in one piece.
ByteView captured_prefix(const trace::Content& content, Bytes& scratch) {
    if (content.runs().size() == 1 && content.runs().front().kind == trace::RunKind::literal) {
        return content.literal().first(std::min(content.literal().size(), max_parsed_bytes));
    }
    std::uint64_t captured = 0;
    for (const trace::Run& run : content.runs()) {
        if (run.kind == trace::RunKind::missing || captured >= max_parsed_bytes) {
            break;
        }
        captured += run.length;
    }
    scratch.resize(static_cast<std::size_t>(std::min<std::uint64_t>(captured, max_parsed_bytes)));
    (void)content.read(0, scratch);
    return scratch;
}

// What was captured of a chain's part, as far as it is looked at.
virtio::ChainPart part_of(const trace::Content& content, std::uint64_t total, Bytes& scratch) {
    virtio::ChainPart part{captured_prefix(content, scratch), total, false};
    std::uint64_t captured = 0;
    for (const trace::Run& run : content.runs()) {
        if (run.kind == trace::RunKind::missing) {
            break;
        }
        captured += run.length;
    }
    part.shortened = captured > part.bytes.size();
    return part;
}

// The last bytes of `content`, as far as they were captured.
ByteView captured_tail(const trace::Content& content, Bytes& scratch) {
    if (content.runs().empty()) {
        return {};
    }
    const trace::Run& last = content.runs().back();
    if (last.kind == trace::RunKind::literal) {
        return content.literal().last(static_cast<std::size_t>(std::min<std::uint64_t>(last.length, most_tail_bytes)));
    }
    scratch.assign(last.kind == trace::RunKind::zeros ? std::min<std::size_t>(last.length, most_tail_bytes) : 0,
                   std::byte{0});
    return scratch;
}

void read_block_request(const virtio::ChainView& chain, EntryAnnotation& out) {
    out.block = virtio::block::parse_request(chain.readable.bytes, out.readable_total, out.writable_total);
    if (!out.block || !chain.used) {
        return;
    }
    virtio::block::add_result(*out.block, chain.written.bytes, out.writable_total);
    // The status is the last writable byte: of a long answer it lies beyond what was looked at above.
    if (!out.block->status && out.writable_total > 0 && chain.written.total == out.writable_total &&
        !chain.tail.empty()) {
        out.block->status = load<std::uint8_t>(chain.tail.last(1));
    }
}

virtio::DeviceContext context_of(std::uint32_t type, const session::SessionState* session) {
    virtio::DeviceContext context;
    context.type = type;
    if (session != nullptr) {
        context.features = session->device.features().value_or(0);
        context.configuration = session->device.configuration();
        context.queue_count = session->device.queue_count();
    }
    return context;
}

}  // namespace

void Annotator::decode_requests(const trace::Record& record, const trace::ChainRecord& chain) {
    const virtio::DeviceContext device = context_of(annotation_.device, tracker_.session(record.session));
    const virtio::QueueRole role = virtio::role_of(device, chain.queue);
    virtio::QueueMemory& memory = packets_[{record.session, chain.queue}];
    static const trace::Content nothing;
    for (std::size_t i = 0; i < chain.entries.size(); ++i) {
        const trace::ChainEntry& entry = chain.entries[i];
        EntryAnnotation& out = annotation_.entries[i];
        out.role = role;
        if (!out.descriptors_known) {
            memory = after_loss;
            continue;
        }
        virtio::ChainView view;
        view.queue = chain.queue;
        view.used = entry.state == trace::ChainEntry::State::used;
        view.writable_total = out.writable_total;
        view.readable = part_of(view.used ? out.context.readable : entry.content, out.readable_total, readable_bytes_);
        const trace::Content& written = view.used ? entry.content : nothing;
        view.written = part_of(written, written.size(), written_bytes_);
        view.tail = captured_tail(written, last_bytes_);
        if (annotation_.device == virtio::block::device_id) {
            read_block_request(view, out);
        }
        out.request = virtio::decode_request(device, view, memory);
    }
}

// The request with which a file system's driver begins looks like nothing else.
void Annotator::look_for_device(std::uint32_t session, const trace::ChainRecord& chain) {
    KnownDevice& known = devices_[session];
    std::array<std::byte, virtio::file_system::request_header_size + sizeof(std::uint32_t)> start{};
    for (std::size_t i = 0; i < chain.entries.size() && known.chains_seen < most_chains_looked_at;
         ++i, ++known.chains_seen) {
        const trace::ChainEntry& entry = chain.entries[i];
        if (entry.state == trace::ChainEntry::State::available && entry.content.read(0, start) &&
            virtio::file_system::looks_like_init(start, annotation_.entries[i].readable_total)) {
            known.shown = virtio::file_system::device_id;
            return take_device(session);
        }
    }
}

// Packets of several chains do not outlive a loss, nor their queue.
void Annotator::forget_packets(const trace::Record& record) {
    const auto first = packets_.lower_bound({record.session, std::uint16_t{0}});
    const auto last = packets_.upper_bound({record.session, std::uint16_t{UINT16_MAX}});
    if (const auto* gap = std::get_if<trace::GapRecord>(&record.body)) {
        return forget_packets(record.session, gap->queue);
    }
    if (std::holds_alternative<trace::SessionRecord>(record.body)) {
        packets_.erase(first, last);
    } else if (std::holds_alternative<trace::MessageRecord>(record.body)) {
        for (auto at = first; at != last;) {
            at = is_started(at->first) ? std::next(at) : packets_.erase(at);
        }
    }
}

// Something was lost of this queue, or of any (`no_queue`): also of those that had shown no chain yet.
void Annotator::forget_packets(std::uint32_t session, std::uint16_t queue) {
    if (queue != trace::no_queue) {
        packets_[{session, queue}] = after_loss;
        return;
    }
    for (auto& [key, memory] : packets_) {
        memory = key.first == session ? after_loss : memory;
    }
    if (const session::SessionState* state = tracker_.session(session)) {
        for (const auto& [number, known] : state->device.queues()) {
            if (known.started && number < trace::no_queue) {
                packets_[{session, static_cast<std::uint16_t>(number)}] = after_loss;
            }
        }
    }
}

bool Annotator::is_started(const QueueKey& key) const noexcept {
    const session::SessionState* const state = tracker_.session(key.first);
    const session::QueueState* const queue = state == nullptr ? nullptr : state->device.queue(key.second);
    return queue != nullptr && queue->started;
}

}  // namespace vutrace::explain
