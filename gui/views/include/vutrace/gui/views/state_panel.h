// The state of the session after the record that is chosen, and a scrubber to choose another one.
#pragma once

#include <vutrace/gui/models/snapshot_table.h>
#include <vutrace/gui/models/state_reader.h>
#include <vutrace/session/history.h>

#include <QWidget>
#include <cstdint>
#include <memory>

class QLabel;
class QSlider;
class QTabWidget;
class QToolButton;
class QTreeView;
class QVBoxLayout;

namespace vutrace::gui {

class MemoryMapView;

class StatePanel final : public QWidget {
    Q_OBJECT

  public:
    explicit StatePanel(QWidget* parent = nullptr);

    void clear();
    void set_record_count(std::uint64_t count);
    // The record that is chosen, before its state is known: the scrubber stands there.
    void set_record(std::uint64_t sequence);
    // `trace_start` is the time that times count from.
    void set_state(const std::shared_ptr<const StateAt>& state, std::int64_t trace_start);
    void set_history(const std::shared_ptr<const session::History>& history);
    void set_progress(int percent);
    void set_problem(const QString& problem);

    [[nodiscard]] QSlider& scrubber() const noexcept { return *scrubber_; }
    [[nodiscard]] QTabWidget& tabs() const noexcept { return *tabs_; }
    [[nodiscard]] MemoryMapView& memory_map() const noexcept { return *map_; }
    [[nodiscard]] QLabel& headline() const noexcept { return *headline_; }
    [[nodiscard]] QLabel& epoch() const noexcept { return *epoch_; }
    struct Table {
        SnapshotTable* model{nullptr};
        QTreeView* view{nullptr};
    };
    enum Tab { features, memory, queues, open, descriptors, tab_count };
    [[nodiscard]] const Table& table(Tab tab) const noexcept { return tables_[tab]; }

  Q_SIGNALS:
    void scrubbed(quint64 sequence);       // many of them while it is drawn along
    void record_wanted(quint64 sequence);  // once: a jump

  private:
    Table make_table(const QStringList& titles, const QString& name, int kept_whole = -1);
    void make_scrubber(QVBoxLayout& layout);
    void make_memory_tab();
    void show_epoch();
    void show_descriptors();

    std::shared_ptr<const StateAt> state_;
    std::shared_ptr<const session::History> history_;
    QLabel* headline_{nullptr};
    QSlider* scrubber_{nullptr};
    QTabWidget* tabs_;
    QLabel* features_{nullptr};
    QLabel* epoch_{nullptr};
    QToolButton* epoch_before_{nullptr};
    QToolButton* epoch_after_{nullptr};
    MemoryMapView* map_{nullptr};
    Table tables_[tab_count];
    bool setting_{false};  // the scrubber is moved by us
};

}  // namespace vutrace::gui
