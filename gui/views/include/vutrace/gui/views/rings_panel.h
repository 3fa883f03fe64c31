// The rings of one queue after the record that is chosen, and the chain that the record is about.
#pragma once

#include <vutrace/gui/models/details_model.h>
#include <vutrace/gui/models/record_search.h>
#include <vutrace/gui/models/snapshot_table.h>
#include <vutrace/gui/models/state_reader.h>

#include <QList>
#include <QWidget>
#include <cstdint>
#include <memory>
#include <optional>

class QAction;
class QComboBox;
class QLabel;
class QPlainTextEdit;
class QStackedWidget;
class QTabWidget;
class QTreeView;
class QVBoxLayout;

namespace vutrace::gui {

class HexView;
class RingDiagram;

class RingsPanel final : public QWidget {
    Q_OBJECT

  public:
    explicit RingsPanel(QWidget* parent = nullptr);

    void clear();
    void set_state(const std::shared_ptr<const StateAt>& state);
    void set_progress(int percent);

    // For a menu, with their shortcuts: chain by chain through the queue, and along one chain.
    [[nodiscard]] QList<QAction*> steps() const { return steps_; }
    void step_chain(index::Direction direction);
    // From available to used to call, or back.
    void follow(index::Direction direction);

    [[nodiscard]] QComboBox& queue_choice() const noexcept { return *queue_; }
    [[nodiscard]] RingDiagram& diagram() const noexcept { return *diagram_; }
    [[nodiscard]] QTreeView& table() const noexcept { return *table_; }
    [[nodiscard]] QTabWidget& tabs() const noexcept { return *tabs_; }
    [[nodiscard]] QLabel& facts() const noexcept { return *facts_; }
    [[nodiscard]] DetailsModel& request() const noexcept { return *request_model_; }
    [[nodiscard]] QComboBox& payload_part() const noexcept { return *part_; }
    [[nodiscard]] QComboBox& payload_form() const noexcept { return *form_; }
    [[nodiscard]] QPlainTextEdit& payload_text() const noexcept { return *text_; }

  Q_SIGNALS:
    void record_wanted(quint64 sequence);
    void search_wanted(const vutrace::gui::RecordSearch& search);
    void said(const QString& text);  // to whoever pressed a key

  private:
    enum class PayloadForm { hex, text, packets };
    void make_head(QVBoxLayout& layout);
    void make_tabs(QVBoxLayout& layout);
    QWidget* make_payload();
    QAction* add_step(const QString& text, const QString& button, const QString& keys, const QString& meaning);
    void fill_queues();
    void show_queue();
    void show_event();
    void show_payload();
    [[nodiscard]] const render::QueueView* queue() const;
    void follow_forward();
    void follow_back();

    std::shared_ptr<const StateAt> state_;
    // The used chain that one followed to its call, so that the way back leads there.
    struct Followed {
        std::uint64_t used{0}, call{0};  // records; the call is 0 until it is found
    };
    Followed followed_;
    std::optional<std::uint32_t> queue_number_;  // as chosen; kept where a session has it
    QComboBox* queue_{nullptr};
    QLabel* facts_{nullptr};
    RingDiagram* diagram_{nullptr};
    QTabWidget* tabs_{nullptr};
    SnapshotTable* table_model_;
    QTreeView* table_{nullptr};
    DetailsModel* request_model_;
    QTreeView* request_{nullptr};
    QLabel* chain_{nullptr};
    QComboBox* part_{nullptr};
    QComboBox* form_{nullptr};
    QStackedWidget* payload_{nullptr};
    HexView* bytes_{nullptr};
    QPlainTextEdit* text_{nullptr};
    QList<QAction*> steps_;
};

}  // namespace vutrace::gui
