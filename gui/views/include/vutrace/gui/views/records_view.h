// A table for any number of rows: what it costs depends on those that are seen.
#pragma once

#include <QAbstractItemView>
#include <QHeaderView>

namespace vutrace::gui {

// Qt's own tables keep some bytes for every row and touch all of them when rows are added: at ten million rows that
// holds the window up. All rows have one height here, and the scroll bar counts rows.
class RecordsView final : public QAbstractItemView {
    Q_OBJECT

  public:
    explicit RecordsView(QWidget* parent = nullptr);

    [[nodiscard]] QHeaderView* header() const noexcept { return header_; }
    void setModel(QAbstractItemModel* model) override;
    void reset() override;
    // Selects the row, shows it, and puts it in the middle where it was not seen.
    void go_to(int row);
    // What is written where there are no rows.
    void set_empty_text(const QString& text);
    [[nodiscard]] int current_row() const { return currentIndex().isValid() ? currentIndex().row() : -1; }
    [[nodiscard]] bool is_at_end() const;

    [[nodiscard]] QRect visualRect(const QModelIndex& index) const override;
    void scrollTo(const QModelIndex& index, ScrollHint hint = EnsureVisible) override;
    [[nodiscard]] QModelIndex indexAt(const QPoint& point) const override;

  Q_SIGNALS:
    void current_row_changed(int row);  // -1: none

  protected:
    [[nodiscard]] QModelIndex moveCursor(CursorAction action, Qt::KeyboardModifiers modifiers) override;
    [[nodiscard]] int horizontalOffset() const override;
    [[nodiscard]] int verticalOffset() const override;
    [[nodiscard]] bool isIndexHidden(const QModelIndex& index) const override;
    void setSelection(const QRect& rect, QItemSelectionModel::SelectionFlags command) override;
    [[nodiscard]] QRegion visualRegionForSelection(const QItemSelection& selection) const override;
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void changeEvent(QEvent* event) override;
    void updateGeometries() override;
    void scrollContentsBy(int dx, int dy) override;
    void currentChanged(const QModelIndex& current, const QModelIndex& previous) override;
    void dataChanged(const QModelIndex& first, const QModelIndex& last, const QList<int>& roles) override;
    void rowsInserted(const QModelIndex& parent, int first, int last) override;

  private:
    [[nodiscard]] int row_height() const;
    [[nodiscard]] int rows_seen() const;  // whole ones
    [[nodiscard]] int row_at(int y) const;
    void paint_row(QPainter& painter, int row, int y);

    QHeaderView* header_;
    QString empty_text_;
    int wheel_rest_{0};
};

}  // namespace vutrace::gui
