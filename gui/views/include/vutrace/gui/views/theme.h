// Colours that say what a record is and whether something is wrong with it, in dark and in light.
#pragma once

#include <vutrace/render/style.h>
#include <vutrace/trace/records.h>

#include <QColor>
#include <QPalette>

namespace vutrace::gui {

enum class Theme { system, light, dark };
void apply(Theme theme);

// Colours never say anything alone: a column of marks, names and words say the same. Blue and orange are told apart by
// every kind of colour blindness. Invalid where the palette's own is right.
[[nodiscard]] QColor row_background(const QPalette& palette, trace::RecordType kind, render::Tone tone);
[[nodiscard]] QColor text_colour(const QPalette& palette, trace::RecordType kind, bool answers, render::Tone tone);
[[nodiscard]] bool is_dark(const QPalette& palette);

}  // namespace vutrace::gui
