// Sources: IEEE 802.3 and 802.1Q; RFC 791 (IPv4), 8200 (IPv6), 826 (ARP), 768 (UDP), 9293 (TCP).
#include "ethernet.h"

namespace vutrace::virtio::ethernet {
namespace {

using namespace layout;

constexpr std::uint16_t ipv4_type = 0x0800, arp_type = 0x0806, ipv6_type = 0x86dd;
constexpr std::uint16_t vlan_type = 0x8100, service_vlan_type = 0x88a8;
constexpr std::uint8_t tcp = 6, udp = 17, sctp = 132;
constexpr std::size_t most_tags = 4;

constexpr std::array ether_types{
    ValueName{ipv4_type, "IPv4"}, ValueName{arp_type, "ARP"},   ValueName{ipv6_type, "IPv6"},
    ValueName{0x8035, "RARP"},    ValueName{0x8847, "MPLS"},    ValueName{0x8863, "PPPoE discovery"},
    ValueName{0x8864, "PPPoE"},   ValueName{0x88cc, "LLDP"},    ValueName{0x8906, "FCoE"},
    ValueName{0x88f7, "PTP"},     ValueName{vlan_type, "VLAN"}, ValueName{service_vlan_type, "service VLAN"},
};
constexpr std::array protocols{
    ValueName{1, "ICMP"}, ValueName{2, "IGMP"},    ValueName{tcp, "TCP"}, ValueName{udp, "UDP"},   ValueName{47, "GRE"},
    ValueName{50, "ESP"}, ValueName{58, "ICMPv6"}, ValueName{89, "OSPF"}, ValueName{sctp, "SCTP"},
};
constexpr std::array operations{ValueName{1, "request"}, ValueName{2, "reply"}, ValueName{3, "reverse request"},
                                ValueName{4, "reverse reply"}};

constexpr FieldInfo named_big(FieldInfo info) {
    info.form = Form::big_endian;
    return info;
}

constexpr std::array addresses{mac("destination"), mac("source")};
constexpr FieldInfo vlan_id{.size = 2};
constexpr std::array vlan_ids{vlan_id};
constexpr FieldInfo vlans = list("vlans", vlan_ids, {}, "VLAN identifiers, outer first");
constexpr FieldInfo ether_type = named_big(named("ethertype", "ethertype_code", 2, ether_types));
constexpr std::array ether_type_row{ether_type};
constexpr FieldInfo protocol = named("protocol", "protocol_code", 1, protocols);
// Behind version and header length.
constexpr std::array ipv4_header{padding(8), protocol, padding(2), ipv4("source_address"), ipv4("destination_address")};
constexpr std::array ipv6_header{padding(5), protocol, padding(1), ipv6("source_address"), ipv6("destination_address")};
constexpr std::array ports{big_endian(u16("source_port")), big_endian(u16("destination_port"))};
constexpr std::array arp{
    padding(6),
    named_big(named("operation", "operation_code", 2, operations, "of ARP")),
    mac("sender", "station that asks or answers"),
    ipv4("source_address", "of IP, or that of the station that asks or answers"),
    padding(6),
    ipv4("destination_address", "of IP, or what is asked for"),
};
constexpr std::array all_parts{
    addresses[0], addresses[1], vlans, ether_type, protocol, arp[1], arp[2], arp[3], arp[5], ports[0], ports[1],
};

std::uint16_t next_type(const LayoutReader& reader) noexcept {
    const ByteView bytes = reader.peek(2);
    return bytes.size() < 2 ? 0
                            : static_cast<std::uint16_t>((std::to_integer<unsigned>(bytes[0]) << 8U) |
                                                         std::to_integer<unsigned>(bytes[1]));
}

void read_tags(LayoutReader& reader, RequestBuilder& out) {
    const auto is_tag = [&] {
        const std::uint16_t type = next_type(reader);
        return (type == vlan_type || type == service_vlan_type) && reader.peek(4).size() == 4;
    };
    if (!is_tag()) {
        return;
    }
    out.open(vlans);
    for (std::size_t i = 0; i < most_tags && is_tag(); ++i) {
        const ByteView tag = reader.peek(4);
        const unsigned identifier =
            ((std::to_integer<unsigned>(tag[2]) & 0xfU) << 8U) | std::to_integer<unsigned>(tag[3]);
        (void)out.add(vlan_id, identifier);
        (void)reader.skip(4, vlans.name);
    }
    out.close();
}

void read_ports(LayoutReader& reader, const RequestBuilder& out) {
    const RequestField* found = out.find(protocol.name);
    if (found != nullptr && (found->number == tcp || found->number == udp || found->number == sctp)) {
        (void)reader.read(ports);
    }
}

// What says that it is IP and is not is left alone.
bool has_version(const LayoutReader& reader, unsigned version) noexcept {
    const ByteView start = reader.peek(1);
    return !start.empty() && std::to_integer<unsigned>(start[0]) >> 4U == version;
}

void read_ipv4(LayoutReader& reader, const RequestBuilder& out) {
    const ByteView start = reader.peek(8);
    if (start.size() < 8) {
        return;
    }
    const unsigned words = std::to_integer<unsigned>(start[0]) & 0xfU;
    const unsigned fragment =
        ((std::to_integer<unsigned>(start[6]) & 0x1fU) << 8U) | std::to_integer<unsigned>(start[7]);
    constexpr unsigned least_words = 5;
    constexpr std::uint64_t least_bytes = 20;
    if (!reader.skip(1, "version") || !reader.read(ipv4_header) || words < least_words || fragment != 0) {
        return;
    }
    const std::uint64_t options = std::uint64_t{words} * 4 - least_bytes;
    if (options <= reader.remaining() && reader.skip(options, "options")) {
        read_ports(reader, out);
    }
}

}  // namespace

constinit const std::array<FieldInfo, 1> frame_fields{group("frame", all_parts, "the Ethernet frame")};

void read_frame(LayoutReader& reader, RequestBuilder& out) {
    out.open(frame_fields.front());
    if (reader.read(addresses)) {
        read_tags(reader, out);
        const std::uint16_t type = next_type(reader);
        if (reader.read(ether_type_row)) {
            if (type == ipv4_type && has_version(reader, 4)) {
                read_ipv4(reader, out);
            } else if (type == ipv6_type && has_version(reader, 6) && reader.skip(1, "version") &&
                       reader.read(ipv6_header)) {
                read_ports(reader, out);
            } else if (type == arp_type) {
                (void)reader.read(arp);
            }
        }
    }
    out.close();
}

}  // namespace vutrace::virtio::ethernet
