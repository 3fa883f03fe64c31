#include "vutrace/gui/views/work_status.h"

#include <vutrace/gui/models/plural.h>

#include <QLabel>
#include <QLocale>
#include <QProgressBar>
#include <QPushButton>
#include <QStatusBar>

namespace vutrace::gui {
namespace {

constexpr int progress_steps = 1000;

void show_share(QProgressBar& bar, std::uint64_t done, std::uint64_t all) {
    bar.setRange(0, all == 0 ? 0 : progress_steps);
    bar.setValue(all == 0 ? 0 : static_cast<int>(done * progress_steps / all));
}

}  // namespace

WorkStatus::WorkStatus(QStatusBar& bar)
    : QObject(&bar),
      counts_(new QLabel(&bar)),
      progress_(new QProgressBar(&bar)),
      cancel_(new QPushButton(tr("Cancel"), &bar)) {
    progress_->setMaximumWidth(200);
    progress_->setAccessibleName(tr("Progress"));
    cancel_->setToolTip(tr("Stop what runs (Esc)"));
    bar.addPermanentWidget(counts_);
    bar.addPermanentWidget(progress_);
    bar.addPermanentWidget(cancel_);
    progress_->hide();
    cancel_->hide();
    connect(cancel_, &QPushButton::clicked, this, &WorkStatus::cancel_wanted);
}

bool WorkStatus::is_busy(const TraceDocument& document, const RecordsModel& records) {
    return !document.progress().complete || records.is_filtering() || document.is_searching();
}

// Of a trace that grows, a filter waits for more when it has seen all that there is.
bool WorkStatus::is_filtering(const TraceDocument& document, const RecordsModel& records) {
    return records.is_filtering() &&
           (!document.waits_for_more() || records.rows_looked_at() < document.progress().rows);
}

void WorkStatus::show(const TraceDocument& document, const RecordsModel& records) {
    show_progress(document, records);
    const bool busy = is_busy(document, records);
    const bool follows = document.waits_for_more() && !is_filtering(document, records) && !document.is_searching();
    progress_->setVisible(busy && !follows);  // there is nothing that it could show a share of
    cancel_->setVisible(busy);
    cancel_->setText(follows ? tr("Stop following") : tr("Cancel"));
    const QLocale locale;
    const QString all = locale.toString(qulonglong{document.progress().rows});
    const int count = plural_of(document.progress().rows);
    counts_->setText(records.filter()
                         ? tr("%1 of %2 records", nullptr, count).arg(locale.toString(records.rowCount()), all)
                         : tr("%1 records", nullptr, count).arg(all));
    if (follows) {
        counts_->setText(tr("Following; Esc ends it. %1").arg(counts_->text()));
    } else if (document.was_stopped() && !document.failed()) {
        counts_->setText(tr("Following was stopped; F5 reads on. %1").arg(counts_->text()));
    }
}

void WorkStatus::show_progress(const TraceDocument& document, const RecordsModel& records) {
    const index::Progress progress = document.progress();
    if (!progress.complete && !document.waits_for_more()) {
        show_share(*progress_, progress.bytes, progress.total_bytes);
        progress_->setFormat(tr("Reading %p%"));
    } else if (records.is_filtering() && progress.rows > 0) {
        show_share(*progress_, records.rows_looked_at(), progress.rows);
        progress_->setFormat(tr("Filtering %p%"));
    } else {
        progress_->setRange(0, 0);
    }
}

}  // namespace vutrace::gui
