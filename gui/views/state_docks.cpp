#include "vutrace/gui/views/state_docks.h"

#include "view_action.h"
#include "vutrace/gui/views/state_panel.h"

#include <QAction>
#include <QDockWidget>
#include <QMainWindow>
#include <QMenu>

namespace vutrace::gui {

StateDocks::StateDocks(QMainWindow& window)
    : QObject(&window),
      window_(window),
      state_(new StatePanel(&window)),
      rings_(new RingsPanel(&window)),
      state_dock_(make_dock(window, state_, tr("State"), QStringLiteral("state"))),
      rings_dock_(make_dock(window, rings_, tr("Rings"), QStringLiteral("rings"))) {
    window.setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);  // height is what they need
    window.tabifyDockWidget(state_dock_, rings_dock_);
    state_dock_->raise();
    connect(state_, &StatePanel::scrubbed, this, &StateDocks::scrubbed);
    connect(state_, &StatePanel::record_wanted, this, &StateDocks::record_wanted);
    connect(rings_, &RingsPanel::record_wanted, this, &StateDocks::record_wanted);
    connect(rings_, &RingsPanel::search_wanted, this, &StateDocks::search_wanted);
    connect(rings_, &RingsPanel::said, this, &StateDocks::said);
}

StateDocks::~StateDocks() = default;

QDockWidget* StateDocks::make_dock(QMainWindow& window, QWidget* panel, const QString& title, const QString& name) {
    auto* dock = new QDockWidget(title, &window);
    dock->setObjectName(name);
    dock->setWidget(panel);
    window.addDockWidget(Qt::RightDockWidgetArea, dock);
    connect(dock, &QDockWidget::visibilityChanged, this, [this](bool visible) {
        if (visible && wanted_ != shown_) {
            read();
        }
    });
    return dock;
}

void StateDocks::take_usual_width() {
    constexpr int width = 440;  // of the features' columns
    window_.resizeDocks({state_dock_}, {width}, Qt::Horizontal);
}

void StateDocks::add_views(QMenu& menu) {
    add_view(menu, *state_dock_, QKeySequence(tr("Ctrl+1")));
    add_view(menu, *rings_dock_, QKeySequence(tr("Ctrl+2")));
}

void StateDocks::add_steps(QMenu& menu) {
    menu.addSeparator();
    menu.addActions(rings_->steps());
}

void StateDocks::set_document(TraceDocument* document) {
    reader_.reset();
    history_.reset();
    state_->clear();
    rings_->clear();
    document_ = document;
    wanted_ = shown_ = 0;
    if (document == nullptr) {
        return;
    }
    reader_ = std::make_unique<StateReader>(*document);
    history_ = std::make_unique<HistoryReader>(*document);
    connect(document, &TraceDocument::progressed, this, [this] {
        state_->set_record_count(document_->progress().rows);
        state_->set_record(wanted_);
    });
    connect(reader_.get(), &StateReader::state_read, this, &StateDocks::show_state);
    connect(reader_.get(), &StateReader::progressed, this, [this](int percent) {
        state_->set_progress(percent);
        rings_->set_progress(percent);
    });
    connect(reader_.get(), &StateReader::read_failed, state_, &StatePanel::set_problem);
    connect(history_.get(), &HistoryReader::history_read, this, [this] {
        state_->set_history(history_->history());
        Q_EMIT history_read();
    });
}

void StateDocks::set_record(std::uint64_t sequence) {
    wanted_ = sequence;
    shown_ = 0;
    state_->set_record(sequence);
    if (state_->isVisible() || rings_->isVisible()) {
        read();
    }
}

void StateDocks::read() {
    if (reader_ != nullptr) {
        reader_->read(wanted_);
    }
}

void StateDocks::show_state(const std::shared_ptr<const StateAt>& state) {
    shown_ = state->whole ? wanted_ : 0;
    state_->set_state(state, document_->index()->start_time());
    rings_->set_state(state);
}

std::shared_ptr<const session::History> StateDocks::history() const {
    return history_ == nullptr ? nullptr : history_->history();
}

}  // namespace vutrace::gui
