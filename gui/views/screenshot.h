// A picture of a window, for tests.
#pragma once

#include <gtest/gtest.h>

#include <QImage>
#include <QList>
#include <QPixmap>
#include <QString>
#include <QWidget>
#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace vutrace::gui {

// Its most frequent colours are enough to look at, in a fifth of the bytes.
inline QImage with_palette(const QImage& image) {
    constexpr qsizetype most_colours = 256;
    std::map<QRgb, int> counts;
    for (int y = 0; y < image.height(); ++y) {
        for (int x = 0; x < image.width(); ++x) {
            ++counts[image.pixel(x, y)];
        }
    }
    std::vector<std::pair<int, QRgb>> by_count;
    for (const auto& [colour, count] : counts) {
        by_count.emplace_back(count, colour);
    }
    std::sort(by_count.rbegin(), by_count.rend());
    QList<QRgb> palette;
    for (const auto& [count, colour] : by_count) {
        if (palette.size() < most_colours) {
            palette.push_back(colour);
        }
    }
    return image.convertToFormat(QImage::Format_Indexed8, palette, Qt::ThresholdDither | Qt::AvoidDither);
}

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
        EXPECT_TRUE(with_palette(image).save(folder + QLatin1Char('/') + QLatin1String(name) + QLatin1String(".png")));
    }
}

}  // namespace vutrace::gui
