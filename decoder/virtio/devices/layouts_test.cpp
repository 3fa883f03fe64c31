// The tables of the devices against the structures of Linux: sizes of all, and each field of the large ones.
#include <vutrace/virtio/testing/device_samples.h>

#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <linux/virtio_gpio.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_i2c.h>
#include <linux/virtio_scsi.h>
#include <linux/virtio_snd.h>
#include <linux/virtio_vsock.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace vutrace::virtio {
namespace {

constexpr std::uint32_t net = 1, scsi = 8, gpu = 16, vsock = 19, sound = 25, fs = 26, i2c = 34, gpio = 41;
constexpr std::size_t name = 5;  // a sample's text and its NUL
constexpr std::size_t data = 4;

struct SizeCase {
    std::uint32_t device;
    const char* type;
    std::size_t readable, written;
};

// Two elements of each list.
constexpr std::size_t in = sizeof(fuse_in_header), out = sizeof(fuse_out_header);
constexpr std::size_t opened = sizeof(fuse_open_out), entry = sizeof(fuse_entry_out);
// A name and its padding behind a folder's entry.
constexpr std::size_t dirent = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + 4);
constexpr std::size_t dirent_plus = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + 4);
constexpr std::size_t answered = sizeof(virtio_gpu_ctrl_hdr);
constexpr std::array sizes{
    SizeCase{fs, "LOOKUP", in + name, out + entry},
    SizeCase{fs, "FORGET", in + sizeof(fuse_forget_in), out},
    SizeCase{fs, "GETATTR", in + sizeof(fuse_getattr_in), out + sizeof(fuse_attr_out)},
    SizeCase{fs, "SETATTR", in + sizeof(fuse_setattr_in), out + sizeof(fuse_attr_out)},
    SizeCase{fs, "SYMLINK", in + 2 * name, out + entry},
    SizeCase{fs, "MKNOD", in + sizeof(fuse_mknod_in) + name, out + entry},
    SizeCase{fs, "MKDIR", in + sizeof(fuse_mkdir_in) + name, out + entry},
    SizeCase{fs, "RENAME", in + sizeof(fuse_rename_in) + 2 * name, out},
    SizeCase{fs, "RENAME2", in + sizeof(fuse_rename2_in) + 2 * name, out},
    SizeCase{fs, "LINK", in + sizeof(fuse_link_in) + name, out + entry},
    SizeCase{fs, "OPEN", in + sizeof(fuse_open_in), out + opened},
    SizeCase{fs, "READ", in + sizeof(fuse_read_in), out + data},
    SizeCase{fs, "WRITE", in + sizeof(fuse_write_in) + data, out + sizeof(fuse_write_out)},
    SizeCase{fs, "STATFS", in, out + sizeof(fuse_statfs_out)},
    SizeCase{fs, "RELEASE", in + sizeof(fuse_release_in), out},
    SizeCase{fs, "FSYNC", in + sizeof(fuse_fsync_in), out},
    SizeCase{fs, "GETXATTR", in + sizeof(fuse_getxattr_in) + name, out + data},
    SizeCase{fs, "FLUSH", in + sizeof(fuse_flush_in), out},
    SizeCase{fs, "READDIR", in + sizeof(fuse_read_in), out + 2 * dirent},
    SizeCase{fs, "READDIRPLUS", in + sizeof(fuse_read_in), out + 2 * dirent_plus},
    SizeCase{fs, "SETLK", in + sizeof(fuse_lk_in), out},
    SizeCase{fs, "GETLK", in + sizeof(fuse_lk_in), out + sizeof(fuse_lk_out)},
    SizeCase{fs, "ACCESS", in + sizeof(fuse_access_in), out},
    SizeCase{fs, "CREATE", in + sizeof(fuse_create_in) + name, out + entry + opened},
    SizeCase{fs, "INTERRUPT", in + sizeof(fuse_interrupt_in), out},
    SizeCase{fs, "BMAP", in + sizeof(fuse_bmap_in), out + sizeof(fuse_bmap_out)},
    SizeCase{fs, "IOCTL", in + sizeof(fuse_ioctl_in), out + sizeof(fuse_ioctl_out)},
    SizeCase{fs, "POLL", in + sizeof(fuse_poll_in), out + sizeof(fuse_poll_out)},
    SizeCase{fs, "NOTIFY_REPLY", in + sizeof(fuse_notify_retrieve_in), out},
    SizeCase{fs, "BATCH_FORGET", in + sizeof(fuse_batch_forget_in) + 2 * sizeof(fuse_forget_one), out},
    SizeCase{fs, "FALLOCATE", in + sizeof(fuse_fallocate_in), out},
    SizeCase{fs, "LSEEK", in + sizeof(fuse_lseek_in), out + sizeof(fuse_lseek_out)},
    SizeCase{fs, "COPY_FILE_RANGE", in + sizeof(fuse_copy_file_range_in), out + sizeof(fuse_write_out)},
    SizeCase{fs, "SETUPMAPPING", in + sizeof(fuse_setupmapping_in), out},
    SizeCase{fs, "REMOVEMAPPING", in + sizeof(fuse_removemapping_in) + 2 * sizeof(fuse_removemapping_one), out},
    SizeCase{fs, "SYNCFS", in + sizeof(fuse_syncfs_in), out},
    SizeCase{fs, "NOTIFY_POLL", 0, out + sizeof(fuse_notify_poll_wakeup_out)},
    SizeCase{fs, "NOTIFY_INVAL_INODE", 0, out + sizeof(fuse_notify_inval_inode_out)},
    SizeCase{fs, "NOTIFY_INVAL_ENTRY", 0, out + sizeof(fuse_notify_inval_entry_out) + name},
    SizeCase{fs, "NOTIFY_STORE", 0, out + sizeof(fuse_notify_store_out)},
    SizeCase{fs, "NOTIFY_RETRIEVE", 0, out + sizeof(fuse_notify_retrieve_out)},
    SizeCase{fs, "NOTIFY_DELETE", 0, out + sizeof(fuse_notify_delete_out) + name},

    SizeCase{gpu, "RESOURCE_CREATE_2D", sizeof(virtio_gpu_resource_create_2d), answered},
    SizeCase{gpu, "RESOURCE_UNREF", sizeof(virtio_gpu_resource_unref), answered},
    SizeCase{gpu, "SET_SCANOUT", sizeof(virtio_gpu_set_scanout), answered},
    SizeCase{gpu, "RESOURCE_FLUSH", sizeof(virtio_gpu_resource_flush), answered},
    SizeCase{gpu, "TRANSFER_TO_HOST_2D", sizeof(virtio_gpu_transfer_to_host_2d), answered},
    SizeCase{gpu, "RESOURCE_ATTACH_BACKING",
             sizeof(virtio_gpu_resource_attach_backing) + 2 * sizeof(virtio_gpu_mem_entry), answered},
    SizeCase{gpu, "GET_CAPSET_INFO", sizeof(virtio_gpu_get_capset_info), sizeof(virtio_gpu_resp_capset_info)},
    SizeCase{gpu, "GET_CAPSET", sizeof(virtio_gpu_get_capset), answered + data},
    SizeCase{gpu, "GET_EDID", sizeof(virtio_gpu_cmd_get_edid), offsetof(virtio_gpu_resp_edid, edid)},
    SizeCase{gpu, "RESOURCE_ASSIGN_UUID", sizeof(virtio_gpu_resource_assign_uuid),
             sizeof(virtio_gpu_resp_resource_uuid)},
    SizeCase{gpu, "RESOURCE_CREATE_BLOB", sizeof(virtio_gpu_resource_create_blob) + 2 * sizeof(virtio_gpu_mem_entry),
             answered},
    SizeCase{gpu, "CTX_CREATE", sizeof(virtio_gpu_ctx_create), answered},
    SizeCase{gpu, "CTX_DESTROY", sizeof(virtio_gpu_ctx_destroy), answered},
    SizeCase{gpu, "CTX_ATTACH_RESOURCE", sizeof(virtio_gpu_ctx_resource), answered},
    SizeCase{gpu, "RESOURCE_CREATE_3D", sizeof(virtio_gpu_resource_create_3d), answered},
    SizeCase{gpu, "TRANSFER_TO_HOST_3D", sizeof(virtio_gpu_transfer_host_3d), answered},
    SizeCase{gpu, "SUBMIT_3D", sizeof(virtio_gpu_cmd_submit), answered},
    SizeCase{gpu, "RESOURCE_MAP_BLOB", sizeof(virtio_gpu_resource_map_blob), sizeof(virtio_gpu_resp_map_info)},
    SizeCase{gpu, "RESOURCE_UNMAP_BLOB", sizeof(virtio_gpu_resource_unmap_blob), answered},
    SizeCase{gpu, "UPDATE_CURSOR", sizeof(virtio_gpu_update_cursor), answered},

    SizeCase{sound, "JACK_INFO", sizeof(virtio_snd_query_info), 4 + 2 * sizeof(virtio_snd_jack_info)},
    SizeCase{sound, "JACK_REMAP", sizeof(virtio_snd_jack_remap), 4},
    SizeCase{sound, "PCM_INFO", sizeof(virtio_snd_query_info), 4 + 2 * sizeof(virtio_snd_pcm_info)},
    SizeCase{sound, "PCM_SET_PARAMS", sizeof(virtio_snd_pcm_set_params), 4},
    SizeCase{sound, "PCM_START", sizeof(virtio_snd_pcm_hdr), 4},
    SizeCase{sound, "CHMAP_INFO", sizeof(virtio_snd_query_info), 4 + 2 * sizeof(virtio_snd_chmap_info)},
    SizeCase{sound, "PCM_XRUN", 0, sizeof(virtio_snd_event)},
    SizeCase{sound, "PLAYBACK", sizeof(virtio_snd_pcm_xfer), sizeof(virtio_snd_pcm_status)},

    SizeCase{scsi, "READ_10", sizeof(virtio_scsi_cmd_req), sizeof(virtio_scsi_cmd_resp)},
    SizeCase{scsi, "TMF", sizeof(virtio_scsi_ctrl_tmf_req), sizeof(virtio_scsi_ctrl_tmf_resp)},
    SizeCase{scsi, "AN_QUERY", sizeof(virtio_scsi_ctrl_an_req), sizeof(virtio_scsi_ctrl_an_resp)},
    SizeCase{scsi, "TRANSPORT_RESET", 0, sizeof(virtio_scsi_event)},
    SizeCase{i2c, "WRITE", sizeof(virtio_i2c_out_hdr), sizeof(virtio_i2c_in_hdr)},
    SizeCase{gpio, "GET_VALUE", sizeof(virtio_gpio_request), sizeof(virtio_gpio_response)},
    SizeCase{gpio, "SET_DIRECTION", sizeof(virtio_gpio_request), 1},
    SizeCase{gpio, "INTERRUPT", sizeof(virtio_gpio_irq_request), sizeof(virtio_gpio_irq_response)},
    SizeCase{vsock, "TRANSPORT_RESET", 0, sizeof(virtio_vsock_event)},
};

TEST(Layouts, HaveTheSizesOfLinuxsStructures) {
    const auto samples = testing::device_samples();
    for (const SizeCase& one : sizes) {
        const auto sample = std::find_if(samples.begin(), samples.end(), [&](const testing::DeviceSample& candidate) {
            return candidate.device == one.device && candidate.type == one.type;
        });
        ASSERT_NE(sample, samples.end()) << one.type;
        EXPECT_EQ(sample->readable.size(), one.readable) << one.type;
        EXPECT_EQ(sample->written.size(), one.written) << one.type;
    }
}

template <class... Parts>
Bytes bytes_of(const Parts&... parts) {
    Bytes bytes;
    (bytes.insert(bytes.end(), std::as_bytes(std::span(&parts, 1)).begin(), std::as_bytes(std::span(&parts, 1)).end()),
     ...);
    return bytes;
}

// A request and what it should show, as numbers by name; the newest field of a name counts.
using Numbers = std::initializer_list<std::pair<const char*, std::uint64_t>>;

void expect_numbers(const testing::DeviceSample& sample, Numbers expected) {
    QueueMemory memory;
    const auto request = decode_request(testing::context_of(sample), testing::chain_of(sample, true), memory);
    ASSERT_TRUE(request);
    for (const auto& [wanted, number] : expected) {
        const auto field = std::find_if(request->fields.rbegin(), request->fields.rend(),
                                        [&name = wanted](const RequestField& one) { return one.info->name == name; });
        ASSERT_NE(field, request->fields.rend()) << wanted;
        EXPECT_EQ(field->number, number) << wanted;
    }
}

fuse_in_header fuse_request(std::uint32_t opcode) {
    fuse_in_header header{};
    header.opcode = opcode;
    header.unique = 101;
    header.nodeid = 102;
    header.uid = 103;
    header.gid = 104;
    header.pid = 105;
    return header;
}

fuse_attr attributes() {
    fuse_attr attr{};
    attr.ino = 1, attr.size = 2, attr.blocks = 3, attr.atime = 4, attr.mtime = 5, attr.ctime = 6;
    attr.mode = 7, attr.nlink = 8, attr.uid = 9, attr.gid = 10, attr.rdev = 11, attr.blksize = 12;
    return attr;
}

TEST(Layouts, HaveTheFieldsOfFuse) {
    fuse_out_header answer{sizeof(answer), 0, 101};
    fuse_setattr_in set{};
    set.valid = 1, set.fh = 21, set.size = 22, set.lock_owner = 23, set.atime = 24, set.mtime = 25, set.ctime = 26;
    set.mode = 27, set.uid = 28, set.gid = 29;
    fuse_attr_out attr{};
    attr.attr = attributes();
    expect_numbers({fs, 0, 1, "request", "SETATTR", {}, bytes_of(fuse_request(FUSE_SETATTR), set), bytes_of(answer)},
                   {{"unique", 101},
                    {"nodeid", 102},
                    {"uid", 103},
                    {"gid", 104},
                    {"pid", 105},
                    {"valid", 1},
                    {"fh", 21},
                    {"size", 22},
                    {"lock_owner", 23},
                    {"atime", 24},
                    {"mtime", 25},
                    {"ctime", 26},
                    {"mode", 27},
                    {"new_uid", 28},
                    {"new_gid", 29},
                    {"status", 0},
                    {"answered_unique", 101}});
    fuse_entry_out entry_out{};
    entry_out.nodeid = 31, entry_out.generation = 32, entry_out.attr = attributes();
    fuse_open_out open{};
    open.fh = 33, open.open_flags = 34;
    fuse_create_in create{};
    create.flags = 2, create.mode = 41, create.umask = 42;
    expect_numbers({fs,
                    0,
                    1,
                    "request",
                    "CREATE",
                    {},
                    bytes_of(fuse_request(FUSE_CREATE), create, 'n', '\0'),
                    bytes_of(answer, entry_out, open)},
                   {{"umask", 42},
                    {"nodeid", 31},
                    {"generation", 32},
                    {"ino", 1},
                    {"size", 2},
                    {"blocks", 3},
                    {"atime", 4},
                    {"mtime", 5},
                    {"ctime", 6},
                    {"mode", 7},
                    {"nlink", 8},
                    {"uid", 9},
                    {"gid", 10},
                    {"rdev", 11},
                    {"blksize", 12},
                    {"fh", 33},
                    {"open_flags", 34}});
    fuse_write_in write{};
    write.fh = 51, write.offset = 52, write.size = 53, write.write_flags = 54, write.lock_owner = 55, write.flags = 1;
    expect_numbers({fs, 0, 1, "request", "WRITE", {}, bytes_of(fuse_request(FUSE_WRITE), write), bytes_of(answer)},
                   {{"fh", 51},
                    {"offset", 52},
                    {"size", 53},
                    {"write_flags", 54},
                    {"lock_owner", 55},
                    {"flags", 1},
                    {"length", 0}});
    fuse_copy_file_range_in copy{61, 62, 63, 64, 65, 66, 67};
    expect_numbers({fs,
                    0,
                    1,
                    "request",
                    "COPY_FILE_RANGE",
                    {},
                    bytes_of(fuse_request(FUSE_COPY_FILE_RANGE), copy),
                    bytes_of(answer)},
                   {{"fh", 61},
                    {"offset", 62},
                    {"nodeid_out", 63},
                    {"fh_out", 64},
                    {"offset_out", 65},
                    {"bytes", 66},
                    {"copy_flags", 67}});
    fuse_statfs_out statfs{};
    statfs.st = {1, 2, 3, 4, 5, 6, 7, 8, 0, {}};
    expect_numbers({fs, 0, 1, "request", "STATFS", {}, bytes_of(fuse_request(FUSE_STATFS)), bytes_of(answer, statfs)},
                   {{"blocks", 1},
                    {"bfree", 2},
                    {"bavail", 3},
                    {"files", 4},
                    {"ffree", 5},
                    {"bsize", 6},
                    {"namelen", 7},
                    {"frsize", 8}});
}

// Linux's header for it is no C++: a field of it is called `class`.
struct NetworkHeader {
    std::uint8_t flags, gso_type;
    std::uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
    std::uint32_t hash_value;
    std::uint16_t hash_report, padding;
};
static_assert(sizeof(NetworkHeader) == 20);

TEST(Layouts, HaveTheFieldsOfOtherDevices) {
    const virtio_gpu_ctrl_hdr done{VIRTIO_GPU_RESP_OK_NODATA, 0, 0, 0, 0, {}};
    virtio_gpu_transfer_host_3d transfer{};
    transfer.hdr = {VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, 1, 2, 3, 4, {}};
    transfer.box = {11, 12, 13, 14, 15, 16};
    transfer.offset = 17, transfer.resource_id = 18, transfer.level = 19, transfer.stride = 20;
    transfer.layer_stride = 21;
    expect_numbers({gpu, 0, 0, "control", "TRANSFER_TO_HOST_3D", {}, bytes_of(transfer), bytes_of(done)},
                   {{"fence_id", 2},
                    {"ctx_id", 3},
                    {"ring_idx", 4},
                    {"x", 11},
                    {"y", 12},
                    {"z", 13},
                    {"width", 14},
                    {"height", 15},
                    {"depth", 16},
                    {"offset", 17},
                    {"resource_id", 18},
                    {"level", 19},
                    {"stride", 20},
                    {"layer_stride", 21},
                    {"status", VIRTIO_GPU_RESP_OK_NODATA}});
    virtio_snd_pcm_set_params parameters{};
    parameters.hdr = {{VIRTIO_SND_R_PCM_SET_PARAMS}, 1};
    parameters.buffer_bytes = 2, parameters.period_bytes = 3, parameters.features = 4, parameters.channels = 5;
    parameters.format = 6, parameters.rate = 7;
    expect_numbers(
        {sound, 0, 0, "control", "PCM_SET_PARAMS", {}, bytes_of(parameters), bytes_of(virtio_snd_hdr{VIRTIO_SND_S_OK})},
        {{"stream_id", 1},
         {"buffer_bytes", 2},
         {"period_bytes", 3},
         {"features", 4},
         {"channels", 5},
         {"format", 6},
         {"rate", 7},
         {"status", VIRTIO_SND_S_OK}});
    virtio_vsock_hdr packet{};
    packet.src_cid = 3, packet.dst_cid = 2, packet.src_port = 4, packet.dst_port = 5, packet.len = 6;
    packet.type = 1, packet.op = VIRTIO_VSOCK_OP_SHUTDOWN, packet.flags = 3, packet.buf_alloc = 7, packet.fwd_cnt = 8;
    expect_numbers({vsock, 0, 1, "transmit", "SHUTDOWN", {}, bytes_of(packet), {}}, {{"src_cid", 3},
                                                                                     {"dst_cid", 2},
                                                                                     {"src_port", 4},
                                                                                     {"dst_port", 5},
                                                                                     {"length", 6},
                                                                                     {"socket", 1},
                                                                                     {"flags", 3},
                                                                                     {"buf_alloc", 7},
                                                                                     {"fwd_cnt", 8}});
    virtio_scsi_cmd_req command{};
    const std::array<std::uint8_t, 4> unit{1, 2, 0x40, 5};
    std::copy(unit.begin(), unit.end(), command.lun);
    command.tag = 77;
    const std::array<std::uint8_t, 9> read{0x28, 0, 0, 1, 2, 3, 0, 0, 8};
    std::copy(read.begin(), read.end(), command.cdb);
    virtio_scsi_cmd_resp refused{};
    refused.sense_len = 18, refused.resid = 512, refused.status = 2;
    refused.sense[0] = 0x70, refused.sense[2] = 5, refused.sense[12] = 0x21;
    expect_numbers({scsi, 0, 2, "request", "READ_10", {}, bytes_of(command), bytes_of(refused)}, {{"target", 2},
                                                                                                  {"lun", 5},
                                                                                                  {"tag", 77},
                                                                                                  {"type", 0x28},
                                                                                                  {"lba", 0x010203},
                                                                                                  {"blocks", 8},
                                                                                                  {"residual", 512},
                                                                                                  {"scsi_status", 2},
                                                                                                  {"status", 0},
                                                                                                  {"sense_key", 5},
                                                                                                  {"asc", 0x21},
                                                                                                  {"ascq", 0}});
    const NetworkHeader header{1, 4, 54, 1440, 34, 16, 1, 99, 2, 0};
    const std::array<std::byte, 60> frame{};
    expect_numbers({net, (1ULL << 57U) | (1ULL << 32U), 0, "receive", "PACKET", {}, {}, bytes_of(header, frame)},
                   {{"flags", 1},
                    {"gso_type", 4},
                    {"hdr_len", 54},
                    {"gso_size", 1440},
                    {"csum_start", 34},
                    {"csum_offset", 16},
                    {"num_buffers", 1},
                    {"hash_value", 99},
                    {"hash_report", 2},
                    {"length", 60}});
}

TEST(NetworkPacket, OfSeveralBuffersHasItsHeaderInTheFirst) {
    Bytes buffer(12 + 60);
    store<std::uint16_t>(buffer, 10, 3);  // num_buffers
    const testing::DeviceSample first{net, 1ULL << 15U, 0, "receive", "PACKET", {}, {}, buffer};
    QueueMemory memory;
    const auto type_of = [&](const testing::DeviceSample& sample) {
        return decode_request(testing::context_of(sample), testing::chain_of(sample, true), memory)->fields[0].name;
    };
    EXPECT_EQ(type_of(first), "PACKET");
    EXPECT_EQ(type_of(first), "CONTINUATION");
    EXPECT_EQ(type_of(first), "CONTINUATION");
    EXPECT_EQ(type_of(first), "PACKET");
}

struct RoleCase {
    std::uint32_t device;
    std::uint64_t features;
    std::uint16_t queue;
    std::string_view role;
};
TEST(QueueRoles, FollowTheFeatures) {
    Bytes pairs(12);
    store<std::uint16_t>(pairs, 8, 4);
    constexpr std::uint64_t control = 1ULL << 17U, several = 1ULL << 22U;
    for (const RoleCase& one : {
             RoleCase{1, 0, 0, "receive"},
             RoleCase{1, 0, 2, "receive"},
             RoleCase{1, control, 2, "control"},
             RoleCase{1, control | several, 2, "receive"},
             RoleCase{1, control | several, 8, "control"},
             RoleCase{1, several, 7, "transmit"},
             RoleCase{2, 0, 300, "request"},
             RoleCase{3, 0, 2, ""},
             RoleCase{3, 2, 2, "control-receive"},
             RoleCase{3, 2, 5, "transmit"},
             RoleCase{5, 1U << 5U, 2, "reporting"},
             RoleCase{5, 1U << 1U, 2, "statistics"},
             RoleCase{8, 0, 0, "control"},
             RoleCase{8, 0, 9, "request"},
             RoleCase{26, 0, 0, "high-priority"},
             RoleCase{26, 0, 1, "request"},
             RoleCase{26, 1, 1, "notification"},
             RoleCase{26, 1, 2, "request"},
             RoleCase{41, 0, 1, ""},
             RoleCase{41, 1, 1, "event"},
             RoleCase{99, 0, 0, ""},
         }) {
        DeviceContext device;
        device.type = one.device;
        device.features = one.features;
        device.configuration = pairs;
        EXPECT_EQ(role_of(device, one.queue).name, one.role) << "device " << one.device << " queue " << one.queue;
    }
    DeviceContext unknown_pairs;
    unknown_pairs.type = 1;
    unknown_pairs.features = control | several;
    EXPECT_EQ(role_of(unknown_pairs, 8).name, "receive") << "nothing says how many pairs there could be";
    unknown_pairs.queue_count = 4;
    EXPECT_EQ(role_of(unknown_pairs, 8).name, "control");
    EXPECT_TRUE(role_of(unknown_pairs, 0).device_filled);
    EXPECT_FALSE(role_of(unknown_pairs, 1).device_filled);
}

}  // namespace
}  // namespace vutrace::virtio
