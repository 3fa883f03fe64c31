// virtio-console: characters, and the messages about its ports.
// Source: virtio specification, "Console Device", "Device Operation".
#include "table.h"

namespace vutrace::virtio {
namespace {

using namespace layout;

constexpr std::array characters{length_of_rest("length", "bytes of data"),
                                details(text_of_rest("characters", "up to the first NUL"))};
constexpr std::array data_rows{RequestRow{0, "DATA"}};

constexpr std::array control_header{u32("port"), selector(2), u16("value", "1 yes, 0 no")};
// The order of both is the specification's. Some implementations have them the other way round.
constexpr std::array size{u16("cols"), u16("rows")};
constexpr std::array name{text_of_rest("name", "of the port")};
constexpr std::array messages{
    RequestRow{0, "DEVICE_READY"}, RequestRow{1, "PORT_ADD"},        RequestRow{2, "PORT_REMOVE"},
    RequestRow{3, "PORT_READY"},   RequestRow{4, "CONSOLE_PORT"},    RequestRow{5, "RESIZE", size},
    RequestRow{6, "PORT_OPEN"},    RequestRow{7, "PORT_NAME", name},
};

constexpr std::array queues{
    RequestTable{.role = "receive", .by_device = true, .header = characters, .rows = data_rows},
    RequestTable{.role = "transmit", .header = characters, .rows = data_rows},
    RequestTable{.role = "control-receive", .by_device = true, .header = control_header, .rows = messages},
    RequestTable{.role = "control-transmit", .header = control_header, .rows = messages},
};

}  // namespace

constinit const DeviceTable console_device{3, queues};

}  // namespace vutrace::virtio
