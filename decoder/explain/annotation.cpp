#include "vutrace/explain/configuration.h"

#include <vutrace/explain/annotation.h>
#include <vutrace/protocol/features.h>

#include <algorithm>

namespace vutrace::explain {
namespace {

using protocol::ProblemKind;

constexpr const char* file_system_reason = "its driver begins with FUSE_INIT";
constexpr const char* lineage_reason = "the session that this one continues is of that type";

void describe_buffers(const std::vector<trace::ChainDescriptor>& descriptors, EntryAnnotation& out) {
    out.descriptors_known = !descriptors.empty();
    out.buffers.reserve(descriptors.size());
    for (const trace::ChainDescriptor& descriptor : descriptors) {
        if ((descriptor.flags & virtio::descriptor_indirect) != 0) {
            out.indirect = true;
            continue;
        }
        out.buffers.push_back(descriptor);
        ((descriptor.flags & virtio::descriptor_write) != 0 ? out.writable_total : out.readable_total) +=
            descriptor.length;
    }
}

std::optional<std::uint32_t> queue_of(const protocol::RequestInfo& info, ByteView payload) {
    switch (info.queue_index) {
        case protocol::QueueIndex::none:
            return std::nullopt;
        case protocol::QueueIndex::low_byte_of_u64:
            return payload.size() < 8 ? std::nullopt : std::optional(load<std::uint32_t>(payload) & 0xffU);
        case protocol::QueueIndex::first_u32:
            return payload.size() < 4 ? std::nullopt : std::optional(load<std::uint32_t>(payload));
    }
    return std::nullopt;
}

// An answer names the queue where it is laid out like its request. An acknowledgement is about that of its request.
std::optional<std::uint32_t> queue_of(const MessageAnnotation& message) {
    if (message.info == nullptr) {
        return std::nullopt;
    }
    if (message.asks || message.info->reply_payload == message.info->payload) {
        return queue_of(*message.info, message.payload);
    }
    const auto& request = message.exchange.answered;
    return request ? queue_of(*message.info, request->payload) : std::nullopt;
}

// A request to read the configuration space holds zeros in the place of the answer.
bool shows_configuration(const trace::MessageRecord& message, const protocol::Header& header) noexcept {
    using protocol::FrontEndRequest;
    return message.channel == Channel::front_end &&
           header.request == static_cast<std::uint32_t>(message.sender == Side::back_end ? FrontEndRequest::GET_CONFIG
                                                                                         : FrontEndRequest::SET_CONFIG);
}

}  // namespace

std::optional<std::uint32_t> queue_of(const trace::RecordBody& body) {
    std::uint16_t queue = trace::no_queue;
    if (const auto* event = std::get_if<trace::EventRecord>(&body)) {
        queue = event->queue;
    } else if (const auto* chain = std::get_if<trace::ChainRecord>(&body)) {
        queue = chain->queue;
    } else if (const auto* memory = std::get_if<trace::MemoryRecord>(&body)) {
        queue = memory->queue;
    } else if (const auto* gap = std::get_if<trace::GapRecord>(&body)) {
        queue = gap->queue;
    } else if (const auto* note = std::get_if<trace::NoteRecord>(&body)) {
        queue = note->queue;
    }
    return queue == trace::no_queue ? std::nullopt : std::optional<std::uint32_t>(queue);
}

const Annotation& Annotator::annotate(const trace::Record& record) {
    const Answer answer = answer_due(record);  // as negotiated before the record
    std::vector<session::ChainContext> contexts = tracker_.apply(record);
    if (annotation_.record == nullptr) {
        annotation_.start_time = record.time;
    }
    annotation_.record = &record;
    annotation_.state = tracker_.session(record.session);
    annotation_.queue = queue_of(record.body);
    annotation_.entries.clear();
    annotation_.area = {};
    if (!std::holds_alternative<trace::ChainRecord>(record.body) &&
        !std::holds_alternative<trace::EventRecord>(record.body)) {
        forget_packets(record);
    }
    if (const auto* message = std::get_if<trace::MessageRecord>(&record.body)) {
        learn_device(record.session);
        take_device(record.session);
        annotate_message(record, *message, answer);
        annotation_.queue = annotation_.message.queue;
        lineages_.add(annotation_);
        return annotation_;
    }
    take_device(record.session);
    if (std::holds_alternative<trace::SessionRecord>(record.body)) {
        lineages_.add(annotation_);
    }
    if (const auto* memory = std::get_if<trace::MemoryRecord>(&record.body)) {
        if (annotation_.state != nullptr) {
            annotation_.area = explain_shared_area(*memory, annotation_.state->device);
        }
    }
    if (const auto* chain = std::get_if<trace::ChainRecord>(&record.body)) {
        annotate_chain(record, *chain, std::move(contexts));
    }
    return annotation_;
}

void Annotator::annotate_message(const trace::Record& record, const trace::MessageRecord& message, Answer answer) {
    MessageAnnotation& out = annotation_.message;
    out = {};
    out.asks = message.sender == protocol::requester(message.channel);
    const SenderKey key{record.session, message.channel, message.sender};
    if (message.offset == 0) {
        current_.erase(key);
        if (const auto header = protocol::parse_header(message.bytes)) {
            current_[key] = *header;
        } else {
            out.problems.push_back(
                {ProblemKind::cut_off, "the message ends inside its header: " + header.error().text});
        }
    }
    if (const auto current = current_.find(key); current != current_.end()) {
        out.header = current->second;
        out.info = protocol::find_request(message.channel, out.header->request);
        out.request = protocol::request_name(message.channel, out.header->request);
    }
    // What is too short for a header is shown like a payload: it is all there is.
    const bool has_header = message.offset == 0 && out.header.has_value();
    out.payload = ByteView(message.bytes).subspan(has_header ? protocol::header_size : 0);
    if (has_header) {
        annotate_payload(record, message);
        pair(record, message, answer);
        out.queue = queue_of(out);
    } else {
        out.whole = false;
        out.parsed = false;
    }
    if (message.incomplete) {
        out.problems.push_back({ProblemKind::cut_off, "the connection ended before the announced size arrived"});
    }
    if (message.descriptors_truncated) {
        out.problems.push_back(
            {ProblemKind::lost_descriptors, "the kernel handed over fewer descriptors than were sent"});
    }
}

void Annotator::annotate_payload(const trace::Record& record, const trace::MessageRecord& message) {
    MessageAnnotation& out = annotation_.message;
    protocol::PayloadContext context;
    if (const session::SessionState* state = tracker_.session(record.session)) {
        context.xen_mmap = state->device.has_protocol_feature(protocol::protocol_feature::XEN_MMAP);
        context.postcopy = state->device.postcopy_active();
    }
    // The rest of a long message comes in records of its own: then its announced size is what will have come.
    out.whole = out.payload.size() >= out.header->size || message.incomplete;
    const std::size_t descriptors = message.descriptors.size();
    out.problems = out.whole ? protocol::find_problems(message.channel, message.sender, *out.header, out.payload,
                                                       descriptors, context)
                             : protocol::find_problems(message.channel, message.sender, *out.header,
                                                       std::uint64_t{out.header->size}, descriptors, context);
    protocol::DecodedPayload decoded =
        protocol::decode_payload(message.channel, message.sender, *out.header, out.payload, context);
    out.fields = std::move(decoded.fields);
    out.parsed = decoded.problems.empty() && (out.payload.empty() || !out.fields.empty());
    if (out.whole) {
        for (protocol::Problem& problem : decoded.problems) {
            if (std::find(out.problems.begin(), out.problems.end(), problem) == out.problems.end()) {
                out.problems.push_back(std::move(problem));
            }
        }
    }
    if (shows_configuration(message, *out.header)) {
        if (auto configuration = decode_configuration(annotation_.device, out.payload)) {
            out.fields.push_back(std::move(*configuration));
        }
    }
}

Answer Annotator::answer_due(const trace::Record& record) const noexcept {
    const auto* message = std::get_if<trace::MessageRecord>(&record.body);
    if (message == nullptr || message->offset != 0 || message->sender != protocol::requester(message->channel)) {
        return Answer::none;
    }
    const auto header = protocol::parse_header(message->bytes);
    if (!header) {
        return Answer::none;
    }
    static const session::DeviceState nothing_negotiated;
    const session::SessionState* state = tracker_.session(record.session);
    return expected_answer(message->channel, *header, ByteView(message->bytes).subspan(protocol::header_size),
                           state == nullptr ? nothing_negotiated : state->device);
}

void Annotator::pair(const trace::Record& record, const trace::MessageRecord& message, Answer answer) {
    MessageAnnotation& out = annotation_.message;
    Conversation& conversation = conversations_[{record.session, message.channel}];
    if (out.asks) {
        out.answer = answer;
        const ByteView kept = answer == Answer::none ? ByteView{} : out.payload;
        conversation.asked({*out.header, record.sequence, record.time, answer, {kept.begin(), kept.end()}});
        return;
    }
    out.exchange = conversation.answered(*out.header);
    if (const auto& request = out.exchange.answered) {
        out.answers = request->sequence;
        out.latency = elapsed(request->time, record.time);
    }
}

const Conversation* Annotator::conversation(std::uint32_t session, Channel channel) const noexcept {
    const auto found = conversations_.find({session, channel});
    return found == conversations_.end() ? nullptr : &found->second;
}

std::uint64_t Annotator::resident_bytes(std::unordered_set<const void*>& seen) const {
    std::uint64_t bytes = sizeof(*this) + tracker_.resident_bytes(seen) + devices_.size() * sizeof(KnownDevice) +
                          current_.size() * sizeof(protocol::Header);
    for (const auto& [key, conversation] : conversations_) {
        bytes += sizeof(Conversation);
        for (const Request& request : conversation.open()) {
            bytes += sizeof(Request) + request.payload.size();
        }
    }
    for (const EntryAnnotation& entry : annotation_.entries) {
        bytes += sizeof(entry) + entry.context.readable.literal().size();
    }
    return bytes;
}

void Annotator::annotate_chain(const trace::Record& record, const trace::ChainRecord& chain,
                               std::vector<session::ChainContext>&& contexts) {
    annotation_.entries.resize(chain.entries.size());
    const session::SessionState* state = tracker_.session(record.session);
    const bool packed = state != nullptr && state->device.has_feature(protocol::feature::RING_PACKED);
    for (std::size_t i = 0; i < chain.entries.size(); ++i) {
        const trace::ChainEntry& entry = chain.entries[i];
        EntryAnnotation& out = annotation_.entries[i];
        out.packed = packed;
        if (i < contexts.size()) {
            out.context = std::move(contexts[i]);
        }
        describe_buffers(entry.descriptors.empty() ? out.context.descriptors : entry.descriptors, out);
        const std::int64_t time = trace::time_of(record, i);
        const bool paired = entry.state == trace::ChainEntry::State::used && out.context.available_sequence != 0;
        if (paired && time != out.context.available_time) {  // equal: one look saw both, and not how long it took
            out.latency = elapsed(out.context.available_time, time);
        }
    }
    if (annotation_.device == 0) {
        look_for_device(record.session, chain);
    }
    if (annotation_.device != 0) {
        decode_requests(record, chain);
    }
}

// A message may have proven what device it is.
void Annotator::learn_device(std::uint32_t session) {
    const session::SessionState* state = tracker_.session(session);
    devices_[session].own = state == nullptr ? 0 : state->device.device_type();
}

std::uint32_t Annotator::device_of(std::uint32_t session) {
    if (forced_device_) {
        return *forced_device_;
    }
    KnownDevice& known = devices_[session];
    // A front-end that connects again asks for less than at first.
    if (known.own == 0 && known.shown == 0 && known.evidence != lineages_.evidence()) {
        known.evidence = lineages_.evidence();
        const auto lineage = lineages_.of(session);
        const auto before = lineage ? devices_.find(lineage->continues) : devices_.end();
        known.inherited = before == devices_.end() ? 0 : before->second.type();
    }
    return known.type();
}

const char* Annotator::reason_of(std::uint32_t session) const {
    const auto known = devices_.find(session);
    if (forced_device_ || known == devices_.end() || known->second.type() == 0) {
        return "";
    }
    const session::SessionState* state = tracker_.session(session);
    return known->second.own != 0 && state != nullptr ? state->device.device_type_reason()
           : known->second.shown != 0                 ? file_system_reason
                                                      : lineage_reason;
}

void Annotator::take_device(std::uint32_t session) {
    annotation_.device = device_of(session);
    annotation_.device_reason = reason_of(session);
}

}  // namespace vutrace::explain
