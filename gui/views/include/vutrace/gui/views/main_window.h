// One window on one trace.
#pragma once

#include "vutrace/gui/views/theme.h"

#include <vutrace/gui/models/findings_model.h>
#include <vutrace/gui/models/quick_filter.h>
#include <vutrace/gui/models/records_model.h>
#include <vutrace/gui/models/trace_document.h>
#include <vutrace/gui/models/visited_records.h>
#include <vutrace/render/details.h>

#include <QMainWindow>
#include <QStringList>
#include <memory>
#include <vector>

class QDockWidget;
class QLabel;
class QLineEdit;
class QMenu;
class QProgressBar;
class QPushButton;
class QSplitter;
class QTreeView;

namespace vutrace::gui {

class BookmarksDock;
class CaptureAndReplay;
class FilterBar;
class DetailsPane;
class HexView;
class RecordsView;
class StateDocks;
class TimeDocks;
struct RecordSearch;

class MainWindow final : public QMainWindow {
    Q_OBJECT

  public:
    explicit MainWindow(const QString& version, QWidget* parent = nullptr);
    ~MainWindow() override;

    // In this window if it is empty, otherwise in another one. `grows`: somebody writes it, and what is written is
    // shown until `cancel`.
    void open(const QString& path, bool grows = false);

    [[nodiscard]] BookmarksDock& bookmarks() const noexcept { return *bookmarks_; }
    [[nodiscard]] CaptureAndReplay& capture_and_replay() const noexcept { return *capture_and_replay_; }
    [[nodiscard]] RecordsView& records() const noexcept { return *records_; }
    [[nodiscard]] FilterBar& filter_bar() const noexcept { return *filter_bar_; }
    [[nodiscard]] QTreeView& details() const noexcept;
    [[nodiscard]] HexView& bytes() const noexcept;
    [[nodiscard]] StateDocks& state_docks() const noexcept { return *state_docks_; }
    [[nodiscard]] QTreeView& findings() const noexcept { return *findings_; }
    [[nodiscard]] RecordsModel* model() const noexcept { return model_.get(); }
    [[nodiscard]] TraceDocument* document() const noexcept { return document_.get(); }
    [[nodiscard]] std::uint64_t current_sequence() const noexcept { return current_; }
    [[nodiscard]] TimeDocks& time_docks() const noexcept { return *time_docks_; }
    [[nodiscard]] QLabel& verdict() const noexcept { return *verdict_; }
    [[nodiscard]] QLabel& notice() const noexcept { return *notice_; }
    [[nodiscard]] QLineEdit& find_line() const noexcept { return *find_line_; }

    enum class Copied { text, json };
    // The records that are selected, into the clipboard.
    void copy(Copied form);
    // Shows a record, also where the filter hides it: then the filter goes.
    void go_to_sequence(std::uint64_t sequence);
    void go_to_partner();
    void find(index::Direction direction);
    // Goes to the nearest record of that kind, and says so where there is none.
    void search(const RecordSearch& search);
    void quick_filter(Joined how);
    void apply_filter(const QString& text);

  Q_SIGNALS:
    void record_selected(quint64 sequence);  // that of `current_sequence`

  protected:
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;
    void closeEvent(QCloseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

  private:
    // window_actions.cpp
    void make_actions();
    void make_file_menu();
    void make_edit_menu();
    void make_go_menu();
    void make_view_menu();
    void make_help_menu();
    QAction* add(QMenu& menu, const QString& text, const QKeySequence& keys, void (MainWindow::*act)());
    void choose_file();
    void follow();
    void new_window();
    void fill_recent_files();
    void go_to_number();
    void go_back();
    void go_forward();
    void show_shortcuts();
    void show_about();
    void copy_text() { copy(Copied::text); }
    void copy_json() { copy(Copied::json); }
    void find_next() { find(index::Direction::forward); }
    void find_previous() { find(index::Direction::backward); }
    void begin_find();
    void begin_filter();
    void check_trace();
    void clear_filter();
    void next_time_format();
    void header_menu(const QPoint& place);
    void row_menu(const QPoint& place);

    // main_window.cpp
    void make_panes();
    void make_find_bar();
    void make_findings();
    void make_state_docks();
    void scrub_to(std::uint64_t sequence);
    void show_findings(bool whole);
    void make_time_docks();
    void make_capture_and_replay();
    void make_bookmarks();
    void make_status();
    void restore_settings();
    void save_settings();
    void choose_theme(Theme theme);
    void remember_file(const QString& path);
    void show_trace(const QString& path, bool grows);
    void show_progress();
    void keep_at_end();
    void show_end();
    void show_current(int row);
    void show_details(std::uint64_t generation, std::vector<render::Detail>&& details, render::RawBytes&& bytes);
    void end_search(std::uint64_t row, const QString& problem);
    void select(std::uint64_t sequence);
    void cancel();
    void say(const QString& text);

    const QString version_;
    std::unique_ptr<TraceDocument> document_;
    std::unique_ptr<RecordsModel> model_;
    std::unique_ptr<ReaderThread> reader_;  // of details and copies
    std::unique_ptr<FindingsModel> findings_model_;

    FilterBar* filter_bar_;
    RecordsView* records_;
    DetailsPane* details_;
    QSplitter* upper_and_lower_;
    StateDocks* state_docks_;
    QDockWidget* findings_dock_;
    QTreeView* findings_;
    QLabel* verdict_;
    TimeDocks* time_docks_;
    CaptureAndReplay* capture_and_replay_;
    BookmarksDock* bookmarks_;
    QWidget* find_bar_;
    QLineEdit* find_line_;
    QLabel* notice_;
    QLabel* counts_;
    QProgressBar* progress_;
    QPushButton* cancel_;
    QMenu* recent_{nullptr};

    std::uint64_t current_{0};
    std::uint64_t wanted_{0};  // selected once it is there
    std::uint64_t generation_{0};
    int last_row_{0};  // when it was looked at last
    VisitedRecords visited_;
    QString search_was_for_;
};

}  // namespace vutrace::gui
