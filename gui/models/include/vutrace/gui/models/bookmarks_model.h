// The records of a trace that a person marked, with comments: a table that is kept in a file beside the trace.
#pragma once

#include <vutrace/gui/models/latest_job.h>
#include <vutrace/gui/models/notes_file.h>
#include <vutrace/gui/models/trace_document.h>

#include <QAbstractTableModel>
#include <QString>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace vutrace::gui {

// Lives on the window's thread; files are read and written by a thread of its own. What was changed last is in the file
// when the destructor returns, unless `problem` says why not.
class BookmarksModel final : public QAbstractTableModel {
    Q_OBJECT

  public:
    enum Column { record, time, name, comment, column_count };

    // The document must outlive the model. The file is read as soon as the first record is known.
    explicit BookmarksModel(TraceDocument& document, QObject* parent = nullptr);
    ~BookmarksModel() override;

    // False before the file was read: nothing can be marked yet.
    [[nodiscard]] bool is_ready() const noexcept { return ready_; }
    // Of reading or writing last; empty where all is in the file.
    [[nodiscard]] const std::optional<NotesFile::Problem>& problem() const noexcept { return problem_; }
    // Reads the file again where it was in the way (what is marked is kept where it says nothing else), and writes.
    void try_again();
    // Gives the file that is in the way another name, and writes.
    void set_aside();

    [[nodiscard]] const std::vector<Bookmark>& bookmarks() const noexcept { return bookmarks_; }
    // The place of a record's in the table; -1 where it has none.
    [[nodiscard]] int row_of(std::uint64_t sequence) const noexcept;
    // Nearest record that is marked; 0 where there is none.
    [[nodiscard]] std::uint64_t after(std::uint64_t sequence) const noexcept;
    [[nodiscard]] std::uint64_t before(std::uint64_t sequence) const noexcept;

    // False where there are too many, or it is not ready. A record that is marked again gets its comment back.
    bool add(Bookmark bookmark);
    void remove(int row);

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    [[nodiscard]] bool setData(const QModelIndex& index, const QVariant& value, int role = Qt::EditRole) override;
    [[nodiscard]] Qt::ItemFlags flags(const QModelIndex& index) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  Q_SIGNALS:
    void changed();          // the bookmarks
    void problem_changed();  // also when all is written and there is none

  private:
    void begin();
    void read();
    void take(tl::expected<std::vector<Bookmark>, NotesFile::Problem>&& read);
    void take_problem(const std::optional<NotesFile::Problem>& problem);
    void save();
    void write();

    TraceDocument& document_;
    std::shared_ptr<NotesFile> file_;                // null until the first record is known; of the thread, once it is
    std::vector<Bookmark> bookmarks_;                // in the order of the records
    std::map<std::uint64_t, QString> old_comments_;  // of what was removed
    std::optional<NotesFile::Problem> problem_;
    bool ready_{false};
    std::uint64_t generation_{0};            // of the bookmarks
    std::atomic<std::uint64_t> written_{0};  // the one that the file was given last, by the thread
    std::unique_ptr<LatestJob> thread_;
};

}  // namespace vutrace::gui
