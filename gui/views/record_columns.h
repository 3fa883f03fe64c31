// Which columns of the records are shown, and how wide.
#pragma once

#include <vutrace/overview/overview.h>

#include <QByteArray>
#include <QObject>

class QHeaderView;
class QMenu;

namespace vutrace::gui {

// Belongs to the header, whose model is a RecordsModel. As long as nobody chose any, those that would say the same in
// each row are left out, so that the summary has their room. On the window's thread.
class RecordColumns final : public QObject {
    Q_OBJECT

  public:
    explicit RecordColumns(QHeaderView& header);

    // What `chosen` gave in an earlier run; the usual ones where that is nothing, or nothing that fits.
    void restore(const QByteArray& chosen);
    // Order, widths and which of them; empty where nobody changed any.
    [[nodiscard]] QByteArray chosen() const;
    // Shows those that tell records apart by now, unless they were chosen.
    void show_what_differs(const overview::Overview& overview);

    // Room for the longest of the texts that the column will have.
    void set_time_width(int width);
    [[nodiscard]] int usual_time_width() const;

    // A line for each column, to show or hide it.
    void fill(QMenu& menu);

  private:
    void take_usual();
    [[nodiscard]] int width_of(std::size_t characters) const;

    QHeaderView& header_;
    bool own_change_{false};
    bool is_chosen_{false};
};

}  // namespace vutrace::gui
