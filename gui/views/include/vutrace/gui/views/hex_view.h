// Bytes in hexadecimal and as text, with a marked range.
#pragma once

#include <vutrace/render/details.h>

#include <QAbstractScrollArea>
#include <cstdint>

namespace vutrace::gui {

class HexView final : public QAbstractScrollArea {
    Q_OBJECT

  public:
    explicit HexView(QWidget* parent = nullptr);

    void set_bytes(render::RawBytes bytes);
    // Marks a range and shows its beginning.
    void mark(render::ByteRange range);
    [[nodiscard]] render::ByteRange marked() const noexcept { return marked_; }
    [[nodiscard]] int line_bytes() const noexcept { return line_bytes_; }
    // The byte at a place of the viewport; -1 where there is none.
    [[nodiscard]] int byte_at(const QPoint& place) const;
    [[nodiscard]] QRect rect_of(int byte) const;  // in the viewport

  Q_SIGNALS:
    void byte_chosen(quint64 offset);  // by mouse or keyboard

  protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void changeEvent(QEvent* event) override;

  private:
    [[nodiscard]] int line_height() const;
    [[nodiscard]] int column_width() const;
    [[nodiscard]] int text_start() const;
    [[nodiscard]] int width_of(int bytes) const;  // of a line
    void paint_line(QPainter& painter, int line, int y);
    void update_scroll_bars();
    void choose(int byte);

    render::RawBytes bytes_;
    render::ByteRange marked_;
    int chosen_{0};
    int line_bytes_{16};
};

}  // namespace vutrace::gui
