// A text to read and to copy, folded where the line ends: a command line, an explanation.
#pragma once

#include <QPlainTextEdit>

namespace vutrace::gui {

// As high as so many lines; what is more is scrolled to. Tab leaves it.
class WrappedText final : public QPlainTextEdit {
    Q_OBJECT

  public:
    WrappedText(int lines, const QString& accessible_name, QWidget* parent = nullptr);

    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override { return sizeHint(); }

  private:
    int lines_;
};

}  // namespace vutrace::gui
