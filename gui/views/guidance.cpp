#include "vutrace/gui/views/guidance.h"

#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/start_page.h"
#include "vutrace/gui/views/tour.h"

#include <vutrace/gui/models/data_folder.h>

#include <QAction>
#include <QDockWidget>
#include <QMenu>
#include <QStackedWidget>

namespace vutrace::gui {

Guidance::Guidance(MainWindow& window, QStackedWidget& pages)
    : QObject(&window),
      window_(window),
      pages_(pages),
      start_page_(new StartPage(data_folder(QStringLiteral("samples")), &pages)),
      tour_(new Tour(window)) {
    pages.addWidget(start_page_);
    connect(start_page_, &StartPage::tour_wanted, this, &Guidance::tour_wanted);
    connect(start_page_, &StartPage::back_wanted, this, &Guidance::hide_start_page);
}

void Guidance::add_actions(QMenu& menu) {
    QAction* start = menu.addAction(tr("&Start page"));
    start->setShortcut(QKeySequence(tr("Alt+Home")));
    connect(start, &QAction::triggered, this, &Guidance::start_page_wanted);
    QAction* tour = menu.addAction(tr("Two-minute &tour"));
    tour->setShortcut(QKeySequence(tr("Shift+F1")));
    connect(tour, &QAction::triggered, this, &Guidance::tour_wanted);
}

bool Guidance::shows_start_page() const {
    return pages_.currentWidget() == start_page_;
}

void Guidance::show_start_page(bool there_is_a_trace) {
    tour_->end();
    if (!shows_start_page()) {
        docks_ = window_.saveState();
        for (QDockWidget* dock : window_.findChildren<QDockWidget*>()) {
            dock->hide();
        }
        pages_.setCurrentWidget(start_page_);
    }
    start_page_->refresh();
    start_page_->set_trace(there_is_a_trace);
    start_page_->take_focus();
}

void Guidance::hide_start_page() {
    if (shows_start_page()) {
        pages_.setCurrentIndex(0);
        window_.restoreState(docks_);
    }
}

void Guidance::end() {
    tour_->end();
    hide_start_page();
}

}  // namespace vutrace::gui
