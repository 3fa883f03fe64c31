// A line of text that ends with an ellipsis where there is no room for it; all of it is its tool tip then.
#pragma once

#include <QLabel>

namespace vutrace::gui {

class ElidedLabel final : public QLabel {
    Q_OBJECT

  public:
    explicit ElidedLabel(QWidget* parent = nullptr);

    [[nodiscard]] QSize minimumSizeHint() const override;

  protected:
    void paintEvent(QPaintEvent* event) override;
    bool event(QEvent* event) override;

  private:
    [[nodiscard]] QString shown() const;
};

}  // namespace vutrace::gui
