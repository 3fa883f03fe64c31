// What happened on the queues, counted: a table of queues and kinds of request, and plots of those that are chosen.
#pragma once

#include <vutrace/filter/filter.h>
#include <vutrace/gui/models/quick_filter.h>
#include <vutrace/gui/models/statistics_model.h>
#include <vutrace/gui/models/trace_document.h>

#include <QString>
#include <QWidget>
#include <cstdint>
#include <memory>
#include <optional>

class QCheckBox;
class QComboBox;
class QLabel;
class QPushButton;
class QToolButton;
class QTreeView;

namespace vutrace::gui {

class ColumnFitter;
class DistributionPlot;

class StatisticsPanel final : public QWidget {
    Q_OBJECT

  public:
    explicit StatisticsPanel(QWidget* parent = nullptr);
    ~StatisticsPanel() override;

    // Null: none. The document must outlive it, or the next call.
    void set_document(TraceDocument* document);
    // What the records are filtered by, for who wants that only.
    void set_filter(const std::optional<filter::Filter>& filter, const QString& text);
    // Counts, if it was not done and the trace is indexed.
    void need();
    void count();

    [[nodiscard]] StatisticsModel* model() const noexcept { return model_.get(); }
    [[nodiscard]] QTreeView& table() const noexcept { return *table_; }
    // Says how many columns there is no room for; its menu chooses them.
    [[nodiscard]] QToolButton& columns() const noexcept { return *columns_; }
    [[nodiscard]] DistributionPlot& plot() const noexcept { return *plot_; }
    [[nodiscard]] QComboBox& quantity() const noexcept { return *quantity_; }
    [[nodiscard]] QComboBox& shape() const noexcept { return *shape_; }
    [[nodiscard]] QCheckBox& only_filtered() const noexcept { return *only_filtered_; }
    // The expression for what is marked in the plot, of the row that is current; empty where there is none.
    [[nodiscard]] QString marked_expression() const;

  Q_SIGNALS:
    void filter_wanted(const QString& expression, vutrace::gui::Joined how);
    void said(const QString& text);

  private:
    void make_bar();
    void make_columns_button();
    void show_columns();
    void show_plot();
    void show_counted(bool whole);
    void table_menu(const QPoint& place);
    void save_picture();

    QTreeView* table_;
    ColumnFitter* fitter_;
    DistributionPlot* plot_;
    QComboBox* quantity_;
    QComboBox* shape_;
    QCheckBox* only_filtered_;
    QLabel* state_;
    QToolButton* columns_;
    QPushButton* count_;
    QPushButton* to_filter_;
    QPushButton* save_;
    TraceDocument* document_{nullptr};
    std::unique_ptr<StatisticsModel> model_;
    std::optional<filter::Filter> filter_;
    QString filter_text_;
    std::uint64_t rows_counted_{0};  // that the trace had when counting began last
};

}  // namespace vutrace::gui
