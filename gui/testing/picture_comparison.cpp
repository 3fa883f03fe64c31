#include "picture_comparison.h"

#include <QColor>
#include <QPainter>
#include <algorithm>
#include <array>
#include <cstdlib>

namespace vutrace::gui::testing {
namespace {

constexpr int different_colour = 14;  // of 255, in the channel that differs most

using Colour = std::array<int, 3>;

Colour mean_of(const QImage& image, const QRect& place) {
    Colour sum{};
    for (int y = place.top(); y <= place.bottom(); ++y) {
        for (int x = place.left(); x <= place.right(); ++x) {
            const QRgb pixel = image.pixel(x, y);
            sum[0] += qRed(pixel);
            sum[1] += qGreen(pixel);
            sum[2] += qBlue(pixel);
        }
    }
    const int pixels = place.width() * place.height();
    return {sum[0] / pixels, sum[1] / pixels, sum[2] / pixels};
}

bool differ(const Colour& one, const Colour& other) {
    int most = 0;
    for (std::size_t i = 0; i < one.size(); ++i) {
        most = std::max(most, std::abs(one[i] - other[i]));
    }
    return most > different_colour;
}

}  // namespace

PictureDifference compare_pictures(const QImage& seen, const QImage& kept, int cell) {
    PictureDifference difference{1, seen.convertToFormat(QImage::Format_RGB32)};
    if (seen.size() != kept.size() || seen.isNull()) {
        return difference;
    }
    QPainter painter(&difference.picture);
    painter.fillRect(seen.rect(), QColor(255, 255, 255, 160));
    int cells = 0;
    int different = 0;
    for (int y = 0; y < seen.height(); y += cell) {
        for (int x = 0; x < seen.width(); x += cell) {
            const QRect place = QRect(x, y, cell, cell).intersected(seen.rect());
            ++cells;
            if (differ(mean_of(seen, place), mean_of(kept, place))) {
                ++different;
                painter.fillRect(place, QColor(230, 0, 80, 150));
            }
        }
    }
    difference.share = static_cast<double>(different) / cells;
    return difference;
}

}  // namespace vutrace::gui::testing
