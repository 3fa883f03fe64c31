// Columns of a list that are as wide as they need, and all in sight as long as that can be.
#pragma once

#include <QObject>

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
    void fit();

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    QTreeView& view_;
    int kept_whole_{-1};
    bool fitting_{false};
    bool moved_by_hand_{false};
};

}  // namespace vutrace::gui
