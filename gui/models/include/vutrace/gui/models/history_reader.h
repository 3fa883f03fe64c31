// What became of the descriptors and the memory regions of a trace, found out in the background.
#pragma once

#include <vutrace/gui/models/trace_document.h>
#include <vutrace/session/history.h>

#include <QObject>
#include <memory>
#include <thread>

namespace vutrace::gui {

// Lives on the window's thread; its signal comes there. Begins once the trace is indexed, and again
// where there was more of it later.
class HistoryReader final : public QObject {
    Q_OBJECT

  public:
    // The document must outlive the reader.
    explicit HistoryReader(TraceDocument& document, QObject* parent = nullptr);

    // Null until it is known.
    [[nodiscard]] const std::shared_ptr<const session::History>& history() const noexcept { return history_; }

  Q_SIGNALS:
    void history_read();

  private:
    void begin();

    TraceDocument& document_;
    std::shared_ptr<const session::History> history_;
    std::jthread thread_;  // last: it posts to the object
};

}  // namespace vutrace::gui
