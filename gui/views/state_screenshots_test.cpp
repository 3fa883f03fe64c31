// Pictures of the docks that follow the chosen record, as screenshots_test.cpp makes them of the window.
#include "screenshot.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/state_docks.h"
#include "vutrace/gui/views/state_panel.h"

#include <gtest/gtest.h>

#include <QComboBox>
#include <QDockWidget>
#include <QSettings>
#include <QTabWidget>
#include <QTest>
#include <algorithm>
#include <memory>
#include <string>

namespace vutrace::gui {
namespace {

enum class Pane { features, memory, queues, in_flight, descriptors, ring, request, packet };

struct Picture {
    const char* name;
    const char* sample;
    std::uint64_t record;
    Pane pane;
    Theme theme;
};

void show_pane(StateDocks& docks, Pane pane) {
    if (pane < Pane::ring) {
        docks.state_dock().raise();
        docks.state().tabs().setCurrentIndex(static_cast<int>(pane));
        return;
    }
    docks.rings_dock().raise();
    docks.rings().tabs().setCurrentIndex(static_cast<int>(pane) - static_cast<int>(Pane::ring));
    docks.rings().payload_form().setCurrentIndex(pane == Pane::packet ? 2 : 0);
}

class StateScreenshots : public ::testing::TestWithParam<Picture> {};

TEST_P(StateScreenshots, OfASample) {
    constexpr int patience = 20000;
    const Picture& picture = GetParam();
    QSettings().clear();
    apply(picture.theme);
    const auto window = std::make_unique<MainWindow>(QStringLiteral("test"));
    window->resize(1280, 800);
    window->show();
    window->open(QStringLiteral(VUTRACE_SAMPLES "/") + QLatin1String(picture.sample));
    ASSERT_TRUE(QTest::qWaitFor([&] { return window->docks().history() != nullptr; }, patience));
    ASSERT_LE(picture.record, window->document()->progress().rows);
    window->go_to_sequence(picture.record);
    show_pane(window->docks(), picture.pane);
    ASSERT_TRUE(QTest::qWaitFor([&] { return window->docks().shown() == picture.record; }, patience));
    QTest::qWait(300);  // what is queued is painted, findings too
    expect_picture(*window, picture.name);
    apply(Theme::light);
}

INSTANTIATE_TEST_SUITE_P(
    OfSamples, StateScreenshots,
    ::testing::Values(Picture{"state-features-light", "qemu-7.2-linux-blk.pcap.zst", 119, Pane::features, Theme::light},
                      Picture{"state-memory-light", "qemu-7.2-linux-blk.pcap.zst", 119, Pane::memory, Theme::light},
                      Picture{"state-memory-dark", "qemu-7.2-linux-blk.pcap.zst", 119, Pane::memory, Theme::dark},
                      Picture{"state-queues-dark", "qemu-7.2-linux-blk.pcap.zst", 119, Pane::queues, Theme::dark},
                      Picture{"state-descriptors-light", "qemu-7.2-reconnect-blk.pcap.zst", 60, Pane::descriptors,
                              Theme::light},
                      Picture{"rings-split-light", "qemu-7.2-linux-blk.pcap.zst", 119, Pane::ring, Theme::light},
                      Picture{"rings-split-dark", "dpdk-22.11-split.pcap.zst", 299, Pane::ring, Theme::dark},
                      Picture{"rings-request-light", "qemu-7.2-linux-blk.pcap.zst", 119, Pane::request, Theme::light},
                      Picture{"rings-packet-dark", "dpdk-22.11-split.pcap.zst", 303, Pane::packet, Theme::dark},
                      Picture{"rings-packed-light", "dpdk-22.11-packed.pcap.zst", 35, Pane::ring, Theme::light}),
    [](const auto& test) {
        std::string name = test.param.name;
        std::replace(name.begin(), name.end(), '-', '_');
        return name;
    });

}  // namespace
}  // namespace vutrace::gui
