#include "vutrace/replay/emulated_front_end.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/replay/ring_access.h>
#include <vutrace/system/event_descriptor.h>
#include <vutrace/system/pipe.h>
#include <vutrace/system/unix_socket.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace vutrace::replay {
namespace {

using protocol::FrontEndRequest;

constexpr std::size_t ring_parts = 3;

bool is_request(const protocol::Header& header, FrontEndRequest request) noexcept {
    return header.request == static_cast<std::uint32_t>(request);
}

Result<FileDescriptor> keep_one(std::vector<FileDescriptor>& kept, FileDescriptor mine, FileDescriptor theirs) {
    kept.push_back(std::move(mine));
    return theirs;
}

}  // namespace

// A message on its way out: as recorded, and what replaces it.
struct EmulatedFrontEnd::Outgoing {
    const trace::MessageRecord& record;
    std::optional<protocol::Header> header;  // where the record begins with one
    bool whole{false};
    Bytes bytes;  // as sent
    std::vector<FileDescriptor> descriptors;

    [[nodiscard]] ByteView payload() const {
        return bytes.size() > protocol::header_size ? ByteView(bytes).subspan(protocol::header_size) : ByteView{};
    }
};

EmulatedFrontEnd::EmulatedFrontEnd(Connection connection, const RecordedTranslations& recorded, Observer* observer)
    : connection_(std::move(connection)), observer_(observer), translations_(connection_, state_, recorded) {
    connection_.set_observer(observer);
    connection_.set_request_handler(&translations_);
    translations_.set_before_update([this](const protocol::Iotlb& update) { follow_rings(update); });
}

QueueDriver& EmulatedFrontEnd::driver_of(std::uint16_t number) {
    return queues_.try_emplace(number, memory(), number, observer_).first->second;
}

QueueDriver* EmulatedFrontEnd::queue(std::uint16_t number) noexcept {
    const auto found = queues_.find(number);
    return found == queues_.end() ? nullptr : &found->second;
}

Status EmulatedFrontEnd::send(const trace::MessageRecord& message, const RecordedStart* start, Deadline deadline,
                              std::vector<std::string>& problems) {
    Outgoing outgoing{message, std::nullopt, false, message.bytes, {}};
    if (message.offset == 0) {
        if (const auto header = protocol::parse_header(message.bytes)) {
            outgoing.header = *header;
            outgoing.whole = message.bytes.size() == protocol::header_size + std::size_t{header->size};
        }
    }
    std::vector<int> numbers;
    for (std::size_t i = 0; i < message.descriptors.size(); ++i) {
        auto replaced = replace_descriptor(outgoing, i);
        if (!replaced) {
            return tl::unexpected(replaced.error());
        }
        numbers.push_back(replaced->number());
        outgoing.descriptors.push_back(std::move(*replaced));
    }
    if (outgoing.whole) {
        if (const auto taken = take_in(outgoing, start, problems); !taken) {
            return taken;
        }
    }
    Status sent = connection_.send(outgoing.bytes, numbers, deadline, message.offset);
    if (sent) {
        translations_.sent(outgoing.header, outgoing.bytes.size());
    }
    return sent;
}

Status EmulatedFrontEnd::take_in(Outgoing& outgoing, const RecordedStart* start, std::vector<std::string>& problems) {
    std::vector<std::uint32_t> ids;
    std::transform(outgoing.record.descriptors.begin(), outgoing.record.descriptors.end(), std::back_inserter(ids),
                   [](const trace::Descriptor& descriptor) { return descriptor.id; });
    if (is_request(*outgoing.header, FrontEndRequest::IOTLB_MSG)) {
        const auto update = protocol::parse_iotlb(outgoing.payload());
        if (update && update->type == protocol::Iotlb::update) {
            follow_rings(*update);
        }
    }
    const session::Change change = state_.apply(Side::front_end, *outgoing.header, outgoing.payload(), ids);
    if (change.memory) {
        const auto mapped = memory_.update(state_.regions(), [this](std::uint32_t id) { return files_.find(id); });
        if (!mapped && mapped.error().code == ErrorCode::system) {
            return mapped;
        }
        if (!mapped) {
            problems.push_back(describe(mapped.error()));
        }
    }
    if (change.device_reset) {
        std::for_each(queues_.begin(), queues_.end(), [](auto& entry) { entry.second.stop(); });
    }
    if (change.queue_started) {
        if (const auto started = start_queue(static_cast<std::uint16_t>(*change.queue_started), start); !started) {
            problems.push_back(describe(started.error()));
        }
    }
    return {};
}

Status EmulatedFrontEnd::start_queue(std::uint16_t number, const RecordedStart* start) {
    // Behind an IOMMU the ring is set up before the device asks where it is, as the recorded driver's was: by then it
    // may have chains, and an answer makes the device look.
    const bool translated = state_.iova_space().has_value();
    starts_.erase(number);
    if (translated && (start == nullptr || start->placements.empty())) {
        return {};  // nobody ever told the device where it is
    }
    if (translated) {
        starts_[number] = start;
    }
    const auto layout = translated ? std::optional(start->placements.front().layout) : state_.ring(number);
    if (!layout) {
        return fail(ErrorCode::unsupported,
                    fmt::format("queue {} has no ring that lies in guest memory: its chains are skipped", number));
    }
    if (start != nullptr) {
        for (const trace::MemoryRecord& image : start->images) {
            restore_memory(memory_, image.address, image.content, {});
        }
    }
    const std::uint32_t base = state_.ring_base(number);
    const bool images = start != nullptr && !start->images.empty();
    return driver_of(number).start({*layout, state_.has_feature(protocol::feature::RING_EVENT_IDX),
                                    static_cast<std::uint16_t>(base), used_at_start(*layout, base, images),
                                    state_.has_feature(protocol::feature::IN_ORDER)});
}

// Up to where the device gave chains back: what is between that and the base is in flight. Nonsense counts as nothing
// in flight.
std::uint16_t EmulatedFrontEnd::used_at_start(const virtio::RingLayout& layout, std::uint32_t base, bool images) const {
    const auto available = static_cast<std::uint16_t>(base);
    if (const auto* packed = std::get_if<virtio::PackedRingLayout>(&layout)) {
        const virtio::PackedBase both = virtio::PackedBase::parse(base);
        const bool possible =
            both.used.offset < packed->size && both.used.distance_to(both.available, packed->size) <= packed->size;
        return possible ? both.used.value() : available;
    }
    if (!images) {
        return available;
    }
    const auto& split = std::get<virtio::SplitRingLayout>(layout);
    const auto ring = RingAccess::create(memory_, split);
    // The image was taken while the device ran already: a used index beyond the base is from later.
    const bool behind = ring && static_cast<std::uint16_t>(available - ring->used_index()) <= split.size;
    return behind ? ring->used_index() : available;
}

// A ring that is translated anew may be elsewhere then. The device has done with the old place when it is told of the
// new one, and finds there what it left.
void EmulatedFrontEnd::follow_rings(const protocol::Iotlb& update) {
    const AddressRange told = range_of(update.iova, update.size);
    for (const auto& [number, start] : starts_) {
        const session::QueueState* queue = state_.queue(number);
        QueueDriver& driver = driver_of(number);
        const std::vector<RingRange> parts = driver.ring_ranges();
        if (queue == nullptr || !queue->addresses || parts.size() != ring_parts) {
            continue;
        }
        const protocol::VringAddress& at = *queue->addresses;
        const std::array addresses{at.descriptor, at.available, at.used};  // as the parts are
        bool touched = false;
        for (std::size_t i = 0; i < ring_parts; ++i) {
            const AddressRange part = range_of(addresses[i], parts[i].length);
            touched = touched || (part.begin < told.end && told.begin < part.end);
        }
        if (!touched) {
            continue;
        }
        const auto next =
            std::find_if(start->placements.begin() + 1, start->placements.end(),
                         [this](const RingPlacement& placement) { return placement.since > translations_.position(); });
        (void)driver.move(std::prev(next)->layout);  // a queue that cannot go there has its chains skipped
    }
}

// --- Descriptors

Result<FileDescriptor> EmulatedFrontEnd::replace_descriptor(Outgoing& outgoing, std::size_t index) {
    if (outgoing.header && index == 0) {
        const protocol::Header& header = *outgoing.header;
        if (is_request(header, FrontEndRequest::SET_VRING_KICK) ||
            is_request(header, FrontEndRequest::SET_VRING_CALL) || is_request(header, FrontEndRequest::SET_VRING_ERR)) {
            return replace_event(outgoing, index);
        }
        if (is_request(header, FrontEndRequest::SET_BACKEND_REQ_FD)) {
            return connection_.open_back_end_channel();
        }
        if (is_request(header, FrontEndRequest::SET_INFLIGHT_FD) && inflight_file_ && inflight_ && outgoing.whole) {
            auto given_back = protocol::parse_inflight(outgoing.payload());
            if (given_back) {
                given_back->mmap_size = inflight_->mmap_size;
                given_back->mmap_offset = inflight_->mmap_offset;
                const Bytes payload = protocol::serialise(*given_back);
                std::copy(payload.begin(), payload.end(), outgoing.bytes.begin() + protocol::header_size);
            }
            return inflight_file_.duplicate();
        }
    }
    return replace_by_kind(outgoing, index);
}

Result<FileDescriptor> EmulatedFrontEnd::replace_event(const Outgoing& outgoing, std::size_t index) {
    const auto target = protocol::parse_vring_descriptor(outgoing.payload());
    auto event = create_event_descriptor();
    if (!event || !target || index != 0) {
        return event;
    }
    auto mine = event->duplicate();
    if (!mine) {
        return mine;
    }
    QueueDriver& driver = driver_of(target->queue());
    if (is_request(*outgoing.header, FrontEndRequest::SET_VRING_KICK)) {
        driver.set_kick(std::move(*mine));
    } else if (is_request(*outgoing.header, FrontEndRequest::SET_VRING_CALL)) {
        driver.set_call(std::move(*mine));
    } else {
        kept_.push_back(std::move(*mine));
    }
    return event;
}

Result<FileDescriptor> EmulatedFrontEnd::replace_by_kind(const Outgoing& outgoing, std::size_t index) {
    const trace::Descriptor& recorded = outgoing.record.descriptors[index];
    switch (recorded.description.kind) {
        case DescriptorKind::eventfd:
        case DescriptorKind::userfaultfd:
            return create_event_descriptor();
        case DescriptorKind::socket: {
            auto pair = create_socket_pair();
            return pair ? keep_one(kept_, std::move(pair->first), std::move(pair->second))
                        : tl::unexpected(pair.error());
        }
        case DescriptorKind::pipe: {
            auto pipe = create_pipe();
            if (!pipe) {
                return tl::unexpected(pipe.error());
            }
            const bool writes = (recorded.description.status_flags & O_ACCMODE) == O_WRONLY;
            return keep_one(kept_, std::move(writes ? pipe->read : pipe->write),
                            std::move(writes ? pipe->write : pipe->read));
        }
        case DescriptorKind::other:
        case DescriptorKind::memfd:
        case DescriptorKind::hugetlbfs:
        case DescriptorKind::file:
            break;
    }
    const bool xen = state_.has_protocol_feature(protocol::protocol_feature::XEN_MMAP);
    const std::uint64_t minimum =
        outgoing.whole ? file_size_asked(*outgoing.header, outgoing.payload(), index, xen) : 0;
    const auto file = files_.file_for(recorded, minimum);
    return file ? (*file)->duplicate() : tl::unexpected(file.error());
}

// --- The other direction

void EmulatedFrontEnd::take_reply(const protocol::Header& recorded, ByteView recorded_payload, Message actual) {
    if (is_request(recorded, FrontEndRequest::GET_INFLIGHT_FD) && !actual.descriptors.empty()) {
        inflight_file_ = std::move(actual.descriptors.front());
        const auto inflight = protocol::parse_inflight(actual.payload);
        inflight_ = inflight ? std::optional(*inflight) : std::nullopt;
    }
    const session::Change change = state_.apply(Side::back_end, recorded, recorded_payload, {});
    if (change.memory) {
        (void)memory_.update(state_.regions(), [this](std::uint32_t id) { return files_.find(id); });
    }
    if (change.queue_stopped) {
        if (QueueDriver* driver = queue(static_cast<std::uint16_t>(*change.queue_stopped))) {
            driver->stop();
        }
    }
}

void EmulatedFrontEnd::restore(const trace::MemoryRecord& record, std::vector<AddressRange> protected_ranges) {
    if (record.part == trace::MemoryRecord::Part::region) {
        restore_memory(memory_, record.address, record.content, std::move(protected_ranges));
    }
}

}  // namespace vutrace::replay
