// Holds a picture against another one as an eye does that is two steps away.
#pragma once

#include <QImage>

namespace vutrace::gui::testing {

struct PictureDifference {
    double share{0};  // of the picture that looks different: 0 nothing, 1 all of it, or it has another size
    QImage picture;   // what was seen, faded, with those places marked
};

// Pixels each way, at the usual scale.
constexpr int usual_cell = 8;

// A cell of a word's height counts as different where its mean colour is: the rims of letters, which depend on how a
// machine draws fonts, do not change that.
[[nodiscard]] PictureDifference compare_pictures(const QImage& seen, const QImage& kept, int cell = usual_cell);

// What machines with the same packages may differ by. A word more or less is about a tenth of it; a column, a colour,
// a line that moved is more.
constexpr double most_difference = 0.004;

}  // namespace vutrace::gui::testing
