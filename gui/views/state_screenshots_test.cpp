// Pictures of the docks that follow the chosen record, as screenshots_test.cpp makes them of the window.
#include "screenshot.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/state_docks.h"
#include "vutrace/gui/views/state_panel.h"

#include <vutrace/session/testing/session_builder.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include <QComboBox>
#include <QDockWidget>
#include <QFile>
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
    const char* sample;    // empty: a packed ring that is made
    std::uint64_t record;  // or the last
    Pane pane;
    Theme theme;
};

// A packed ring of 12 with some chains in flight, one used out of order, one malformed: no sample has that yet.
QString write_packed_trace() {
    using session::testing::BlockSession;
    constexpr std::uint32_t size = 12;
    const std::uint64_t packed = std::uint64_t{1} << protocol::feature::RING_PACKED;
    session::testing::SessionBuilder builder;
    BlockSession::connect(builder);
    builder.set(protocol::FrontEndRequest::SET_FEATURES, BlockSession::features | packed);
    BlockSession::add_regions(builder);
    BlockSession::start_queue(builder, 0, virtio::PackedBase::fresh);
    builder.set(protocol::FrontEndRequest::SET_VRING_NUM, 0, size);
    virtio::PackedPosition driver;
    virtio::PackedPosition device;
    const auto fields = [&] { return trace::RingFields{driver.value(), 0, 0, device.value(), 0, 0}; };
    for (std::uint16_t id = 0; id < 3; ++id) {
        auto entry = BlockSession::write_request(id, driver.value(), id, 0x100000 + id * 0x400000ULL, Bytes(512));
        for (std::uint32_t i = 0; i < entry.descriptors.size(); ++i) {
            entry.descriptors[i].next = id;
            entry.descriptors[i].flags = static_cast<std::uint16_t>(entry.descriptors[i].flags |
                                                                    virtio::available_flags(driver.plus(i, size).wrap));
        }
        entry.problem = id == 2 ? static_cast<std::uint16_t>(virtio::ChainProblem::readable_after_writable) : 0;
        driver = driver.plus(3, size);
        builder.chains(0, {entry}, fields());
    }
    auto used = session::testing::used_entry(1, device.value(), session::testing::literal(Bytes(1)));
    device = device.plus(3, size);
    builder.chains(0, {used}, fields());
    const std::string path = ::testing::TempDir() + "gui_packed_picture." + std::to_string(getpid()) + ".pcap";
    EXPECT_TRUE(builder.write_to(path));
    return QString::fromStdString(path);
}

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
    const QString path = *picture.sample == '\0' ? write_packed_trace()
                                                 : QStringLiteral(VUTRACE_SAMPLES "/") + QLatin1String(picture.sample);
    window->open(path);
    ASSERT_TRUE(QTest::qWaitFor([&] { return window->state_docks().history() != nullptr; }, patience));
    const std::uint64_t record = std::min(picture.record, window->document()->progress().rows);
    window->go_to_sequence(record);
    show_pane(window->state_docks(), picture.pane);
    ASSERT_TRUE(QTest::qWaitFor([&] { return window->state_docks().shown() == record; }, patience));
    QTest::qWait(300);  // what is queued is painted, findings too
    expect_picture(*window, picture.name);
    if (*picture.sample == '\0') {
        EXPECT_TRUE(QFile::remove(path));
    }
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
                      Picture{"rings-unknown-light", "dpdk-22.11-packed.pcap.zst", 35, Pane::ring, Theme::light},
                      Picture{"rings-packed-light", "", UINT64_MAX, Pane::ring, Theme::light},
                      Picture{"rings-packed-dark", "", UINT64_MAX, Pane::ring, Theme::dark}),
    [](const auto& test) {
        std::string name = test.param.name;
        std::replace(name.begin(), name.end(), '-', '_');
        return name;
    });

}  // namespace
}  // namespace vutrace::gui
