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

// A triangle for an error, a diamond for anything milder: the shape says it, too.
void paint_badge(QPainter& painter, const QPalette& palette, QPointF middle, double size, check::Severity severity);

// A ribbon with a notch, as in a book, hanging from `top`.
void paint_bookmark(QPainter& painter, const QPalette& palette, QPointF top, double height);

}  // namespace vutrace::gui
