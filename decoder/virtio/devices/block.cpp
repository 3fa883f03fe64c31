#include "vutrace/virtio/devices/block.h"

#include "table.h"

#include <algorithm>
#include <array>
#include <bit>

namespace vutrace::virtio::block {
namespace {

using namespace layout;

constexpr std::size_t segment_size = 16;
constexpr std::size_t most_segments = 256;
constexpr std::uint8_t id_size = 20;

// Which bytes of a chain are the request's data: those behind the header, those before the status, or both (legacy SCSI
// commands, and types not known).
enum class Data : std::uint8_t { none, readable, writable, both };

constexpr std::array statuses{
    ValueName{0, "OK"},
    ValueName{1, "IOERR"},
    ValueName{2, "UNSUPP"},
    ValueName{3, "ZONE_INVALID_CMD"},
    ValueName{4, "ZONE_UNALIGNED_WP"},
    ValueName{5, "ZONE_OPEN_RESOURCE"},
    ValueName{6, "ZONE_ACTIVE_RESOURCE"},
};
constexpr std::array zone_types{ValueName{1, "CONV"}, ValueName{2, "SWR"}, ValueName{3, "SWP"}};
constexpr std::array zone_states{ValueName{0, "NOT_WP"}, ValueName{1, "EMPTY"},   ValueName{2, "IOPEN"},
                                 ValueName{3, "EOPEN"},  ValueName{4, "CLOSED"},  ValueName{13, "RDONLY"},
                                 ValueName{14, "FULL"},  ValueName{15, "OFFLINE"}};
constexpr std::array wear{ValueName{0, "UNDEFINED"}, ValueName{1, "NORMAL"}, ValueName{2, "WARNING"},
                          ValueName{3, "URGENT"}};

constexpr FieldInfo sector = u64("sector", "first sector, of 512 bytes");
constexpr FieldInfo length = u64("length", "bytes of data");
constexpr FieldInfo ioprio = u32("ioprio", "priority, where it is not 0");
constexpr std::array header{selector(4), ioprio, sector};
constexpr std::array segment_parts{u64("sector", "first sector of a range"), u32("num_sectors", "sectors of a range"),
                                   hex("flags", 4, "flags of a range: 1 unmap")};
constexpr std::array segments{list("segments", segment_parts, {}, "ranges of a discard and its like")};
constexpr FieldInfo id = fixed_text("id", id_size, "answer to GET_ID");
constexpr std::array status_byte{named("status", "status_code", 1, statuses, "the device's answer")};
constexpr std::array more{length, id};

constexpr std::array lifetime{named("pre_eol_info", "pre_eol_info_code", 2, wear, "how near the end of its life is"),
                              u16("device_lifetime_est_typ_a", "tenths of its life that are used up, 1 to 11"),
                              u16("device_lifetime_est_typ_b", "the same of another kind of memory")};
constexpr std::array append_sector{u64("append_sector", "where the data was written")};
constexpr std::array zone_parts{
    u64("z_cap", "sectors that can be used"),         u64("z_start"),
    u64("z_wp", "where the next write goes"),         named("z_type", "z_type_code", 1, zone_types),
    named("z_state", "z_state_code", 1, zone_states), padding(38)};
constexpr std::array zones{u64("nr_zones"), padding(56), list("zones", zone_parts, "nr_zones")};
constexpr std::array padded_id{padding(id_size)};  // read by `add_result`

struct TypeInfo {
    RequestType type;
    std::string_view name;
    Data data;
    Layout request{};  // behind the header
    Layout answer{};   // before the status
};

constexpr std::array types{
    TypeInfo{RequestType::IN, "IN", Data::writable},
    TypeInfo{RequestType::OUT, "OUT", Data::readable},
    TypeInfo{RequestType::SCSI_CMD, "SCSI_CMD", Data::both},
    TypeInfo{RequestType::SCSI_CMD_OUT, "SCSI_CMD_OUT", Data::both},
    TypeInfo{RequestType::FLUSH, "FLUSH", Data::none},
    TypeInfo{RequestType::FLUSH_OUT, "FLUSH_OUT", Data::none},
    TypeInfo{RequestType::GET_ID, "GET_ID", Data::writable, {}, padded_id},
    TypeInfo{RequestType::GET_LIFETIME, "GET_LIFETIME", Data::writable, {}, lifetime},
    TypeInfo{RequestType::DISCARD, "DISCARD", Data::readable, segments},
    TypeInfo{RequestType::WRITE_ZEROES, "WRITE_ZEROES", Data::readable, segments},
    TypeInfo{RequestType::SECURE_ERASE, "SECURE_ERASE", Data::readable, segments},
    TypeInfo{RequestType::ZONE_APPEND, "ZONE_APPEND", Data::readable, {}, append_sector},
    TypeInfo{RequestType::ZONE_REPORT, "ZONE_REPORT", Data::writable, {}, zones},
    TypeInfo{RequestType::ZONE_OPEN, "ZONE_OPEN", Data::none},
    TypeInfo{RequestType::ZONE_CLOSE, "ZONE_CLOSE", Data::none},
    TypeInfo{RequestType::ZONE_FINISH, "ZONE_FINISH", Data::none},
    TypeInfo{RequestType::ZONE_RESET, "ZONE_RESET", Data::none},
    TypeInfo{RequestType::ZONE_RESET_ALL, "ZONE_RESET_ALL", Data::none},
};
constexpr TypeInfo unknown_type{RequestType{UINT32_MAX}, unknown_value, Data::both};

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

constexpr auto rows = [] {
    std::array<RequestRow, types.size()> out{};
    for (std::size_t i = 0; i < types.size(); ++i) {
        out[i] = {static_cast<std::uint64_t>(types[i].type), types[i].name, types[i].request, types[i].answer};
    }
    return out;
}();

void add_segments(const Request& request, std::uint64_t readable_total, RequestBuilder& out) {
    out.open(segments.front());
    for (const Segment& segment : request.segments) {
        out.open(element_field());
        (void)out.add(segment_parts[0], segment.sector);
        (void)out.add(segment_parts[1], segment.num_sectors);
        (void)out.add(segment_parts[2], segment.flags);
        out.close();
    }
    out.close();
    const std::uint64_t shown = request_header_size + request.segments.size() * segment_size;
    if (readable_total >= shown + segment_size) {
        out.lacks("request", segments.front().name,
                  request.segments.size() == most_segments ? Lack::shortened : Lack::not_captured);
    }
}

void decode(const RequestTable& table, const DeviceContext& /*device*/, const ChainView& chain, QueueMemory& /*memory*/,
            RequestBuilder& out) {
    auto request = parse_request(chain.readable.bytes, chain.readable.total, chain.writable_total);
    if (!request) {
        out.lacks("request", "type", chain.readable.total < request_header_size ? Lack::too_short : Lack::not_captured);
        return;
    }
    const TypeInfo& info = info_of(request->type);
    out.add_name(type_field(), request->type, info.name);
    (void)out.add(sector, request->sector);
    (void)out.add(length, request->data_length);
    if (request->ioprio != 0) {
        (void)out.add(ioprio, request->ioprio);
    }
    if (!info.request.empty()) {
        add_segments(*request, chain.readable.total, out);
    }
    if (!chain.used || chain.writable_total == 0) {
        return;
    }
    add_result(*request, chain.written.bytes, chain.writable_total);
    if (!request->id.empty()) {
        out.add(id).text = request->id;
    }
    decode_trailer(table, chain, out);
    if (!out.failed()) {
        decode_answer(table, find_row(table.rows, static_cast<std::uint64_t>(info.type)), chain, false, out);
    }
}

constexpr std::array queues{
    RequestTable{.header = header, .rows = rows, .answer_trailer = status_byte, .decode = decode, .more = more}};

}  // namespace

std::string_view name_of(RequestType type) noexcept {
    return info_of(static_cast<std::uint32_t>(type)).name;
}

std::string_view status_name(std::uint8_t status) noexcept {
    return find_name(statuses, status);
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
    if (!info.request.empty()) {
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

namespace vutrace::virtio {

constinit const DeviceTable block_device{block::device_id, block::queues};

}  // namespace vutrace::virtio
