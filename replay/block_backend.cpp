#include "vutrace/replay/block_backend.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/system/event_descriptor.h>
#include <vutrace/virtio/devices/block.h>

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <utility>

namespace vutrace::replay {
namespace {

using protocol::FrontEndRequest;
using Reply = std::optional<Bytes>;

constexpr std::size_t configuration_size = 60;  // struct virtio_blk_config up to write_zeroes_may_unmap and padding

constexpr std::uint64_t bit(unsigned number) noexcept {
    return std::uint64_t{1} << number;
}
// Bits of the block device (virtio specification, "Block Device", "Feature bits")
constexpr unsigned blk_seg_max = 2, blk_ro = 5, blk_size = 6, blk_flush = 9, blk_mq = 12, blk_discard = 13,
                   blk_write_zeroes = 14;

// A kick descriptor may be a blocking one.
bool is_readable(const FileDescriptor& descriptor) {
    pollfd entry{descriptor.number(), POLLIN, 0};
    return descriptor && ::poll(&entry, 1, 0) > 0 && (entry.revents & POLLIN) != 0;
}

}  // namespace

struct BlockBackend::Session {
    Session(BlockBackend& owner, FileDescriptor connection) : backend(owner), socket(std::move(connection)) {}

    using Handler = Reply (Session::*)(Message& message);
    struct HandlerRow {
        FrontEndRequest request;
        Handler handle;
    };
    static const HandlerRow* find_handler(std::uint32_t request) noexcept;

    Status serve(const FileDescriptor& stop);
    Status take_messages(bool& closed);
    Status handle(Message& message);
    Status apply(const Message& message);
    Status start_queue(std::uint32_t index);
    Status serve_queues();
    Result<bool> serve_queue(std::uint32_t index, DeviceQueue& queue);
    void serve_chain(DeviceQueue& queue, const TakenChain& taken);
    bool collect(bool writable, std::vector<MutableByteView>& pieces) const;
    DeviceQueue& queue(std::uint32_t index) { return queues.try_emplace(index, memory).first->second; }

    Reply get_features(Message&);
    Reply get_protocol_features(Message&);
    Reply get_queue_count(Message&);
    Reply get_memory_slots(Message&);
    Reply get_configuration(Message& message);
    Reply get_vring_base(Message& message);
    Reply keep_kick(Message& message);
    Reply keep_call(Message& message);

    BlockBackend& backend;
    FileDescriptor socket;
    MessageAssembler assembler;
    session::DeviceState state;
    MappedMemory memory;
    std::map<std::uint32_t, FileDescriptor> files;  // of memory regions, by our number
    std::uint32_t next_file{1};
    std::map<std::uint32_t, DeviceQueue> queues;
    std::set<std::uint32_t> due;  // queues to look at: kicked, set up anew, or left with chains
    virtio::Chain chain;
};

const BlockBackend::Session::HandlerRow* BlockBackend::Session::find_handler(std::uint32_t request) noexcept {
    static constexpr std::array rows{
        HandlerRow{FrontEndRequest::GET_FEATURES, &Session::get_features},
        HandlerRow{FrontEndRequest::GET_PROTOCOL_FEATURES, &Session::get_protocol_features},
        HandlerRow{FrontEndRequest::GET_QUEUE_NUM, &Session::get_queue_count},
        HandlerRow{FrontEndRequest::GET_MAX_MEM_SLOTS, &Session::get_memory_slots},
        HandlerRow{FrontEndRequest::GET_CONFIG, &Session::get_configuration},
        HandlerRow{FrontEndRequest::GET_VRING_BASE, &Session::get_vring_base},
        HandlerRow{FrontEndRequest::SET_VRING_KICK, &Session::keep_kick},
        HandlerRow{FrontEndRequest::SET_VRING_CALL, &Session::keep_call},
    };
    const auto* const row = std::find_if(rows.begin(), rows.end(), [request](const HandlerRow& candidate) {
        return static_cast<std::uint32_t>(candidate.request) == request;
    });
    return row == rows.end() ? nullptr : row;
}

// --- Answers

Reply BlockBackend::Session::get_features(Message& /*message*/) {
    std::uint64_t features = bit(blk_seg_max) | bit(blk_size) | bit(blk_flush) | bit(blk_mq) | bit(blk_discard) |
                             bit(blk_write_zeroes) | bit(protocol::feature::RING_INDIRECT_DESC) |
                             bit(protocol::feature::RING_EVENT_IDX) | bit(protocol::feature::PROTOCOL_FEATURES) |
                             bit(protocol::feature::VERSION_1);
    if (backend.options_.read_only) {
        features |= bit(blk_ro);
    }
    if (backend.options_.packed) {
        features |= bit(protocol::feature::RING_PACKED);
    }
    return protocol::serialise_u64(features);
}

Reply BlockBackend::Session::get_protocol_features(Message& /*message*/) {
    std::uint64_t features = bit(protocol::protocol_feature::MQ) | bit(protocol::protocol_feature::REPLY_ACK) |
                             bit(protocol::protocol_feature::BACKEND_REQ) | bit(protocol::protocol_feature::CONFIG);
    if (backend.options_.memory_slots != 0) {
        features |= bit(protocol::protocol_feature::CONFIGURE_MEM_SLOTS);
    }
    return protocol::serialise_u64(features);
}

Reply BlockBackend::Session::get_queue_count(Message& /*message*/) {
    return protocol::serialise_u64(backend.options_.queue_count);
}

Reply BlockBackend::Session::get_memory_slots(Message& /*message*/) {
    return protocol::serialise_u64(backend.options_.memory_slots);
}

// An answer without data says that the request was not understood.
Reply BlockBackend::Session::get_configuration(Message& message) {
    auto config = protocol::parse_config(message.payload);
    if (!config || config->offset > configuration_size || config->size > configuration_size - config->offset) {
        return Bytes{};
    }
    Bytes space(configuration_size);
    store<std::uint64_t>(space, 0, backend.image_.sectors());
    store<std::uint32_t>(space, 12, 126);  // seg_max
    store<std::uint32_t>(space, 20, virtio::block::sector_size);
    store<std::uint16_t>(space, 34, backend.options_.queue_count);
    constexpr std::uint32_t max_sectors = 1U << 16U;
    for (const std::size_t limits : {std::size_t{36}, std::size_t{48}}) {  // of discard, of write zeroes
        store<std::uint32_t>(space, limits, max_sectors);
        store<std::uint32_t>(space, limits + 4, 1);
    }
    store<std::uint32_t>(space, 44, 1);  // discard_sector_alignment
    config->data.assign(space.begin() + config->offset, space.begin() + config->offset + config->size);
    return protocol::serialise(*config);
}

Reply BlockBackend::Session::get_vring_base(Message& message) {
    const auto asked = protocol::parse_vring_state(message.payload);
    if (!asked) {
        return Bytes{};
    }
    const auto found = queues.find(asked->index);
    const auto base = found == queues.end() ? std::nullopt : found->second.stop();
    return protocol::serialise(protocol::VringState{asked->index, base.value_or(state.ring_base(asked->index))});
}

Reply BlockBackend::Session::keep_kick(Message& message) {
    const auto target = protocol::parse_vring_descriptor(message.payload);
    if (target && !message.descriptors.empty()) {
        queue(target->queue()).set_kick(std::move(message.descriptors.front()));
    }
    return std::nullopt;
}

Reply BlockBackend::Session::keep_call(Message& message) {
    const auto target = protocol::parse_vring_descriptor(message.payload);
    if (target) {
        queue(target->queue())
            .set_call(message.descriptors.empty() ? FileDescriptor() : std::move(message.descriptors.front()));
    }
    return std::nullopt;
}

// --- Messages

Status BlockBackend::Session::apply(const Message& message) {
    std::vector<std::uint32_t> ids;
    for (const FileDescriptor& descriptor : message.descriptors) {
        auto copy = descriptor ? descriptor.duplicate() : Result<FileDescriptor>(FileDescriptor());
        if (!copy) {
            return tl::unexpected(copy.error());
        }
        ids.push_back(next_file);
        files[next_file++] = std::move(*copy);
    }
    const session::Change change = state.apply(Side::front_end, message.header, message.payload, ids);
    Status outcome;
    if (change.queue_changed) {
        due.insert(*change.queue_changed);  // kicks may have come before it was started or enabled
    }
    if (change.memory) {
        outcome = memory.update(state.regions(), [this](std::uint32_t id) -> const FileDescriptor* {
            const auto found = files.find(id);
            return found == files.end() || !found->second ? nullptr : &found->second;
        });
    }
    std::erase_if(files, [this](const auto& file) {
        return std::none_of(state.regions().begin(), state.regions().end(),
                            [&](const session::KnownRegion& known) { return known.descriptor_id == file.first; });
    });
    if (change.device_reset) {
        std::for_each(queues.begin(), queues.end(), [](auto& entry) { entry.second.stop(); });
    }
    if (outcome && change.queue_started) {
        outcome = start_queue(*change.queue_started);
    }
    return outcome;
}

Status BlockBackend::Session::start_queue(std::uint32_t index) {
    const auto layout = state.ring(index);
    if (!layout || state.iova_space()) {  // addresses of an IOMMU were not offered
        return fail(ErrorCode::bad_input, fmt::format("queue {} was started without a valid ring", index));
    }
    return queue(index).start(*layout, state.has_feature(protocol::feature::RING_EVENT_IDX), state.ring_base(index));
}

Status BlockBackend::Session::handle(Message& message) {
    const HandlerRow* row = find_handler(message.header.request);
    Reply reply = row == nullptr ? std::nullopt : (this->*row->handle)(message);
    const Status applied = apply(message);
    const bool acknowledge =
        message.header.needs_reply() && state.has_protocol_feature(protocol::protocol_feature::REPLY_ACK);
    if (!reply && !acknowledge) {
        return applied;
    }
    const protocol::Header header{message.header.request, protocol::version_1 | protocol::reply_flag, 0};
    const Bytes payload = reply ? *reply : protocol::serialise_u64(applied ? 0 : 1);
    protocol::Header sized = header;
    sized.size = static_cast<std::uint32_t>(payload.size());
    if (reply) {
        (void)state.apply(Side::back_end, sized, payload, {});
    }
    return send_until(socket, serialise_message(sized, payload), {}, Clock::now() + std::chrono::seconds(10));
}

Status BlockBackend::Session::take_messages(bool& closed) {
    while (true) {
        auto message = assembler.receive(socket);
        if (!message) {
            closed = message.error().code == ErrorCode::peer_closed;
            return closed ? Status{} : tl::unexpected(message.error());
        }
        if (!*message) {
            return {};
        }
        if (const auto handled = handle(**message); !handled) {
            closed = handled.error().code == ErrorCode::peer_closed;
            return closed ? Status{} : handled;
        }
    }
}

// --- Queues

// False where a buffer lies outside the memory.
bool BlockBackend::Session::collect(bool writable, std::vector<MutableByteView>& pieces) const {
    bool inside = true;
    virtio::for_each_buffer(chain.descriptors, writable, [&](std::uint64_t address, std::uint32_t length) {
        std::uint64_t done = 0;
        while (inside && done < length) {
            const MutableByteView piece = memory.piece(address + done, length - done);
            inside = !piece.empty();
            if (inside) {
                pieces.push_back(piece);
                done += piece.size();
            }
        }
    });
    return inside;
}

void BlockBackend::Session::serve_chain(DeviceQueue& queue, const TakenChain& taken) {
    std::vector<MutableByteView> readable;
    std::vector<MutableByteView> writable;
    std::uint32_t written = 0;
    if (chain.problem == virtio::ChainProblem::none && collect(false, readable) && collect(true, writable)) {
        written = backend.image_.serve(std::move(readable), std::move(writable));
    }
    queue.give_back(taken, written);
    ++backend.requests_served_;
    if (backend.options_.served) {
        backend.options_.served(backend.requests_served_);
    }
}

// At most one ring's worth of chains at a time, so that a busy driver cannot keep messages from being read. True where
// more may wait.
Result<bool> BlockBackend::Session::serve_queue(std::uint32_t index, DeviceQueue& queue) {
    const session::QueueState* known = state.queue(index);
    if (known == nullptr || !known->enabled || !queue.started()) {
        return false;
    }
    bool more = true;
    for (std::uint32_t served = 0; more && served < known->size.value_or(0); ++served) {
        const auto taken = queue.take(chain);
        if (!taken) {
            return tl::unexpected(taken.error());
        }
        more = taken->has_value();
        if (more) {
            serve_chain(queue, **taken);
        }
    }
    const Status notified = queue.notify();
    return notified ? Result<bool>(more) : tl::unexpected(notified.error());
}

Status BlockBackend::Session::serve_queues() {
    std::set<std::uint32_t> now = std::exchange(due, {});
    for (auto& [index, queue] : queues) {
        if (is_readable(queue.kick())) {
            (void)take_event(queue.kick());  // whatever it is: the ring says what there is to do
            now.insert(index);
        }
        // A queue that nobody kicked is left alone: whoever sits between driver and device has not seen its chains yet.
        if (now.count(index) == 0) {
            continue;
        }
        const auto served = serve_queue(index, queue);
        if (!served) {
            return tl::unexpected(served.error());
        }
        if (*served) {
            due.insert(index);
        }
    }
    return {};
}

Status BlockBackend::Session::serve(const FileDescriptor& stop) {
    bool closed = false;
    while (!closed) {
        std::vector<pollfd> entries{{socket.number(), POLLIN, 0}, {stop.number(), POLLIN, 0}};
        for (const auto& [index, queue] : queues) {
            entries.push_back({queue.kick().number(), POLLIN, 0});
        }
        if (::poll(entries.data(), entries.size(), due.empty() ? -1 : 0) < 0 && errno != EINTR) {
            return fail_errno("cannot wait for the front-end");
        }
        if (entries[1].revents != 0) {
            return {};
        }
        if (entries[0].revents != 0) {
            if (const auto taken = take_messages(closed); !taken) {
                return taken;
            }
        }
        if (const auto served = serve_queues(); !served) {
            return served;
        }
    }
    return {};
}

Result<BlockBackend> BlockBackend::open(BlockBackendOptions options) {
    auto image = BlockImage::open(options);
    if (!image) {
        return tl::unexpected(image.error());
    }
    return BlockBackend(std::move(options), std::move(*image));
}

Status BlockBackend::serve(FileDescriptor connection, const FileDescriptor& stop) {
    return Session(*this, std::move(connection)).serve(stop);
}

}  // namespace vutrace::replay
