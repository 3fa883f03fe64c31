// The docks that follow the record that is chosen: the session's state, a queue's rings.
#pragma once

#include <vutrace/gui/models/history_reader.h>
#include <vutrace/gui/models/state_reader.h>
#include <vutrace/gui/models/trace_document.h>
#include <vutrace/gui/views/rings_panel.h>

#include <QObject>
#include <cstdint>
#include <memory>

class QDockWidget;
class QMainWindow;
class QMenu;

namespace vutrace::gui {

class StatePanel;

// What a main window has of them: a record that is chosen goes in, a record that is wanted comes out.
class StateDocks final : public QObject {
    Q_OBJECT

  public:
    // On the right side of the window, which owns the docks.
    explicit StateDocks(QMainWindow& window);
    ~StateDocks() override;

    // The document must outlive it, or the next call. Null: none.
    void set_document(TraceDocument* document);
    // The state is read while a dock is seen that shows it.
    void set_record(std::uint64_t sequence);
    // Of a window that was never seen before.
    void take_usual_width();
    void add_views(QMenu& menu);  // what shows and hides them
    void add_steps(QMenu& menu);  // from chain to chain

    [[nodiscard]] StatePanel& state() const noexcept { return *state_; }
    [[nodiscard]] RingsPanel& rings() const noexcept { return *rings_; }
    [[nodiscard]] QDockWidget& state_dock() const noexcept { return *state_dock_; }
    [[nodiscard]] QDockWidget& rings_dock() const noexcept { return *rings_dock_; }
    // Null until it is known.
    [[nodiscard]] std::shared_ptr<const session::History> history() const;
    // The record whose state is shown whole; 0 while it is being read.
    [[nodiscard]] std::uint64_t shown() const noexcept { return shown_; }

  Q_SIGNALS:
    void scrubbed(quint64 sequence);       // many of them
    void record_wanted(quint64 sequence);  // a jump
    void search_wanted(const vutrace::gui::RecordSearch& search);
    void said(const QString& text);
    void history_read();

  private:
    QDockWidget* make_dock(QMainWindow& window, QWidget* panel, const QString& title, const QString& name);
    void read();
    void show_state(const std::shared_ptr<const StateAt>& state);

    QMainWindow& window_;
    StatePanel* state_;
    RingsPanel* rings_;
    QDockWidget* state_dock_;
    QDockWidget* rings_dock_;
    TraceDocument* document_{nullptr};
    std::unique_ptr<StateReader> reader_;
    std::unique_ptr<HistoryReader> history_;
    std::uint64_t wanted_{0};
    std::uint64_t shown_{0};
};

}  // namespace vutrace::gui
