#include <vutrace/explain/devices.h>

#include <array>

namespace vutrace::explain {
namespace {

struct Device {
    std::uint32_t type;
    std::string_view name;
};
constexpr std::array devices{
    Device{1, "net"},    Device{2, "blk"},    Device{3, "console"}, Device{4, "rng"},    Device{5, "balloon"},
    Device{8, "scsi"},   Device{16, "gpu"},   Device{18, "input"},  Device{19, "vsock"}, Device{20, "crypto"},
    Device{23, "iommu"}, Device{25, "sound"}, Device{26, "fs"},     Device{27, "pmem"},  Device{28, "rpmb"},
    Device{32, "scmi"},  Device{34, "i2c"},   Device{36, "can"},    Device{41, "gpio"},  Device{45, "spi"},
};

}  // namespace

std::string_view device_name(std::uint32_t type) noexcept {
    for (const Device& device : devices) {
        if (device.type == type) {
            return device.name;
        }
    }
    return {};
}

std::optional<std::uint32_t> find_device(std::string_view name) noexcept {
    for (const Device& device : devices) {
        if (device.name == name) {
            return device.type;
        }
    }
    return std::nullopt;
}

std::string device_names() {
    std::string names;
    for (const Device& device : devices) {
        names += names.empty() ? "" : ", ";
        names += device.name;
    }
    return names;
}

}  // namespace vutrace::explain
