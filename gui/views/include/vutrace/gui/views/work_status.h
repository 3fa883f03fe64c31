// What runs on the trace, in the window's status bar: how many records, how far, and a way to stop it.
#pragma once

#include <vutrace/gui/models/records_model.h>
#include <vutrace/gui/models/trace_document.h>

#include <QObject>

class QLabel;
class QProgressBar;
class QPushButton;
class QStatusBar;

namespace vutrace::gui {

class WorkStatus final : public QObject {
    Q_OBJECT

  public:
    // The status bar owns all.
    explicit WorkStatus(QStatusBar& bar);

    void show(const TraceDocument& document, const RecordsModel& records);
    [[nodiscard]] static bool is_busy(const TraceDocument& document, const RecordsModel& records);
    [[nodiscard]] static bool is_filtering(const TraceDocument& document, const RecordsModel& records);

  Q_SIGNALS:
    void cancel_wanted();

  private:
    void show_progress(const TraceDocument& document, const RecordsModel& records);

    QLabel* counts_;
    QProgressBar* progress_;
    QPushButton* cancel_;
};

}  // namespace vutrace::gui
