// What a person noted about a trace, in a file beside it: TRACE.vutrace-notes.json. The trace itself is never changed.
#pragma once

#include <tl/expected.hpp>

#include <QByteArray>
#include <QCoreApplication>
#include <QString>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace vutrace::gui {

struct Bookmark {
    std::uint64_t record{0};  // its number, from 1
    std::int64_t time{0};     // of the record, nanoseconds since the epoch
    QString name;             // of the record
    QString comment;          // may be empty
    bool operator==(const Bookmark&) const = default;
};

// Any thread, one at a time. What it says is for people, translated.
class NotesFile {
    Q_DECLARE_TR_FUNCTIONS(NotesFile)

  public:
    // Beyond them a file is not read, and none is written.
    static constexpr qint64 most_bytes = qint64{1} << 20U;
    static constexpr std::size_t most_bookmarks = 10000;
    static constexpr qsizetype most_characters = 4000;  // of a comment

    struct Problem {
        // What is there is not what was read or written last, or nothing that can be used: it is left as it is until
        // `set_aside` or, once it was mended, `read`.
        bool in_the_way{false};
        QString text;
        bool operator==(const Problem&) const = default;
    };

    // Of the trace with that path, whose first record has that time.
    NotesFile(QString trace, std::int64_t first_time);

    [[nodiscard]] const QString& path() const noexcept { return path_; }
    // In the order of the records, each once; none where there is no file.
    [[nodiscard]] tl::expected<std::vector<Bookmark>, Problem> read();
    // All or nothing. With no bookmarks no file is begun. Only over what was read or written last.
    [[nodiscard]] std::optional<Problem> write(const std::vector<Bookmark>& bookmarks);
    // Gives what is in the way another name, which it returns; `write` can go on then.
    [[nodiscard]] tl::expected<QString, Problem> set_aside();

  private:
    using Contents = std::optional<QByteArray>;  // empty: there is no file
    [[nodiscard]] tl::expected<Contents, Problem> contents() const;
    [[nodiscard]] tl::expected<std::vector<Bookmark>, Problem> parse(const QByteArray& text) const;
    [[nodiscard]] QByteArray text_of(const std::vector<Bookmark>& bookmarks) const;
    [[nodiscard]] qint64 trace_size() const;
    [[nodiscard]] Problem in_the_way(const QString& why) const;

    const QString trace_;
    const QString path_;
    const std::int64_t first_time_;
    Contents known_;
};

}  // namespace vutrace::gui
