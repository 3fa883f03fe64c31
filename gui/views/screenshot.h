// A picture of a window, for tests.
#pragma once

#include <gtest/gtest.h>

#include <QImage>
#include <QPixmap>
#include <QString>
#include <QWidget>
#include <set>

namespace vutrace::gui {

// Looks that something was painted; kept where VUTRACE_SCREENSHOTS names a folder.
inline void expect_picture(QWidget& window, const char* name) {
    constexpr std::size_t fewest_colours = 20;
    const QImage image = window.grab().toImage();
    std::set<QRgb> colours;
    for (int y = 0; y < image.height(); y += 3) {
        for (int x = 0; x < image.width(); x += 3) {
            colours.insert(image.pixel(x, y));
        }
    }
    EXPECT_GT(colours.size(), fewest_colours);
    if (const QString folder = qEnvironmentVariable("VUTRACE_SCREENSHOTS"); !folder.isEmpty()) {
        EXPECT_TRUE(image.save(folder + QLatin1Char('/') + QLatin1String(name) + QLatin1String(".png")));
    }
}

}  // namespace vutrace::gui
