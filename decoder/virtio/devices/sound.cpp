// virtio-sound: requests, events, and the buffers of the streams.
// Source: virtio specification, "Sound Device", "Device Operation".
#include "table.h"

#include <algorithm>

namespace vutrace::virtio {
namespace {

using namespace layout;

constexpr std::array statuses{ValueName{0x8000, "OK"}, ValueName{0x8001, "BAD_MSG"}, ValueName{0x8002, "NOT_SUPP"},
                              ValueName{0x8003, "IO_ERR"}};
constexpr std::uint64_t status_ok = 0x8000;
constexpr std::array formats{
    ValueName{0, "IMA_ADPCM"},
    ValueName{1, "MU_LAW"},
    ValueName{2, "A_LAW"},
    ValueName{3, "S8"},
    ValueName{4, "U8"},
    ValueName{5, "S16"},
    ValueName{6, "U16"},
    ValueName{7, "S18_3"},
    ValueName{8, "U18_3"},
    ValueName{9, "S20_3"},
    ValueName{10, "U20_3"},
    ValueName{11, "S24_3"},
    ValueName{12, "U24_3"},
    ValueName{13, "S20"},
    ValueName{14, "U20"},
    ValueName{15, "S24"},
    ValueName{16, "U24"},
    ValueName{17, "S32"},
    ValueName{18, "U32"},
    ValueName{19, "FLOAT"},
    ValueName{20, "FLOAT64"},
    ValueName{21, "DSD_U8"},
    ValueName{22, "DSD_U16"},
    ValueName{23, "DSD_U32"},
    ValueName{24, "IEC958_SUBFRAME"},
};
constexpr std::array rates{
    ValueName{0, "5512"},    ValueName{1, "8000"},    ValueName{2, "11025"},  ValueName{3, "16000"},
    ValueName{4, "22050"},   ValueName{5, "32000"},   ValueName{6, "44100"},  ValueName{7, "48000"},
    ValueName{8, "64000"},   ValueName{9, "88200"},   ValueName{10, "96000"}, ValueName{11, "176400"},
    ValueName{12, "192000"}, ValueName{13, "384000"}, ValueName{14, "12000"}, ValueName{15, "24000"},
};
constexpr std::array directions{ValueName{0, "OUTPUT"}, ValueName{1, "INPUT"}};

constexpr FieldInfo stream = u32("stream_id");
constexpr FieldInfo channels = u8("channels");
constexpr FieldInfo function = hex("hda_fn_nid", 4);
constexpr std::array query{u32("start_id"), u32("count"), u32("size", "bytes of each answer")};
constexpr std::array remap{u32("jack_id"), u32("association"), u32("sequence")};
constexpr std::array stream_only{stream};
constexpr std::array parameters{
    stream,
    u32("buffer_bytes"),
    u32("period_bytes"),
    unless_zero(hex("features", 4)),
    channels,
    named("format", "format_code", 1, formats),
    named("rate", "rate_code", 1, rates, "in Hz"),
    padding(1),
};
constexpr std::array control{u32("control_id")};

constexpr std::array jack_parts{
    function,  hex("features", 4), hex("hda_reg_defconf", 4), hex("hda_reg_caps", 4), yes_or_no("connected", 1),
    padding(7)};
constexpr std::array jacks{list("jacks", jack_parts)};
constexpr std::array pcm_parts{function,
                               hex("features", 4),
                               hex("formats", 8, "mask of the formats' numbers"),
                               hex("rates", 8, "mask of the rates' numbers"),
                               named("direction", "direction_code", 1, directions),
                               u8("channels_min"),
                               u8("channels_max"),
                               padding(5)};
constexpr std::array pcms{list("streams", pcm_parts)};
constexpr std::array map_parts{function, named("direction", "direction_code", 1, directions), channels,
                               bytes("positions", 18, "of the channels")};
constexpr std::array maps{list("channel_maps", map_parts)};
constexpr std::array length_only{length_of_rest("length", "bytes that follow")};

constexpr std::array header{selector(4)};
constexpr std::array requests{
    RequestRow{0x0001, "JACK_INFO", query, jacks},
    RequestRow{0x0002, "JACK_REMAP", remap},
    RequestRow{0x0100, "PCM_INFO", query, pcms},
    RequestRow{0x0101, "PCM_SET_PARAMS", parameters},
    RequestRow{0x0102, "PCM_PREPARE", stream_only},
    RequestRow{0x0103, "PCM_RELEASE", stream_only},
    RequestRow{0x0104, "PCM_START", stream_only},
    RequestRow{0x0105, "PCM_STOP", stream_only},
    RequestRow{0x0200, "CHMAP_INFO", query, maps},
    RequestRow{0x0300, "CTL_INFO", query, length_only},
    RequestRow{0x0301, "CTL_ENUM_ITEMS", control, length_only},
    RequestRow{0x0302, "CTL_READ", control, length_only},
    RequestRow{0x0303, "CTL_WRITE", control},
    RequestRow{0x0304, "CTL_TLV_READ", control, length_only},
    RequestRow{0x0305, "CTL_TLV_WRITE", control},
    RequestRow{0x0306, "CTL_TLV_COMMAND", control},
};
constexpr std::array answer_header{named("status", "status_code", 4, statuses, "the device's answer")};

constexpr std::array event_data{u32("data", "which jack, stream or control")};
constexpr std::array events{
    RequestRow{0x1000, "JACK_CONNECTED", event_data},     RequestRow{0x1001, "JACK_DISCONNECTED", event_data},
    RequestRow{0x1100, "PCM_PERIOD_ELAPSED", event_data}, RequestRow{0x1101, "PCM_XRUN", event_data},
    RequestRow{0x1200, "CTL_NOTIFY", event_data},
};

constexpr std::array transfer_header{stream};
constexpr std::array transfer_trailer{named("status", "status_code", 4, statuses, "the device's answer"),
                                      u32("latency_bytes")};
constexpr std::array playback{RequestRow{0, "PLAYBACK"}};
constexpr std::array recording{RequestRow{0, "RECORDING"}};
constexpr FieldInfo length = u64("length", "bytes of sound");
constexpr std::array transfer_more{length};

// What is written is the sound, as much of it as there is, and then the answer: its place follows the length.
void decode_transfer(const RequestTable& table, const DeviceContext& /*device*/, const ChainView& chain,
                     QueueMemory& /*memory*/, RequestBuilder& out) {
    constexpr std::uint64_t answer_size = 8;
    out.add_name(plain_type_field(), 0, table.rows.front().name);
    LayoutReader reader(chain.readable, "request", out);
    const bool plays = table.role == "transmit";
    if (reader.read(table.header)) {
        const std::uint64_t written = chain.used ? chain.written.total : chain.writable_total;
        (void)out.add(length, plays ? reader.remaining() : written - std::min(written, answer_size));
    }
    ChainView to_its_end = chain;
    to_its_end.writable_total = chain.written.total;
    decode_trailer(table, to_its_end, out);
}

constexpr std::array queues{
    RequestTable{.role = "control",
                 .header = header,
                 .rows = requests,
                 .answer_header = answer_header,
                 .first_good = status_ok,
                 .last_good = status_ok},
    RequestTable{.role = "event", .by_device = true, .header = header, .rows = events},
    RequestTable{.role = "transmit",
                 .header = transfer_header,
                 .rows = playback,
                 .answer_trailer = transfer_trailer,
                 .first_good = status_ok,
                 .last_good = status_ok,
                 .decode = decode_transfer,
                 .more = transfer_more},
    RequestTable{.role = "receive",
                 .header = transfer_header,
                 .rows = recording,
                 .answer_trailer = transfer_trailer,
                 .first_good = status_ok,
                 .last_good = status_ok,
                 .decode = decode_transfer,
                 .more = transfer_more},
};

}  // namespace

constinit const DeviceTable sound_device{25, queues};

}  // namespace vutrace::virtio
