// That what the window has to say can be read at 1280 by 800 without a mouse: nothing that matters stands in a tooltip
// only, behind a scroll bar or in colours that are hardly seen.
#include "painted_texts.h"
#include "sample_window.h"
#include "vutrace/gui/views/details_pane.h"
#include "vutrace/gui/views/distribution_plot.h"
#include "vutrace/gui/views/findings_dock.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/statistics_panel.h"
#include "vutrace/gui/views/time_docks.h"
#include "window_fixture.h"

#include <gtest/gtest.h>

#include <QAccessible>
#include <QApplication>
#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QPlainTextEdit>
#include <QScrollBar>
#include <QSlider>
#include <QTimer>
#include <QToolButton>
#include <QTreeView>
#include <cmath>

namespace vutrace::gui {
namespace {

using testing::Pane;
using testing::View;

// Of two colours, after WCAG 2: from 1 to 21.
double luminance(const QColor& colour) {
    const auto part = [](double value) {
        return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * part(colour.redF()) + 0.7152 * part(colour.greenF()) + 0.0722 * part(colour.blueF());
}

double contrast(const QColor& one, const QColor& other) {
    const double a = luminance(one) + 0.05;
    const double b = luminance(other) + 0.05;
    return std::max(a, b) / std::min(a, b);
}

class SliderContrast : public ::testing::TestWithParam<Theme> {
  protected:
    ~SliderContrast() override { apply(Theme::light); }
};

TEST_P(SliderContrast, TheHandleStandsOutWhereverItIs) {
    constexpr double least = 3;  // of what is not text
    apply(GetParam());
    QSlider slider(Qt::Horizontal);
    slider.setRange(1, 100);
    slider.resize(400, 24);
    for (const int value : {1, 50, 100}) {
        slider.setValue(value);
        const QImage picture = slider.grab().toImage();
        const int middle = 12;
        const int handle = value == 1 ? 7 : value == 50 ? 198 : 392;
        const QColor colour = picture.pixelColor(handle, middle);
        EXPECT_GE(contrast(colour, picture.pixelColor(30, middle)), least) << "the groove before it, at " << value;
        EXPECT_GE(contrast(colour, picture.pixelColor(370, middle)), least) << "the groove behind it, at " << value;
        EXPECT_GE(contrast(colour, picture.pixelColor(handle, 0)), least) << "the window, at " << value;
    }
}

INSTANTIATE_TEST_SUITE_P(InEachTheme, SliderContrast, ::testing::Values(Theme::light, Theme::dark),
                         [](const auto& test) { return test.param == Theme::dark ? "dark" : "light"; });

}  // namespace
}  // namespace vutrace::gui
