// virtio-gpio. Source: virtio specification, "GPIO Device".
#include "table.h"

namespace vutrace::virtio {
namespace {

using namespace layout;

constexpr std::array statuses{ValueName{0, "OK"}, ValueName{1, "ERR"}};
constexpr std::array directions{ValueName{0, "NONE"}, ValueName{1, "OUT"}, ValueName{2, "IN"}};
constexpr std::array interrupts{ValueName{0, "NONE"},      ValueName{1, "EDGE_RISING"}, ValueName{2, "EDGE_FALLING"},
                                ValueName{3, "EDGE_BOTH"}, ValueName{4, "LEVEL_HIGH"},  ValueName{8, "LEVEL_LOW"}};
constexpr std::array interrupt_statuses{ValueName{0, "INVALID"}, ValueName{1, "VALID"}};

constexpr std::array header{selector(2), u16("line", "number of the line: gpio")};
constexpr std::array no_value{padding(4)};
constexpr std::array value{u32("value")};
constexpr std::array direction{named("direction", "direction_code", 4, directions)};
constexpr std::array interrupt{named("irq_type", "irq_type_code", 4, interrupts)};
constexpr std::array answered_names{text_of_rest("names", "of the lines, the first one")};
constexpr std::array answered_direction{named("direction", "direction_code", 1, directions)};
constexpr std::array answered_value{u8("value")};
constexpr std::array requests{
    RequestRow{1, "GET_LINE_NAMES", no_value, answered_names},
    RequestRow{2, "GET_DIRECTION", no_value, answered_direction},
    RequestRow{3, "SET_DIRECTION", direction},
    RequestRow{4, "GET_VALUE", no_value, answered_value},
    RequestRow{5, "SET_VALUE", value},
    RequestRow{6, "SET_IRQ_TYPE", interrupt},
};
constexpr std::array answer{named("status", "status_code", 1, statuses, "the device's answer")};

constexpr std::array event{u16("line", "number of the line: gpio")};
constexpr std::array event_rows{RequestRow{0, "INTERRUPT"}};
constexpr std::array event_answer{named("status", "status_code", 1, interrupt_statuses, "the device's answer")};

constexpr std::array queues{
    RequestTable{.role = "request", .header = header, .rows = requests, .answer_header = answer},
    RequestTable{.role = "event",
                 .header = event,
                 .rows = event_rows,
                 .answer_header = event_answer,
                 .first_good = 1,
                 .last_good = 1},
};

}  // namespace

constinit const DeviceTable gpio_device{41, queues};

}  // namespace vutrace::virtio
