// What the tour shows and says: a table, so that a test walks through it and holds each step against the sample.
#pragma once

#include <QList>
#include <cstdint>

namespace vutrace::gui {

// A part of the window that a step points at.
enum class TourPlace : std::uint8_t { records, details, bytes, findings, rings, state, timeline, filter };

struct TourStep {
    TourPlace place;
    std::uint64_t record;  // is chosen when the step begins; the text speaks of it
    const char* filter;    // is set when the step begins, "": none
    bool waits;            // the person is asked to choose the next step's record, which goes on by itself
    const char* title;     // English, of the context `Tour`
    const char* text;
};

// Of samples/.
constexpr const char* tour_sample = "bug-call-never-sent.pcap.zst";
[[nodiscard]] const QList<TourStep>& tour_steps();

}  // namespace vutrace::gui
