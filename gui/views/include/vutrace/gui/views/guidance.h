// What a window has for those who are new to it: the start page and the tour.
#pragma once

#include <QByteArray>
#include <QObject>

class QMenu;
class QStackedWidget;
class QWidget;

namespace vutrace::gui {

class MainWindow;
class StartPage;
class Tour;

class Guidance final : public QObject {
    Q_OBJECT

  public:
    // The start page becomes another page of `pages`, beside the first one, which shows a trace. The window owns all.
    Guidance(MainWindow& window, QStackedWidget& pages);

    void add_actions(QMenu& menu);
    // Only the page is seen, no docks, and the tour ends. They come back with `hide_start_page`, as they were.
    void show_start_page(bool there_is_a_trace);
    void hide_start_page();
    [[nodiscard]] bool shows_start_page() const;
    // Ends both: what is kept of a window is how it shows traces.
    void end();

    [[nodiscard]] StartPage& start_page() const noexcept { return *start_page_; }
    [[nodiscard]] Tour& tour() const noexcept { return *tour_; }

  Q_SIGNALS:
    void start_page_wanted();  // by the menu
    void tour_wanted();

  private:
    MainWindow& window_;
    QStackedWidget& pages_;
    StartPage* start_page_;
    Tour* tour_;
    QByteArray docks_;  // as they were before the start page was shown
};

}  // namespace vutrace::gui
