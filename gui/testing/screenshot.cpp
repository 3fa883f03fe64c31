#include "screenshot.h"

#include "picture_comparison.h"

#include <gtest/gtest.h>

#include <QDir>
#include <QGuiApplication>
#include <QImage>
#include <QList>
#include <QPixmap>
#include <QWidget>
#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace vutrace::gui::testing {
namespace {

constexpr std::size_t fewest_colours = 20;
constexpr qsizetype most_colours = 256;
constexpr int same_colour = 6;  // of 255, in every channel

QString file_in(const QString& folder, const QString& name) {
    return folder + QLatin1Char('/') + name + QLatin1String(".png");
}

bool are_alike(QRgb one, QRgb other) {
    return std::abs(qRed(one) - qRed(other)) <= same_colour && std::abs(qGreen(one) - qGreen(other)) <= same_colour &&
           std::abs(qBlue(one) - qBlue(other)) <= same_colour;
}

// Its most frequent colours are enough to look at, in a fifth of the bytes. Shades of a colour that is there already
// would drive out those of small areas.
QImage with_palette(const QImage& image) {
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
        const auto known = [colour = colour](QRgb other) { return are_alike(colour, other); };
        if (palette.size() < most_colours && std::none_of(palette.begin(), palette.end(), known)) {
            palette.push_back(colour);
        }
    }
    return image.convertToFormat(QImage::Format_Indexed8, palette, Qt::ThresholdDither | Qt::AvoidDither);
}

void save(const QImage& image, const QString& path) {
    constexpr int smallest = 0;  // PNG's "quality" is how little is compressed
    EXPECT_TRUE(image.save(path, "PNG", smallest)) << path.toStdString();
}

std::size_t count_colours(const QImage& image) {
    std::set<QRgb> colours;
    for (int y = 0; y < image.height(); y += 3) {
        for (int x = 0; x < image.width(); x += 3) {
            colours.insert(image.pixel(x, y));
        }
    }
    return colours.size();
}

// Of one at twice the scale a quarter is kept, each way: a comparison takes the mean of many pixels anyway.
QImage reduced(const QImage& image) {
    constexpr int times = 4;
    QImage small = image.scaled(image.size() / times, Qt::IgnoreAspectRatio, Qt::SmoothTransformation);
    small.setDevicePixelRatio(1);
    return small.convertToFormat(QImage::Format_RGB32);
}

void compare_with_kept(const QImage& seen, const QString& name, int cell = usual_cell) {
    const QString kept_path = file_in(QStringLiteral(VUTRACE_KEPT_PICTURES), name);
    const QImage kept = QImage(kept_path).convertToFormat(QImage::Format_RGB32);
    const PictureDifference difference = compare_pictures(seen, kept, cell);
    if (difference.share <= most_difference) {
        return;
    }
    if (qEnvironmentVariableIsSet("VUTRACE_ACCEPT_PICTURES")) {
        save(with_palette(seen), kept_path);
        return;
    }
    const QString folder = QStringLiteral(VUTRACE_WRONG_PICTURES);
    EXPECT_TRUE(QDir().mkpath(folder + QStringLiteral("/twice")));
    save(seen, file_in(folder, name));
    save(difference.picture, file_in(folder, name + QLatin1String("-difference")));
    ADD_FAILURE() << name.toStdString() << (kept.isNull() ? " is not kept" : " looks different") << " (share "
                  << difference.share << ", tolerated " << most_difference << ").\n  kept:  " << kept_path.toStdString()
                  << "\n  seen:  " << file_in(folder, name).toStdString()
                  << "\n  where: " << file_in(folder, name + QLatin1String("-difference")).toStdString()
                  << "\nIf it shall look like that: scripts/accept-pictures";
}

}  // namespace

bool wants_picture(double scale, Kept kept) {
    return qFuzzyCompare(scale, 1.0) || kept == Kept::also_twice || qEnvironmentVariableIsSet("VUTRACE_SCREENSHOTS");
}

void expect_picture(QWidget& window, const QString& name, Kept kept) {
    const QImage seen = window.grab().toImage().convertToFormat(QImage::Format_RGB32);
    EXPECT_GT(count_colours(seen), fewest_colours) << name.toStdString();
    if (const QString folder = qEnvironmentVariable("VUTRACE_SCREENSHOTS"); !folder.isEmpty()) {
        save(with_palette(seen), file_in(folder, name));
    }
    if (QGuiApplication::platformName() != QLatin1String("offscreen")) {
        return;  // others have their own fonts for menus and titles
    }
    if (kept != Kept::no && qFuzzyCompare(seen.devicePixelRatio(), 1.0)) {
        compare_with_kept(seen, name);
    } else if (kept == Kept::also_twice && qFuzzyCompare(seen.devicePixelRatio(), 2.0)) {
        compare_with_kept(reduced(seen), QLatin1String("twice/") + name, usual_cell / 2);
    }
}

}  // namespace vutrace::gui::testing
