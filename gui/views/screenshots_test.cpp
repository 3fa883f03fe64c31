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

constexpr const char* migration = "qemu-7.2-migration-blk.pcap.zst";
constexpr const char* iommu = "qemu-7.2-dpdk-22.11-iommu-rings.pcap.zst";
constexpr const char* ovs = "ovs-3.1-dpdk-22.11.pcap.zst";
constexpr const char* requests = "every-request.pcap.zst";
constexpr const char* used_twice = "bug-used-twice.pcap.zst";
constexpr std::uint64_t last = UINT64_MAX;

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

// Kept are only those above: these are looked at.
INSTANTIATE_TEST_SUITE_P(OfMoreSamples, Screenshots,
                         ::testing::Values(View{"migration-timeline-dark", migration, last, Pane::timeline, dark},
                                           View{"migration-memory-light", migration, last, Pane::memory},
                                           View{"migration-statistics-light", migration, 30, Pane::statistics},
                                           View{"iommu-rings-light", iommu, 300, Pane::ring},
                                           View{"iommu-memory-dark", iommu, 300, Pane::memory, dark},
                                           View{"iommu-descriptors-light", iommu, last, Pane::descriptors},
                                           View{"ovs-statistics-dark", ovs, 40, Pane::statistics, dark},
                                           View{"ovs-queues-light", ovs, last, Pane::queues},
                                           View{"ovs-timeline-light", ovs, 60, Pane::timeline},
                                           View{"requests-features-dark", requests, 40, Pane::features, dark},
                                           View{"requests-light", requests, 60, Pane::none},
                                           View{"reconnect-timeline-light", reconnect, 60, Pane::timeline},
                                           View{"reconnect-in-flight-dark", reconnect, 55, Pane::in_flight, dark},
                                           View{"used-twice-rings-dark", used_twice, 32, Pane::ring, dark},
                                           View{"packed-request-dark", packed, 66, Pane::packet, dark},
                                           View{"packed-statistics-light", packed, last, Pane::statistics}),
                         name_of);

}  // namespace
}  // namespace vutrace::gui
