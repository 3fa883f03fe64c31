// What `vutrace stats` counts, as a tree: sessions, their queues, the kinds of request of each.
#pragma once

#include <vutrace/filter/filter.h>
#include <vutrace/gui/models/trace_document.h>
#include <vutrace/statistics/statistics.h>

#include <QAbstractItemModel>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace vutrace::gui {

class StatisticsModel final : public QAbstractItemModel {
    Q_OBJECT

  public:
    enum Column {
        name,
        available,
        used,
        least,  // of the latency, and so on
        mean,
        median,
        p90,
        p99,
        p999,
        largest,
        to_device,    // bytes
        from_device,  // bytes
        column_count
    };

    // The document must outlive it.
    explicit StatisticsModel(TraceDocument& document, QObject* parent = nullptr);

    // Counts with a thread of its own what the filter picks, or everything; the trace must be indexed. `counted` tells
    // the end, `progressed` how far it is, in thousandths.
    void count(std::optional<filter::Filter> filter);
    void stop();
    [[nodiscard]] bool is_counting() const noexcept { return counting_; }
    [[nodiscard]] bool has_counted() const noexcept { return statistics_ != nullptr; }
    [[nodiscard]] const statistics::Statistics* statistics() const noexcept { return statistics_.get(); }

    // What a row is about.
    struct Subject {
        std::uint32_t session{0};
        std::optional<std::uint16_t> queue;                  // empty: a session
        const statistics::QueueStatistics* all{nullptr};     // of the queue
        const statistics::ChainStatistics* chains{nullptr};  // of one kind of request, or all of the queue
        QString request;                                     // empty: all
    };
    [[nodiscard]] Subject subject(const QModelIndex& index) const;
    // The expression that picks the row's chains.
    [[nodiscard]] QString filter_of(const QModelIndex& index) const;

    [[nodiscard]] QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
    [[nodiscard]] QModelIndex parent(const QModelIndex& index) const override;
    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  Q_SIGNALS:
    void counted(bool whole);  // false: the trace could not be read
    void progressed(int thousandths);

  private:
    struct Node {
        std::size_t parent{0};  // in `nodes_`; that of a session is 0, the invisible root
        int row{0};
        std::vector<std::size_t> children;
        Subject subject;
        QString title;
    };
    using Counted = std::shared_ptr<const statistics::Statistics>;
    void take(Counted&& statistics);
    std::size_t add_node(std::size_t parent, Subject subject, const QString& title);
    [[nodiscard]] static bool told_when_used(const Node& node);
    [[nodiscard]] QString text(const Node& node, int column) const;

    TraceDocument& document_;
    Counted statistics_;
    std::vector<Node> nodes_{1};
    bool counting_{false};
    std::uint64_t number_{0};  // of the count that runs
    std::jthread thread_;      // last: it posts to the object
};

}  // namespace vutrace::gui
