// An open trace: its index, filled in the background, and what is searched in it.
#pragma once

#include <vutrace/filter/filter.h>
#include <vutrace/index/matching.h>
#include <vutrace/index/trace_index.h>

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
    explicit TraceDocument(const QString& path, QObject* parent = nullptr);
    ~TraceDocument() override;

    [[nodiscard]] const QString& path() const noexcept { return path_; }
    [[nodiscard]] const std::shared_ptr<const index::TraceIndex>& index() const noexcept { return shared_; }
    [[nodiscard]] index::Progress progress() const { return progress_; }
    // Why there are no rows, or fewer than the trace had: an error, a torn end, records that cannot be decoded. Empty
    // where all is well, and while it is not known.
    [[nodiscard]] QString trouble() const;
    [[nodiscard]] bool failed() const noexcept { return error_.has_value(); }
    void stop_indexing();

    using Predicate = std::function<bool(const explain::Annotation&, std::size_t)>;
    // Looks for the nearest row from `from` on; `searched` tells the end of it. A search that runs is stopped first.
    void search(std::uint64_t from, index::Direction direction, Predicate wanted);
    void stop_searching();
    [[nodiscard]] bool is_searching() const noexcept { return searching_; }

  Q_SIGNALS:
    void progressed();  // more rows, or the end
    void finished();    // once: there will be no more rows
    // The row, or 0 where there is none; `problem` where the search could not be ended.
    void searched(quint64 row, const QString& problem);

  private:
    void look_at_index();
    void end_search(std::uint64_t number, const Result<std::optional<std::uint64_t>>& found);

    const QString path_;
    std::shared_ptr<index::TraceIndex> index_;
    std::shared_ptr<const index::TraceIndex> shared_;
    index::Progress progress_;
    std::optional<Error> error_;  // of indexing, once it ended
    QTimer timer_;
    bool searching_{false};
    std::uint64_t search_number_{0};
    std::jthread searching_thread_;
    std::jthread indexing_thread_;
};

}  // namespace vutrace::gui
