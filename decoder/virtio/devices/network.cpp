// virtio-net: packets and the commands of the control queue.
// Source: virtio specification, "Network Device", "Device Operation".
#include "vutrace/virtio/devices/network.h"

#include "ethernet.h"
#include "table.h"

#include <algorithm>

namespace vutrace::virtio {
namespace {

using namespace layout;

constexpr unsigned VERSION_1 = 32;

constexpr std::array header_flags{
    ValueName{1, "NEEDS_CSUM"},
    ValueName{2, "DATA_VALID"},
    ValueName{4, "RSC_INFO"},
    ValueName{8, "UDP_TUNNEL_CSUM"},
    ValueName{16, "SECURITY"},
    ValueName{32, "SECURITY_ERR"},
    ValueName{64, "SECURITY_SA_SOFT_EXPIRY_WARN"},
};
constexpr std::array segmentations{ValueName{0, "NONE"}, ValueName{1, "TCPV4"}, ValueName{3, "UDP"},
                                   ValueName{4, "TCPV6"}, ValueName{5, "UDP_L4"}};
constexpr std::uint64_t segmentation_mask = 0x1f;
constexpr std::array segmentation_flags{ValueName{0x20, "UDP_TUNNEL_IPV4"}, ValueName{0x40, "UDP_TUNNEL_IPV6"},
                                        ValueName{0x80, "ECN"}};
constexpr std::array hash_reports{
    ValueName{0, "NONE"},     ValueName{1, "IPv4"},     ValueName{2, "TCPv4"}, ValueName{3, "UDPv4"},
    ValueName{4, "IPv6"},     ValueName{5, "TCPv6"},    ValueName{6, "UDPv6"}, ValueName{7, "IPv6_EX"},
    ValueName{8, "TCPv6_EX"}, ValueName{9, "UDPv6_EX"},
};

constexpr FieldInfo gso_type{.name = "gso_type",
                             .kind = FieldKind::name,
                             .show = Show::unless_zero,
                             .size = 1,
                             .values = segmentations,
                             .code = "gso_type_code",
                             .meaning = "how the packet is to be cut, or was put together"};
constexpr FieldInfo gso_flags = flags("gso_flags", 1, segmentation_flags, "what is added to gso_type");
constexpr std::array legacy_header{
    flags("flags", 1, header_flags),
    FieldInfo{.size = 1},  // gso_type, which is two fields
    details(u16("hdr_len", "bytes of the headers")),
    unless_zero(u16("gso_size", "bytes of each piece")),
    details(u16("csum_start")),
    details(u16("csum_offset")),
};
constexpr std::array buffer_count{details(u16("num_buffers", "chains that the packet has, of a received one"))};
constexpr std::array hash_part{hex("hash_value", 4), named("hash_report", "hash_report_code", 2, hash_reports),
                               padding(2)};
constexpr FieldInfo frame_length = length_of_rest("length", "bytes of the frame, or of the part in this chain");
constexpr std::array frame_length_row{frame_length};

constexpr std::array packet_fields{
    legacy_header[0], gso_type,        gso_flags,    legacy_header[2], legacy_header[3], legacy_header[4],
    legacy_header[5], buffer_count[0], hash_part[0], hash_part[1],     frame_length,
};
constexpr std::array packet_rows{RequestRow{0, "PACKET", packet_fields}, RequestRow{1, "CONTINUATION"}};

void read_header(LayoutReader& reader, const DeviceContext& device, RequestBuilder& out) {
    const std::size_t size =
        network::header_size(device.has(VERSION_1), device.has(network::MRG_RXBUF), device.has(network::HASH_REPORT));
    const ByteView start = reader.peek(2);
    const std::uint64_t segmentation = start.size() < 2 ? 0 : std::to_integer<std::uint64_t>(start[1]);
    if (!reader.read(legacy_header)) {
        return;
    }
    out.add_named(gso_type, segmentation & segmentation_mask);
    if ((segmentation & ~segmentation_mask) != 0) {
        (void)out.add(gso_flags, segmentation & ~segmentation_mask);
    }
    constexpr std::size_t with_buffer_count = 12, with_hash = 20;
    if (size >= with_buffer_count) {
        (void)reader.read(buffer_count);
    }
    if (size >= with_hash) {
        (void)reader.read(hash_part);
    }
}

// Behind a loss: can this begin a packet? What is in the middle of one hardly ever looks so. Where the bytes were not
// captured, nothing speaks against it.
bool may_be_header(const ChainPart& part) {
    constexpr std::size_t with_buffer_count = 12;
    constexpr std::uint64_t all_flags = 0x7f, most_buffers = 1024;
    const ByteView bytes = part.bytes;
    if (bytes.size() < with_buffer_count) {
        return part.total >= with_buffer_count;
    }
    const auto segmentation = std::to_integer<std::uint64_t>(bytes[1]) & segmentation_mask;
    const auto buffers = load<std::uint16_t>(bytes, 10);
    return (std::to_integer<std::uint64_t>(bytes[0]) & ~all_flags) == 0 &&
           std::any_of(segmentations.begin(), segmentations.end(),
                       [&](const ValueName& known) { return known.value == segmentation; }) &&
           buffers >= 1 && buffers <= most_buffers;
}

void decode_packet(const RequestTable& table, const DeviceContext& device, const ChainView& chain, QueueMemory& memory,
                   RequestBuilder& out) {
    LayoutReader reader(table.by_device ? chain.written : chain.readable, table.by_device ? "event" : "request", out);
    if (table.by_device && memory.after_loss) {
        memory.after_loss = device.has(network::MRG_RXBUF) && !may_be_header(chain.written);
    }
    if (table.by_device && (memory.chains_of_packet > 0 || memory.after_loss)) {
        memory.chains_of_packet -= memory.chains_of_packet > 0 ? 1 : 0;
        out.add_name(plain_type_field(), 1, packet_rows[1].name);
        (void)reader.read(frame_length_row);
        return;
    }
    out.add_name(plain_type_field(), 0, packet_rows[0].name);
    read_header(reader, device, out);
    if (!reader.ok()) {
        return;
    }
    const RequestField* buffers = out.find(buffer_count[0].name);
    if (table.by_device && buffers != nullptr && buffers->number > 1 && device.has(network::MRG_RXBUF)) {
        memory.chains_of_packet = static_cast<std::uint32_t>(buffers->number - 1);
    }
    (void)reader.read(frame_length_row);
    ethernet::read_frame(reader, out);
}

// The control queue: class and command together are the code.
constexpr std::uint64_t command(unsigned device_class, unsigned number) {
    return (std::uint64_t{device_class} << 8U) | number;
}

constexpr std::array offloads{
    ValueName{1ULL << 1U, "GUEST_CSUM"},
    ValueName{1ULL << 7U, "GUEST_TSO4"},
    ValueName{1ULL << 8U, "GUEST_TSO6"},
    ValueName{1ULL << 9U, "GUEST_ECN"},
    ValueName{1ULL << 10U, "GUEST_UFO"},
    ValueName{1ULL << 46U, "GUEST_UDP_TUNNEL_GSO"},
    ValueName{1ULL << 47U, "GUEST_UDP_TUNNEL_GSO_CSUM"},
    ValueName{1ULL << 54U, "GUEST_USO4"},
    ValueName{1ULL << 55U, "GUEST_USO6"},
};
constexpr std::array hash_types{
    ValueName{1, "IPv4"},   ValueName{2, "TCPv4"},    ValueName{4, "UDPv4"},
    ValueName{8, "IPv6"},   ValueName{16, "TCPv6"},   ValueName{32, "UDPv6"},
    ValueName{64, "IP_EX"}, ValueName{128, "TCP_EX"}, ValueName{256, "UDP_EX"},
};
constexpr std::array acknowledgements{ValueName{0, "OK"}, ValueName{1, "ERR"}};

constexpr std::array on_off{yes_or_no("on", 1)};
constexpr std::array macs{FieldInfo{.kind = FieldKind::text, .form = Form::mac, .size = 6}};
constexpr std::array mac_table{
    u32("unicast_entries"),
    list("unicast", macs, "unicast_entries", "addresses"),
    u32("multicast_entries"),
    list("multicast", macs, "multicast_entries", "addresses"),
};
constexpr std::array mac_address{mac("mac", "the device's address")};
constexpr std::array vlan{u16("vlan", "identifier")};
constexpr std::array pairs{u16("virtqueue_pairs")};
constexpr FieldInfo hash_type_flags = flags("hash_types", 4, hash_types);
constexpr FieldInfo hash_key_length = u8("hash_key_length", "bytes");
constexpr std::array rss{
    hash_type_flags,
    u16("indirection_table_mask", "its length less one"),
    u16("unclassified_queue"),
    length_of_rest("indirection_bytes", "bytes of the table of queues and what follows"),
};
constexpr std::array hash_configuration{hash_type_flags, padding(8), hash_key_length};
constexpr std::array offload_mask{flags("offloads", 8, offloads, "what the driver takes")};
constexpr std::array coalescing{u32("max_packets"), u32("max_usecs", "microseconds")};
constexpr std::array queue_coalescing{u16("vq_index", "queue"), padding(2), u32("max_packets"),
                                      u32("max_usecs", "microseconds")};
constexpr std::array queue_index{u16("vq_index", "queue"), padding(2)};
constexpr std::array tunnel_types{hex("enabled_tunnel_types", 4)};
constexpr std::array statistics_types{hex("supported_stats_types", 8)};
constexpr std::array statistics_query_parts{u16("vq_index"), padding(6), hex("types", 8)};
constexpr std::array statistics_query{list("queries", statistics_query_parts, {}, "which statistics of which queue")};
constexpr std::array statistics{length_of_rest("length", "bytes of statistics")};
constexpr std::array most_contexts{u16("max_rss_contexts")};
constexpr std::array rss_context{u16("rss_ctx_id"), padding(6)};

constexpr std::array commands{
    RequestRow{command(0, 0), "RX_PROMISC", on_off},
    RequestRow{command(0, 1), "RX_ALLMULTI", on_off},
    RequestRow{command(0, 2), "RX_ALLUNI", on_off},
    RequestRow{command(0, 3), "RX_NOMULTI", on_off},
    RequestRow{command(0, 4), "RX_NOUNI", on_off},
    RequestRow{command(0, 5), "RX_NOBCAST", on_off},
    RequestRow{command(1, 0), "MAC_TABLE_SET", mac_table},
    RequestRow{command(1, 1), "MAC_ADDR_SET", mac_address},
    RequestRow{command(2, 0), "VLAN_ADD", vlan},
    RequestRow{command(2, 1), "VLAN_DEL", vlan},
    RequestRow{command(3, 0), "ANNOUNCE_ACK"},
    RequestRow{command(4, 0), "MQ_VQ_PAIRS_SET", pairs},
    RequestRow{command(4, 1), "MQ_RSS_CONFIG", rss},
    RequestRow{command(4, 2), "MQ_HASH_CONFIG", hash_configuration},
    RequestRow{command(5, 0), "GUEST_OFFLOADS_SET", offload_mask},
    RequestRow{command(6, 0), "NOTF_COAL_TX_SET", coalescing},
    RequestRow{command(6, 1), "NOTF_COAL_RX_SET", coalescing},
    RequestRow{command(6, 2), "NOTF_COAL_VQ_SET", queue_coalescing},
    RequestRow{command(6, 3), "NOTF_COAL_VQ_GET", queue_index, coalescing},
    RequestRow{command(7, 0), "HASH_TUNNEL_SET", tunnel_types},
    RequestRow{command(8, 0), "STATS_QUERY", {}, statistics_types},
    RequestRow{command(8, 1), "STATS_GET", statistics_query, statistics},
    RequestRow{command(9, 0), "RSS_CTX_CAP_GET", {}, most_contexts},
    RequestRow{command(9, 1), "RSS_CTX_ADD", rss_context},
    RequestRow{command(9, 2), "RSS_CTX_MOD", rss_context},
    RequestRow{command(9, 3), "RSS_CTX_DEL", rss_context},
};
constexpr std::array command_header{selector(2, Form::selector_big_endian)};
constexpr std::array command_answer{named("status", "status_code", 1, acknowledgements, "the device's answer")};

constexpr std::array queues{
    RequestTable{.role = "receive",
                 .by_device = true,
                 .rows = packet_rows,
                 .decode = decode_packet,
                 .more = ethernet::frame_fields},
    RequestTable{.role = "transmit", .rows = packet_rows, .decode = decode_packet, .more = ethernet::frame_fields},
    RequestTable{.role = "control", .header = command_header, .rows = commands, .answer_header = command_answer},
};

}  // namespace

constinit const DeviceTable network_device{network::device_id, queues};

}  // namespace vutrace::virtio
