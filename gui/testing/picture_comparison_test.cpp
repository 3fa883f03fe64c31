#include "picture_comparison.h"

#include <gtest/gtest.h>

#include <QFont>
#include <QPainter>

namespace vutrace::gui::testing {
namespace {

constexpr int lines = 40;
constexpr int line_height = 18;

struct Look {
    QFont::HintingPreference hinting{QFont::PreferDefaultHinting};
    int hidden_column{-1};
    int marked_line{-1};
    int shift_from{lines};  // lines from here on are a pixel lower
    const char* word{"back-end"};
};

// A table as the records are one.
QImage draw(const Look& look) {
    QImage image(1280, lines * line_height + 20, QImage::Format_RGB32);
    image.fill(Qt::white);
    QPainter painter(&image);
    QFont font(QStringLiteral("DejaVu Sans"), 9);
    font.setHintingPreference(look.hinting);
    painter.setFont(font);
    for (int line = 0; line < lines; ++line) {
        const int top = line * line_height + (line >= look.shift_from ? line_height / 2 : 0);
        if (line == look.marked_line) {
            painter.fillRect(0, top, image.width(), line_height, QColor(0xff, 0xdd, 0xc2));
        }
        for (int column = 0; column < 10; ++column) {
            if (column != look.hidden_column) {
                const QString text = column == 3 && line == 7 ? QString::fromLatin1(look.word)
                                                              : QStringLiteral("SET_VRING_%1").arg(line * column);
                painter.drawText(8 + column * 125, top + 13, text);
            }
        }
    }
    return image;
}

double difference(const Look& look) {
    return compare_pictures(draw(look), draw({})).share;
}

TEST(PictureComparison, TheSamePictureDoesNotDiffer) {
    EXPECT_EQ(difference({}), 0);
}

// Full hinting moves letters by whole pixels: that is another font to whoever looks.
TEST(PictureComparison, HowAMachineDrawsLettersIsTolerated) {
    for (const auto hinting : {QFont::PreferNoHinting, QFont::PreferVerticalHinting}) {
        EXPECT_LE(difference({hinting}), most_difference) << hinting;
    }
}

TEST(PictureComparison, AnotherWordIsTolerated) {
    EXPECT_GT(difference({.word = "front-end"}), 0);
    EXPECT_LE(difference({.word = "front-end"}), most_difference);
}

TEST(PictureComparison, WhatAPersonWouldSeeIsFound) {
    EXPECT_GT(difference({.hidden_column = 4}), most_difference);
    EXPECT_GT(difference({.marked_line = 12}), most_difference);
    EXPECT_GT(difference({.shift_from = 30}), most_difference);
}

TEST(PictureComparison, APictureOfAnotherSizeOrNoneIsAnother) {
    const QImage one = draw({});
    EXPECT_EQ(compare_pictures(one, one.copy(0, 0, 1280, 700)).share, 1);
    EXPECT_EQ(compare_pictures(one, {}).share, 1);
    EXPECT_EQ(compare_pictures({}, {}).share, 1);
}

TEST(PictureComparison, PlacesThatDifferAreMarked) {
    const QImage marked = compare_pictures(draw({.marked_line = 12}), draw({})).picture;
    EXPECT_EQ(marked.size(), draw({}).size());
    const QColor there = marked.pixelColor(600, 12 * line_height + line_height / 2);
    EXPECT_GT(there.red(), there.green() + 50);
    EXPECT_EQ(marked.pixelColor(1279, 5 * line_height), QColor(Qt::white));
}

}  // namespace
}  // namespace vutrace::gui::testing
