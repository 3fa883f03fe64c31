// An open trace: its index, filled in the background, and what is searched in it.
#pragma once

#include <vutrace/filter/filter.h>
#include <vutrace/index/matching.h>
#include <vutrace/index/trace_index.h>
#include <vutrace/overview/overview.h>

#include <QObject>
#include <QString>
#include <QTimer>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

namespace vutrace::gui {

// Lives on the window's thread; its signals come there.
class TraceDocument final : public QObject {
    Q_OBJECT

  public:
    // Begins to index at once.
    using AtEnd = index::TraceIndex::AtEnd;
    explicit TraceDocument(const QString& path, AtEnd at_end = AtEnd::stop, QObject* parent = nullptr);
    ~TraceDocument() override;

    [[nodiscard]] const QString& path() const noexcept { return path_; }
    [[nodiscard]] const std::shared_ptr<const index::TraceIndex>& index() const noexcept { return shared_; }
    // Along its time, as far as it is indexed; never null.
    [[nodiscard]] std::shared_ptr<const overview::Overview> overview() const { return overview_->published(); }
    [[nodiscard]] index::Progress progress() const { return progress_; }
    // Why there are no rows, or fewer than the trace had: an error, a torn end, records that cannot be decoded. Empty
    // where all is well, and while it is not known.
    [[nodiscard]] QString trouble() const;
    // Where rows that are there cannot be read: why, and what to do.
    [[nodiscard]] static QString reading_problem(const Error& error);
    [[nodiscard]] bool failed() const noexcept { return error_.has_value(); }
    void stop_indexing();
    // There are rows, and there may be more behind them: `go_on` reads these.
    [[nodiscard]] bool was_stopped() const noexcept { return stopped_; }
    // Reads on where it was stopped; all rows stay what they are. Where the file is another one by now, `replaced` is
    // all that comes of it.
    void go_on(AtEnd at_end);
    // All that is there is indexed, and more is waited for until `stop_indexing`.
    [[nodiscard]] bool waits_for_more() const noexcept;

    using Predicate = std::function<bool(const explain::Annotation&, std::size_t)>;
    // Looks for the nearest row from `from` on, `around` also on its other side where there is none; `searched` tells
    // the end of it. A search that runs is stopped first.
    void search(std::uint64_t from, index::Direction direction, Predicate wanted, bool around = false);
    void stop_searching();
    [[nodiscard]] bool is_searching() const noexcept { return searching_; }

  Q_SIGNALS:
    void progressed();  // more rows, or the end
    void finished();    // there will be no more rows, unless it goes on
    void replaced();    // the file is not the one any more that was read: open it again
    // The row, or 0 where there is none; `problem` where the search could not be ended.
    void searched(quint64 row, bool went_around, const QString& problem);

  private:
    void begin_indexing();
    void end_indexing(std::optional<Error> error, bool stopped);
    void look_at_index();
    void end_search(std::uint64_t number, const Result<index::FoundAround>& found);

    const QString path_;
    AtEnd at_end_;
    std::shared_ptr<index::TraceIndex> index_;
    std::shared_ptr<const index::TraceIndex> shared_;
    std::shared_ptr<overview::OverviewBuilder> overview_;
    index::Progress progress_;
    std::optional<Error> error_;  // of indexing, once it ended
    bool indexing_{true};
    bool stop_wanted_{false};
    bool stopped_{false};
    QTimer timer_;
    bool searching_{false};
    std::uint64_t search_number_{0};
    std::jthread searching_thread_;
    std::jthread indexing_thread_;
};

}  // namespace vutrace::gui
