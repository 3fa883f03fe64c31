// One window on one trace.
#pragma once

#include "vutrace/gui/views/theme.h"

#include <vutrace/gui/models/quick_filter.h>
#include <vutrace/gui/models/record_reading.h>
#include <vutrace/gui/models/record_search.h>
#include <vutrace/gui/models/records_model.h>
#include <vutrace/gui/models/trace_document.h>
#include <vutrace/gui/models/visited_records.h>

#include <QMainWindow>
#include <cstdint>
#include <memory>

class QLabel;
class QLineEdit;
class QMenu;
class QSplitter;
class QStackedWidget;
class QTreeView;

namespace vutrace::gui {

class BookmarksDock;
class CaptureAndReplay;
class DetailsPane;
class ExportActions;
class FilterBar;
class FindBar;
class FindingsDock;
class Guidance;
class HexView;
class RecordColumns;
class RecordsView;
class StateDocks;
class TimeDocks;
class WorkStatus;

class MainWindow final : public QMainWindow {
    Q_OBJECT

  public:
    explicit MainWindow(const QString& version, QWidget* parent = nullptr);
    ~MainWindow() override;

    // In this window if it is empty, otherwise in another one, which deletes itself. Never null. `grows`: somebody
    // writes it, and what is written is shown until `cancel`.
    MainWindow* open(const QString& path, bool grows = false);
    // What a window without a trace shows. One with a trace goes back to it.
    void show_start_page();
    // On its sample, where that is open already or this window is empty in this one. Says so where it is not installed.
    void begin_tour();

    [[nodiscard]] BookmarksDock& bookmarks() const noexcept { return *bookmarks_; }
    [[nodiscard]] Guidance& guidance() const noexcept { return *guidance_; }
    [[nodiscard]] ExportActions& exports() const noexcept { return *exports_; }
    [[nodiscard]] CaptureAndReplay& capture_and_replay() const noexcept { return *capture_and_replay_; }
    [[nodiscard]] RecordsView& records() const noexcept { return *records_; }
    [[nodiscard]] FilterBar& filter_bar() const noexcept { return *filter_bar_; }
    [[nodiscard]] QTreeView& details() const noexcept;
    [[nodiscard]] HexView& bytes() const noexcept;
    [[nodiscard]] DetailsPane& details_pane() const noexcept { return *details_; }
    [[nodiscard]] StateDocks& state_docks() const noexcept { return *state_docks_; }
    [[nodiscard]] FindingsDock& findings_dock() const noexcept { return *findings_; }
    [[nodiscard]] QTreeView& findings() const noexcept;
    [[nodiscard]] RecordsModel* model() const noexcept { return model_.get(); }
    [[nodiscard]] TraceDocument* document() const noexcept { return document_.get(); }
    [[nodiscard]] std::uint64_t current_sequence() const noexcept { return current_; }
    [[nodiscard]] TimeDocks& time_docks() const noexcept { return *time_docks_; }
    [[nodiscard]] QLabel& verdict() const noexcept;
    [[nodiscard]] QLabel& notice() const noexcept { return *notice_; }
    [[nodiscard]] QLineEdit& find_line() const noexcept;

    // The records that are selected, into the clipboard.
    void copy(RecordText form);
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
    // main_window.cpp
    void make_panes();
    void make_findings();
    void make_state_docks();
    void make_time_docks();
    void make_capture_and_replay();
    void make_bookmarks();
    void make_exports();
    void make_status();
    void take_findings(bool whole);
    void say(const QString& text);

    // window_trace.cpp
    void follow();
    void read_again();
    void read_from_beginning(bool grows);
    [[nodiscard]] bool go_on(TraceDocument::AtEnd at_end);
    void show_trace(const QString& path, bool grows);
    void show_progress();
    void keep_at_end();
    void show_end();
    void show_current(int row);
    void cancel();

    // window_actions.cpp
    void make_actions();
    void make_file_menu();
    void make_edit_menu();
    void make_go_menu();
    void make_view_menu();
    void make_help_menu();
    QAction* add(QMenu& menu, const QString& text, const QKeySequence& keys, void (MainWindow::*act)());
    void choose_file();
    void new_window();
    void fill_recent_files();
    void show_shortcuts();
    void show_about();
    void copy_text() { copy(RecordText::text); }
    void copy_json() { copy(RecordText::json); }
    void find_next() { find(index::Direction::forward); }
    void find_previous() { find(index::Direction::backward); }
    void begin_find();
    void begin_filter();
    void check_trace();
    void clear_filter();
    void next_time_format();
    void header_menu(const QPoint& place);
    void row_menu(const QPoint& place);
    void add_row_actions(QMenu& menu, const render::Row& row);
    void open_menu_by_key();

    // window_navigation.cpp
    void scrub_to(std::uint64_t sequence);
    void select(std::uint64_t sequence);
    void go_to_number();
    void go_back();
    void go_forward();
    void end_search(std::uint64_t row, bool went_around, const QString& problem);
    void stop_search();

    // window_guidance.cpp
    void make_guidance();

    // window_settings.cpp
    [[nodiscard]] int time_width() const;
    void restore_settings();
    void save_settings();
    void choose_theme(Theme theme);
    void remember_file(const QString& path);
    void remember_filter(const QString& text);

    const QString version_;
    std::unique_ptr<TraceDocument> document_;
    std::unique_ptr<RecordsModel> model_;
    std::unique_ptr<ReaderThread> reader_;  // of details and copies

    FilterBar* filter_bar_;
    FindBar* find_bar_;
    QLabel* notice_;
    RecordsView* records_;
    RecordColumns* columns_;
    DetailsPane* details_;
    QSplitter* upper_and_lower_;
    QStackedWidget* pages_;  // those of a trace, the start page
    StateDocks* state_docks_;
    FindingsDock* findings_;
    TimeDocks* time_docks_;
    CaptureAndReplay* capture_and_replay_;
    BookmarksDock* bookmarks_;
    ExportActions* exports_;
    Guidance* guidance_;
    WorkStatus* work_;
    QMenu* recent_{nullptr};

    std::uint64_t current_{0};
    std::uint64_t wanted_{0};  // selected once it is there
    std::uint64_t generation_{0};
    std::uint64_t last_checked_{0};  // rows, of a trace that grows, when a check was asked for last
    int last_row_{0};                // when it was looked at last
    VisitedRecords visited_;
    RecordSearch search_;  // the last one
};

}  // namespace vutrace::gui
