// Records that a person marked: a list with comments, and what goes from one to the next.
#pragma once

#include <vutrace/gui/models/bookmarks_model.h>
#include <vutrace/gui/models/records_model.h>
#include <vutrace/gui/models/trace_document.h>

#include <QObject>
#include <QString>
#include <cstdint>
#include <memory>

class QDockWidget;
class QLabel;
class QMainWindow;
class QMenu;
class QMenuBar;
class QPushButton;
class QTableView;

namespace vutrace::gui {

class TimelineView;

// What a main window has of them: the record that is current goes in, a record that is wanted comes out.
class BookmarksDock final : public QObject {
    Q_OBJECT

  public:
    // At the bottom of the window, which owns the dock; hidden until there is something in it.
    explicit BookmarksDock(QMainWindow& window);
    ~BookmarksDock() override;

    // All must outlive it, or the next call. Null: none.
    void set_document(TraceDocument* document, RecordsModel* records, TimelineView* timeline);
    void set_record(std::uint64_t sequence) { current_ = sequence; }
    void add_menu(QMenuBar& bar, QMenu& views);

    // Marks the current record, or takes its mark away.
    void toggle();
    // Marks the current record and lets its comment be typed.
    void comment();
    void next();
    void previous();

    [[nodiscard]] BookmarksModel* model() const noexcept { return model_.get(); }
    [[nodiscard]] QTableView& table() const noexcept { return *table_; }
    [[nodiscard]] QDockWidget& dock() const noexcept { return *dock_; }
    [[nodiscard]] QLabel& problem() const noexcept { return *problem_; }
    [[nodiscard]] QPushButton& try_again() const noexcept { return *try_again_; }
    [[nodiscard]] QPushButton& set_aside() const noexcept { return *set_aside_; }

  Q_SIGNALS:
    void record_wanted(quint64 sequence);
    void said(const QString& text);
    void appeared();  // the dock: it wants room

  private:
    QWidget* make_content(QMainWindow& window);
    bool add();
    void go(std::uint64_t sequence, const QString& nothing);
    void remove_chosen();
    void show_changes();
    void show_problem();

    TraceDocument* document_{nullptr};
    RecordsModel* records_{nullptr};
    TimelineView* timeline_{nullptr};
    std::unique_ptr<BookmarksModel> model_;
    std::uint64_t current_{0};
    int count_{0};  // as shown

    QTableView* table_{nullptr};
    QLabel* problem_{nullptr};
    QPushButton* try_again_{nullptr};
    QPushButton* set_aside_{nullptr};
    QDockWidget* dock_;
};

}  // namespace vutrace::gui
