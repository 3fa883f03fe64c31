// Starts a capture, watches it and ends it. The capture goes on without the window.
#pragma once

#include <vutrace/gui/processes/capture_run.h>

#include <QDialog>

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QPlainTextEdit;
class QPushButton;
class QSpinBox;

namespace vutrace::gui {

class WrappedText;

class CaptureDialog final : public QDialog {
    Q_OBJECT

  public:
    explicit CaptureDialog(QWidget* parent = nullptr);

    // Asks before a file is overwritten. A trace that a window shows is none to write to: says so.
    void start();
    [[nodiscard]] CaptureRun& run() noexcept { return run_; }
    [[nodiscard]] CaptureOptions options() const;
    [[nodiscard]] QLineEdit& front_end() const noexcept { return *front_end_; }
    [[nodiscard]] QLineEdit& back_end() const noexcept { return *back_end_; }
    [[nodiscard]] QLineEdit& trace() const noexcept { return *trace_; }
    [[nodiscard]] QComboBox& datapath() const noexcept { return *datapath_; }
    [[nodiscard]] QLabel& warnings() const noexcept { return *warnings_; }
    [[nodiscard]] QPlainTextEdit& said() const noexcept { return *said_; }
    [[nodiscard]] QPushButton& start_button() const noexcept { return *start_; }

  Q_SIGNALS:
    // The trace of the capture that runs, to be followed.
    void trace_wanted(const QString& path);

  protected:
    void showEvent(QShowEvent* event) override;

  private:
    void look_at_form();
    void suggest_name();
    [[nodiscard]] bool may_write(const QString& trace);
    void show_lines();

    QLineEdit* front_end_;
    QLineEdit* back_end_;
    QLineEdit* trace_;
    QString suggested_;  // for the trace
    QComboBox* datapath_;
    QComboBox* memory_;
    QSpinBox* snap_length_;
    QCheckBox* once_;
    QLabel* cost_;  // names what stands in `warnings_`
    QLabel* warnings_;
    WrappedText* command_;
    QPlainTextEdit* said_;
    QPushButton* start_;
    QPushButton* follow_;
    CaptureRun run_;
};

}  // namespace vutrace::gui
