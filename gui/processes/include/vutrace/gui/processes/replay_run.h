// `vutrace replay` as a child process: its progress, and its report.
#pragma once

#include <QObject>
#include <QProcess>
#include <QString>
#include <QStringList>
#include <QTemporaryDir>
#include <cstdint>
#include <optional>
#include <vector>

namespace vutrace::gui {

struct ReplayOptions {
    QString trace;
    bool spawn{false};
    QString back_end;          // an endpoint as vutrace-replay(1) has it; with `spawn` the command that starts one
    QString timing;            // recorded, max, or a factor such as 0.5x; empty: recorded
    std::uint32_t session{0};  // 0: the first
    int timeout_seconds{10};
    bool stop_on_divergence{false};
    QString own_trace;  // where the replay is recorded; empty: nowhere
};

// `report`: the file that the report goes to.
[[nodiscard]] QStringList replay_arguments(const ReplayOptions& options, const QString& report);

struct Divergence {
    std::uint64_t sequence{0};  // the record that it is about, 0 for none
    QString kind;
    QString expected;
    QString actual;
};

struct ReplayReport {
    std::uint64_t messages_sent{0};
    std::uint64_t replies_compared{0};
    std::uint64_t replies_diverged{0};
    std::uint64_t chains_submitted{0};
    std::uint64_t chains_completed{0};
    std::uint64_t chains_diverged{0};
    std::vector<Divergence> divergences;
    QString back_end;  // how it ended: alive, exited, …
};

// Empty where it is no report.
[[nodiscard]] std::optional<ReplayReport> parse_replay_report(const QByteArray& json);

// Lives on the window's thread. A replay that runs ends with the object.
class ReplayRun final : public QObject {
    Q_OBJECT

  public:
    explicit ReplayRun(QObject* parent = nullptr);
    ~ReplayRun() override;

    // One at a time. `program`: find_vutrace().
    void start(const QString& program, const ReplayOptions& options);
    // Asks it to end; what it recorded so far is kept.
    void stop();
    [[nodiscard]] bool is_running() const { return process_.state() != QProcess::NotRunning; }
    [[nodiscard]] const ReplayOptions& options() const noexcept { return options_; }

    // Of the last one that ended. Without a report there is a problem.
    [[nodiscard]] const std::optional<ReplayReport>& report() const noexcept { return report_; }
    [[nodiscard]] const QString& problem() const noexcept { return problem_; }

  Q_SIGNALS:
    void progressed(const QString& what, int percent);
    void ended();

  private:
    void read_lines();
    void end();

    ReplayOptions options_;
    QProcess process_;
    QTemporaryDir folder_;
    QByteArray unread_;
    QStringList said_;  // lines that are no progress
    std::optional<ReplayReport> report_;
    QString problem_;
    bool stopped_{false};
};

}  // namespace vutrace::gui
