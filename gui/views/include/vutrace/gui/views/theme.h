// Colours that say what a record is and whether something is wrong with it, in dark and in light.
#pragma once

#include <vutrace/gui/models/ring_picture.h>
#include <vutrace/render/state_view.h>
#include <vutrace/render/style.h>
#include <vutrace/trace/records.h>

#include <QBrush>
#include <QColor>
#include <QPalette>

namespace vutrace::gui {

enum class Theme { system, light, dark };
void apply(Theme theme);

// Colours never say anything alone: a column of marks, names and words say the same. Blue and orange are told apart by
// every kind of colour blindness. Invalid where the palette's own is right.
[[nodiscard]] QColor row_background(const QPalette& palette, trace::RecordType kind, render::Tone tone);
[[nodiscard]] QColor text_colour(const QPalette& palette, trace::RecordType kind, bool answers, render::Tone tone);
// Of other text.
[[nodiscard]] QColor tone_colour(const QPalette& palette, render::Tone tone);
// Patterns tell apart what colours may not.
[[nodiscard]] QBrush slot_brush(const QPalette& palette, SlotLook look);
[[nodiscard]] QBrush mark_brush(const QPalette& palette, render::MarkKind kind);
[[nodiscard]] bool is_dark(const QPalette& palette);

}  // namespace vutrace::gui
