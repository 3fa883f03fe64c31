#include "vutrace/gui/views/details_pane.h"

#include "vutrace/gui/views/hex_view.h"
#include "vutrace/gui/views/tone_delegate.h"
#include "wrapped_text.h"

#include <QTreeView>
#include <utility>

namespace vutrace::gui {

DetailsPane::DetailsPane(QWidget* parent)
    : QSplitter(Qt::Vertical, parent),
      model_(new DetailsModel(this)),
      panes_(new QSplitter(Qt::Horizontal, this)),
      tree_(new QTreeView(panes_)),
      bytes_(new HexView(panes_)),
      explanation_(new WrappedText(2, tr("What the field means"), this)) {
    tree_->setModel(model_);
    tree_->setAccessibleName(tr("Details of the record"));
    tree_->setAlternatingRowColors(true);
    tree_->setUniformRowHeights(true);
    tree_->setItemDelegate(new ToneDelegate(Qt::UserRole, tree_));
    panes_->addWidget(tree_);
    panes_->addWidget(bytes_);
    panes_->setStretchFactor(0, 1);
    panes_->setStretchFactor(1, 1);
    explanation_->setPlaceholderText(tr("What a field means stands here, once one is chosen."));
    explanation_->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);  // it may be drawn higher
    addWidget(panes_);
    addWidget(explanation_);
    setStretchFactor(0, 1);
    setStretchFactor(1, 0);
    setCollapsible(0, false);
    connect(tree_->selectionModel(), &QItemSelectionModel::currentChanged, this, [this](const QModelIndex& index) {
        if (const render::Detail* line = model_->detail(index)) {
            bytes_->mark(line->bytes);
        }
        explain(index);
    });
    connect(tree_, &QAbstractItemView::activated, this, [this](const QModelIndex& index) {
        if (const render::Detail* line = model_->detail(index); line != nullptr && line->record != 0) {
            Q_EMIT record_wanted(line->record);
        }
    });
    connect(bytes_, &HexView::byte_chosen, this, [this](quint64 byte) {
        const QModelIndex line = model_->index_of_byte(byte);
        if (line.isValid()) {
            tree_->setCurrentIndex(line);
            tree_->scrollTo(line);
        }
    });
}

void DetailsPane::show_record(std::vector<render::Detail>&& details, render::RawBytes&& bytes) {
    model_->set_details(std::move(details));
    for (int row = 0; row < model_->rowCount(); ++row) {
        const render::Detail* line = model_->detail(model_->index(row, 0));
        tree_->setFirstColumnSpanned(row, {}, line->name.empty());
    }
    tree_->expandToDepth(1);
    tree_->resizeColumnToContents(DetailsModel::name);
    bytes_->set_bytes(std::move(bytes));
    explain(model_->first_explained());
}

void DetailsPane::explain(const QModelIndex& index) {
    explanation_->setPlainText(model_->explanation(index));
}

QPlainTextEdit& DetailsPane::explanation() const noexcept {
    return *explanation_;
}

bool DetailsPane::has_descriptors() const {
    const QModelIndex first = model_->index(0, DetailsModel::name);
    return first.isValid() && !model_->match(first, Qt::DisplayRole, QStringLiteral("fd")).isEmpty();
}

}  // namespace vutrace::gui
