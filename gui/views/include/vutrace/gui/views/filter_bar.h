// The filter's line: completion, history, and errors where they are.
#pragma once

#include <vutrace/filter/filter.h>

#include <QLineEdit>
#include <QStringList>
#include <QWidget>
#include <optional>

class QCompleter;
class QLabel;
class QStandardItemModel;
class QToolButton;

namespace vutrace::gui {

class FilterBar final : public QWidget {
    Q_OBJECT

  public:
    explicit FilterBar(QWidget* parent = nullptr);

    [[nodiscard]] QString text() const { return edit_->text(); }
    // As if it was typed and Return pressed.
    void apply(const QString& text);
    // The same, and nothing that a person would want to come back to.
    void try_out(const QString& text);
    void begin_typing();
    // Takes the filter away and offers to go back to it, until another is entered.
    void drop();
    // Seen while the line says something else than what the table shows.
    [[nodiscard]] QLabel& pending() const noexcept { return *pending_; }
    [[nodiscard]] QToolButton& way_back() const noexcept { return *back_; }
    [[nodiscard]] QLineEdit* edit() const noexcept { return edit_; }
    [[nodiscard]] QString problem() const;  // as shown; empty where there is none

    [[nodiscard]] const QStringList& history() const noexcept { return history_; }
    void set_history(const QStringList& history);
    // The history once `text` was used, the newest first.
    [[nodiscard]] static QStringList with_newest(QStringList history, const QString& text);

  Q_SIGNALS:
    // A filter that is one was entered; without an expression, all rows are wanted.
    void filter_entered(const std::optional<vutrace::filter::Filter>& filter);
    void filter_used(const QString& text);  // it is in the history now

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void enter();
    void check();
    void show_pending();
    void complete();
    void take(const QString& candidate);
    void show_problem(const std::optional<filter::Problem>& problem);
    void remember();
    void recall(int step);

    QLineEdit* edit_;
    QLabel* pending_;
    QString applied_;
    QToolButton* back_;  // to the filter that was dropped
    QString dropped_;
    QLabel* problem_;
    QCompleter* completer_;
    QStandardItemModel* candidates_;
    qsizetype candidates_begin_{0};  // characters, in the text
    QStringList history_;            // the newest first
    qsizetype recalled_{-1};
    bool remembers_{true};
};

}  // namespace vutrace::gui
