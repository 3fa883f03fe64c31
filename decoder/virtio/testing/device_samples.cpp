#include "vutrace/virtio/testing/device_samples.h"

#include "devices/table.h"

#include <vutrace/virtio/devices/file_system.h>
#include <vutrace/virtio/devices/network.h>

#include <algorithm>
#include <functional>

namespace vutrace::virtio::testing {
namespace {

constexpr std::uint32_t console = 3, scsi = 8, vsock = 19, crypto = 20, i2c = 34;
constexpr std::uint64_t elements = 2;  // of lists
constexpr std::string_view some_text = "some";
constexpr unsigned VERSION_1 = 32;

constexpr std::uint64_t bit(unsigned number) {
    return std::uint64_t{1} << number;
}

void append(Bytes& out, std::uint64_t value, std::size_t size, bool big_endian = false) {
    for (std::size_t i = 0; i < size; ++i) {
        const std::size_t place = big_endian ? size - 1 - i : i;
        out.push_back(static_cast<std::byte>(place < 8 ? value >> (8 * place) : 0));
    }
}
void append(Bytes& out, std::string_view text) {
    const ByteView bytes = as_bytes(text);
    out.insert(out.end(), bytes.begin(), bytes.end());
}

// Writes what a layout describes, every field with something that it may be.
class LayoutWriter {
  public:
    LayoutWriter(Bytes& out, const RequestTable& table, std::uint64_t code, std::size_t turn)
        : out_(out), table_(table), code_(code), turn_(turn) {}

    void write(const Layout& layout) {
        for (const FieldInfo& info : layout) {
            write(info, layout);
        }
    }

  private:
    void write(const FieldInfo& info, const Layout& layout) {
        switch (info.kind) {
            case FieldKind::group:
                return write(info.parts);
            case FieldKind::list:
                for (std::uint64_t i = 0; i < elements; ++i) {
                    write(info.parts);
                }
                return;
            case FieldKind::text:
            case FieldKind::bytes:
                return write_text(info);
            default:
                break;
        }
        if (info.extent == Extent::aligned) {
            append(out_, 0, (info.size - out_.size() % info.size) % info.size);
        } else if (info.extent != Extent::length_of_rest) {
            append(out_, value_of(info, layout), info.size,
                   info.form == Form::big_endian || info.form == Form::selector_big_endian);
        }
    }
    void write_text(const FieldInfo& info) {
        const std::size_t start = out_.size();
        if (info.form == Form::plain && info.kind == FieldKind::text) {
            append(out_, some_text);
        }
        if (info.extent == Extent::until_nul) {
            out_.push_back(std::byte{0});
        } else if (info.extent == Extent::fixed) {
            while (out_.size() - start < info.size) {
                out_.push_back(info.form == Form::plain && info.kind == FieldKind::text
                                   ? std::byte{0}
                                   : static_cast<std::byte>(out_.size() + turn_));
            }
            out_.resize(start + info.size);
        }
    }
    [[nodiscard]] std::uint64_t value_of(const FieldInfo& info, const Layout& layout) const {
        if (info.form == Form::selector || info.form == Form::selector_big_endian) {
            return code_;
        }
        if (info.kind == FieldKind::flags) {
            std::uint64_t all = 0;
            for (const ValueName& value : info.values) {
                all |= value.value;
            }
            return all;
        }
        if (info.name == "status") {
            return table_.first_good;
        }
        if (info.kind == FieldKind::name) {
            return info.values[turn_ % info.values.size()].value;
        }
        for (const FieldInfo& other : layout) {
            if (!info.name.empty() && other.count == info.name) {
                return other.kind == FieldKind::list ? elements : some_text.size();
            }
        }
        return info.name.empty() || info.kind == FieldKind::boolean ? 1 : 2 + (out_.size() + turn_) % 100;
    }

    Bytes& out_;
    const RequestTable& table_;
    std::uint64_t code_;
    std::size_t turn_;
};

Bytes bytes_of(const RequestTable& table, std::initializer_list<Layout> layouts, std::uint64_t code, std::size_t turn) {
    Bytes out;
    LayoutWriter writer(out, table, code, turn);
    bool has_data = false;
    for (const Layout& layout : layouts) {
        writer.write(layout);
        has_data = has_data || std::any_of(layout.begin(), layout.end(),
                                           [](const FieldInfo& info) { return info.extent == Extent::length_of_rest; });
    }
    append(out, has_data ? some_text : std::string_view());
    return out;
}

// What makes every queue of a device there.
DeviceSample blank(std::uint32_t device) {
    DeviceSample sample;
    sample.device = device;
    if (device == network::device_id) {
        sample.features = bit(network::CTRL_VQ) | bit(network::MRG_RXBUF) | bit(network::HASH_REPORT) | bit(VERSION_1);
    } else if (device == console) {
        sample.features = bit(1);
    } else if (device != scsi) {
        sample.features = bit(0);
    }
    if (device == crypto) {
        sample.configuration.resize(8);
        store<std::uint32_t>(sample.configuration, 4, 1);  // max_dataqueues
    }
    return sample;
}

void find_queue(DeviceSample& sample, const DeviceTable& device, const RequestTable& table) {
    const auto is_other = [&](std::string_view role) {
        return std::any_of(device.tables.begin(), device.tables.end(),
                           [role](const RequestTable& other) { return other.role == role; });
    };
    for (std::uint16_t queue = 0; queue < 8; ++queue) {
        const std::string_view role = role_of(context_of(sample), queue).name;
        if (!role.empty() && (table.role.empty() ? !is_other(role) : table.role == role)) {
            sample.queue = queue;
            sample.role = role;
            return;
        }
    }
}

// Where tables do not say all: devices whose requests have shapes of their own.
void complete_block(DeviceSample& sample, const RequestRow& row) {
    if (row.name == "GET_ID") {
        std::copy_n(as_bytes("disk number one").begin(), 15, sample.written.begin());
    }
}
void complete_scsi(DeviceSample& sample, const RequestRow& row) {
    constexpr std::size_t cdb_offset = 19, sense_size = 96, sense_length = 18;
    if (sample.role != "request") {
        return;
    }
    sample.readable[cdb_offset] = static_cast<std::byte>(row.code);
    store<std::uint32_t>(sample.written, 0, sense_length);
    Bytes sense(sense_size);
    sense[0] = std::byte{0x70};
    sense[2] = std::byte{5};
    sense[12] = std::byte{0x24};
    sample.written.insert(sample.written.end(), sense.begin(), sense.end());
}
void complete_vsock(DeviceSample& sample, const RequestRow& /*row*/) {
    constexpr std::size_t header_size = 44;
    Bytes& packet = sample.role == "receive" ? sample.written : sample.readable;
    if (sample.role != "event") {
        packet.resize(header_size, std::byte{9});
    }
}
void complete_i2c(DeviceSample& sample, const RequestRow& row) {
    if (row.name == "WRITE") {
        sample.readable[4] = std::byte{1};
    }
}
void complete_crypto(DeviceSample& sample, const RequestRow& row) {
    if (sample.role == "control" && !row.answer.empty()) {
        sample.written = Bytes(16);
        sample.written[0] = std::byte{7};
    }
}
void complete_file_system(DeviceSample& sample, const RequestRow& row) {
    constexpr std::size_t arguments = file_system::request_header_size;
    if (row.name == "SETXATTR") {
        const auto value_size = load<std::uint32_t>(sample.readable, arguments);
        sample.readable.resize(sample.readable.size() + value_size, std::byte{'v'});
    }
}

struct Completion {
    std::uint32_t device;
    void (*complete)(DeviceSample& sample, const RequestRow& row);
};
constexpr std::array completions{
    Completion{2, complete_block},       Completion{scsi, complete_scsi},
    Completion{vsock, complete_vsock},   Completion{i2c, complete_i2c},
    Completion{crypto, complete_crypto}, Completion{file_system::device_id, complete_file_system},
};

DeviceSample sample_of(const DeviceTable& device, const RequestTable& table, const RequestRow& row, std::size_t turn) {
    DeviceSample sample = blank(device.type);
    find_queue(sample, device, table);
    sample.type = row.name;
    const Bytes request = bytes_of(table, {table.header, row.request}, row.code, turn);
    (table.by_device ? sample.written : sample.readable) = request;
    if (!table.by_device) {
        sample.written = bytes_of(table, {table.answer_header, row.answer, table.answer_trailer}, row.code, turn);
    }
    for (const Completion& completion : completions) {
        if (completion.device == device.type) {
            completion.complete(sample, row);
        }
    }
    return sample;
}

// A packet with everything in its header, and a frame behind it.
DeviceSample packet(bool received, std::string_view frame) {
    DeviceSample sample = blank(network::device_id);
    sample.queue = received ? 0 : 1;
    sample.role = received ? "receive" : "transmit";
    sample.type = "PACKET";
    Bytes& out = received ? sample.written : sample.readable;
    append(out, 1, 1);     // NEEDS_CSUM
    append(out, 0xe1, 1);  // TCPV4 in a tunnel, with ECN
    for (const unsigned number : {54U, 1448U, 34U, 16U, 1U}) {
        append(out, number, 2);
    }
    append(out, 0x12345678, 4);
    append(out, 2, 4);  // hash report TCPv4
    append(out, frame);
    return sample;
}

constexpr std::string_view stations("\xff\xff\xff\xff\xff\xff\x52\x54\x00\x12\x34\x56", 12);
constexpr std::string_view arp_question(
    "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01\x52\x54\x00\x12\x34\x56\x0a\x00\x00\x01"
    "\x00\x00\x00\x00\x00\x00\x0a\x00\x00\x02",
    30);
constexpr std::string_view tcp_in_vlans(
    "\x88\xa8\x00\x07\x81\x00\x20\x2a\x08\x00\x46\x00\x00\x2c\x00\x01\x40\x00\x40\x06"
    "\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02\x01\x01\x01\x01\x04\xd2\x00\x50"
    "data",
    42);
constexpr std::string_view udp_over_ipv6(
    "\x86\xdd\x60\x00\x00\x00\x00\x08\x11\x40"
    "\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
    "\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02"
    "\x00\x35\x14\xe9",
    46);

void add_packets(std::vector<DeviceSample>& out) {
    for (const bool received : {false, true}) {
        for (const std::string_view rest : {arp_question, tcp_in_vlans, udp_over_ipv6}) {
            out.push_back(packet(received, std::string(stations) + std::string(rest)));
        }
    }
}

// Answers that are errors, the other byte order, codes without a name, parts that end too early.
void add_odd_ones(std::vector<DeviceSample>& out) {
    const auto copy_of = [&out](std::uint32_t device, std::string_view type) {
        return *std::find_if(out.begin(), out.end(), [&](const DeviceSample& sample) {
            return sample.device == device && sample.type == type;
        });
    };
    DeviceSample refused = copy_of(file_system::device_id, "LOOKUP");
    store<std::int32_t>(refused.written, 4, -2);
    refused.written.resize(file_system::answer_header_size);
    DeviceSample cut = refused;
    cut.readable.resize(cut.readable.size() - 1);
    cut.written.resize(6);
    DeviceSample extended = copy_of(file_system::device_id, "SETXATTR");
    extended.readable.insert(extended.readable.begin() + 48, 8, std::byte{0});
    extended.readable[48] = std::byte{1};
    DeviceSample swapped = copy_of(file_system::device_id, "OPEN");
    std::reverse(swapped.readable.begin() + 4, swapped.readable.begin() + 8);
    swapped.written.clear();
    DeviceSample unknown = copy_of(file_system::device_id, "ACCESS");
    unknown.readable[4] = std::byte{0xee};
    unknown.type = unknown_value;
    DeviceSample missed = copy_of(scsi, "TRANSPORT_RESET");
    missed.written[3] = std::byte{0x80};
    out.insert(out.end(), {refused, cut, extended, swapped, unknown, missed});
}

}  // namespace

DeviceContext context_of(const DeviceSample& sample) {
    DeviceContext context;
    context.type = sample.device;
    context.features = sample.features;
    context.configuration = sample.configuration;
    return context;
}

ChainView chain_of(const DeviceSample& sample, bool used) {
    ChainView chain;
    chain.queue = sample.queue;
    chain.used = used;
    chain.writable_total = sample.written.size();
    chain.readable = {sample.readable, sample.readable.size(), false};
    if (used) {
        chain.written = {sample.written, sample.written.size(), false};
        chain.tail = sample.written;
    }
    return chain;
}

std::vector<DeviceSample> device_samples() {
    std::vector<DeviceSample> out;
    for (const DeviceTable* device : device_tables()) {
        for (const RequestTable& table : device->tables) {
            const bool is_packet = device->type == network::device_id && table.decode != nullptr;
            for (std::size_t turn = 0; turn < table.rows.size() && !is_packet; ++turn) {
                out.push_back(sample_of(*device, table, table.rows[turn], turn));
            }
        }
    }
    add_packets(out);
    add_odd_ones(out);
    return out;
}

}  // namespace vutrace::virtio::testing
