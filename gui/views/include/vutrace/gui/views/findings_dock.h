// What `vutrace check` finds in the window's trace, in a dock: a list to jump from, above it the verdict on a stall.
#pragma once

#include <vutrace/gui/models/findings_model.h>
#include <vutrace/gui/models/trace_document.h>

#include <QDockWidget>
#include <memory>

class QLabel;
class QTreeView;

namespace vutrace::gui {

// Hidden while there is nothing to show: the place is the records'.
class FindingsDock final : public QDockWidget {
    Q_OBJECT

  public:
    explicit FindingsDock(QWidget* parent = nullptr);
    ~FindingsDock() override;

    // The document must outlive it, or the next call. Null: none.
    void set_document(TraceDocument* document);
    // Begins to check the trace, which must be indexed; `checked` tells the end.
    void check();
    void check_soon();  // of a trace that grows
    // With the keyboard in the list.
    void show_list();
    // With what was checked last: there was nothing to show before.
    [[nodiscard]] bool has_appeared() const noexcept { return appeared_; }
    // What the list likes to have: a few findings, fewer where there are fewer.
    [[nodiscard]] int wanted_height() const;

    [[nodiscard]] FindingsModel* model() const noexcept { return model_.get(); }  // null without a document
    [[nodiscard]] QTreeView& list() const noexcept { return *list_; }
    [[nodiscard]] QLabel& verdict() const noexcept { return *verdict_; }

  Q_SIGNALS:
    void record_wanted(quint64 sequence);
    void checked(bool whole);  // false: the trace could not be read again, so nothing is known

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void show_findings();

    QTreeView* list_;
    QLabel* verdict_;
    bool appeared_{false};
    int shown_{0};  // findings, when it was looked at last
    std::unique_ptr<FindingsModel> model_;
};

}  // namespace vutrace::gui
