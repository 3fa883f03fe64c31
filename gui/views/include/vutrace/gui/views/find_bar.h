// Where the text is typed that is looked for in the records.
#pragma once

#include <vutrace/index/matching.h>

#include <QWidget>

class QLineEdit;

namespace vutrace::gui {

// Hidden until it is asked for.
class FindBar final : public QWidget {
    Q_OBJECT

  public:
    explicit FindBar(QWidget* parent = nullptr);

    void begin_typing();
    [[nodiscard]] QString text() const;
    [[nodiscard]] QLineEdit& line() const noexcept { return *line_; }

  Q_SIGNALS:
    void find_wanted(vutrace::index::Direction direction);

  private:
    QLineEdit* line_;
};

}  // namespace vutrace::gui
