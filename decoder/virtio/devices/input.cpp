// virtio-input: events as Linux's evdev has them.
// Sources: virtio specification, "Input Device"; Linux UAPI, linux/input-event-codes.h.
#include "table.h"

namespace vutrace::virtio {
namespace {

using namespace layout;

constexpr std::array event_types{
    ValueName{0x00, "EV_SYN"}, ValueName{0x01, "EV_KEY"}, ValueName{0x02, "EV_REL"}, ValueName{0x03, "EV_ABS"},
    ValueName{0x04, "EV_MSC"}, ValueName{0x05, "EV_SW"},  ValueName{0x11, "EV_LED"}, ValueName{0x12, "EV_SND"},
    ValueName{0x14, "EV_REP"}, ValueName{0x15, "EV_FF"},  ValueName{0x16, "EV_PWR"}, ValueName{0x17, "EV_FF_STATUS"},
};
constexpr std::array event_parts{
    named("event", "event_code", 2, event_types, "type of the event"),
    u16("event_number", "which key, axis or light: its code"),
    u32("value", "of a negative one 2^32 more"),
};
constexpr std::array events{list("events", event_parts)};
constexpr std::array rows{RequestRow{0, "EVENTS"}};
constexpr std::array queues{
    RequestTable{.role = "event", .by_device = true, .header = events, .rows = rows},
    RequestTable{.role = "status", .header = events, .rows = rows},
};

}  // namespace

constinit const DeviceTable input_device{18, queues};

}  // namespace vutrace::virtio
