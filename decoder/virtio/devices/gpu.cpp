// virtio-gpu: the commands of both queues. Source: virtio specification, "GPU Device", "Device Operation".
#include "table.h"

namespace vutrace::virtio {
namespace {

using namespace layout;

constexpr std::array header_flags{ValueName{1, "FENCE"}, ValueName{2, "INFO_RING_IDX"}};
constexpr std::array formats{
    ValueName{1, "B8G8R8A8_UNORM"},   ValueName{2, "B8G8R8X8_UNORM"},   ValueName{3, "A8R8G8B8_UNORM"},
    ValueName{4, "X8R8G8B8_UNORM"},   ValueName{67, "R8G8B8A8_UNORM"},  ValueName{68, "X8B8G8R8_UNORM"},
    ValueName{121, "A8B8G8R8_UNORM"}, ValueName{134, "R8G8B8X8_UNORM"},
};
constexpr std::array capsets{ValueName{1, "VIRGL"}, ValueName{2, "VIRGL2"}, ValueName{3, "GFXSTREAM"},
                             ValueName{4, "VENUS"}, ValueName{5, "CROSS_DOMAIN"}};
constexpr std::array blob_memories{ValueName{1, "GUEST"}, ValueName{2, "HOST3D"}, ValueName{3, "HOST3D_GUEST"}};
constexpr std::array blob_uses{ValueName{1, "MAPPABLE"}, ValueName{2, "SHAREABLE"}, ValueName{4, "CROSS_DEVICE"}};
constexpr std::array responses{
    ValueName{0x1100, "OK_NODATA"},
    ValueName{0x1101, "OK_DISPLAY_INFO"},
    ValueName{0x1102, "OK_CAPSET_INFO"},
    ValueName{0x1103, "OK_CAPSET"},
    ValueName{0x1104, "OK_EDID"},
    ValueName{0x1105, "OK_RESOURCE_UUID"},
    ValueName{0x1106, "OK_MAP_INFO"},
    ValueName{0x1200, "ERR_UNSPEC"},
    ValueName{0x1201, "ERR_OUT_OF_MEMORY"},
    ValueName{0x1202, "ERR_INVALID_SCANOUT_ID"},
    ValueName{0x1203, "ERR_INVALID_RESOURCE_ID"},
    ValueName{0x1204, "ERR_INVALID_CONTEXT_ID"},
    ValueName{0x1205, "ERR_INVALID_PARAMETER"},
};

constexpr std::array header{
    selector(4),
    flags("flags", 4, header_flags),
    unless_zero(u64("fence_id", "repeated by the answer, which may come late")),
    unless_zero(u32("ctx_id")),
    unless_zero(u8("ring_idx")),
    padding(3),
};
constexpr std::array answer_header{named("status", "status_code", 4, responses, "the device's answer"), padding(20)};

constexpr FieldInfo x = u32("x"), y = u32("y"), width = u32("width"), height = u32("height");
constexpr FieldInfo resource = u32("resource_id"), scanout = u32("scanout_id"), offset = u64("offset");
constexpr FieldInfo format = named("format", "format_code", 4, formats);
constexpr FieldInfo hole = padding(4);

constexpr std::array resource_only{resource, hole};
constexpr std::array create_2d{resource, format, width, height};
constexpr std::array set_scanout{x, y, width, height, scanout, resource};
constexpr std::array flush{x, y, width, height, resource, hole};
constexpr std::array transfer_2d{x, y, width, height, offset, resource, hole};
constexpr std::array entry{hex("address", 8), u32("length"), hole};
constexpr FieldInfo entry_count = u32("nr_entries");
constexpr FieldInfo entries = list("entries", entry, "nr_entries", "guest memory that the resource has");
constexpr std::array attach_backing{resource, entry_count, entries};
constexpr std::array capset_index{u32("capset_index"), hole};
constexpr FieldInfo capset = named("capset", "capset_id", 4, capsets);
constexpr std::array get_capset{capset, u32("capset_version")};
constexpr std::array get_edid{scanout, hole};
constexpr std::array create_blob{
    resource,
    named("blob_mem", "blob_mem_code", 4, blob_memories),
    flags("blob_flags", 4, blob_uses),
    entry_count,
    hex("blob_id", 8),
    u64("size"),
    entries,
};
constexpr std::array number_of_four{FieldInfo{.size = 4}};
constexpr std::array set_scanout_blob{
    x,
    y,
    width,
    height,
    scanout,
    resource,
    u32("blob_width"),
    u32("blob_height"),
    format,
    hole,
    details(list("planes", number_of_four, {}, "strides, then offsets of the four planes"))};
constexpr std::array create_context{u32("nlen", "bytes of the name"), hex("context_init", 4),
                                    fixed_text("debug_name", 64)};
constexpr std::array create_3d{
    resource,
    u32("target"),
    format,
    hex("bind", 4),
    width,
    height,
    u32("depth"),
    u32("array_size"),
    u32("last_level"),
    u32("nr_samples"),
    hex("resource_flags", 4),
    hole,
};
constexpr std::array transfer_3d{
    x, y, u32("z"), width, height, u32("depth"), offset, resource, u32("level"), u32("stride"), u32("layer_stride")};
constexpr std::array submit_3d{u32("size", "bytes of commands"), hole};
constexpr std::array map_blob{resource, hole, offset};
constexpr std::array cursor{scanout, x, y, hole, resource, u32("hot_x"), u32("hot_y"), hole};

constexpr std::array mode_parts{x, y, width, height, yes_or_no("enabled", 4), hex("mode_flags", 4)};
constexpr std::array display_info{list("displays", mode_parts)};
constexpr std::array capset_info{capset, u32("capset_max_version"), u32("capset_max_size"), hole};
constexpr std::array length_only{length_of_rest("length", "bytes that follow")};
constexpr std::array edid{u32("size", "bytes of the EDID"), hole};
constexpr std::array resource_uuid{uuid("uuid")};
constexpr std::array map_info{hex("map_info", 4), hole};

constexpr std::array commands{
    RequestRow{0x0100, "GET_DISPLAY_INFO", {}, display_info},
    RequestRow{0x0101, "RESOURCE_CREATE_2D", create_2d},
    RequestRow{0x0102, "RESOURCE_UNREF", resource_only},
    RequestRow{0x0103, "SET_SCANOUT", set_scanout},
    RequestRow{0x0104, "RESOURCE_FLUSH", flush},
    RequestRow{0x0105, "TRANSFER_TO_HOST_2D", transfer_2d},
    RequestRow{0x0106, "RESOURCE_ATTACH_BACKING", attach_backing},
    RequestRow{0x0107, "RESOURCE_DETACH_BACKING", resource_only},
    RequestRow{0x0108, "GET_CAPSET_INFO", capset_index, capset_info},
    RequestRow{0x0109, "GET_CAPSET", get_capset, length_only},
    RequestRow{0x010a, "GET_EDID", get_edid, edid},
    RequestRow{0x010b, "RESOURCE_ASSIGN_UUID", resource_only, resource_uuid},
    RequestRow{0x010c, "RESOURCE_CREATE_BLOB", create_blob},
    RequestRow{0x010d, "SET_SCANOUT_BLOB", set_scanout_blob},
    RequestRow{0x0200, "CTX_CREATE", create_context},
    RequestRow{0x0201, "CTX_DESTROY"},
    RequestRow{0x0202, "CTX_ATTACH_RESOURCE", resource_only},
    RequestRow{0x0203, "CTX_DETACH_RESOURCE", resource_only},
    RequestRow{0x0204, "RESOURCE_CREATE_3D", create_3d},
    RequestRow{0x0205, "TRANSFER_TO_HOST_3D", transfer_3d},
    RequestRow{0x0206, "TRANSFER_FROM_HOST_3D", transfer_3d},
    RequestRow{0x0207, "SUBMIT_3D", submit_3d},
    RequestRow{0x0208, "RESOURCE_MAP_BLOB", map_blob, map_info},
    RequestRow{0x0209, "RESOURCE_UNMAP_BLOB", resource_only},
    RequestRow{0x0300, "UPDATE_CURSOR", cursor},
    RequestRow{0x0301, "MOVE_CURSOR", cursor},
};

constexpr std::array queues{RequestTable{
    .header = header, .rows = commands, .answer_header = answer_header, .first_good = 0x1100, .last_good = 0x11ff}};

}  // namespace

constinit const DeviceTable gpu_device{16, queues};

}  // namespace vutrace::virtio
