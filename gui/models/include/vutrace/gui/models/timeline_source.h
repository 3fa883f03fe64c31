// What a time line shows of an open trace, read in the background.
#pragma once

#include <vutrace/gui/models/reader_thread.h>
#include <vutrace/gui/models/trace_document.h>
#include <vutrace/overview/mark_cache.h>
#include <vutrace/overview/overview.h>

#include <QObject>
#include <cstdint>
#include <memory>
#include <vector>

namespace vutrace::gui {

// Lives on the window's thread.
class TimelineSource final : public QObject {
    Q_OBJECT

  public:
    using Leaves = std::vector<std::shared_ptr<const overview::Node>>;

    // The document must outlive it.
    explicit TimelineSource(TraceDocument& document, QObject* parent = nullptr);

    // As far as the trace was read; the same until `grew`.
    [[nodiscard]] const overview::Overview& overview() const noexcept { return *overview_; }
    [[nodiscard]] overview::MarkCache& marks() noexcept { return marks_; }

    // Has the records of these leaves read, the first ones first; what was wanted before and is not begun is forgotten.
    // `marks_read` tells of each some.
    void want(const Leaves& leaves);
    [[nodiscard]] bool is_reading() const noexcept { return reading_; }
    // Looks up when a record was; `time_found` tells.
    void find_time(std::uint64_t sequence);

  Q_SIGNALS:
    void grew();
    void marks_read();
    void time_found(quint64 sequence, double time);  // nanoseconds since the first record
    void read_failed(const QString& problem);

  private:
    using Read = std::vector<overview::Marks>;
    void look();
    void read_some();
    void take(const Leaves& leaves, Read&& read, const QString& problem);

    TraceDocument& document_;
    std::shared_ptr<const overview::Overview> overview_;
    overview::MarkCache marks_;
    Leaves wanted_;  // the last one first
    bool reading_{false};
    ReaderThread reader_;  // last: its jobs post to the object
};

}  // namespace vutrace::gui
