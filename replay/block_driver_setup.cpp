// The block driver's conversation with the back-end: negotiation, memory, queues.
#include "block_driver_layout.h"
#include "vutrace/replay/block_driver.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/replay/guest_files.h>
#include <vutrace/system/event_descriptor.h>

#include <fmt/format.h>

#include <array>
#include <numeric>

namespace vutrace::replay {
namespace {

namespace feature = protocol::feature;
namespace protocol_feature = protocol::protocol_feature;
using namespace block_driver_layout;
using protocol::FrontEndRequest;

constexpr std::uint32_t configuration_bytes = 60;

constexpr std::uint64_t bit(unsigned number) noexcept {
    return std::uint64_t{1} << number;
}

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) noexcept {
    return (value + unit - 1) / unit * unit;
}

std::uint64_t wanted_features(const BlockDriverOptions& options) {
    constexpr unsigned blk_flush = 9, blk_mq = 12, blk_discard = 13, blk_write_zeroes = 14;
    return bit(feature::VERSION_1) | bit(feature::PROTOCOL_FEATURES) | bit(blk_flush) | bit(blk_mq) | bit(blk_discard) |
           bit(blk_write_zeroes) | (options.event_index ? bit(feature::RING_EVENT_IDX) : 0) |
           (options.indirect ? bit(feature::RING_INDIRECT_DESC) : 0) | (options.packed ? bit(feature::RING_PACKED) : 0);
}

constexpr std::uint64_t wanted_protocol_features = bit(protocol_feature::MQ) | bit(protocol_feature::REPLY_ACK) |
                                                   bit(protocol_feature::CONFIG) | bit(protocol_feature::BACKEND_REQ) |
                                                   bit(protocol_feature::CONFIGURE_MEM_SLOTS);

}  // namespace

BlockDriver::BlockDriver(Connection connection, BlockDriverOptions options, Observer* observer)
    : connection_(std::move(connection)), options_(options), observer_(observer) {}

Result<std::unique_ptr<BlockDriver>> BlockDriver::start(Connection connection, BlockDriverOptions options,
                                                        Observer* observer) {
    const bool possible = options.packed ? virtio::is_packed_queue_size(options.queue_size)
                                         : virtio::is_split_queue_size(options.queue_size);
    if (!possible || options.queue_size < 4 || options.queue_count == 0) {
        return fail(ErrorCode::usage,
                    fmt::format("{} of size {}: queues need at least 4 entries, those of split rings a power of "
                                "two",
                                count_text(options.queue_count, "queue"), options.queue_size));
    }
    connection.set_observer(observer);
    std::unique_ptr<BlockDriver> driver(new BlockDriver(std::move(connection), options, observer));
    if (const auto done = driver->negotiate(); !done) {
        return tl::unexpected(done.error());
    }
    if (const auto done = driver->share_memory(); !done) {
        return tl::unexpected(done.error());
    }
    for (std::uint16_t queue = 0; queue < options.queue_count; ++queue) {
        if (const auto done = driver->start_queue(queue); !done) {
            return tl::unexpected(done.error());
        }
    }
    return driver;
}

// --- Conversation

Result<Message> BlockDriver::ask(FrontEndRequest request, ByteView payload) {
    const protocol::Header header{static_cast<std::uint32_t>(request), protocol::version_1,
                                  static_cast<std::uint32_t>(payload.size())};
    if (const auto sent = connection_.send(header, payload, {}, deadline()); !sent) {
        return tl::unexpected(sent.error());
    }
    (void)state_.apply(Side::front_end, header, payload, {});
    auto reply = connection_.receive(deadline());
    if (reply && reply->header.request != header.request) {
        return fail(ErrorCode::bad_input,
                    fmt::format("asked with request {}, answered with {}", header.request, reply->header.request));
    }
    if (reply) {
        (void)state_.apply(Side::back_end, reply->header, reply->payload, {});
    }
    return reply;
}

Result<std::uint64_t> BlockDriver::ask_number(FrontEndRequest request) {
    const auto reply = ask(request, {});
    return reply ? protocol::parse_u64(reply->payload) : tl::unexpected(reply.error());
}

Status BlockDriver::tell(FrontEndRequest request, ByteView payload, std::span<const int> numbers, bool acknowledged) {
    const bool wait_for_it = acknowledged && state_.has_protocol_feature(protocol_feature::REPLY_ACK);
    const protocol::Header header{static_cast<std::uint32_t>(request),
                                  protocol::version_1 | (wait_for_it ? protocol::need_reply_flag : 0),
                                  static_cast<std::uint32_t>(payload.size())};
    // Every descriptor we pass with a region is that of the one memory file.
    const std::vector<std::uint32_t> ids(numbers.size(), 1);
    (void)state_.apply(Side::front_end, header, payload, ids);
    if (const auto sent = connection_.send(header, payload, numbers, deadline()); !sent || !wait_for_it) {
        return sent;
    }
    const auto reply = connection_.receive(deadline());
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    (void)state_.apply(Side::back_end, reply->header, reply->payload, {});
    const auto status = protocol::parse_u64(reply->payload);
    if (!status || *status != 0) {
        return fail(ErrorCode::bad_input, fmt::format("the back-end refused request {}", header.request));
    }
    return {};
}

Status BlockDriver::negotiate() {
    const auto features = ask_number(FrontEndRequest::GET_FEATURES);
    if (!features) {
        return tl::unexpected(features.error());
    }
    const std::uint64_t needed =
        bit(feature::VERSION_1) | bit(feature::PROTOCOL_FEATURES) | (options_.packed ? bit(feature::RING_PACKED) : 0);
    if ((*features & needed) != needed) {
        return fail(ErrorCode::unsupported,
                    fmt::format("the back-end offers features {:#x}, without VERSION_1, PROTOCOL_FEATURES{}", *features,
                                options_.packed ? " or RING_PACKED" : ""));
    }
    const auto offered = ask_number(FrontEndRequest::GET_PROTOCOL_FEATURES);
    if (!offered) {
        return tl::unexpected(offered.error());
    }
    Status done =
        tell(FrontEndRequest::SET_PROTOCOL_FEATURES, protocol::serialise_u64(*offered & wanted_protocol_features));
    const auto queues = done && protocol::has(*offered, protocol_feature::MQ)
                            ? ask_number(FrontEndRequest::GET_QUEUE_NUM)
                            : Result<std::uint64_t>(1);
    if (!queues) {
        return tl::unexpected(queues.error());
    }
    if (*queues < options_.queue_count) {
        return fail(ErrorCode::unsupported, fmt::format("the back-end has {}, wanted are {}",
                                                        count_text(*queues, "queue"), options_.queue_count));
    }
    if (done && protocol::has(*offered, protocol_feature::BACKEND_REQ)) {
        const auto channel = connection_.open_back_end_channel();
        if (!channel) {
            return tl::unexpected(channel.error());
        }
        const std::array numbers{channel->number()};
        done = tell(FrontEndRequest::SET_BACKEND_REQ_FD, {}, numbers, true);
    }
    if (done) {
        done = tell(FrontEndRequest::SET_OWNER, {});
    }
    if (done && protocol::has(*offered, protocol_feature::CONFIG)) {
        const auto config =
            ask(FrontEndRequest::GET_CONFIG,
                protocol::serialise(protocol::Config{0, configuration_bytes, 0, Bytes(configuration_bytes)}));
        if (!config) {
            return tl::unexpected(config.error());
        }
    }
    return done ? tell(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(*features & wanted_features(options_)))
                : done;
}

Status BlockDriver::share_memory() {
    const std::uint64_t size = options_.queue_size;
    // of a split ring; a packed one's event areas stand where the available and the used ring would be
    ring_bytes_ = round_up(16 * size + 6 + 2 * size, page) + round_up(6 + 8 * size, page);
    const std::uint64_t data_bytes = std::uint64_t{options_.queue_count} * slot_count() * options_.max_data;
    memory_size_ = round_up(high_start + options_.queue_count * ring_bytes_ + data_bytes, page);
    if (page + std::uint64_t{options_.queue_count} * slot_count() * slot_stride > low_end) {
        return fail(ErrorCode::usage, "too many and too large queues for this driver's memory");
    }
    auto file = create_memory_file("vutrace-driver", memory_size_);
    if (!file) {
        return tl::unexpected(file.error());
    }
    file_ = std::move(*file);
    const std::vector<protocol::MemoryRegion> regions{
        {0, low_end, user_base, 0, 0, 0},
        {high_start, memory_size_ - high_start, user_base + high_start, high_start, 0, 0}};
    const std::array numbers{file_.number(), file_.number()};
    Status done;
    if (state_.has_protocol_feature(protocol_feature::CONFIGURE_MEM_SLOTS)) {
        const auto slots = ask_number(FrontEndRequest::GET_MAX_MEM_SLOTS);
        if (!slots) {
            return tl::unexpected(slots.error());
        }
        if (*slots < regions.size()) {
            return fail(ErrorCode::unsupported, fmt::format("the back-end takes {} memory regions, this driver has {}",
                                                            *slots, regions.size()));
        }
        for (const protocol::MemoryRegion& region : regions) {
            done = done ? tell(FrontEndRequest::ADD_MEM_REG, protocol::serialise_region(region, false),
                               std::span(numbers).first(1), true)
                        : done;
        }
    } else {
        done = tell(FrontEndRequest::SET_MEM_TABLE, protocol::serialise_regions(regions, false), numbers, true);
    }
    return done ? memory_.update(state_.regions(), [this](std::uint32_t) { return &file_; }) : done;
}

Status BlockDriver::start_queue(std::uint16_t number) {
    const std::uint64_t descriptors = ring_address(number);
    const std::uint64_t available = descriptors + 16 * std::uint64_t{options_.queue_size};
    const std::uint64_t used = descriptors + ring_bytes_ - round_up(6 + 8 * std::uint64_t{options_.queue_size}, page);
    QueueDriver& queue = queues_.emplace_back(memory_, number, observer_);
    auto kick = create_event_descriptor();
    auto call = create_event_descriptor();
    if (!kick || !call) {
        return tl::unexpected(kick ? call.error() : kick.error());
    }
    virtio::RingLayout layout = virtio::SplitRingLayout{options_.queue_size, descriptors, available, used};
    if (options_.packed) {
        layout = virtio::PackedRingLayout{options_.queue_size, descriptors, available, used};
    }
    const std::uint32_t base = state_.ring_base(number);
    const auto begin = static_cast<std::uint16_t>(base);
    Status done = queue.start({layout, state_.has_feature(feature::RING_EVENT_IDX), begin, begin});
    const std::array kick_number{kick->number()};
    const std::array call_number{call->number()};
    const auto step = [&](FrontEndRequest request, const Bytes& payload, std::span<const int> numbers) {
        done = done ? tell(request, payload, numbers) : done;
    };
    using protocol::serialise;
    step(FrontEndRequest::SET_VRING_CALL, protocol::serialise_u64(number), call_number);
    step(FrontEndRequest::SET_VRING_NUM, serialise(protocol::VringState{number, options_.queue_size}), {});
    step(FrontEndRequest::SET_VRING_BASE, serialise(protocol::VringState{number, base}), {});
    step(FrontEndRequest::SET_VRING_ADDR,
         serialise(
             protocol::VringAddress{number, 0, user_base + descriptors, user_base + used, user_base + available, used}),
         {});
    step(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(number), kick_number);
    step(FrontEndRequest::SET_VRING_ENABLE, serialise(protocol::VringState{number, 1}), {});
    queue.set_kick(std::move(*kick));
    queue.set_call(std::move(*call));
    free_slots_.emplace_back(slot_count());
    std::iota(free_slots_.back().rbegin(), free_slots_.back().rend(), std::uint16_t{0});
    slot_requests_.emplace_back(slot_count());
    more_used_.push_back(false);
    return done;
}

Status BlockDriver::stop() {
    for (std::uint16_t number = 0; number < options_.queue_count; ++number) {
        if (const auto disabled =
                tell(FrontEndRequest::SET_VRING_ENABLE, protocol::serialise(protocol::VringState{number, 0}));
            !disabled) {
            return disabled;
        }
        const auto base = ask(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{number, 0}));
        if (!base) {
            return tl::unexpected(base.error());
        }
        queues_[number].stop();
    }
    return {};
}

}  // namespace vutrace::replay
