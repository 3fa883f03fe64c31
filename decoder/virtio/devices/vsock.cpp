// virtio-vsock: packets of connections. Source: virtio specification, "Socket Device".
#include "table.h"

#include <tuple>

namespace vutrace::virtio {
namespace {

using namespace layout;

constexpr std::array socket_types{ValueName{1, "STREAM"}, ValueName{2, "SEQPACKET"}};
constexpr std::array shutdown_flags{ValueName{1, "RECEIVE"}, ValueName{2, "SEND"}};
constexpr std::array message_flags{ValueName{1, "EOM"}, ValueName{2, "EOR"}};

constexpr std::array addresses{
    u64("src_cid", "context that sends; 2 is the host"),
    u64("dst_cid"),
    u32("src_port"),
    u32("dst_port"),
    u32("length", "bytes of data"),
    named("socket", "socket_code", 2, socket_types, "type of the socket"),
};
constexpr std::array op{selector(2)};
constexpr std::array plain_flags{unless_zero(hex("flags", 4))};
constexpr std::array named_shutdown_flags{flags("flags", 4, shutdown_flags)};
constexpr std::array named_message_flags{flags("flags", 4, message_flags)};
constexpr std::array credit{u32("buf_alloc", "bytes that the sender has room for"),
                            u32("fwd_cnt", "bytes that the sender took from its room so far")};

constexpr std::array packets{
    RequestRow{0, "INVALID", plain_flags},           RequestRow{1, "REQUEST", plain_flags},
    RequestRow{2, "RESPONSE", plain_flags},          RequestRow{3, "RST", plain_flags},
    RequestRow{4, "SHUTDOWN", named_shutdown_flags}, RequestRow{5, "RW", named_message_flags},
    RequestRow{6, "CREDIT_UPDATE", plain_flags},     RequestRow{7, "CREDIT_REQUEST", plain_flags},
};
constexpr std::array header{addresses[0], addresses[1], addresses[2], addresses[3], addresses[4], addresses[5], op[0]};
constexpr FieldInfo connection{.name = "connection",
                               .kind = FieldKind::text,
                               .show = Show::details,
                               .meaning = "both ends as CID:PORT, in one order for both directions"};
constexpr std::array more{credit[0], credit[1], connection};

void add_connection(RequestBuilder& out) {
    const auto number = [&](std::string_view name) {
        const RequestField* field = out.find(name);
        return field == nullptr ? 0 : field->number;
    };
    auto low = std::pair(number("src_cid"), number("src_port"));
    auto high = std::pair(number("dst_cid"), number("dst_port"));
    if (high < low) {
        std::swap(low, high);
    }
    out.add(connection).text = std::to_string(low.first) + ':' + std::to_string(low.second) + ' ' +
                               std::to_string(high.first) + ':' + std::to_string(high.second);
}

void decode_packet(const RequestTable& table, const DeviceContext& /*device*/, const ChainView& chain,
                   QueueMemory& /*memory*/, RequestBuilder& out) {
    LayoutReader reader(table.by_device ? chain.written : chain.readable, table.by_device ? "event" : "request", out);
    reader.set_rows(table.rows);
    if (!reader.read(table.header)) {
        return;
    }
    (void)reader.read(reader.row() == nullptr ? Layout(plain_flags) : reader.row()->request);
    if (reader.read(credit)) {
        add_connection(out);
    }
}

constexpr std::array event_names{RequestRow{0, "TRANSPORT_RESET"}};
constexpr std::array event{selector(4)};

constexpr std::array queues{
    RequestTable{
        .role = "receive", .by_device = true, .header = header, .rows = packets, .decode = decode_packet, .more = more},
    RequestTable{.role = "transmit", .header = header, .rows = packets, .decode = decode_packet, .more = more},
    RequestTable{.role = "event", .by_device = true, .header = event, .rows = event_names},
};

}  // namespace

constinit const DeviceTable vsock_device{19, queues};

}  // namespace vutrace::virtio
