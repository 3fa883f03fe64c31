// What the tour puts over a window: a panel with its words, and a frame around what they are about.
#pragma once

#include <QFrame>
#include <QRect>

class QLabel;
class QPushButton;

namespace vutrace::gui {

// Where a panel of that size covers as little as can be of `target`, and nothing outside of `area` where it fits in.
[[nodiscard]] QRect place_beside(const QRect& target, const QRect& area, const QSize& size);

class TourCallout final : public QFrame {
    Q_OBJECT

  public:
    explicit TourCallout(QWidget* parent);

    // `number` counts from 1. A screen reader is told.
    void say(int number, int count, const QString& title, const QString& text);
    void fit();                  // as high as its words
    void set_ready(bool ready);  // false: what the words are about is not there yet
    [[nodiscard]] bool has_focus() const;
    void take_focus();

    [[nodiscard]] QLabel& title() const noexcept { return *title_; }
    [[nodiscard]] QLabel& text() const noexcept { return *text_; }
    [[nodiscard]] QPushButton& back_button() const noexcept { return *back_; }
    [[nodiscard]] QPushButton& next_button() const noexcept { return *next_; }
    [[nodiscard]] QPushButton& end_button() const noexcept { return *end_; }

  Q_SIGNALS:
    void back_wanted();
    void next_wanted();
    void end_wanted();

  protected:
    void paintEvent(QPaintEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

  private:
    QLabel* title_;
    QLabel* text_;
    QPushButton* back_;
    QPushButton* next_;
    QPushButton* end_;
};

// A frame that the mouse goes through.
class TourFrame final : public QWidget {
    Q_OBJECT

  public:
    explicit TourFrame(QWidget* parent);

  protected:
    void paintEvent(QPaintEvent* event) override;
};

}  // namespace vutrace::gui
