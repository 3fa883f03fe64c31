#include "vutrace/gui/views/rings_panel.h"

#include "column_fitter.h"
#include "vutrace/gui/views/hex_view.h"
#include "vutrace/gui/views/ring_view.h"
#include "vutrace/gui/views/tone_delegate.h"

#include <vutrace/gui/models/payload_text.h>
#include <vutrace/gui/models/state_tables.h>

#include <QAction>
#include <QComboBox>
#include <QFontDatabase>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPlainTextEdit>
#include <QSplitter>
#include <QStackedWidget>
#include <QTabWidget>
#include <QToolButton>
#include <QTreeView>
#include <QVBoxLayout>
#include <algorithm>

namespace vutrace::gui {
namespace {

using Kind = QueueEvent::Kind;

bool is_chain(Kind kind) noexcept {
    return kind == Kind::available || kind == Kind::used;
}

bool is_of_queue(const explain::Annotation& annotation, std::uint32_t session, std::uint32_t queue) {
    return annotation.record->session == session && annotation.queue == queue;
}

bool is_call(const explain::Annotation& annotation) {
    const auto* event = std::get_if<trace::EventRecord>(&annotation.record->body);
    return event != nullptr && event->kind == trace::EventRecord::Kind::call;
}

bool is_used(const explain::Annotation& annotation, std::size_t entry) {
    const auto* chains = std::get_if<trace::ChainRecord>(&annotation.record->body);
    return chains != nullptr && chains->entries[entry].state == trace::ChainEntry::State::used;
}

}  // namespace

RingsPanel::RingsPanel(QWidget* parent)
    : QWidget(parent), table_model_(new SnapshotTable(ring_titles(), this)), request_model_(new DetailsModel(this)) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(4, 4, 4, 4);
    layout->setSpacing(4);
    make_head(*layout);
    make_tabs(*layout);
    clear();
}

QAction* RingsPanel::add_step(const QString& text, const QString& button, const QString& keys, const QString& meaning) {
    auto* action = new QAction(text, this);
    action->setIconText(button);
    action->setShortcut(QKeySequence(keys));
    action->setToolTip(QStringLiteral("%1 (%2)").arg(meaning, keys));
    steps_.append(action);
    return action;
}

void RingsPanel::make_head(QVBoxLayout& layout) {
    using index::Direction;
    auto* line = new QHBoxLayout();
    queue_ = new QComboBox(this);
    queue_->setAccessibleName(tr("Queue"));
    queue_->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    line->addWidget(queue_);
    line->addStretch(1);
    layout.addLayout(line);
    QAction* before = add_step(tr("Step of a chain before"), tr("◀ Chain"), tr("Shift+F8"),
                               tr("To the step of a chain in this queue that came before"));
    QAction* next =
        add_step(tr("Next step of a chain"), tr("Chain ▶"), tr("F8"), tr("To the next step of a chain in this queue"));
    QAction* back = add_step(tr("Back along this chain"), tr("◀ Follow"), tr("Shift+F7"),
                             tr("Back along this chain: from the call to used to available"));
    QAction* on = add_step(tr("On along this chain"), tr("Follow ▶"), tr("F7"),
                           tr("Along this chain: from available to used to the call"));
    connect(before, &QAction::triggered, this, [this] { step_chain(Direction::backward); });
    connect(next, &QAction::triggered, this, [this] { step_chain(Direction::forward); });
    connect(back, &QAction::triggered, this, [this] { follow(Direction::backward); });
    connect(on, &QAction::triggered, this, [this] { follow(Direction::forward); });
    for (QAction* action : {before, next, back, on}) {
        auto* button = new QToolButton(this);
        button->setDefaultAction(action);
        line->addWidget(button);
    }
    facts_ = new QLabel(this);
    facts_->setTextFormat(Qt::PlainText);
    facts_->setWordWrap(true);
    facts_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    facts_->setAccessibleName(tr("Facts about the queue"));
    layout.addWidget(facts_);
    connect(queue_, &QComboBox::activated, this, [this] {
        queue_number_ = queue_->currentData().toUInt();
        show_queue();
    });
}

void RingsPanel::make_tabs(QVBoxLayout& layout) {
    auto* splitter = new QSplitter(Qt::Vertical, this);
    diagram_ = new RingDiagram(splitter);
    tabs_ = new QTabWidget(splitter);
    tabs_->setDocumentMode(true);
    table_ = new QTreeView(tabs_);
    table_->setModel(table_model_);
    table_->setItemDelegate(new ToneDelegate(SnapshotTable::tone_role, table_));
    table_->setRootIsDecorated(false);
    table_->setUniformRowHeights(true);
    table_->setAlternatingRowColors(true);
    table_->setAccessibleName(tr("Descriptors of the ring"));
    auto* request_page = new QWidget(tabs_);
    auto* request_layout = new QVBoxLayout(request_page);
    request_layout->setContentsMargins(0, 4, 0, 0);
    chain_ = new QLabel(request_page);
    chain_->setTextFormat(Qt::PlainText);
    chain_->setWordWrap(true);
    request_ = new QTreeView(request_page);
    request_->setModel(request_model_);
    request_->setUniformRowHeights(true);
    request_->setAlternatingRowColors(true);
    request_->setAccessibleName(tr("The device's request"));
    request_layout->addWidget(chain_);
    request_layout->addWidget(request_, 1);
    tabs_->addTab(table_, tr("Descriptors"));
    tabs_->addTab(request_page, tr("Request"));
    tabs_->addTab(make_payload(), tr("Payload"));
    splitter->setStretchFactor(0, 3);
    splitter->setStretchFactor(1, 2);
    layout.addWidget(splitter, 1);

    connect(diagram_, &RingDiagram::slot_chosen, this, [this](int slot) {
        table_->setCurrentIndex(table_model_->index(table_model_->row_of_key(slot), 0));
        tabs_->setCurrentWidget(table_);
    });
    connect(table_->selectionModel(), &QItemSelectionModel::currentChanged, this, [this](const QModelIndex& index) {
        const int slot = table_model_->row(index.row()).key;
        diagram_->choose(slot < 0 ? std::nullopt : std::optional(static_cast<std::uint32_t>(slot)));
    });
    connect(table_, &QAbstractItemView::activated, this, [this](const QModelIndex& index) {
        const std::uint64_t record = table_model_->row(index.row()).record;
        if (record != 0) {
            Q_EMIT record_wanted(record);
        }
    });
    auto* fitter = new ColumnFitter(*table_);
    fitter->may_leave_out_empty();
    connect(table_model_, &QAbstractItemModel::modelReset, fitter, &ColumnFitter::fit);
}

QWidget* RingsPanel::make_payload() {
    auto* page = new QWidget(this);
    auto* layout = new QVBoxLayout(page);
    layout->setContentsMargins(0, 4, 0, 0);
    auto* line = new QHBoxLayout();
    part_ = new QComboBox(page);
    part_->addItems({tr("What the device reads"), tr("What the device wrote")});
    part_->setAccessibleName(tr("Part of the chain"));
    form_ = new QComboBox(page);
    form_->addItems({tr("Hex"), tr("Text"), tr("Packet")});
    form_->setAccessibleName(tr("How the payload is shown"));
    line->addWidget(part_);
    line->addWidget(form_);
    line->addStretch(1);
    layout->addLayout(line);
    payload_ = new QStackedWidget(page);
    bytes_ = new HexView(payload_);
    text_ = new QPlainTextEdit(payload_);
    text_->setReadOnly(true);
    text_->setLineWrapMode(QPlainTextEdit::NoWrap);
    text_->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    text_->setAccessibleName(tr("Payload"));
    payload_->addWidget(bytes_);
    payload_->addWidget(text_);
    layout->addWidget(payload_, 1);
    connect(part_, &QComboBox::currentIndexChanged, this, &RingsPanel::show_payload);
    connect(form_, &QComboBox::currentIndexChanged, this, &RingsPanel::show_payload);
    return page;
}

void RingsPanel::clear() {
    state_.reset();
    followed_ = {};
    queue_number_.reset();
    queue_->clear();
    show_queue();
    show_event();
}

void RingsPanel::set_state(const std::shared_ptr<const StateAt>& state) {
    state_ = state;
    if (state->event.kind != Kind::none) {
        queue_number_ = state->event.queue;
    }
    if (followed_.call == 0 && state->event.kind == Kind::call) {
        followed_.call = state->view.sequence;
    }
    if (state->view.sequence != followed_.call && state->view.sequence != followed_.used) {
        followed_ = {};
    }
    fill_queues();
    show_queue();
    show_event();
}

void RingsPanel::set_progress(int percent) {
    if (state_ != nullptr && !state_->whole) {
        facts_->setToolTip(tr("What the memory told about the rings is being read: %1 %").arg(percent));
    }
}

// The list stays as it is as long as it says the same: it may be open.
void RingsPanel::fill_queues() {
    QStringList names;
    for (const render::QueueView& view : state_->view.queues) {
        names += view.role.empty() ? tr("Queue %1").arg(view.number)
                                   : tr("Queue %1, %2").arg(view.number).arg(QString::fromStdString(view.role));
    }
    bool same = queue_->count() == names.size();
    for (int i = 0; same && i < queue_->count(); ++i) {
        same = queue_->itemText(i) == names[i];
    }
    if (!same) {
        queue_->clear();
        for (qsizetype i = 0; i < names.size(); ++i) {
            queue_->addItem(names[i], state_->view.queues[static_cast<std::size_t>(i)].number);
        }
    }
    if (queue_number_) {
        queue_->setCurrentIndex(std::max(0, queue_->findData(*queue_number_)));
    }
}

const render::QueueView* RingsPanel::queue() const {
    const int number = queue_->currentIndex();
    return state_ == nullptr || number < 0 || number >= static_cast<int>(state_->view.queues.size())
               ? nullptr
               : &state_->view.queues[static_cast<std::size_t>(number)];
}

void RingsPanel::show_queue() {
    const render::QueueView* view = queue();
    for (QAction* action : steps_) {
        action->setEnabled(view != nullptr);
    }
    if (view == nullptr) {
        facts_->setText(tr("No queue was set up so far."));
        diagram_->set_ring(nullptr);
        table_model_->set_rows({});
        return;
    }
    const std::shared_ptr<const render::RingView> ring(state_, &view->ring);
    diagram_->set_ring(ring);
    const auto& facts = diagram_->picture().facts;
    QString text = QStringList(facts.begin(), facts.end()).join(QLatin1Char('\n'));
    if (!state_->whole) {
        text += QLatin1Char('\n') + tr("What captured memory tells beside that is being read …");
    }
    facts_->setText(text);
    facts_->setToolTip({});
    table_model_->set_rows(ring_rows(ring));
    const bool of_this_queue = is_chain(state_->event.kind) && state_->event.queue == view->number;
    diagram_->mark_chain(of_this_queue ? std::optional(state_->event.head) : std::nullopt);
    if (of_this_queue) {
        table_->scrollTo(table_model_->index(table_model_->row_of_key(state_->event.head), 0));
    }
}

void RingsPanel::show_event() {
    const QueueEvent nothing;
    const QueueEvent& event = state_ == nullptr ? nothing : state_->event;
    QString text = is_chain(event.kind)
                       ? tr("Record %1: %2 %3 of queue %4, %5")
                             .arg(state_->view.sequence)
                             .arg(state_->view.packed ? tr("buffer") : tr("head"))
                             .arg(event.head)
                             .arg(event.queue)
                             .arg(event.kind == Kind::used ? tr("used") : tr("made available"))
                       : tr("The record that is chosen is no step of a chain. F8 goes to the next one.");
    if (event.offered != 0) {
        text += tr("; available since record %1").arg(event.offered);
    }
    if (!event.problem.isEmpty()) {
        text += QStringLiteral("\n!! ") + event.problem;
    }
    if (is_chain(event.kind) && event.request.empty()) {
        text += QLatin1Char('\n') + tr("Nothing is known of the request: no decoder, or nothing was captured.");
    }
    chain_->setText(text);
    request_model_->set_details(event.request);
    request_->expandToDepth(1);
    request_->resizeColumnToContents(DetailsModel::name);
    // The side that has something to show.
    const bool written = event.readable.size == 0 && event.written.size != 0;
    part_->setCurrentIndex(written ? 1 : event.written.size == 0 ? 0 : part_->currentIndex());
    show_payload();
}

void RingsPanel::show_payload() {
    const QueueEvent nothing;
    const QueueEvent& event = state_ == nullptr ? nothing : state_->event;
    const render::RawBytes& bytes = part_->currentIndex() == 0 ? event.readable : event.written;
    const auto form = static_cast<PayloadForm>(form_->currentIndex());
    payload_->setCurrentIndex(form == PayloadForm::hex ? 0 : 1);
    if (form == PayloadForm::hex) {
        bytes_->set_bytes(bytes);
    } else {
        text_->setPlainText(form == PayloadForm::text ? text_of_payload(bytes)
                                                      : packet_of_payload(event.network, event.request, bytes));
    }
}

void RingsPanel::step_chain(index::Direction direction) {
    const render::QueueView* view = queue();
    if (view == nullptr) {
        return;
    }
    const bool forward = direction == index::Direction::forward;
    Q_EMIT search_wanted({direction,
                          [session = state_->view.session, number = view->number](const auto& annotation, std::size_t) {
                              return is_of_queue(annotation, session, number) &&
                                     std::holds_alternative<trace::ChainRecord>(annotation.record->body);
                          },
                          forward ? tr("No step of a chain of queue %1 follows").arg(view->number)
                                  : tr("No step of a chain of queue %1 comes before").arg(view->number)});
}

void RingsPanel::follow(index::Direction direction) {
    if (state_ == nullptr || state_->event.kind == Kind::none) {
        Q_EMIT said(tr("Choose a step of a chain first: F8 goes to the next one"));
        return;
    }
    direction == index::Direction::forward ? follow_forward() : follow_back();
}

void RingsPanel::follow_forward() {
    const QueueEvent& event = state_->event;
    const std::uint64_t sequence = state_->view.sequence;
    const std::uint32_t session = state_->view.session;
    if (event.kind == Kind::available) {
        Q_EMIT search_wanted({index::Direction::forward,
                              [sequence](const explain::Annotation& annotation, std::size_t entry) {
                                  return entry < annotation.entries.size() &&
                                         annotation.entries[entry].context.available_sequence == sequence &&
                                         is_used(annotation, entry);
                              },
                              tr("This chain is never used in this trace")});
    } else if (event.kind == Kind::used && event.nearby != 0) {
        followed_ = {sequence, event.nearby};
        Q_EMIT record_wanted(event.nearby);
    } else if (event.kind == Kind::used) {
        followed_ = {sequence, 0};
        Q_EMIT search_wanted({index::Direction::forward,
                              [session, queue = event.queue](const explain::Annotation& annotation, std::size_t) {
                                  return is_of_queue(annotation, session, queue) && is_call(annotation);
                              },
                              tr("No call follows on queue %1").arg(event.queue)});
    } else {
        Q_EMIT said(tr("A chain ends with its call"));
    }
}

void RingsPanel::follow_back() {
    const QueueEvent& event = state_->event;
    if (event.kind == Kind::used) {
        event.offered != 0 ? Q_EMIT record_wanted(event.offered)
                           : Q_EMIT said(tr("The trace never saw this chain made available"));
    } else if (event.kind == Kind::call && (followed_.used != 0 || event.nearby != 0)) {
        Q_EMIT record_wanted(followed_.used != 0 ? followed_.used : event.nearby);
    } else if (event.kind == Kind::call) {
        Q_EMIT search_wanted({index::Direction::backward,
                              [session = state_->view.session, queue = event.queue](
                                  const explain::Annotation& annotation, std::size_t entry) {
                                  return is_of_queue(annotation, session, queue) && is_used(annotation, entry);
                              },
                              tr("Nothing was used on queue %1 before").arg(event.queue)});
    } else {
        Q_EMIT said(tr("A chain begins where it is made available"));
    }
}

}  // namespace vutrace::gui
