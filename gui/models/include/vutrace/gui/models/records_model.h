// The rows of a trace as a table, all or those that a filter picks. Never waits: rows that are not there yet are empty
// until a thread has read them.
#pragma once

#include <vutrace/check/finding.h>
#include <vutrace/filter/filter.h>
#include <vutrace/gui/models/notes_file.h>
#include <vutrace/gui/models/reader_thread.h>
#include <vutrace/gui/models/record_text.h>
#include <vutrace/gui/models/trace_document.h>
#include <vutrace/index/matching.h>
#include <vutrace/index/row_set.h>
#include <vutrace/render/row.h>

#include <QAbstractTableModel>
#include <QString>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>
#include <vector>

namespace vutrace::gui {

class RecordsModel final : public QAbstractTableModel {
    Q_OBJECT

  public:
    enum Column { trouble, number, time, session, channel, sender, queue, latency, name, summary, column_count };
    enum Role {
        tone_role = Qt::UserRole,  // int of render::Tone
        kind_role,                 // int of trace::RecordType; invalid where the row is not read yet, or not decoded
        answers_role,              // bool: it comes from the side that was asked
        badge_role,                // int of check::Severity, of the worst finding at the record; invalid without one
        bookmark_role,             // QString: the comment of its bookmark; invalid without one
    };

    // The document must outlive the model.
    explicit RecordsModel(TraceDocument& document, QObject* parent = nullptr);
    ~RecordsModel() override;

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

    void set_time_format(TimeFormat format);
    [[nodiscard]] TimeFormat time_format() const noexcept { return time_format_; }

    // Shows the rows that `filter` picks, as they are found; empty: all.
    void set_filter(std::optional<filter::Filter> filter);
    [[nodiscard]] const std::optional<filter::Filter>& filter() const noexcept { return filter_; }
    // Of the places in the table that a filter leaves, what rows stand there; empty without one.
    [[nodiscard]] std::optional<index::RowSet> picked() const {
        return filter_ ? std::optional(picked_) : std::nullopt;
    }
    [[nodiscard]] bool is_filtering() const noexcept { return filtering_; }
    [[nodiscard]] std::uint64_t rows_looked_at() const noexcept { return looked_at_; }
    void stop_filtering();

    // Marks the records that findings are at.
    void set_findings(const std::vector<check::Finding>& findings);
    // Marks those that a person marked.
    void set_bookmarks(const std::vector<Bookmark>& bookmarks);

    // Between places in the table, from 0, and record numbers; 0 and the next place where there is none.
    [[nodiscard]] std::uint64_t sequence_at(int row) const;
    [[nodiscard]] int row_of(std::uint64_t sequence) const;
    [[nodiscard]] bool shows(std::uint64_t sequence) const;

    // Null while it is not known, and asked for then; null where it cannot be decoded.
    [[nodiscard]] const render::Row* row_at(int row) const;

  Q_SIGNALS:
    void filter_progressed();  // more rows were looked at, or all
    void read_failed(const QString& problem);

  private:
    static constexpr int page_rows = 64;
    struct Cell {
        enum class State { unread, undecodable, decoded };
        State state{State::unread};
        render::Row row;  // if decoded
        QString name, summary;
        std::int64_t previous{0};  // time of the row before it in the table
    };
    struct Page {
        std::vector<Cell> cells;
        std::uint64_t used{0};  // when it was looked at last
    };
    struct Badge {
        check::Severity worst{check::Severity::info};
        QString text;  // of all findings at the record
    };
    // What filtering threads hand over.
    struct Inbox;

    [[nodiscard]] const Cell* cell_at(int row) const;
    void ask_for(int page) const;
    void take_page(std::uint64_t generation, int page, std::vector<Cell>&& cells, const QString& problem);
    void grow();
    void take_matches();
    void forget_pages();
    [[nodiscard]] std::uint64_t size() const noexcept;
    [[nodiscard]] QVariant bookmark_data(const QModelIndex& index, int role) const;
    [[nodiscard]] QString text(const Cell& cell, int column) const;
    [[nodiscard]] static QVariant undecodable_data(int column, int role);

    TraceDocument& document_;
    TimeFormat time_format_{TimeFormat::relative};
    int rows_{0};  // as told to views
    std::optional<filter::Filter> filter_;
    index::RowSet picked_;
    std::unordered_map<std::uint64_t, Badge> badges_;       // by record
    std::unordered_map<std::uint64_t, QString> bookmarks_;  // comments, by record
    std::uint64_t looked_at_{0};
    bool filtering_{false};
    std::shared_ptr<Inbox> inbox_;

    std::uint64_t generation_{0};  // of what rows mean: pages of an older one are thrown away
    mutable std::uint64_t uses_{0};
    mutable std::unordered_map<int, Page> pages_;
    mutable std::set<int> asked_;
    QTimer timer_;
    std::jthread filtering_thread_;
    mutable ReaderThread reader_;  // last: nothing of the above goes while it runs
};

}  // namespace vutrace::gui
