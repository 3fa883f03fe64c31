// Pictures of every view on the samples, for whoever changes how it looks and for the documents. Those that are kept
// are compared; all of them are written where VUTRACE_SCREENSHOTS names a folder, with QT_SCALE_FACTOR=2 as large.
#include "sample_window.h"
#include "screenshot.h"
#include "vutrace/gui/views/main_window.h"

#include <gtest/gtest.h>

#include <QGuiApplication>
#include <algorithm>
#include <memory>
#include <string>

namespace vutrace::gui {
namespace {

using testing::Kept;
using testing::Pane;
using testing::View;

constexpr const char* iotlb = "bug-iotlb-deadlock.pcap.zst";
constexpr const char* features_in_mid_run = "bug-features-set-in-mid-run.pcap.zst";
constexpr const char* linux_block = "qemu-7.2-linux-blk.pcap.zst";
constexpr const char* reconnect = "qemu-7.2-reconnect-blk.pcap.zst";
constexpr const char* virtiofs = "qemu-7.2-virtiofsd.pcap.zst";
constexpr const char* frames = "dpdk-22.11-split.pcap.zst";
constexpr const char* packed = "dpdk-22.11-packed-chains.pcap.zst";
constexpr const char* packed_unknown = "dpdk-22.11-packed.pcap.zst";

constexpr Theme light = Theme::light;
constexpr Theme dark = Theme::dark;

class Screenshots : public ::testing::TestWithParam<View> {};

TEST_P(Screenshots, OfASample) {
    if (!testing::wants_picture(qGuiApp->devicePixelRatio(), GetParam().kept)) {
        return;
    }
    const auto window = testing::show_view(GetParam());
    if (window != nullptr) {
        testing::expect_picture(*window, QString::fromLatin1(GetParam().name), GetParam().kept);
    }
    apply(Theme::light);
}

std::string name_of(const ::testing::TestParamInfo<View>& test) {
    std::string name = test.param.name;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(
    OfRecords, Screenshots,
    ::testing::Values(View{"window-light", iotlb, 12, Pane::none, light, Kept::also_twice},
                      View{"window-dark", iotlb, 12, Pane::none, dark, Kept::also_twice},
                      View{"filter-light", features_in_mid_run, 0, Pane::none, light, Kept::no,
                           "request contains \"FEATURES\""},
                      View{"filter-error-dark", features_in_mid_run, 20, Pane::none, dark, Kept::yes, "quue == 0"},
                      View{"chains-light", reconnect, 0, Pane::none, light, Kept::yes, "record == chain"},
                      View{"chains-dark", reconnect, 0, Pane::none, dark, Kept::no, "record == chain"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    OfTime, Screenshots,
    ::testing::Values(View{"timeline-light", linux_block, 60, Pane::timeline, light, Kept::also_twice},
                      View{"timeline-dark", linux_block, 60, Pane::timeline, dark, Kept::also_twice},
                      View{"timeline-deep-light", linux_block, 133, Pane::timeline, light, Kept::no, "", 6.3008e9,
                           6.3152e9},
                      View{"timeline-findings-dark", iotlb, 12, Pane::timeline, dark},
                      View{"timeline-virtiofs-light", virtiofs, 12, Pane::timeline},
                      View{"timeline-frames-light", frames, 90, Pane::timeline},
                      View{"statistics-light", virtiofs, 0, Pane::statistics, light, Kept::also_twice},
                      View{"statistics-dark", linux_block, 0, Pane::statistics, dark, Kept::also_twice}),
    name_of);

INSTANTIATE_TEST_SUITE_P(OfState, Screenshots,
                         ::testing::Values(View{"state-features-light", linux_block, 119, Pane::features},
                                           View{"state-features-dark", linux_block, 119, Pane::features, dark},
                                           View{"state-memory-light", linux_block, 119, Pane::memory, light, Kept::yes},
                                           View{"state-memory-dark", linux_block, 119, Pane::memory, dark},
                                           View{"state-queues-light", linux_block, 119, Pane::queues},
                                           View{"state-queues-dark", linux_block, 119, Pane::queues, dark, Kept::yes},
                                           View{"state-in-flight-light", virtiofs, 100, Pane::in_flight},
                                           View{"state-descriptors-light", reconnect, 60, Pane::descriptors},
                                           View{"state-descriptors-dark", reconnect, 60, Pane::descriptors, dark}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(OfRings, Screenshots,
                         ::testing::Values(View{"rings-light", linux_block, 119, Pane::ring, light, Kept::also_twice},
                                           View{"rings-dark", frames, 299, Pane::ring, dark},
                                           View{"rings-request-light", linux_block, 119, Pane::request},
                                           View{"rings-request-dark", virtiofs, 119, Pane::request, dark},
                                           View{"rings-packet-light", frames, 303, Pane::packet},
                                           View{"rings-packet-dark", frames, 303, Pane::packet, dark},
                                           View{"rings-unknown-light", packed_unknown, 35, Pane::ring},
                                           View{"rings-packed-light", packed, 66, Pane::ring},
                                           View{"rings-packed-dark", packed, 66, Pane::ring, dark, Kept::also_twice}),
                         name_of);

}  // namespace
}  // namespace vutrace::gui
