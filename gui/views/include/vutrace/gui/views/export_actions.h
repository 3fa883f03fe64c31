// What takes records out of a window: into a file, or as the command line that shows them in a terminal.
#pragma once

#include <vutrace/gui/models/exporter.h>
#include <vutrace/gui/models/picked_rows.h>
#include <vutrace/gui/models/records_model.h>
#include <vutrace/gui/models/trace_document.h>

#include <QObject>
#include <QString>
#include <memory>

class QMainWindow;
class QMenu;
class QProgressDialog;

namespace vutrace::gui {

class RecordsView;

// The `vutrace decode` that prints these records; empty where there are too many stretches of them for a line.
[[nodiscard]] QString decode_command(const QString& trace, const PickedRows& rows);
// The one that prints what a filter picks; of all records where it is empty.
[[nodiscard]] QString decode_command(const QString& trace, const QString& filter);

class ExportActions final : public QObject {
    Q_OBJECT

  public:
    // Of the records in a view of the window. The view must outlive it.
    ExportActions(QMainWindow& window, RecordsView& view);
    ~ExportActions() override;

    // Both must outlive it, or the next call. Null: none.
    void set_document(TraceDocument* document, RecordsModel* records);
    void set_filter(const QString& filter) { filter_ = filter; }
    void add_exports(QMenu& menu);
    void add_copies(QMenu& menu);

    enum class Scope { selected, shown };
    void ask_and_export(Scope scope);
    void export_to(const QString& path, ExportFormat format, Scope scope);
    void copy_records_command();
    void copy_filter_command();

    [[nodiscard]] QProgressDialog* progress() const noexcept { return progress_.get(); }

  Q_SIGNALS:
    void said(const QString& text);

  private:
    [[nodiscard]] PickedRows rows(Scope scope) const;
    void show_end(const QString& path, const QString& problem, quint64 rows, quint64 context);

    QMainWindow& window_;
    RecordsView& view_;
    TraceDocument* document_{nullptr};
    RecordsModel* records_{nullptr};
    QString filter_;
    std::unique_ptr<Exporter> exporter_;
    std::unique_ptr<QProgressDialog> progress_;  // while it runs
};

}  // namespace vutrace::gui
