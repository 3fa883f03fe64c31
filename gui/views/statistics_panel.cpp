#include "vutrace/gui/views/statistics_panel.h"

#include "column_fitter.h"
#include "elided_label.h"
#include "save_picture.h"
#include "vutrace/gui/views/distribution_plot.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QPushButton>
#include <QSplitter>
#include <QToolButton>
#include <QTreeView>
#include <QVBoxLayout>
#include <array>
#include <cmath>
#include <utility>

namespace vutrace::gui {
namespace {

using statistics::ChainStatistics;
using statistics::Histogram;
using statistics::QueueStatistics;

// What can be plotted. What is known of a queue only is that of the queue for each of its kinds of request.
struct Quantity {
    const char* title;
    const char* what;
    DistributionPlot::Unit unit;
    const Histogram& (*of)(const QueueStatistics& queue, const ChainStatistics& chains);
    bool of_queue;
};
constexpr std::array<Quantity, 6> quantities{{
    {QT_TRANSLATE_NOOP("vutrace::gui::StatisticsPanel", "Latency"),
     QT_TRANSLATE_NOOP("vutrace::gui::StatisticsPanel", "time from available to used"),
     DistributionPlot::Unit::nanoseconds,
     [](const QueueStatistics&, const ChainStatistics& chains) -> const Histogram& { return chains.latency; }, false},
    {QT_TRANSLATE_NOOP("vutrace::gui::StatisticsPanel", "In flight"),
     QT_TRANSLATE_NOOP("vutrace::gui::StatisticsPanel", "chains in flight when one was made available"),
     DistributionPlot::Unit::count,
     [](const QueueStatistics& queue, const ChainStatistics&) -> const Histogram& { return queue.depth; }, true},
    {QT_TRANSLATE_NOOP("vutrace::gui::StatisticsPanel", "Call delay"),
     QT_TRANSLATE_NOOP("vutrace::gui::StatisticsPanel", "time from used to the call"),
     DistributionPlot::Unit::nanoseconds,
     [](const QueueStatistics& queue, const ChainStatistics&) -> const Histogram& { return queue.call_delay; }, true},
    {QT_TRANSLATE_NOOP("vutrace::gui::StatisticsPanel", "Buffers"),
     QT_TRANSLATE_NOOP("vutrace::gui::StatisticsPanel", "buffers of a chain"), DistributionPlot::Unit::count,
     [](const QueueStatistics& queue, const ChainStatistics&) -> const Histogram& { return queue.descriptors; }, true},
    {QT_TRANSLATE_NOOP("vutrace::gui::StatisticsPanel", "Chains for a kick"),
     QT_TRANSLATE_NOOP("vutrace::gui::StatisticsPanel", "chains made available between two kicks"),
     DistributionPlot::Unit::count,
     [](const QueueStatistics& queue, const ChainStatistics&) -> const Histogram& { return queue.kicks.chains; }, true},
    {QT_TRANSLATE_NOOP("vutrace::gui::StatisticsPanel", "Chains for a call"),
     QT_TRANSLATE_NOOP("vutrace::gui::StatisticsPanel", "chains used between two calls"), DistributionPlot::Unit::count,
     [](const QueueStatistics& queue, const ChainStatistics&) -> const Histogram& { return queue.calls.chains; }, true},
}};

}  // namespace

StatisticsPanel::StatisticsPanel(QWidget* parent)
    : QWidget(parent),
      table_(new QTreeView(this)),
      fitter_(new ColumnFitter(*table_)),
      plot_(new DistributionPlot(this)),
      quantity_(new QComboBox(this)),
      shape_(new QComboBox(this)),
      only_filtered_(new QCheckBox(tr("Only what the filter picks"), this)),
      state_(new ElidedLabel(this)),
      columns_(new QToolButton(this)),
      count_(new QPushButton(tr("Count"), this)),
      to_filter_(new QPushButton(tr("Filter to what is marked"), this)),
      save_(new QPushButton(tr("Save plot …"), this)) {
    using Model = StatisticsModel;
    fitter_->keep_whole(Model::name);
    fitter_->may_leave_out({Model::least, Model::p999, Model::p90, Model::mean, Model::from_device, Model::to_device});
    table_->setIndentation(14);
    table_->setAccessibleName(tr("Statistics of the queues"));
    table_->setSelectionMode(QAbstractItemView::ExtendedSelection);
    table_->setUniformRowHeights(true);
    table_->setAlternatingRowColors(true);
    table_->setContextMenuPolicy(Qt::CustomContextMenu);
    auto* panes = new QSplitter(Qt::Horizontal, this);
    panes->addWidget(table_);
    panes->addWidget(plot_);
    panes->setSizes({690, 510});
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(4, 2, 4, 4);
    layout->setSpacing(2);
    make_columns_button();
    make_bar();
    layout->addWidget(panes, 1);
    connect(table_, &QWidget::customContextMenuRequested, this, &StatisticsPanel::table_menu);
    connect(plot_, &DistributionPlot::marked_changed, this,
            [this] { to_filter_->setEnabled(!marked_expression().isEmpty()); });
}

StatisticsPanel::~StatisticsPanel() {
    table_->setModel(nullptr);
}

void StatisticsPanel::make_columns_button() {
    auto* menu = new QMenu(columns_);
    columns_->setMenu(menu);
    columns_->setPopupMode(QToolButton::InstantPopup);
    columns_->setFocusPolicy(Qt::TabFocus);
    connect(menu, &QMenu::aboutToShow, this, [this, menu] {
        menu->clear();
        for (int column = 1; model_ != nullptr && column < StatisticsModel::column_count; ++column) {
            QAction* action =
                menu->addAction(model_->headerData(column, Qt::Horizontal, Qt::AccessibleTextRole).toString());
            action->setCheckable(true);
            action->setChecked(!table_->isColumnHidden(column));
            connect(action, &QAction::toggled, this,
                    [this, column](bool shown) { fitter_->show_column(column, shown); });
        }
    });
    connect(fitter_, &ColumnFitter::left_out_changed, this, &StatisticsPanel::show_columns);
    show_columns();
}

void StatisticsPanel::show_columns() {
    QStringList titles;
    for (const int column : fitter_->left_out()) {
        titles +=
            model_ == nullptr ? QString() : model_->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
    }
    const int count = static_cast<int>(titles.size());
    columns_->setText(count == 0 ? tr("Columns") : tr("+%1").arg(count));
    const QString told =
        count == 0 ? tr("Choose the columns")
                   : tr("%n columns are not shown: %1", nullptr, count).arg(titles.join(QStringLiteral(", ")));
    columns_->setToolTip(told);
    columns_->setAccessibleName(told);
}

void StatisticsPanel::make_bar() {
    auto* bar = new QHBoxLayout();
    for (const Quantity& quantity : quantities) {
        quantity_->addItem(tr(quantity.title));
    }
    quantity_->setAccessibleName(tr("What is plotted"));
    shape_->addItems({tr("Histogram"), tr("Histogram, logarithmic"), tr("Cumulative")});
    shape_->setAccessibleName(tr("How it is plotted"));
    for (QWidget* one : std::initializer_list<QWidget*>{count_, only_filtered_, columns_}) {
        bar->addWidget(one);
    }
    bar->addWidget(state_, 1);
    for (QWidget* one : std::initializer_list<QWidget*>{quantity_, shape_, to_filter_, save_}) {
        bar->addWidget(one);
    }
    to_filter_->setEnabled(false);
    static_cast<QVBoxLayout*>(layout())->addLayout(bar);
    connect(count_, &QPushButton::clicked, this, [this] {
        if (model_ != nullptr && model_->is_counting()) {
            model_->stop();
            show_counted(true);
        } else {
            count();
        }
    });
    connect(only_filtered_, &QCheckBox::toggled, this, &StatisticsPanel::count);
    connect(quantity_, &QComboBox::currentIndexChanged, this, &StatisticsPanel::show_plot);
    connect(shape_, &QComboBox::currentIndexChanged, this, [this](int shape) {
        plot_->set_distribution(shape == 2 ? Distribution::cumulative : Distribution::share);
        plot_->set_logarithmic(shape == 1);
    });
    connect(to_filter_, &QPushButton::clicked, this,
            [this] { Q_EMIT filter_wanted(marked_expression(), Joined::replace); });
    connect(save_, &QPushButton::clicked, this, &StatisticsPanel::save_picture);
}

void StatisticsPanel::set_document(TraceDocument* document) {
    table_->setModel(nullptr);
    plot_->set_series({}, DistributionPlot::Unit::nanoseconds, {});
    model_.reset();
    state_->clear();
    document_ = document;
    if (document == nullptr) {
        return;
    }
    model_ = std::make_unique<StatisticsModel>(*document);
    table_->setModel(model_.get());
    connect(table_->selectionModel(), &QItemSelectionModel::selectionChanged, this, &StatisticsPanel::show_plot);
    connect(model_.get(), &StatisticsModel::counted, this, &StatisticsPanel::show_counted);
    connect(model_.get(), &StatisticsModel::progressed, this,
            [this](int thousandths) { state_->setText(tr("Counting: %1 %").arg(thousandths / 10)); });
    connect(document, &TraceDocument::finished, this, &StatisticsPanel::need);
}

void StatisticsPanel::set_filter(const std::optional<filter::Filter>& filter, const QString& text) {
    filter_ = filter;
    filter_text_ = text;
    if (only_filtered_->isChecked()) {
        count();
    }
}

void StatisticsPanel::need() {
    if (!isVisible() || model_ == nullptr || model_->is_counting()) {
        return;
    }
    if (!model_->has_counted() || rows_counted_ != document_->progress().rows) {  // it may have gone on since
        count();
    }
}

void StatisticsPanel::count() {
    if (model_ == nullptr || !document_->progress().complete || document_->failed()) {
        state_->setText(tr("The queues are counted once all of the trace is read"));
        return;
    }
    rows_counted_ = document_->progress().rows;
    state_->setText(tr("Counting …"));
    count_->setText(tr("Stop"));
    model_->count(only_filtered_->isChecked() ? filter_ : std::nullopt);
}

void StatisticsPanel::show_counted(bool whole) {
    count_->setText(tr("Count"));
    const bool filtered = only_filtered_->isChecked() && filter_;
    state_->setText(!whole                    ? tr("The trace could not be read again")
                    : !model_->has_counted()  ? tr("Counting was stopped: Count begins again")
                    : model_->rowCount() == 0 ? tr("Nothing happened on any queue")
                    : filtered                ? tr("Of: %1").arg(filter_text_)
                                              : QString());
    table_->expandAll();
    fitter_->fit();
    // The first queue, to begin with.
    const QModelIndex first = model_->index(0, 0, model_->index(0, 0));
    if (first.isValid()) {
        table_->setCurrentIndex(first);
    }
    show_plot();
}

void StatisticsPanel::show_plot() {
    const Quantity& quantity = quantities[static_cast<std::size_t>(quantity_->currentIndex())];
    std::vector<DistributionPlot::Series> series;
    QModelIndexList chosen =
        table_->selectionModel() == nullptr ? QModelIndexList() : table_->selectionModel()->selectedRows();
    for (const QModelIndex& index : chosen) {
        const StatisticsModel::Subject subject = model_->subject(index);
        if (subject.chains == nullptr || (quantity.of_queue && !subject.request.isEmpty())) {
            continue;
        }
        QString title = tr("queue %1").arg(*subject.queue);
        if (model_->rowCount() > 1) {
            title = tr("session %1, %2").arg(subject.session).arg(title);
        }
        series.push_back({subject.request.isEmpty() ? title : QStringLiteral("%1, %2").arg(title, subject.request),
                          quantity.of(*subject.all, *subject.chains)});
    }
    if (series.size() > DistributionPlot::most_series) {
        Q_EMIT said(tr("The plot compares %1 at the most").arg(DistributionPlot::most_series));
    }
    plot_->set_series(std::move(series), quantity.unit, tr(quantity.what));
}

QString StatisticsPanel::marked_expression() const {
    const auto& marked = plot_->marked();
    const QModelIndex current = table_->currentIndex();
    if (!marked || model_ == nullptr || quantity_->currentIndex() != 0 || !current.isValid()) {
        return {};
    }
    return QStringLiteral("%1 and latency >= %2ns and latency <= %3ns")
        .arg(model_->filter_of(current))
        .arg(std::llround(std::floor(marked->first)))
        .arg(std::llround(std::ceil(marked->second)));
}

void StatisticsPanel::table_menu(const QPoint& place) {
    const QModelIndex index = table_->indexAt(place);
    const QString text = model_ == nullptr || !index.isValid() ? QString() : model_->filter_of(index);
    if (text.isEmpty()) {
        return;
    }
    QMenu menu(this);
    connect(menu.addAction(tr("Only  %1").arg(text)), &QAction::triggered, this,
            [this, text] { Q_EMIT filter_wanted(text, Joined::replace); });
    connect(menu.addAction(tr("And  %1  (with the present filter)").arg(text)), &QAction::triggered, this,
            [this, text] { Q_EMIT filter_wanted(text, Joined::also); });
    menu.exec(table_->viewport()->mapToGlobal(place));
}

void StatisticsPanel::save_picture() {
    if (const QString saved = gui::save_picture(*this, plot_->picture(2)); !saved.isEmpty()) {
        Q_EMIT said(saved);
    }
}

}  // namespace vutrace::gui
