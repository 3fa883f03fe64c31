// What a window without a trace shows: what this is, and what one can begin with.
#pragma once

#include <QString>
#include <QWidget>

class QLabel;
class QListView;
class QPushButton;
class QStringListModel;
class QVBoxLayout;

namespace vutrace::gui {

class SampleTraces;

class StartPage final : public QWidget {
    Q_OBJECT

  public:
    // `samples` is the folder of the sample traces; empty where there is none.
    explicit StartPage(const QString& samples, QWidget* parent = nullptr);

    // The files that were opened last, as they are in the settings now.
    void refresh();
    // There is a trace behind the page that one can go back to.
    void set_trace(bool there_is_one);
    // The keyboard is where most people go on: in the list of samples, or on the first button.
    void take_focus();

    [[nodiscard]] QPushButton& open_button() const noexcept { return *open_; }
    [[nodiscard]] QPushButton& capture_button() const noexcept { return *capture_; }
    [[nodiscard]] QPushButton& tour_button() const noexcept { return *tour_; }
    [[nodiscard]] QPushButton& back_button() const noexcept { return *back_; }
    [[nodiscard]] QListView& samples() const noexcept { return *samples_; }
    [[nodiscard]] QListView& recent_files() const noexcept { return *recent_; }
    [[nodiscard]] QLabel& no_samples() const noexcept { return *no_samples_; }

  Q_SIGNALS:
    void open_wanted();
    void capture_wanted();
    void tour_wanted();
    void back_wanted();
    void file_wanted(const QString& path);

  private:
    void make_head(QVBoxLayout& layout);
    void make_buttons(QVBoxLayout& layout);
    void make_lists(QVBoxLayout& layout, const QString& folder);
    void make_back(QVBoxLayout& layout);
    QPushButton* make_button(const QString& text, const QString& tip, void (StartPage::*wanted)());
    QListView* make_list(const QString& name);

    SampleTraces* traces_{nullptr};
    QPushButton* open_{nullptr};
    QPushButton* capture_{nullptr};
    QPushButton* tour_{nullptr};
    QPushButton* back_{nullptr};
    QListView* samples_{nullptr};
    QListView* recent_{nullptr};
    QLabel* no_samples_{nullptr};
    QLabel* no_recent_{nullptr};
};

}  // namespace vutrace::gui
