// Colours and signs of what is drawn: marks in time, series of a plot, badges of findings.
#pragma once

#include <vutrace/check/finding.h>

#include <QColor>
#include <QPainter>
#include <QPalette>
#include <QPointF>
#include <cstdint>

namespace vutrace::gui {

// Every kind of colour blindness tells them apart (after Okabe and Ito); each is readable on a light and a dark base.
enum class Ink : std::uint8_t { first, second, third, fourth, fifth, bad, doubtful, faint };
[[nodiscard]] QColor ink(const QPalette& palette, Ink which);

// What `colour` looks like over `under` at that strength, from 0 to 1, as one that hides what is below it. Qt (6.4)
// hands what shines through to a pool of threads where it is more than some dozen pixels high, or a line is that long,
// and waits for them: beside busy threads for milliseconds each time.
[[nodiscard]] QColor mixed(const QColor& colour, const QColor& under, double strength);

// A triangle for an error, a diamond for anything milder: the shape says it, too.
void paint_badge(QPainter& painter, const QPalette& palette, QPointF middle, double size, check::Severity severity);

// A ribbon with a notch, as in a book, hanging from `top`.
void paint_bookmark(QPainter& painter, const QPalette& palette, QPointF top, double height);

}  // namespace vutrace::gui
