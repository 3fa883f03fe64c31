// Pictures of the window on the samples, for whoever changes how it looks and for the documents: made where
// VUTRACE_SCREENSHOTS names a folder. Without it, what is looked at is only that something was painted.
#include "vutrace/gui/views/filter_bar.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"

#include <gtest/gtest.h>

#include <QApplication>
#include <QImage>
#include <QPixmap>
#include <QSettings>
#include <QTest>
#include <QTreeView>
#include <algorithm>
#include <memory>
#include <set>
#include <string>

namespace vutrace::gui {
namespace {

struct Picture {
    const char* name;
    const char* sample;
    std::uint64_t record;  // 0: the first
    const char* filter;
    Theme theme;
};

class Screenshots : public ::testing::TestWithParam<Picture> {};

std::size_t count_colours(const QImage& image) {
    std::set<QRgb> colours;
    for (int y = 0; y < image.height(); y += 3) {
        for (int x = 0; x < image.width(); x += 3) {
            colours.insert(image.pixel(x, y));
        }
    }
    return colours.size();
}

TEST_P(Screenshots, OfASample) {
    constexpr int patience = 20000;
    const Picture& picture = GetParam();
    QSettings().clear();
    apply(picture.theme);
    const auto window = std::make_unique<MainWindow>(QStringLiteral("test"));
    window->resize(1280, 800);
    window->show();
    window->open(QStringLiteral(VUTRACE_SAMPLES "/") + QLatin1String(picture.sample));
    ASSERT_TRUE(QTest::qWaitFor([&] { return window->document()->progress().complete; }, patience));
    ASSERT_FALSE(window->document()->failed()) << window->document()->trouble().toStdString();
    if (*picture.filter != '\0') {
        window->apply_filter(QLatin1String(picture.filter));
        ASSERT_TRUE(QTest::qWaitFor([&] { return !window->model()->is_filtering(); }, patience));
    }
    if (picture.record != 0) {
        window->go_to_sequence(picture.record);
    }
    ASSERT_TRUE(
        QTest::qWaitFor([&] { return window->model()->row_at(window->records().current_row()) != nullptr; }, patience));
    ASSERT_TRUE(QTest::qWaitFor([&] { return window->details().model()->rowCount() > 0; }, patience));
    // A line of the details is chosen, so that its bytes are marked.
    window->details().setCurrentIndex(window->details().model()->index(2, 0));
    QTest::qWait(300);  // what is queued is painted, findings too
    const QImage image = window->grab().toImage();
    EXPECT_GT(count_colours(image), 20U);
    if (const QString folder = qEnvironmentVariable("VUTRACE_SCREENSHOTS"); !folder.isEmpty()) {
        EXPECT_TRUE(image.save(folder + QLatin1Char('/') + QLatin1String(picture.name) + QLatin1String(".png")));
    }
    apply(Theme::light);
}

INSTANTIATE_TEST_SUITE_P(
    OfSamples, Screenshots,
    ::testing::Values(Picture{"window-light", "bug-iotlb-deadlock.pcap.zst", 12, "", Theme::light},
                      Picture{"window-dark", "bug-iotlb-deadlock.pcap.zst", 12, "", Theme::dark},
                      Picture{"filter-light", "bug-features-set-in-mid-run.pcap.zst", 0,
                              "request contains \"FEATURES\"", Theme::light},
                      Picture{"filter-error-dark", "bug-features-set-in-mid-run.pcap.zst", 20, "quue == 0",
                              Theme::dark},
                      Picture{"chains-light", "qemu-7.2-reconnect-blk.pcap.zst", 0, "record == chain", Theme::light},
                      Picture{"chains-dark", "qemu-7.2-reconnect-blk.pcap.zst", 0, "record == chain", Theme::dark}),
    [](const auto& test) {
        std::string name = test.param.name;
        std::replace(name.begin(), name.end(), '-', '_');
        return name;
    });

}  // namespace
}  // namespace vutrace::gui
