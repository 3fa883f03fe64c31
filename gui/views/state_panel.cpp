#include "vutrace/gui/views/state_panel.h"

#include "column_fitter.h"
#include "vutrace/gui/views/memory_map_view.h"
#include "vutrace/gui/views/tone_delegate.h"

#include <vutrace/explain/devices.h>
#include <vutrace/gui/models/state_tables.h>
#include <vutrace/render/phrases.h>

#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QScrollArea>
#include <QSlider>
#include <QSplitter>
#include <QTabWidget>
#include <QToolButton>
#include <QTreeView>
#include <QVBoxLayout>
#include <algorithm>
#include <climits>

namespace vutrace::gui {

StatePanel::StatePanel(QWidget* parent) : QWidget(parent), tabs_(new QTabWidget(this)) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(4, 4, 4, 4);
    layout->setSpacing(4);
    make_scrubber(*layout);
    layout->addWidget(tabs_, 1);
    tabs_->setDocumentMode(true);

    auto* feature_page = new QWidget(tabs_);
    auto* feature_layout = new QVBoxLayout(feature_page);
    feature_layout->setContentsMargins(0, 4, 0, 0);
    features_ = new QLabel(feature_page);
    features_->setWordWrap(true);
    tables_[features] = make_table(feature_titles(), tr("Features"), feature_name_column);
    feature_layout->addWidget(features_);
    feature_layout->addWidget(tables_[features].view);
    tabs_->addTab(feature_page, tr("Features"));
    make_memory_tab();
    tables_[queues] = make_table(queue_titles(), tr("Queues"));
    tabs_->addTab(tables_[queues].view, tr("Queues"));
    tables_[open] = make_table(open_titles(), tr("Chains in flight"));
    tabs_->addTab(tables_[open].view, tr("In flight"));
    tables_[descriptors] = make_table(descriptor_titles(), tr("File descriptors"));
    tabs_->addTab(tables_[descriptors].view, tr("FDs"));  // the width is not there to spell it out
    tabs_->setTabToolTip(tabs_->count() - 1, tr("File descriptors"));
    clear();
}

StatePanel::Table StatePanel::make_table(const QStringList& titles, const QString& name, int kept_whole) {
    Table table{new SnapshotTable(titles, this), new QTreeView(this)};
    table.view->setModel(table.model);
    table.view->setItemDelegate(new ToneDelegate(SnapshotTable::tone_role, table.view));
    table.view->setRootIsDecorated(false);
    table.view->setUniformRowHeights(true);
    table.view->setAlternatingRowColors(true);
    table.view->setAccessibleName(name);
    table.view->header()->setStretchLastSection(true);
    connect(table.view, &QAbstractItemView::activated, this, [this, model = table.model](const QModelIndex& index) {
        const std::uint64_t record = model->row(index.row()).record;
        if (record != 0) {
            Q_EMIT record_wanted(record);
        }
    });
    auto* fitter = new ColumnFitter(*table.view);
    fitter->keep_whole(kept_whole);
    fitter->may_leave_out_empty();
    if (kept_whole == feature_name_column) {
        fitter->may_leave_out({feature_offered_column, feature_accepted_column});  // the standing says both
    }
    connect(table.model, &QAbstractItemModel::modelReset, fitter, &ColumnFitter::fit);
    return table;
}

void StatePanel::make_scrubber(QVBoxLayout& layout) {
    headline_ = new QLabel(this);
    headline_->setTextFormat(Qt::PlainText);
    headline_->setWordWrap(true);
    headline_->setAccessibleName(tr("What is shown"));
    scrubber_ = new QSlider(Qt::Horizontal, this);
    scrubber_->setAccessibleName(tr("Record"));
    scrubber_->setToolTip(tr("Go through the records: everything here follows"));
    layout.addWidget(headline_);
    layout.addWidget(scrubber_);
    connect(scrubber_, &QSlider::valueChanged, this, [this](int value) {
        if (!setting_) {
            Q_EMIT scrubbed(static_cast<quint64>(value));
        }
    });
}

void StatePanel::make_memory_tab() {
    auto* page = new QWidget(tabs_);
    auto* layout = new QVBoxLayout(page);
    layout->setContentsMargins(0, 4, 0, 0);
    auto* line = new QHBoxLayout();
    epoch_ = new QLabel(page);
    epoch_->setWordWrap(true);  // of an IOMMU it is long, and would make the dock wide
    epoch_before_ = new QToolButton(page);
    epoch_before_->setText(tr("◀ Before"));
    epoch_before_->setToolTip(tr("To the record that made the regions of the epoch before"));
    epoch_after_ = new QToolButton(page);
    epoch_after_->setText(tr("Next ▶"));
    epoch_after_->setToolTip(tr("To the record that changes the regions next"));
    line->addWidget(epoch_, 1);
    line->addWidget(epoch_before_);
    line->addWidget(epoch_after_);
    layout->addLayout(line);
    auto* area = new QScrollArea(page);
    map_ = new MemoryMapView(area);
    area->setWidget(map_);
    area->setWidgetResizable(true);
    area->setFrameShape(QFrame::NoFrame);
    area->setAccessibleName(tr("Memory regions as bars"));
    tables_[memory] = make_table(region_titles(), tr("Memory regions"));
    auto* splitter = new QSplitter(Qt::Vertical, page);
    splitter->addWidget(area);
    splitter->addWidget(tables_[memory].view);
    splitter->setStretchFactor(0, 1);
    splitter->setStretchFactor(1, 1);
    layout->addWidget(splitter, 1);
    tabs_->addTab(page, tr("Memory"));

    connect(map_, &MemoryMapView::chosen, this, [this](int key) {
        const Table& table = tables_[memory];
        const int row = table.model->row_of_key(key);
        table.view->setCurrentIndex(table.model->index(row, 0));
    });
    connect(tables_[memory].view->selectionModel(), &QItemSelectionModel::currentChanged, this,
            [this](const QModelIndex& index) { map_->choose(tables_[memory].model->row(index.row()).key); });
    const auto go = [this](std::uint64_t EpochPlace::*where) {
        if (state_ != nullptr && history_ != nullptr) {
            const EpochPlace place = epoch_at(*history_, state_->view.session, state_->view.sequence);
            if (place.*where != 0) {
                Q_EMIT record_wanted(place.*where);
            }
        }
    };
    connect(epoch_before_, &QToolButton::clicked, this, [go] { go(&EpochPlace::before); });
    connect(epoch_after_, &QToolButton::clicked, this, [go] { go(&EpochPlace::next); });
}

void StatePanel::clear() {
    state_.reset();
    history_.reset();
    for (const Table& table : tables_) {
        table.model->set_rows({});
    }
    map_->set_state(nullptr);
    features_->clear();
    epoch_->clear();
    epoch_before_->setEnabled(false);
    epoch_after_->setEnabled(false);
    headline_->setText(tr("The state of a session after the record that is chosen is shown here."));
    set_record_count(0);
}

void StatePanel::set_record_count(std::uint64_t count) {
    setting_ = true;
    scrubber_->setRange(count == 0 ? 0 : 1, static_cast<int>(std::min<std::uint64_t>(count, INT_MAX)));
    scrubber_->setPageStep(std::max(1, scrubber_->maximum() / 20));
    scrubber_->setEnabled(count > 1);
    setting_ = false;
}

void StatePanel::set_record(std::uint64_t sequence) {
    setting_ = true;
    scrubber_->setValue(static_cast<int>(std::min<std::uint64_t>(sequence, INT_MAX)));
    setting_ = false;
}

void StatePanel::set_state(const std::shared_ptr<const StateAt>& state, std::int64_t trace_start) {
    state_ = state;
    const render::StateView& view = state->view;
    QString text = view.session == 0 ? tr("No session had begun at record %1").arg(view.sequence)
                                     : tr("Session %1 after record %2").arg(view.session).arg(view.sequence);
    text += tr("  at %1 s").arg(QString::fromStdString(render::seconds_text(explain::elapsed(trace_start, view.time))));
    const std::string_view device = explain::device_name(view.device);
    text +=
        device.empty() ? QString() : tr("  device %1").arg(QString::fromUtf8(device.data(), qsizetype(device.size())));
    // Room for the longest, so that nothing below it jumps where the session ends.
    const QString ended = text + tr("  ended");
    headline_->setText(ended);
    headline_->setMinimumHeight(headline_->heightForWidth(headline_->width()));
    headline_->setText(view.ended ? ended : text);
    features_->setText(feature_summary(view));
    const StatePointer pointer(state, &state->view);
    tables_[features].model->set_rows(feature_rows(pointer));
    tables_[memory].model->set_rows(region_rows(pointer));
    tables_[queues].model->set_rows(queue_rows(pointer));
    tables_[open].model->set_rows(open_rows(pointer));
    tabs_->setTabText(open, view.open.empty() ? tr("In flight") : tr("In flight (%1)").arg(view.open.size()));
    map_->set_state(pointer);
    show_epoch();
    show_descriptors();
}

void StatePanel::set_history(const std::shared_ptr<const session::History>& history) {
    history_ = history;
    show_epoch();
    show_descriptors();
}

void StatePanel::show_epoch() {
    if (state_ == nullptr) {
        return;
    }
    const render::StateView& view = state_->view;
    QString text = view.regions.empty() ? tr("No regions") : tr("Epoch %1").arg(view.epoch);
    if (history_ != nullptr) {
        const EpochPlace place = epoch_at(*history_, view.session, view.sequence);
        if (place.number != 0) {
            text = tr("Epoch %1 of %2, since record %3").arg(place.number).arg(place.count).arg(place.first);
        }
        epoch_before_->setEnabled(place.before != 0);
        epoch_after_->setEnabled(place.next != 0);
    }
    if (view.translated) {
        text += tr("; addresses of rings and buffers are those of an IOMMU");
    }
    epoch_->setText(text);
}

void StatePanel::show_descriptors() {
    if (state_ != nullptr && history_ != nullptr) {
        tables_[descriptors].model->set_rows(descriptor_rows(history_, state_->view.session, state_->view.sequence));
    }
}

void StatePanel::set_progress(int percent) {
    headline_->setToolTip(tr("Reading what lies before: %1 %").arg(percent));
}

void StatePanel::set_problem(const QString& problem) {
    headline_->setText(tr("!! The state could not be read: %1").arg(problem));
}

}  // namespace vutrace::gui
