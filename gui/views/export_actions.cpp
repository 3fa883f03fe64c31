#include "vutrace/gui/views/export_actions.h"

#include "vutrace/gui/views/records_view.h"

#include <vutrace/gui/models/plural.h>
#include <vutrace/gui/processes/vutrace_program.h>

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QFileDialog>
#include <QFileInfo>
#include <QHeaderView>
#include <QMainWindow>
#include <QMenu>
#include <QMessageBox>
#include <QProgressDialog>
#include <array>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr int progress_steps = 1000;
constexpr qsizetype most_stretches_in_command = 100;

}  // namespace

QString decode_command(const QString& trace, const PickedRows& rows) {
    QStringList stretches;
    rows.for_each([&](std::uint64_t first, std::uint64_t last) {
        stretches += first == last ? QString::number(first) : QStringLiteral("%1..%2").arg(first).arg(last);
        return stretches.size() <= most_stretches_in_command;
    });
    if (stretches.isEmpty() || stretches.size() > most_stretches_in_command) {
        return {};
    }
    const bool one = stretches.size() == 1 && rows.count() == 1;
    return decode_command(trace, one ? QStringLiteral("seq == %1").arg(stretches.front())
                                     : QStringLiteral("seq in {%1}").arg(stretches.join(QLatin1String(", "))));
}

// An absolute path: nobody knows where the terminal stands, and it cannot be taken for an option.
QString decode_command(const QString& trace, const QString& filter) {
    QStringList arguments{QStringLiteral("decode")};
    if (!filter.trimmed().isEmpty()) {
        arguments += {QStringLiteral("--filter"), filter.trimmed()};
    }
    return command_line(QStringLiteral("vutrace"), arguments << QFileInfo(trace).absoluteFilePath());
}

ExportActions::ExportActions(QMainWindow& window, RecordsView& view) : QObject(&window), window_(window), view_(view) {}

ExportActions::~ExportActions() = default;

void ExportActions::set_document(TraceDocument* document, RecordsModel* records) {
    progress_.reset();
    exporter_.reset();
    document_ = document;
    records_ = records;
    filter_.clear();
}

void ExportActions::add_exports(QMenu& menu) {
    connect(menu.addAction(tr("&Export the selected records …"), QKeySequence(tr("Ctrl+Shift+E"))), &QAction::triggered,
            this, [this] { ask_and_export(Scope::selected); });
    connect(menu.addAction(tr("Export &all that is shown …"), QKeySequence(tr("Ctrl+Alt+E"))), &QAction::triggered,
            this, [this] { ask_and_export(Scope::shown); });
}

void ExportActions::add_copies(QMenu& menu) {
    connect(menu.addAction(tr("Copy as command &line"), QKeySequence(tr("Ctrl+Alt+C"))), &QAction::triggered, this,
            &ExportActions::copy_records_command);
    connect(menu.addAction(tr("Copy the filter as command l&ine"), QKeySequence(tr("Ctrl+Alt+L"))), &QAction::triggered,
            this, &ExportActions::copy_filter_command);
}

PickedRows ExportActions::rows(Scope scope) const {
    PickedRows rows;
    if (records_ == nullptr || records_->rowCount() == 0) {
        return rows;
    }
    rows.filtered = records_->picked();
    if (scope == Scope::shown) {
        rows.places = {{0, static_cast<std::uint64_t>(records_->rowCount()) - 1}};
        return rows;
    }
    for (const QItemSelectionRange& range : view_.selectionModel()->selection()) {
        rows.places.emplace_back(range.top(), range.bottom());
    }
    rows.normalise();
    return rows;
}

void ExportActions::ask_and_export(Scope scope) {
    if (rows(scope).places.empty()) {
        Q_EMIT said(tr("There is no record to export: open a trace, or select some"));
        return;
    }
    const std::array kinds{std::pair(tr("Trace (*.pcap)"), QStringLiteral(".pcap")),
                           std::pair(tr("JSON, a line each (*.json)"), QStringLiteral(".json")),
                           std::pair(tr("Table (*.csv)"), QStringLiteral(".csv"))};
    QString chosen;
    QString path = QFileDialog::getSaveFileName(
        &window_, scope == Scope::selected ? tr("Export the selected records") : tr("Export all that is shown"), {},
        QStringList{kinds[0].first, kinds[1].first, kinds[2].first}.join(QLatin1String(";;")), &chosen);
    if (path.isEmpty()) {
        return;
    }
    // What is typed says it as well.
    std::size_t kind = 0;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        kind = kinds[i].first == chosen ? i : kind;
    }
    bool typed = false;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        if (path.endsWith(kinds[i].second, Qt::CaseInsensitive)) {
            kind = i;
            typed = true;
        }
    }
    path += typed ? QString() : kinds[kind].second;
    if (!typed && QFileInfo::exists(path) &&
        QMessageBox::question(&window_, tr("Export"), tr("%1 exists: replace it?").arg(path)) != QMessageBox::Yes) {
        return;
    }
    export_to(path, static_cast<ExportFormat>(kind), scope);
}

void ExportActions::export_to(const QString& path, ExportFormat format, Scope scope) {
    ExportRequest request{format, path, rows(scope), {}, {}, {}};
    if (request.rows.places.empty()) {
        return;
    }
    request.time = records_->time_format();
    for (int place = 0; place < view_.header()->count(); ++place) {
        const int column = view_.header()->logicalIndex(place);
        if (!view_.header()->isSectionHidden(column)) {
            request.columns += column;
            request.titles += records_->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
        }
    }
    exporter_ = std::make_unique<Exporter>(*document_);
    progress_ = std::make_unique<QProgressDialog>(tr("Writing %1").arg(QFileInfo(path).fileName()), tr("Cancel"), 0,
                                                  progress_steps, &window_);
    progress_->setWindowTitle(tr("Export"));
    progress_->setAutoReset(false);
    connect(exporter_.get(), &Exporter::progressed, progress_.get(),
            [this](double share) { progress_->setValue(static_cast<int>(share * progress_steps)); });
    connect(progress_.get(), &QProgressDialog::canceled, this, [this] {
        exporter_->stop();
        progress_->hide();
        Q_EMIT said(tr("Exporting was stopped: nothing was written"));
    });
    connect(exporter_.get(), &Exporter::finished, this,
            [this, path](const QString& problem, quint64 rows, quint64 context) {
                show_end(path, problem, rows, context);
            });
    exporter_->begin(std::move(request));
}

void ExportActions::show_end(const QString& path, const QString& problem, quint64 rows, quint64 context) {
    if (progress_ != nullptr) {
        progress_.release()->deleteLater();  // it may be what told
    }
    if (problem.isEmpty()) {
        const QString written = tr("%n records written to %1", nullptr, plural_of(rows)).arg(path);
        Q_EMIT said(context == 0
                        ? written
                        : tr("%1, with %n others that say what they mean", nullptr, plural_of(context)).arg(written));
        return;
    }
    Q_EMIT said(problem);
    auto* box = new QMessageBox(QMessageBox::Warning, tr("Export"), problem, QMessageBox::Close, &window_);
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setTextFormat(Qt::PlainText);
    box->open();
}

void ExportActions::copy_records_command() {
    if (document_ == nullptr) {
        return;
    }
    const QString command = decode_command(document_->path(), rows(Scope::selected));
    if (command.isEmpty()) {
        Q_EMIT said(tr("Select records that lie together: a command line names a hundred stretches of them at most"));
        return;
    }
    QApplication::clipboard()->setText(command);
    Q_EMIT said(tr("Copied: %1").arg(command));
}

void ExportActions::copy_filter_command() {
    if (document_ != nullptr) {
        const QString command = decode_command(document_->path(), filter_);
        QApplication::clipboard()->setText(command);
        Q_EMIT said(tr("Copied: %1").arg(command));
    }
}

}  // namespace vutrace::gui
