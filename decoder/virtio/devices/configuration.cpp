#include "vutrace/virtio/devices/configuration.h"

#include <algorithm>
#include <array>

namespace vutrace::virtio {
namespace {

using F = ConfigurationField;
using Format = ConfigurationFormat;

constexpr std::array fields{
    // net
    F{1, "mac", 0, 6, Format::mac, ""},
    F{1, "status", 6, 2, Format::mask, "1 link up, 2 announce"},
    F{1, "max_virtqueue_pairs", 8, 2, Format::number, ""},
    F{1, "mtu", 10, 2, Format::number, ""},
    F{1, "speed", 12, 4, Format::number, "Mbit/s, 4294967295 unknown"},
    F{1, "duplex", 16, 1, Format::number, "0 half, 1 full, 255 unknown"},
    F{1, "rss_max_key_size", 17, 1, Format::number, ""},
    F{1, "rss_max_indirection_table_length", 18, 2, Format::number, ""},
    F{1, "supported_hash_types", 20, 4, Format::mask, ""},
    F{1, "supported_tunnel_types", 24, 4, Format::mask, ""},
    // blk
    F{2, "capacity", 0, 8, Format::number, "in sectors of 512 bytes"},
    F{2, "size_max", 8, 4, Format::number, "largest buffer, bytes"},
    F{2, "seg_max", 12, 4, Format::number, "most buffers of a request"},
    F{2, "geometry_cylinders", 16, 2, Format::number, ""},
    F{2, "geometry_heads", 18, 1, Format::number, ""},
    F{2, "geometry_sectors", 19, 1, Format::number, ""},
    F{2, "blk_size", 20, 4, Format::number, "bytes"},
    F{2, "physical_block_exp", 24, 1, Format::number, "logical blocks in a physical one, as a power of 2"},
    F{2, "alignment_offset", 25, 1, Format::number, "logical blocks"},
    F{2, "min_io_size", 26, 2, Format::number, "logical blocks"},
    F{2, "opt_io_size", 28, 4, Format::number, "logical blocks"},
    F{2, "writeback", 32, 1, Format::number, "1: cache with write-back"},
    F{2, "num_queues", 34, 2, Format::number, ""},
    F{2, "max_discard_sectors", 36, 4, Format::number, ""},
    F{2, "max_discard_seg", 40, 4, Format::number, ""},
    F{2, "discard_sector_alignment", 44, 4, Format::number, ""},
    F{2, "max_write_zeroes_sectors", 48, 4, Format::number, ""},
    F{2, "max_write_zeroes_seg", 52, 4, Format::number, ""},
    F{2, "write_zeroes_may_unmap", 56, 1, Format::number, "1: write zeroes may discard"},
    F{2, "max_secure_erase_sectors", 60, 4, Format::number, ""},
    F{2, "max_secure_erase_seg", 64, 4, Format::number, ""},
    F{2, "secure_erase_sector_alignment", 68, 4, Format::number, ""},
    F{2, "zoned_zone_sectors", 72, 4, Format::number, ""},
    F{2, "zoned_max_open_zones", 76, 4, Format::number, ""},
    F{2, "zoned_max_active_zones", 80, 4, Format::number, ""},
    F{2, "zoned_max_append_sectors", 84, 4, Format::number, ""},
    F{2, "zoned_write_granularity", 88, 4, Format::number, ""},
    F{2, "zoned_model", 92, 1, Format::number, "0 none, 1 host managed, 2 host aware"},
    // console
    F{3, "cols", 0, 2, Format::number, ""},
    F{3, "rows", 2, 2, Format::number, ""},
    F{3, "max_nr_ports", 4, 4, Format::number, ""},
    F{3, "emerg_wr", 8, 4, Format::number, ""},
    // balloon
    F{5, "num_pages", 0, 4, Format::number, ""},
    F{5, "actual", 4, 4, Format::number, ""},
    F{5, "free_page_hint_cmd_id", 8, 4, Format::number, ""},
    F{5, "poison_val", 12, 4, Format::number, ""},
    // scsi
    F{8, "num_queues", 0, 4, Format::number, ""},
    F{8, "seg_max", 4, 4, Format::number, ""},
    F{8, "max_sectors", 8, 4, Format::number, ""},
    F{8, "cmd_per_lun", 12, 4, Format::number, ""},
    F{8, "event_info_size", 16, 4, Format::number, ""},
    F{8, "sense_size", 20, 4, Format::number, ""},
    F{8, "cdb_size", 24, 4, Format::number, ""},
    F{8, "max_channel", 28, 2, Format::number, ""},
    F{8, "max_target", 30, 2, Format::number, ""},
    F{8, "max_lun", 32, 4, Format::number, ""},
    // gpu
    F{16, "events_read", 0, 4, Format::mask, "bit 0: display changed"},
    F{16, "events_clear", 4, 4, Format::mask, ""},
    F{16, "num_scanouts", 8, 4, Format::number, ""},
    F{16, "num_capsets", 12, 4, Format::number, ""},
    F{16, "blob_alignment", 16, 4, Format::number, ""},
    // input
    F{18, "select", 0, 1, Format::number, ""},
    F{18, "subsel", 1, 1, Format::number, ""},
    F{18, "size", 2, 1, Format::number, ""},
    F{18, "u", 8, 128, Format::bytes, ""},
    // vsock
    F{19, "guest_cid", 0, 8, Format::number, "context id of the guest"},
    // crypto
    F{20, "status", 0, 4, Format::mask, "bit 0: ready"},
    F{20, "max_dataqueues", 4, 4, Format::number, ""},
    F{20, "crypto_services", 8, 4, Format::mask, ""},
    F{20, "cipher_algo_l", 12, 4, Format::mask, ""},
    F{20, "cipher_algo_h", 16, 4, Format::mask, ""},
    F{20, "hash_algo", 20, 4, Format::mask, ""},
    F{20, "mac_algo_l", 24, 4, Format::mask, ""},
    F{20, "mac_algo_h", 28, 4, Format::mask, ""},
    F{20, "aead_algo", 32, 4, Format::mask, ""},
    F{20, "max_cipher_key_len", 36, 4, Format::number, ""},
    F{20, "max_auth_key_len", 40, 4, Format::number, ""},
    F{20, "akcipher_algo", 44, 4, Format::mask, ""},
    F{20, "max_size", 48, 8, Format::number, ""},
    // sound
    F{25, "jacks", 0, 4, Format::number, ""},
    F{25, "streams", 4, 4, Format::number, ""},
    F{25, "chmaps", 8, 4, Format::number, ""},
    F{25, "controls", 12, 4, Format::number, ""},
    // fs
    F{26, "tag", 0, 36, Format::text, "name to mount by"},
    F{26, "num_request_queues", 36, 4, Format::number, "besides the hiprio queue"},
    F{26, "notify_buf_size", 40, 4, Format::number, ""},
    // can
    F{36, "status", 0, 2, Format::mask, "bit 0: bus off"},
    // gpio
    F{41, "ngpio", 0, 2, Format::number, ""},
    F{41, "gpio_names_size", 4, 4, Format::number, ""},
};

static_assert(std::is_sorted(fields.begin(), fields.end(), [](const F& a, const F& b) {
    return a.device != b.device ? a.device < b.device : a.offset < b.offset;
}));

}  // namespace

std::span<const ConfigurationField> configuration_fields() noexcept {
    return fields;
}

std::span<const ConfigurationField> configuration_fields(std::uint32_t device) noexcept {
    const auto of_device = [](const F& field, std::uint32_t type) { return field.device < type; };
    const auto* const first = std::lower_bound(fields.begin(), fields.end(), device, of_device);
    const auto* const last = std::lower_bound(first, fields.end(), device + 1, of_device);
    return {first, last};
}

}  // namespace vutrace::virtio
