// A window on a sample, brought to what a picture shows of it.
#pragma once

#include "screenshot.h"

#include <vutrace/gui/views/theme.h>

#include <cstdint>
#include <memory>

namespace vutrace::gui {
class MainWindow;
}

namespace vutrace::gui::testing {

// What is raised beside the records.
enum class Pane {
    none,
    timeline,
    statistics,
    features,  // the first of the state's
    memory,
    queues,
    in_flight,
    descriptors,
    ring,  // the first of the rings'
    request,
    packet,
};

struct View {
    const char* name;
    const char* sample;       // of samples/
    std::uint64_t record{0};  // 0: the first; behind the end: the last
    Pane pane{Pane::none};
    Theme theme{Theme::light};
    Kept kept{Kept::no};
    const char* filter{""};
    double from{0}, to{0};  // of the timeline, nanoseconds; 0: all
};

// 1280 by 800, with all read and counted that it shows. Null, and a failed test, where that takes too long.
[[nodiscard]] std::unique_ptr<MainWindow> show_view(const View& view);
// Returns when what runs in the window has ended.
[[nodiscard]] bool wait_until_shown(MainWindow& window);

}  // namespace vutrace::gui::testing
