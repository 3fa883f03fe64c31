// What is drawn of a queue's rings: the looks of their slots, and where each side stands. No window: tested as it is.
#pragma once

#include <vutrace/render/ring_view.h>

#include <QString>
#include <cstdint>
#include <optional>
#include <vector>

namespace vutrace::gui {

// Later ones hide earlier ones where slots share a segment.
enum class SlotLook : std::uint8_t {
    unknown,  // the trace does not tell
    driver,   // the driver's: free, or past
    used,     // written by the device
    part,     // the device's: more of a chain that begins elsewhere
    device,   // the device's: a chain in flight
    bad,      // of a chain that is malformed
};
inline constexpr int look_count = 6;
[[nodiscard]] QString name_of(SlotLook look, bool packed);  // for the legend

// One circle.
struct DrawnRing {
    enum class Part { descriptors, available, used };
    Part part{Part::descriptors};
    QString title;
    QString position;  // "index 17", "17, wrap counter 1"
    std::vector<SlotLook> slots;
    struct Pointer {
        std::uint32_t slot{0};
        QString label;
        bool device{false};  // its, otherwise the driver's
    };
    std::vector<Pointer> pointers;  // where a side goes on
};

struct RingPicture {
    bool packed{false};
    std::vector<DrawnRing> rings;
    std::vector<QString> facts;  // "session 1 queue 0", addresses, event fields, what is wrong: a line each
};

[[nodiscard]] RingPicture draw_rings(const render::RingView& ring);

// The slots of one ring that belong to a chain that is open; empty where it is not.
[[nodiscard]] std::vector<std::uint32_t> slots_of_chain(const render::RingView& ring, DrawnRing::Part part,
                                                        std::uint16_t head);
// "slot 7: head 3, in flight since record 40": what is known of it.
[[nodiscard]] QString slot_text(const render::RingView& ring, DrawnRing::Part part, std::uint32_t slot);
// The descriptor that a slot leads to: itself, or the head in it. Empty where it is not known.
[[nodiscard]] std::optional<std::uint32_t> descriptor_of(const render::RingView& ring, DrawnRing::Part part,
                                                         std::uint32_t slot);

}  // namespace vutrace::gui
