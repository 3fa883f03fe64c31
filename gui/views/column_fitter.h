// Columns of a list that are as wide as they need, and all in sight as long as that can be.
#pragma once

#include <QObject>
#include <vector>

class QTreeView;

namespace vutrace::gui {

// Belongs to the view. What does not fit is taken from the widest columns, which then end with an ellipsis; titles and
// the beginnings of cells stay readable, so that a list of many columns may still be wider than its view. Whoever moves
// a border keeps it.
class ColumnFitter final : public QObject {
    Q_OBJECT

  public:
    explicit ColumnFitter(QTreeView& view);

    // The others give way before this one does, to eight characters and their titles; it may take half of the view
    // where even that is too little.
    void keep_whole(int column);
    // Columns without a text in any row are left out before others give way, unless there are many rows.
    void may_leave_out_empty() { empty_may_go_ = true; }
    // Before numbers are cut, these are left out, the first one first, and come back when there is room.
    // `left_out_changed` tells of it.
    void may_leave_out(std::vector<int> columns);
    // By choice: from then on no column comes or goes by itself.
    void show_column(int column, bool shown);
    // In the order of the columns, those that are not shown.
    [[nodiscard]] std::vector<int> left_out() const;
    void fit();

  Q_SIGNALS:
    void left_out_changed();

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    struct Width {
        int least{0};   // of the title and the beginning of a cell
        int wanted{0};  // of the widest cell
    };
    [[nodiscard]] std::vector<Width> widths() const;
    [[nodiscard]] static int sum_within(const std::vector<Width>& widths, int most);
    [[nodiscard]] static int limit_for(const std::vector<Width>& widths, int room);
    void leave_out(std::vector<Width>& widths);
    [[nodiscard]] std::vector<int> empty_columns() const;

    QTreeView& view_;
    std::vector<int> may_go_;
    bool empty_may_go_{false};
    std::vector<int> gone_;  // left out for want of room
    int kept_whole_{-1};
    bool fitting_{false};
    bool moved_by_hand_{false};
};

}  // namespace vutrace::gui
