// virtio-scsi: commands, task management, events.
// Sources: virtio specification, "SCSI Host Device"; operation codes, status and sense keys as in Linux's scsi_proto.h.
#include "table.h"

#include <algorithm>

namespace vutrace::virtio {
namespace {

using namespace layout;

constexpr unsigned T10_PI = 3;
constexpr std::size_t sense_size_offset = 20, cdb_size_offset = 24;  // in the configuration space
constexpr std::uint32_t usual_cdb_size = 32, usual_sense_size = 96;

constexpr std::array responses{
    ValueName{0, "OK"},
    ValueName{1, "OVERRUN"},
    ValueName{2, "ABORTED"},
    ValueName{3, "BAD_TARGET"},
    ValueName{4, "RESET"},
    ValueName{5, "BUSY"},
    ValueName{6, "TRANSPORT_FAILURE"},
    ValueName{7, "TARGET_FAILURE"},
    ValueName{8, "NEXUS_FAILURE"},
    ValueName{9, "FAILURE"},
    ValueName{10, "FUNCTION_SUCCEEDED"},
    ValueName{11, "FUNCTION_REJECTED"},
    ValueName{12, "INCORRECT_LUN"},
};
constexpr std::array scsi_statuses{
    ValueName{0x00, "GOOD"},       ValueName{0x02, "CHECK_CONDITION"},      ValueName{0x04, "CONDITION_MET"},
    ValueName{0x08, "BUSY"},       ValueName{0x18, "RESERVATION_CONFLICT"}, ValueName{0x28, "TASK_SET_FULL"},
    ValueName{0x30, "ACA_ACTIVE"}, ValueName{0x40, "TASK_ABORTED"},
};
constexpr std::array sense_keys{
    ValueName{0, "NO_SENSE"},       ValueName{1, "RECOVERED_ERROR"},  ValueName{2, "NOT_READY"},
    ValueName{3, "MEDIUM_ERROR"},   ValueName{4, "HARDWARE_ERROR"},   ValueName{5, "ILLEGAL_REQUEST"},
    ValueName{6, "UNIT_ATTENTION"}, ValueName{7, "DATA_PROTECT"},     ValueName{8, "BLANK_CHECK"},
    ValueName{10, "COPY_ABORTED"},  ValueName{11, "ABORTED_COMMAND"}, ValueName{13, "VOLUME_OVERFLOW"},
    ValueName{14, "MISCOMPARE"},
};
constexpr std::array task_attributes{ValueName{0, "SIMPLE"}, ValueName{1, "ORDERED"}, ValueName{2, "HEAD"},
                                     ValueName{3, "ACA"}};

// A logical unit is 1, target, the number with 0x40 in its first byte, four bytes of zero.
constexpr FieldInfo lun_field = big_endian(u16("lun", "logical unit"));
constexpr FieldInfo tag = hex("tag", 8, "of the command: id");
constexpr FieldInfo logical_block = u64("lba", "first logical block");
constexpr FieldInfo blocks =
    u64("blocks", "length that the command gives: blocks of reads, writes and their like, else bytes");
constexpr FieldInfo cdb = bytes("cdb", 0, "the command's bytes, without zeros at the end");
constexpr FieldInfo data_out = u64("length_out", "bytes of data to the device");
constexpr FieldInfo data_in = u64("length_in", "room for data from the device");
constexpr std::array more{blocks, logical_block, cdb, data_out, data_in, lun_field};

constexpr std::array header{
    padding(1),  // 1
    u8("target"),
    padding(6),  // the number, of which two bits are flags
    tag,
    details(named("task_attr", "task_attr_code", 1, task_attributes)),
    details(u8("prio")),
    details(u8("crn")),
};

constexpr std::array command_bytes{bytes("cdb", usual_cdb_size, cdb.meaning)};
constexpr std::array commands{
    RequestRow{0x00, "TEST_UNIT_READY", command_bytes},
    RequestRow{0x03, "REQUEST_SENSE", command_bytes},
    RequestRow{0x04, "FORMAT_UNIT", command_bytes},
    RequestRow{0x08, "READ_6", command_bytes},
    RequestRow{0x0a, "WRITE_6", command_bytes},
    RequestRow{0x12, "INQUIRY", command_bytes},
    RequestRow{0x15, "MODE_SELECT", command_bytes},
    RequestRow{0x16, "RESERVE", command_bytes},
    RequestRow{0x17, "RELEASE", command_bytes},
    RequestRow{0x1a, "MODE_SENSE", command_bytes},
    RequestRow{0x1b, "START_STOP", command_bytes},
    RequestRow{0x1d, "SEND_DIAGNOSTIC", command_bytes},
    RequestRow{0x1e, "ALLOW_MEDIUM_REMOVAL", command_bytes},
    RequestRow{0x23, "READ_FORMAT_CAPACITIES", command_bytes},
    RequestRow{0x25, "READ_CAPACITY", command_bytes},
    RequestRow{0x28, "READ_10", command_bytes},
    RequestRow{0x2a, "WRITE_10", command_bytes},
    RequestRow{0x2e, "WRITE_VERIFY", command_bytes},
    RequestRow{0x2f, "VERIFY", command_bytes},
    RequestRow{0x34, "PRE_FETCH", command_bytes},
    RequestRow{0x35, "SYNCHRONIZE_CACHE", command_bytes},
    RequestRow{0x3b, "WRITE_BUFFER", command_bytes},
    RequestRow{0x3c, "READ_BUFFER", command_bytes},
    RequestRow{0x41, "WRITE_SAME", command_bytes},
    RequestRow{0x42, "UNMAP", command_bytes},
    RequestRow{0x43, "READ_TOC", command_bytes},
    RequestRow{0x46, "GET_CONFIGURATION", command_bytes},
    RequestRow{0x4a, "GET_EVENT_STATUS_NOTIFICATION", command_bytes},
    RequestRow{0x4c, "LOG_SELECT", command_bytes},
    RequestRow{0x4d, "LOG_SENSE", command_bytes},
    RequestRow{0x51, "READ_DISC_INFO", command_bytes},
    RequestRow{0x55, "MODE_SELECT_10", command_bytes},
    RequestRow{0x5a, "MODE_SENSE_10", command_bytes},
    RequestRow{0x5e, "PERSISTENT_RESERVE_IN", command_bytes},
    RequestRow{0x5f, "PERSISTENT_RESERVE_OUT", command_bytes},
    RequestRow{0x7f, "VARIABLE_LENGTH_CMD", command_bytes},
    RequestRow{0x83, "EXTENDED_COPY", command_bytes},
    RequestRow{0x84, "RECEIVE_COPY_RESULTS", command_bytes},
    RequestRow{0x85, "ATA_16", command_bytes},
    RequestRow{0x88, "READ_16", command_bytes},
    RequestRow{0x89, "COMPARE_AND_WRITE", command_bytes},
    RequestRow{0x8a, "WRITE_16", command_bytes},
    RequestRow{0x8e, "WRITE_VERIFY_16", command_bytes},
    RequestRow{0x8f, "VERIFY_16", command_bytes},
    RequestRow{0x91, "SYNCHRONIZE_CACHE_16", command_bytes},
    RequestRow{0x93, "WRITE_SAME_16", command_bytes},
    RequestRow{0x94, "ZBC_OUT", command_bytes},
    RequestRow{0x95, "ZBC_IN", command_bytes},
    RequestRow{0x9e, "SERVICE_ACTION_IN_16", command_bytes},
    RequestRow{0xa0, "REPORT_LUNS", command_bytes},
    RequestRow{0xa1, "ATA_12", command_bytes},
    RequestRow{0xa3, "MAINTENANCE_IN", command_bytes},
    RequestRow{0xa4, "MAINTENANCE_OUT", command_bytes},
    RequestRow{0xa8, "READ_12", command_bytes},
    RequestRow{0xaa, "WRITE_12", command_bytes},
    RequestRow{0xbe, "READ_CD", command_bytes},
};

constexpr std::array answer{
    details(u32("sense_len", "bytes of sense data")),
    unless_zero(u32("residual", "bytes that were not moved")),
    padding(2),
    FieldInfo{.name = "scsi_status",
              .kind = FieldKind::name,
              .show = Show::unless_zero,
              .size = 1,
              .values = scsi_statuses,
              .code = "scsi_status_code",
              .meaning = "of the command"},
    named("status", "status_code", 1, responses, "the device's answer"),
};
constexpr FieldInfo sense_key = named("sense_key", "sense_key_code", 1, sense_keys);
constexpr std::array sense_more{sense_key, hex("asc", 1, "additional sense code"), hex("ascq", 1, "its qualifier")};
constexpr std::array request_more{more[0], more[1],   more[2],       more[3],      more[4],
                                  more[5], sense_key, sense_more[1], sense_more[2]};

// Where commands have what, by the group of their operation code.
struct CommandShape {
    std::uint8_t first, last;  // operation codes
    std::uint8_t lba_offset, lba_size, length_offset, length_size;
};
constexpr std::array shapes{
    CommandShape{0x08, 0x0a, 1, 3, 4, 1},  CommandShape{0x12, 0x12, 0, 0, 3, 2},  CommandShape{0x00, 0x1f, 0, 0, 4, 1},
    CommandShape{0x42, 0x42, 0, 0, 7, 2},  CommandShape{0x25, 0x25, 2, 4, 0, 0},  CommandShape{0x28, 0x41, 2, 4, 7, 2},
    CommandShape{0x43, 0x5f, 0, 0, 7, 2},  CommandShape{0x9e, 0x9e, 2, 8, 10, 4}, CommandShape{0x88, 0x94, 2, 8, 10, 4},
    CommandShape{0x95, 0x95, 2, 8, 10, 4}, CommandShape{0xa0, 0xa4, 0, 0, 6, 4},  CommandShape{0xa8, 0xaf, 2, 4, 6, 4},
};

std::uint64_t big_endian_number(ByteView bytes) noexcept {
    std::uint64_t value = 0;
    for (const std::byte byte : bytes) {
        value = (value << 8U) | std::to_integer<std::uint64_t>(byte);
    }
    return value;
}

void add_cdb(ByteView bytes, RequestBuilder& out) {
    const auto operation = std::to_integer<std::uint8_t>(bytes.front());
    const auto* const shape = std::find_if(shapes.begin(), shapes.end(), [operation](const CommandShape& row) {
        return operation >= row.first && operation <= row.last;
    });
    const auto add = [&](const FieldInfo& info, std::size_t offset, std::size_t size) {
        if (size != 0 && offset + size <= bytes.size()) {
            const std::uint64_t value = big_endian_number(bytes.subspan(offset, size));
            constexpr std::uint64_t bits_of_short_address = 21;
            (void)out.add(info, size == 3 ? value & ((1ULL << bits_of_short_address) - 1) : value);
        }
    };
    if (shape != shapes.end()) {
        add(logical_block, shape->lba_offset, shape->lba_size);
        add(blocks, shape->length_offset, shape->length_size);
    }
    std::size_t size = bytes.size();
    while (size > 1 && bytes[size - 1] == std::byte{0}) {
        --size;
    }
    out.add(cdb).text.assign(reinterpret_cast<const char*>(bytes.data()), size);
}

void add_unit_number(const LayoutReader& reader, RequestBuilder& out) {
    constexpr std::uint64_t number_mask = 0x3fff;
    const ByteView start = reader.peek(4);
    if (start.size() == 4) {
        (void)out.add(lun_field, big_endian_number(start.subspan(2, 2)) & number_mask);
    }
}

// Sense data in fixed (0x70, 0x71) or descriptor form (0x72, 0x73).
void add_sense(ByteView sense, RequestBuilder& out) {
    constexpr std::size_t fixed_needed = 14, descriptor_needed = 4;
    const unsigned form = sense.empty() ? 0 : std::to_integer<unsigned>(sense[0]) & 0x7fU;
    const bool fixed = (form == 0x70 || form == 0x71) && sense.size() >= fixed_needed;
    const bool descriptors = (form == 0x72 || form == 0x73) && sense.size() >= descriptor_needed;
    if (!fixed && !descriptors) {
        return;
    }
    out.add_named(sense_key, std::to_integer<unsigned>(sense[fixed ? 2 : 1]) & 0xfU);
    (void)out.add(sense_more[1], std::to_integer<std::uint64_t>(sense[fixed ? 12 : 2]));
    (void)out.add(sense_more[2], std::to_integer<std::uint64_t>(sense[fixed ? 13 : 3]));
}

std::uint32_t size_from(const DeviceContext& device, std::size_t offset, std::uint32_t otherwise) noexcept {
    constexpr std::uint32_t most = 4096;
    const auto size = load<std::uint32_t>(device.configuration, offset);
    return size == 0 || size > most ? otherwise : size;
}

void decode_command(const RequestTable& table, const DeviceContext& device, const ChainView& chain,
                    QueueMemory& /*memory*/, RequestBuilder& out) {
    LayoutReader reader(chain.readable, "request", out);
    const std::uint32_t cdb_size = size_from(device, cdb_size_offset, usual_cdb_size);
    constexpr std::size_t header_size = 19;
    constexpr std::uint64_t lengths_of_protection = 8;  // between header and command, as Linux has it
    const std::size_t cdb_at = header_size + (device.has(T10_PI) ? lengths_of_protection : 0);
    const ByteView start = reader.peek(cdb_at + 1);
    if (start.size() == cdb_at + 1) {
        const auto operation = std::to_integer<std::uint64_t>(start[cdb_at]);
        const RequestRow* row = find_row(table.rows, operation);
        out.add_name(type_field(), operation, row == nullptr ? unknown_value : row->name);
    }
    add_unit_number(reader, out);
    if (reader.read(table.header) && reader.skip(cdb_at - header_size, "pi_bytesout")) {
        const ByteView command = reader.peek(cdb_size);
        if (!command.empty()) {
            add_cdb(command, out);
        }
        if (reader.skip(cdb_size, "cdb")) {
            (void)out.add(data_out, reader.remaining());
        }
    }
    const std::uint32_t sense_size = size_from(device, sense_size_offset, usual_sense_size);
    constexpr std::uint64_t answer_size = 12;
    (void)out.add(data_in, chain.writable_total - std::min(chain.writable_total, answer_size + sense_size));
    if (!chain.used || chain.writable_total == 0) {
        return;
    }
    LayoutReader written(chain.written, "answer", out);
    if (written.read(table.answer_header)) {
        const RequestField* length = out.find("sense_len");
        add_sense(written.peek(std::min<std::uint64_t>(length->number, sense_size)), out);
        const RequestField* result = out.find("scsi_status");
        if (result->number != 0) {
            out.fail();
        }
        judge(table, out);
    }
}

// Task management and asynchronous notifications.
constexpr std::array functions{
    ValueName{0, "ABORT_TASK"},     ValueName{1, "ABORT_TASK_SET"},  ValueName{2, "CLEAR_ACA"},
    ValueName{3, "CLEAR_TASK_SET"}, ValueName{4, "I_T_NEXUS_RESET"}, ValueName{5, "LOGICAL_UNIT_RESET"},
    ValueName{6, "QUERY_TASK"},     ValueName{7, "QUERY_TASK_SET"},
};
constexpr std::array notifications{
    ValueName{2, "OPERATIONAL_CHANGE"}, ValueName{4, "POWER_MGMT"},  ValueName{8, "EXTERNAL_REQUEST"},
    ValueName{16, "MEDIA_CHANGE"},      ValueName{32, "MULTI_HOST"}, ValueName{64, "DEVICE_BUSY"},
};
constexpr FieldInfo unit_bytes = bytes("lun_bytes", 8, "logical unit as it was sent");
constexpr std::array control_header{selector(4)};
constexpr std::array task_management{named("subtype", "subtype_code", 4, functions, "of a task management function"),
                                     unit_bytes, tag};
constexpr std::array asynchronous{unit_bytes, flags("event_requested", 4, notifications)};
constexpr std::array asynchronous_answer{flags("event_actual", 4, notifications)};
constexpr std::array controls{
    RequestRow{0, "TMF", task_management},
    RequestRow{1, "AN_QUERY", asynchronous, asynchronous_answer},
    RequestRow{2, "AN_SUBSCRIBE", asynchronous, asynchronous_answer},
};
constexpr std::array response{named("status", "status_code", 1, responses, "the device's answer")};

constexpr std::uint64_t events_missed = 0x80000000;
constexpr std::array event_flags_names{ValueName{events_missed, "EVENTS_MISSED"}};
constexpr FieldInfo event_flags = flags("event_flags", 4, event_flags_names);
constexpr std::array event_parts{unit_bytes,
                                 u32("reason", "0 hard reset, 1 rescan, 2 removed; of notifications what happened")};
constexpr std::array events{
    RequestRow{0, "NO_EVENT", event_parts},
    RequestRow{1, "TRANSPORT_RESET", event_parts},
    RequestRow{2, "ASYNC_NOTIFY", event_parts},
    RequestRow{3, "PARAM_CHANGE", event_parts},
};
constexpr std::array event_more{event_flags};
constexpr std::array event_header{selector(4)};

void decode_event(const RequestTable& table, const DeviceContext& /*device*/, const ChainView& chain,
                  QueueMemory& /*memory*/, RequestBuilder& out) {
    LayoutReader reader(chain.written, "event", out);
    const ByteView start = reader.peek(4);
    if (!reader.skip(4, "type") || start.size() < 4) {
        return;
    }
    const std::uint64_t code = load<std::uint32_t>(start);
    const RequestRow* row = find_row(table.rows, code & ~events_missed);
    out.add_name(type_field(), code, row == nullptr ? unknown_value : row->name);
    if ((code & events_missed) != 0) {
        (void)out.add(event_flags, events_missed);
    }
    (void)reader.read(event_parts);
}

constexpr std::array queues{
    RequestTable{
        .role = "control", .header = control_header, .rows = controls, .answer_trailer = response, .also_good = 10},
    RequestTable{.role = "event",
                 .by_device = true,
                 .header = event_header,
                 .rows = events,
                 .decode = decode_event,
                 .more = event_more},
    RequestTable{.role = "request",
                 .header = header,
                 .rows = commands,
                 .answer_header = answer,
                 .decode = decode_command,
                 .more = request_more},
};

}  // namespace

constinit const DeviceTable scsi_device{8, queues};

}  // namespace vutrace::virtio
