// Rows of two lines: a name, and fainter what it is.
#pragma once

#include <QStyledItemDelegate>

namespace vutrace::gui {

class TwoLineDelegate final : public QStyledItemDelegate {
    Q_OBJECT

  public:
    // `role` gives the text of the second line.
    TwoLineDelegate(int role, QObject* parent) : QStyledItemDelegate(parent), role_(role) {}

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    [[nodiscard]] QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;

  private:
    int role_;
};

}  // namespace vutrace::gui
