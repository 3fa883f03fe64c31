// virtio-rng. Source: virtio specification, "Entropy Device".
#include "table.h"

namespace vutrace::virtio {
namespace {

constexpr std::array event{layout::length_of_rest("length", "bytes that the device gave")};
constexpr std::array rows{RequestRow{0, "ENTROPY"}};
constexpr std::array queues{RequestTable{.by_device = true, .header = event, .rows = rows}};

}  // namespace

constinit const DeviceTable entropy_device{4, queues};

}  // namespace vutrace::virtio
