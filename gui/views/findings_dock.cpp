#include "vutrace/gui/views/findings_dock.h"

#include "finding_delegate.h"

#include <QHeaderView>
#include <QLabel>
#include <QResizeEvent>
#include <QTreeView>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

namespace vutrace::gui {

FindingsDock::FindingsDock(QWidget* parent)
    : QDockWidget(tr("Findings"), parent), list_(new QTreeView(this)), verdict_(new QLabel(this)) {
    setObjectName(QStringLiteral("findings"));
    list_->setAccessibleName(tr("Findings"));
    list_->setRootIsDecorated(false);
    list_->setAlternatingRowColors(true);
    list_->setItemDelegate(new FindingDelegate(list_));
    list_->header()->hide();
    list_->header()->setStretchLastSection(true);
    list_->viewport()->installEventFilter(this);
    verdict_->setWordWrap(true);
    verdict_->setMargin(4);
    verdict_->setTextFormat(Qt::PlainText);
    verdict_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    verdict_->setAccessibleName(tr("Verdict"));
    auto* content = new QWidget(this);
    auto* layout = new QVBoxLayout(content);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(verdict_);
    layout->addWidget(list_, 1);
    setWidget(content);
    const auto go = [this](const QModelIndex& index) { Q_EMIT record_wanted(model_->sequence_at(index.row())); };
    connect(list_, &QAbstractItemView::activated, this, go);
    connect(list_, &QAbstractItemView::clicked, this, go);
}

FindingsDock::~FindingsDock() {
    list_->setModel(nullptr);
}

void FindingsDock::set_document(TraceDocument* document) {
    list_->setModel(nullptr);
    model_.reset();
    if (document == nullptr) {
        return;
    }
    hide();
    shown_ = 0;
    model_ = std::make_unique<FindingsModel>(*document);
    list_->setModel(model_.get());
    for (int column = 1; column < FindingsModel::column_count; ++column) {
        list_->hideColumn(column);  // the first one shows all
    }
    connect(model_.get(), &FindingsModel::checked, this, [this](bool whole) {
        show_findings();
        Q_EMIT checked(whole);
    });
}

void FindingsDock::check() {
    if (model_ != nullptr) {
        model_->check();
    }
}

void FindingsDock::check_soon() {
    if (model_ != nullptr) {
        model_->check_soon();
    }
}

void FindingsDock::show_list() {
    show();
    list_->setFocus(Qt::ShortcutFocusReason);
}

void FindingsDock::show_findings() {
    const int count = model_->rowCount();
    setWindowTitle(model_->more_than_shown() ? tr("Findings: the first %1").arg(count)
                   : count == 0              ? tr("Findings")
                                             : tr("Findings: %1").arg(count));
    appeared_ = count > 0 && std::exchange(shown_, count) == 0;
    if (count == 0) {
        hide();
    } else if (appeared_) {
        show();  // whoever has closed it since has seen enough
    }
    verdict_->setText(model_->verdict());
    verdict_->setVisible(!verdict_->text().isEmpty());
}

// What was seen takes more lines where there is less room.
bool FindingsDock::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::Resize && watched == list_->viewport()) {
        const auto& resized = static_cast<const QResizeEvent&>(*event);
        if (resized.size().width() != resized.oldSize().width()) {
            list_->doItemsLayout();
        }
    }
    return QDockWidget::eventFilter(watched, event);
}

int FindingsDock::wanted_height() const {
    constexpr int most_lines = 9;
    constexpr int lines_of_finding = 3;
    constexpr int lines_around = 3;  // title, verdict
    const int lines =
        model_ == nullptr ? 0 : lines_of_finding * std::min(most_lines, model_->rowCount()) + lines_around;
    return std::min(most_lines, lines) * fontMetrics().height();
}

}  // namespace vutrace::gui
