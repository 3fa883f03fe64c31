// Rows of a finding: what it is in a line, and below it all of what was seen, in as many lines as that takes.
#pragma once

#include <QStyledItemDelegate>

namespace vutrace::gui {

// For one column that is as wide as its view. Rows are as high as the view's width wants them: after that has changed
// the view must lay them out again.
class FindingDelegate final : public QStyledItemDelegate {
    Q_OBJECT

  public:
    using QStyledItemDelegate::QStyledItemDelegate;

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    [[nodiscard]] QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

}  // namespace vutrace::gui
