// `vutrace capture`, started from the window and independent of it: it goes on when the window is closed or crashes.
#pragma once

#include <vutrace/system/file_descriptor.h>

#include <QObject>
#include <QString>
#include <QStringList>
#include <QTimer>
#include <cstdint>
#include <memory>

class QSocketNotifier;

namespace vutrace::gui {

struct CaptureOptions {
    QString front_end;  // endpoints as vutrace-capture(1) has them
    QString back_end;
    QString trace;
    QString datapath;              // off, tap, relay, shadow; empty: tap
    QString memory;                // none, rings, buffers, full; empty: buffers
    std::uint64_t snap_length{0};  // 0: all
    bool once{false};
};

[[nodiscard]] QStringList capture_arguments(const CaptureOptions& options);
// What the chosen modes cost the session and the disk, as one who chooses must know; one sentence each.
[[nodiscard]] QStringList capture_warnings(const CaptureOptions& options);

// A name in the folder that no file has: session.pcap, session-2.pcap, …
[[nodiscard]] QString free_trace_name(const QString& folder);

// Lives on the window's thread. The process outlives the object.
class CaptureRun final : public QObject {
    Q_OBJECT

  public:
    explicit CaptureRun(QObject* parent = nullptr);
    ~CaptureRun() override;

    // One at a time. What it says goes to the file TRACE.log beside the trace. False where it could not be started:
    // see problem().
    bool start(const QString& program, const CaptureOptions& options);
    // As Ctrl+C: the connections close, all that was recorded is in the file.
    void stop();
    [[nodiscard]] bool is_running() const noexcept { return notifier_ != nullptr; }
    [[nodiscard]] const CaptureOptions& options() const noexcept { return options_; }
    [[nodiscard]] qint64 process() const noexcept { return process_; }
    [[nodiscard]] const QString& problem() const noexcept { return problem_; }
    // The lines that it wrote so far, the last ones of many.
    [[nodiscard]] QStringList said() const;

  Q_SIGNALS:
    void said_more();
    void ended();

  private:
    void look_at_log();
    void end();

    CaptureOptions options_;
    QString log_;
    QString problem_;
    qint64 process_{0};
    qint64 log_size_{0};
    FileDescriptor process_file_;  // a pidfd: a number could be another process's by the time of a signal
    std::unique_ptr<QSocketNotifier> notifier_;
    QTimer timer_;
};

}  // namespace vutrace::gui
