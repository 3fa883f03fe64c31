// A command line to read and to copy, all of it in sight: it is folded where the line ends.
#pragma once

#include <QPlainTextEdit>

namespace vutrace::gui {

class CommandView final : public QPlainTextEdit {
    Q_OBJECT

  public:
    explicit CommandView(QWidget* parent = nullptr);

    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override { return sizeHint(); }
};

}  // namespace vutrace::gui
