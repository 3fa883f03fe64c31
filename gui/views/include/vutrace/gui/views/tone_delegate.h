// Paints rows in the colour of their tone: what is wrong, doubtful or of no weight.
#pragma once

#include "vutrace/gui/views/theme.h"

#include <QStyledItemDelegate>

namespace vutrace::gui {

class ToneDelegate final : public QStyledItemDelegate {
    Q_OBJECT

  public:
    // `role` gives an int of render::Tone.
    ToneDelegate(int role, QObject* parent) : QStyledItemDelegate(parent), role_(role) {}

  protected:
    void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
        QStyledItemDelegate::initStyleOption(option, index);
        const auto tone = static_cast<render::Tone>(index.data(role_).toInt());
        const QColor colour = tone_colour(option->palette, tone);
        if (colour.isValid()) {
            option->palette.setColor(QPalette::Text, colour);
        }
        option->font.setBold(tone == render::Tone::strong);
    }

  private:
    int role_;
};

}  // namespace vutrace::gui
