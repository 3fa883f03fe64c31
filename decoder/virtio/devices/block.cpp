#include "vutrace/virtio/devices/block.h"

#include <algorithm>
#include <array>
#include <bit>

namespace vutrace::virtio::block {
namespace {

constexpr std::size_t segment_size = 16;
constexpr std::size_t most_segments = 256;
constexpr std::size_t id_size = 20;

// Which bytes of a chain are the request's data: those behind the header, those before the status, or both (legacy SCSI
// commands, and types not known).
enum class Data : std::uint8_t { none, readable, writable, both };

struct TypeInfo {
    RequestType type;
    std::string_view name;
    Data data;
    bool has_segments;
};

constexpr std::array types{
    TypeInfo{RequestType::IN, "IN", Data::writable, false},
    TypeInfo{RequestType::OUT, "OUT", Data::readable, false},
    TypeInfo{RequestType::SCSI_CMD, "SCSI_CMD", Data::both, false},
    TypeInfo{RequestType::SCSI_CMD_OUT, "SCSI_CMD_OUT", Data::both, false},
    TypeInfo{RequestType::FLUSH, "FLUSH", Data::none, false},
    TypeInfo{RequestType::FLUSH_OUT, "FLUSH_OUT", Data::none, false},
    TypeInfo{RequestType::GET_ID, "GET_ID", Data::writable, false},
    TypeInfo{RequestType::GET_LIFETIME, "GET_LIFETIME", Data::writable, false},
    TypeInfo{RequestType::DISCARD, "DISCARD", Data::readable, true},
    TypeInfo{RequestType::WRITE_ZEROES, "WRITE_ZEROES", Data::readable, true},
    TypeInfo{RequestType::SECURE_ERASE, "SECURE_ERASE", Data::readable, true},
    TypeInfo{RequestType::ZONE_APPEND, "ZONE_APPEND", Data::readable, false},
    TypeInfo{RequestType::ZONE_REPORT, "ZONE_REPORT", Data::writable, false},
    TypeInfo{RequestType::ZONE_OPEN, "ZONE_OPEN", Data::none, false},
    TypeInfo{RequestType::ZONE_CLOSE, "ZONE_CLOSE", Data::none, false},
    TypeInfo{RequestType::ZONE_FINISH, "ZONE_FINISH", Data::none, false},
    TypeInfo{RequestType::ZONE_RESET, "ZONE_RESET", Data::none, false},
    TypeInfo{RequestType::ZONE_RESET_ALL, "ZONE_RESET_ALL", Data::none, false},
};
constexpr TypeInfo unknown_type{RequestType{UINT32_MAX}, "UNKNOWN", Data::both, false};

constexpr std::array<std::string_view, 7> status_names{
    "OK", "IOERR", "UNSUPP", "ZONE_INVALID_CMD", "ZONE_UNALIGNED_WP", "ZONE_OPEN_RESOURCE", "ZONE_ACTIVE_RESOURCE",
};

const TypeInfo& info_of(std::uint32_t type) noexcept {
    const auto plain = RequestType{type & ~barrier_flag};
    const auto* const found =
        std::find_if(types.begin(), types.end(), [&](const auto& row) { return row.type == plain; });
    return found == types.end() ? unknown_type : *found;
}

std::uint64_t data_length(Data data, std::uint64_t readable_total, std::uint64_t writable_total) noexcept {
    const std::uint64_t readable = readable_total - std::min<std::uint64_t>(readable_total, request_header_size);
    const std::uint64_t writable = writable_total - std::min<std::uint64_t>(writable_total, 1);
    switch (data) {
        case Data::none:
            return 0;
        case Data::readable:
            return readable;
        case Data::writable:
            return writable;
        case Data::both:
            return readable > UINT64_MAX - writable ? UINT64_MAX : readable + writable;
    }
    return 0;
}

}  // namespace

std::string_view name_of(RequestType type) noexcept {
    return info_of(static_cast<std::uint32_t>(type)).name;
}

std::string_view status_name(std::uint8_t status) noexcept {
    return status < status_names.size() ? status_names[status] : "UNKNOWN";
}

std::optional<Request> parse_request(ByteView readable, std::uint64_t readable_total, std::uint64_t writable_total) {
    readable = readable.first(static_cast<std::size_t>(std::min<std::uint64_t>(readable.size(), readable_total)));
    ByteReader reader(readable);
    Request request;
    request.type = reader.read<std::uint32_t>();
    request.ioprio = reader.read<std::uint32_t>();
    request.sector = reader.read<std::uint64_t>();
    if (!reader.ok()) {
        return std::nullopt;
    }
    const TypeInfo& info = info_of(request.type);
    request.data_length = data_length(info.data, readable_total, writable_total);
    if (info.has_segments) {
        const std::size_t count = std::min(reader.remaining() / segment_size, most_segments);
        request.segments.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            Segment segment;
            segment.sector = reader.read<std::uint64_t>();
            segment.num_sectors = reader.read<std::uint32_t>();
            segment.flags = reader.read<std::uint32_t>();
            request.segments.push_back(segment);
        }
    }
    return request;
}

void add_result(Request& request, ByteView written, std::uint64_t writable_total) {
    if (writable_total == 0) {
        return;
    }
    const std::uint64_t status_at = writable_total - 1;
    if (written.size() > status_at) {
        request.status = load<std::uint8_t>(written, static_cast<std::size_t>(status_at));
    }
    if (info_of(request.type).type == RequestType::GET_ID) {
        const std::size_t size =
            static_cast<std::size_t>(std::min({std::uint64_t{id_size}, std::uint64_t{written.size()}, status_at}));
        const ByteView text = written.first(size);
        const auto end = std::find(text.begin(), text.end(), std::byte{0});
        request.id.clear();
        std::transform(text.begin(), end, std::back_inserter(request.id),
                       [](std::byte byte) { return static_cast<char>(byte); });
    }
}

bool looks_like_configuration(ByteView bytes) noexcept {
    // Every block back-end fills capacity and blk_size; configuration spaces of other devices fail one of these ranges
    // (net and scsi are shorter or have no power of two there, a file system's tag is text).
    constexpr std::size_t needed = 36;  // up to and including num_queues
    if (bytes.size() < needed) {
        return false;
    }
    const auto capacity = load<std::uint64_t>(bytes, 0);
    const auto block_size = load<std::uint32_t>(bytes, 20);
    const auto physical_block_exponent = load<std::uint8_t>(bytes, 24);
    const auto writeback = load<std::uint8_t>(bytes, 32);
    const auto unused = load<std::uint8_t>(bytes, 33);
    return capacity <= UINT64_MAX / sector_size && std::has_single_bit(block_size) && block_size >= sector_size &&
           block_size <= (1U << 20U) && physical_block_exponent < 32 && writeback <= 1 && unused == 0;
}

}  // namespace vutrace::virtio::block
