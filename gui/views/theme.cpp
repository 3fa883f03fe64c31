#include "vutrace/gui/views/theme.h"

#include "flat_style.h"

#include <QApplication>

namespace vutrace::gui {
namespace {

QPalette palette_of(Theme theme) {
    const bool dark = theme == Theme::dark;
    const QColor window = dark ? QColor(0x24, 0x27, 0x2b) : QColor(0xf2, 0xf3, 0xf5);
    const QColor base = dark ? QColor(0x1b, 0x1d, 0x20) : QColor(0xff, 0xff, 0xff);
    const QColor text = dark ? QColor(0xe4, 0xe6, 0xe8) : QColor(0x1c, 0x1e, 0x21);
    const QColor button = dark ? QColor(0x32, 0x36, 0x3b) : QColor(0xe6, 0xe8, 0xeb);
    QPalette palette(text, button, dark ? button.lighter(140) : QColor(Qt::white), button.darker(180),
                     button.darker(130), text, text, base, window);
    palette.setColor(QPalette::AlternateBase, dark ? QColor(0x21, 0x24, 0x28) : QColor(0xf7, 0xf8, 0xfa));
    palette.setColor(QPalette::Highlight, QColor(0x1f, 0x6f, 0xb5));
    palette.setColor(QPalette::HighlightedText, Qt::white);
    palette.setColor(QPalette::Link, dark ? QColor(0x6c, 0xb6, 0xff) : QColor(0x00, 0x5c, 0xa8));
    palette.setColor(QPalette::ToolTipBase, base);
    palette.setColor(QPalette::ToolTipText, text);
    palette.setColor(QPalette::PlaceholderText, dark ? QColor(0x96, 0x9c, 0xa4) : QColor(0x68, 0x6e, 0x76));
    for (const auto role : {QPalette::Text, QPalette::ButtonText, QPalette::WindowText}) {
        palette.setColor(QPalette::Disabled, role, dark ? QColor(0x7c, 0x82, 0x8a) : QColor(0x90, 0x96, 0x9e));
    }
    return palette;
}

}  // namespace

void apply(Theme theme) {
    QApplication::setStyle(new FlatStyle());
    QApplication::setPalette(theme == Theme::system ? QPalette() : palette_of(theme));
}

bool is_dark(const QPalette& palette) {
    return palette.color(QPalette::Base).lightness() < 128;
}

QColor row_background(const QPalette& palette, trace::RecordType kind, render::Tone tone) {
    const bool dark = is_dark(palette);
    if (tone == render::Tone::bad) {
        return dark ? QColor(0x5a, 0x30, 0x12) : QColor(0xff, 0xdd, 0xc2);  // orange
    }
    if (kind == trace::RecordType::gap) {
        return dark ? QColor(0x4a, 0x43, 0x1a) : QColor(0xfb, 0xf3, 0xb8);  // yellow
    }
    if (kind == trace::RecordType::session || kind == trace::RecordType::note) {
        return dark ? QColor(0x2a, 0x2f, 0x36) : QColor(0xea, 0xed, 0xf1);  // grey
    }
    if (kind == trace::RecordType::message) {
        return dark ? QColor(0x17, 0x2c, 0x41) : QColor(0xe4, 0xf0, 0xfb);  // blue
    }
    return {};
}

QColor text_colour(const QPalette& palette, trace::RecordType kind, bool answers, render::Tone tone) {
    const bool dark = is_dark(palette);
    if (tone == render::Tone::bad) {
        return dark ? QColor(0xff, 0xb0, 0x7a) : QColor(0x8a, 0x35, 0x00);
    }
    if (tone == render::Tone::doubtful) {
        return dark ? QColor(0xe3, 0xd0, 0x6a) : QColor(0x66, 0x55, 0x00);
    }
    if (kind == trace::RecordType::event || kind == trace::RecordType::memory) {
        return palette.color(QPalette::PlaceholderText);
    }
    if (answers) {
        return dark ? QColor(0x8c, 0xc4, 0xf5) : QColor(0x0b, 0x4f, 0x8a);
    }
    return {};
}

QColor tone_colour(const QPalette& palette, render::Tone tone) {
    const bool dark = is_dark(palette);
    switch (tone) {
        case render::Tone::bad:
        case render::Tone::doubtful:
            return text_colour(palette, trace::RecordType::message, false, tone);
        case render::Tone::faint:
            return palette.color(QPalette::PlaceholderText);
        case render::Tone::good:
        case render::Tone::name:
            return dark ? QColor(0x8c, 0xc4, 0xf5) : QColor(0x0b, 0x4f, 0x8a);
        case render::Tone::plain:
        case render::Tone::strong:
            break;
    }
    return {};
}

// Okabe and Ito's colours, which people with any colour blindness tell apart; orange is the device's.
QBrush slot_brush(const QPalette& palette, SlotLook look) {
    const bool dark = is_dark(palette);
    switch (look) {
        case SlotLook::device:
            return QColor(0xe6, 0x9f, 0x00);
        case SlotLook::part:
            return dark ? QColor(0x8a, 0x60, 0x08) : QColor(0xf8, 0xd8, 0x98);
        case SlotLook::used:
            return QColor(0x56, 0xb4, 0xe9);
        case SlotLook::driver:
            return dark ? QColor(0x4a, 0x52, 0x5c) : QColor(0xc4, 0xcb, 0xd3);
        case SlotLook::bad:
            return {QColor(0xd5, 0x5e, 0x00), Qt::DiagCrossPattern};
        case SlotLook::unknown:
            break;
    }
    return {dark ? QColor(0x4a, 0x52, 0x5c) : QColor(0xc4, 0xcb, 0xd3), Qt::BDiagPattern};
}

QBrush mark_brush(const QPalette& palette, render::MarkKind kind) {
    const bool dark = is_dark(palette);
    switch (kind) {
        case render::MarkKind::descriptors:
            return dark ? QColor(0xd0, 0xd4, 0xd8) : QColor(0x40, 0x46, 0x4d);
        case render::MarkKind::driver_part:
            return QColor(0x00, 0x9e, 0x73);
        case render::MarkKind::device_part:
            return QColor(0x56, 0xb4, 0xe9);
        case render::MarkKind::readable:
            return QColor(0xe6, 0x9f, 0x00);
        case render::MarkKind::writable:
            return QColor(0xcc, 0x79, 0xa7);
        case render::MarkKind::indirect:
            break;
    }
    return QColor(0xf0, 0xe4, 0x42);
}

}  // namespace vutrace::gui
