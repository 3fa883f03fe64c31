// What `vutrace check` finds in a trace, as a table: verdicts on stalls first, then all others in the order of the
// records.
#pragma once

#include <vutrace/check/finding.h>
#include <vutrace/gui/models/trace_document.h>

#include <QAbstractTableModel>
#include <QElapsedTimer>
#include <QTimer>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

namespace vutrace::gui {

// Notes (severity `info`) are left out: they are no fault of anybody.
class FindingsModel final : public QAbstractTableModel {
    Q_OBJECT

  public:
    enum Column { severity, rule, violator, session, record, text, column_count };
    // For who has one column only; the same in each column.
    enum Role {
        facts_role = Qt::UserRole,  // QString: all but what was seen
        severity_role,              // int of check::Severity
        seen_role,                  // QString: what was seen
        in_verdict_role,            // bool: that stands in `verdict`
    };
    // What is shown at most; there may be more.
    static constexpr std::size_t most_findings = 10000;

    // The document must outlive the model.
    explicit FindingsModel(TraceDocument& document, QObject* parent = nullptr);

    // Checks the whole trace with a thread of its own; the trace must be indexed. `checked` tells the end. Of a trace
    // that still grows only what is there is judged, not what is missing at its end.
    void check();
    // For a trace that grows: soon, but not again and again where that takes long. Told of only if there is news.
    void check_soon();
    void stop();
    // At least once, to the end.
    [[nodiscard]] bool has_checked() const noexcept { return checked_; }
    // The record that shows a finding; 0 where there is none.
    [[nodiscard]] std::uint64_t sequence_at(int row) const;
    [[nodiscard]] bool more_than_shown() const noexcept { return more_; }
    [[nodiscard]] bool has_several_sessions() const noexcept { return several_sessions_; }  // among the findings
    [[nodiscard]] const std::vector<check::Finding>& findings() const noexcept { return findings_; }
    // Who waits for what never comes, in one sentence; empty where nobody is seen to.
    [[nodiscard]] QString verdict() const;
    // "error VU017 by the front-end: …"
    [[nodiscard]] static QString summary_of(const check::Finding& finding);

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  Q_SIGNALS:
    void checked(bool whole);  // false: the trace could not be read, so nothing is known

  private:
    TraceDocument& document_;
    [[nodiscard]] QString facts(const check::Finding& finding) const;
    void take(std::optional<std::vector<check::Finding>> findings, bool more);

    std::vector<check::Finding> findings_;
    bool more_{false};
    bool several_sessions_{false};
    bool checked_{false};
    bool checking_{false};
    QElapsedTimer clock_;  // since the last check began
    qint64 duration_{0};   // of the last one, in milliseconds
    QTimer timer_;         // until a check that was asked for
    std::jthread thread_;  // last: it posts to the object
};

}  // namespace vutrace::gui
