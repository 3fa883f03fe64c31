// Replays the window's trace against a back-end: the form, the progress, and what differed.
#pragma once

#include <vutrace/gui/processes/divergences_model.h>
#include <vutrace/gui/processes/replay_run.h>

#include <QWidget>

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QProgressBar;
class QPushButton;
class QSpinBox;
class QTreeView;

namespace vutrace::gui {

class ColumnFitter;
class WrappedText;

class ReplayPane final : public QWidget {
    Q_OBJECT

  public:
    explicit ReplayPane(QWidget* parent = nullptr);

    // What is replayed; empty: nothing is open.
    void set_trace(const QString& path);
    // As the form says; a run that is not over is left alone.
    void start();
    [[nodiscard]] ReplayRun& run() noexcept { return run_; }

    [[nodiscard]] ReplayOptions options() const;
    [[nodiscard]] QLineEdit& back_end() const noexcept { return *back_end_; }
    [[nodiscard]] QComboBox& way() const noexcept { return *way_; }
    [[nodiscard]] QSpinBox& session() const noexcept { return *session_; }
    [[nodiscard]] QComboBox& timing() const noexcept { return *timing_; }
    [[nodiscard]] QTreeView& divergences() const noexcept { return *divergences_; }
    [[nodiscard]] QLabel& outcome() const noexcept { return *outcome_; }
    [[nodiscard]] QPushButton& start_button() const noexcept { return *start_; }

  Q_SIGNALS:
    void record_wanted(quint64 sequence);
    void trace_wanted(const QString& path);

  private:
    void make_form();
    void make_results();
    void look_at_form();
    void show_end();
    void say(const QString& text, bool good);

    QString trace_;
    DivergencesModel model_;
    QComboBox* way_;
    QLineEdit* back_end_;
    QComboBox* timing_;
    QSpinBox* session_;
    QSpinBox* timeout_;
    QCheckBox* stop_first_;
    QLineEdit* own_trace_;
    WrappedText* command_;
    QPushButton* start_;
    QPushButton* open_own_;
    QProgressBar* progress_;
    QLabel* outcome_;
    QTreeView* divergences_;
    ColumnFitter* fitter_;
    ReplayRun run_;  // last: it ends before what it tells
};

}  // namespace vutrace::gui
