// Rows of a trace into a file of another kind, in the background.
#pragma once

#include <vutrace/gui/models/latest_job.h>
#include <vutrace/gui/models/picked_rows.h>
#include <vutrace/gui/models/record_text.h>
#include <vutrace/gui/models/trace_document.h>

#include <QList>
#include <QObject>
#include <QString>
#include <QStringList>
#include <cstdint>
#include <memory>

namespace vutrace::gui {

enum class ExportFormat : std::uint8_t {
    trace,  // one that vutrace opens, as `edit::cut` makes it
    json,   // as `vutrace decode --json` prints them
    csv     // columns of the table: RFC 4180, UTF-8, titles first
};

struct ExportRequest {
    ExportFormat format{ExportFormat::trace};
    QString path;  // is replaced once all is written, and not touched before
    PickedRows rows;
    QList<int> columns;  // of CSV: of RecordsModel, in their order
    QStringList titles;  // of them
    TimeFormat time{TimeFormat::relative};
};

// Lives on the window's thread; its signals come there.
class Exporter final : public QObject {
    Q_OBJECT

  public:
    // The document must outlive the exporter.
    explicit Exporter(TraceDocument& document, QObject* parent = nullptr);
    ~Exporter() override;

    // One at a time: one that runs is stopped first.
    void begin(ExportRequest request);
    // Nothing is left behind. `finished` is not told.
    void stop();
    [[nodiscard]] bool is_running() const noexcept { return running_; }

  Q_SIGNALS:
    void progressed(double share);  // from 0 to 1
    // `problem` says what went wrong and what to do; empty: `rows` are in the file, and beside them `context` others
    // of a trace, which say what those mean.
    void finished(const QString& problem, quint64 rows, quint64 context);

  private:
    void tell(std::uint64_t generation, double share);
    void end(std::uint64_t generation, const QString& problem, quint64 rows, quint64 context);

    TraceDocument& document_;
    bool running_{false};
    std::uint64_t generation_{0};
    std::unique_ptr<LatestJob> job_;  // last: it posts to the object
};

}  // namespace vutrace::gui
