// The requests of every device type that has a decoder. Source: virtio specification, "Device Types", and what each
// devices/*.cpp names beside it.
#pragma once

#include <vutrace/virtio/devices/request.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vutrace::virtio {

// What was captured of the bytes that one side gave with a chain.
struct ChainPart {
    ByteView bytes;          // the first ones
    std::uint64_t total{0};  // of the driver: all that the device may read; of the device: all that it says it wrote
    bool shortened{false};   // more than `bytes` was captured: decoding stops there for its own bounds
};

struct ChainView {
    std::uint16_t queue{0};
    bool used{false};
    std::uint64_t writable_total{0};  // room that the driver gave for the answer
    ChainPart readable;
    ChainPart written;  // of a used chain
    ByteView tail;      // of a used chain: the last written bytes, as far as they were captured
};

// What a session has agreed on, as far as it says how requests are laid out.
struct DeviceContext {
    std::uint32_t type{0};
    std::uint64_t features{0};                 // acknowledged
    ByteView configuration;                    // as the back-end gave it; empty where it never did
    std::optional<std::uint64_t> queue_count;  // GET_QUEUE_NUM: of a network device pairs

    [[nodiscard]] constexpr bool has(unsigned bit) const noexcept { return ((features >> bit) & 1U) != 0; }
};

// What one queue's chains say about those that follow: packets of several buffers. The caller begins with a new one
// where chains were lost or the queue starts again.
struct QueueMemory {
    std::uint32_t chains_of_packet{0};  // still to come
    bool after_loss{false};             // what comes next may be the rest of a packet whose beginning was lost
};

// A queue's part in its device: "transmit", "control"; empty where the device type or the queue is not known.
struct QueueRole {
    std::string_view name;
    bool device_filled{false};  // the driver posts empty buffers, the device fills them when it likes
};
[[nodiscard]] QueueRole role_of(const DeviceContext& device, std::uint16_t queue) noexcept;
[[nodiscard]] std::vector<std::string_view> role_names();  // each once

// Decodes a chain. Nothing where the device type has no decoder, and where nothing of the request was captured yet. All
// bytes are hostile; work and memory are bounded by what is in `chain`, at most some hundred fields.
[[nodiscard]] std::optional<DeviceRequest> decode_request(const DeviceContext& device, const ChainView& chain,
                                                          QueueMemory& memory);

// A field that requests may have, for who must know all of them before any came (filters, help).
struct RequestFieldInfo {
    std::uint32_t device{0};
    std::string path;  // with a dot between an object and its parts
    const FieldInfo* info{nullptr};
    bool repeated{false};                 // a list, or inside of one
    std::vector<std::string_view> names;  // of a name: all that it may be, but for `unknown_value`
};
// A path comes as often as layouts have it.
[[nodiscard]] std::vector<RequestFieldInfo> request_fields();

}  // namespace vutrace::virtio
