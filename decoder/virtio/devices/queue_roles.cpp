// Which queue is which. Source: virtio specification, section "Virtqueues" of each device type.
#include <vutrace/virtio/devices/decoder.h>
#include <vutrace/virtio/devices/network.h>

#include <algorithm>
#include <array>

namespace vutrace::virtio {
namespace {

constexpr int always = -1;

enum class Repeat : std::uint8_t {
    once,
    rest,          // all queues from here on
    pair_of_rest,  // with the row behind it: by turns from here on
};

struct Row {
    std::uint32_t device;
    std::string_view name;
    bool device_filled{false};
    Repeat repeat{Repeat::once};
    int feature{always};  // without it there is no such queue, and those behind it move up
};

constexpr std::array rows{
    Row{1, "receive", true, Repeat::pair_of_rest},
    Row{1, "transmit"},
    Row{2, "request", false, Repeat::rest},
    Row{3, "receive", true},
    Row{3, "transmit"},
    Row{3, "control-receive", true, Repeat::once, 1},
    Row{3, "control-transmit", false, Repeat::once, 1},
    Row{3, "receive", true, Repeat::pair_of_rest, 1},
    Row{3, "transmit", false, Repeat::once, 1},
    Row{4, "request"},
    Row{5, "inflate"},
    Row{5, "deflate"},
    Row{5, "statistics", true, Repeat::once, 1},
    Row{5, "free-page", false, Repeat::once, 3},
    Row{5, "reporting", false, Repeat::once, 5},
    Row{8, "control"},
    Row{8, "event", true},
    Row{8, "request", false, Repeat::rest},
    Row{16, "control"},
    Row{16, "cursor"},
    Row{17, "request"},
    Row{17, "alarm", true, Repeat::once, 0},
    Row{18, "event", true},
    Row{18, "status"},
    Row{19, "receive", true},
    Row{19, "transmit"},
    Row{19, "event", true},
    Row{20, "data", false, Repeat::rest},
    Row{23, "request"},
    Row{23, "event", true},
    Row{24, "request"},
    Row{25, "control"},
    Row{25, "event", true},
    Row{25, "transmit"},
    Row{25, "receive", true},
    Row{26, "high-priority"},
    Row{26, "notification", true, Repeat::once, 0},
    Row{26, "request", false, Repeat::rest},
    Row{27, "request"},
    Row{28, "request"},
    Row{32, "command"},
    Row{32, "event", true, Repeat::once, 0},
    Row{34, "request"},
    Row{36, "transmit"},
    Row{36, "receive", true},
    Row{36, "control"},
    Row{41, "request"},
    Row{41, "event", true, Repeat::once, 0},
    Row{45, "request"},
    Row{48, "command"},
    Row{48, "event", true},
};

// The control queue behind the last of as many queues as the device could have. It moves with a number that only the
// device knows: without that number no queue is called so.
constexpr QueueRole control{"control", false};
constexpr std::uint32_t crypto = 20;
constexpr std::size_t most_data_queues_offset = 4;  // in the configuration space of a crypto device

std::optional<std::uint64_t> network_control_queue(const DeviceContext& device) noexcept {
    if (!device.has(network::CTRL_VQ)) {
        return std::nullopt;
    }
    if (!device.has(network::MQ) && !device.has(network::RSS)) {
        return 2;
    }
    constexpr std::size_t end_of_pairs = network::max_virtqueue_pairs_offset + sizeof(std::uint16_t);
    if (device.configuration.size() >= end_of_pairs) {
        return 2 * std::uint64_t{load<std::uint16_t>(device.configuration, network::max_virtqueue_pairs_offset)};
    }
    return device.queue_count && *device.queue_count <= UINT16_MAX ? std::optional(2 * *device.queue_count)
                                                                   : std::nullopt;
}

std::optional<std::uint64_t> control_queue(const DeviceContext& device) noexcept {
    if (device.type == network::device_id) {
        return network_control_queue(device);
    }
    if (device.type == crypto && device.configuration.size() >= most_data_queues_offset + sizeof(std::uint32_t)) {
        return load<std::uint32_t>(device.configuration, most_data_queues_offset);
    }
    return std::nullopt;
}

bool exists(const Row& row, const DeviceContext& device) noexcept {
    return row.feature == always || device.has(static_cast<unsigned>(row.feature));
}

}  // namespace

std::vector<std::string_view> role_names() {
    std::vector<std::string_view> names;
    for (const Row& row : rows) {
        if (std::find(names.begin(), names.end(), row.name) == names.end()) {
            names.push_back(row.name);
        }
    }
    return names;  // `control` is among them
}

QueueRole role_of(const DeviceContext& device, std::uint16_t queue) noexcept {
    if (control_queue(device) == queue) {
        return control;
    }
    std::uint32_t index = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const Row& row = rows[i];
        if (row.device != device.type || !exists(row, device)) {
            continue;
        }
        if (row.repeat == Repeat::pair_of_rest) {
            const Row& turn = rows[i + (queue - index) % 2];
            return {turn.name, turn.device_filled};
        }
        if (index == queue || row.repeat == Repeat::rest) {
            return {row.name, row.device_filled};
        }
        ++index;
    }
    return {};
}

}  // namespace vutrace::virtio
