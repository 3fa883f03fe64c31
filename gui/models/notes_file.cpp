#include "vutrace/gui/models/notes_file.h"

#include <QFile>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QSaveFile>
#include <algorithm>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr int version = 1;
constexpr int most_set_aside = 1000;  // names that are tried

const QLatin1String format_name("vutrace-notes");

// What does not make a bookmark is none.
std::optional<Bookmark> bookmark_of(const QJsonObject& object) {
    const qint64 record = object[QLatin1String("record")].toInteger();
    if (record < 1) {
        return std::nullopt;
    }
    return Bookmark{static_cast<std::uint64_t>(record), object[QLatin1String("time")].toInteger(),
                    object[QLatin1String("name")].toString().left(NotesFile::most_characters),
                    object[QLatin1String("comment")].toString().left(NotesFile::most_characters)};
}

}  // namespace

NotesFile::NotesFile(QString trace, std::int64_t first_time)
    : trace_(std::move(trace)), path_(trace_ + QLatin1String(".vutrace-notes.json")), first_time_(first_time) {}

qint64 NotesFile::trace_size() const {
    return QFileInfo(trace_).size();
}

NotesFile::Problem NotesFile::in_the_way(const QString& why) const {
    return {true, tr("%1 %2. It is left as it is, and bookmarks are kept in this window only: mend it and try again, "
                     "or set it aside.")
                      .arg(QFileInfo(path_).fileName(), why)};
}

tl::expected<NotesFile::Contents, NotesFile::Problem> NotesFile::contents() const {
    const QFileInfo info(path_);
    if (!info.exists() && !info.isSymLink()) {
        return std::nullopt;
    }
    if (!info.isFile()) {  // a pipe would be waited for
        return tl::unexpected(in_the_way(tr("is no file")));
    }
    if (info.size() > most_bytes) {
        return tl::unexpected(in_the_way(tr("is too large for notes")));
    }
    QFile file(path_);
    if (!file.open(QIODevice::ReadOnly)) {
        return tl::unexpected(in_the_way(tr("cannot be read (%1)").arg(file.errorString())));
    }
    QByteArray text = file.read(most_bytes + 1);
    if (file.error() != QFileDevice::NoError || text.size() > most_bytes) {
        return tl::unexpected(in_the_way(tr("cannot be read (%1)").arg(file.errorString())));
    }
    return text;
}

tl::expected<std::vector<Bookmark>, NotesFile::Problem> NotesFile::parse(const QByteArray& text) const {
    QJsonParseError error;
    const QJsonObject notes = QJsonDocument::fromJson(text, &error).object();
    if (error.error != QJsonParseError::NoError) {
        return tl::unexpected(in_the_way(tr("is damaged (byte %1: %2)").arg(error.offset).arg(error.errorString())));
    }
    if (notes[QLatin1String("format")].toString() != format_name) {
        return tl::unexpected(in_the_way(tr("does not hold notes of vutrace")));
    }
    if (notes[QLatin1String("version")].toInteger() != version) {
        return tl::unexpected(in_the_way(tr("was written by a newer vutrace")));
    }
    // A trace only ever grows at its end: a longer one with the same beginning is the same.
    const QJsonObject trace = notes[QLatin1String("trace")].toObject();
    if (trace[QLatin1String("first_record_time")].toInteger() != first_time_ ||
        trace[QLatin1String("size")].toInteger() > trace_size()) {
        return tl::unexpected(in_the_way(tr("belongs to another trace, or to more of this one")));
    }
    std::vector<Bookmark> bookmarks;
    const QJsonArray entries = notes[QLatin1String("bookmarks")].toArray();
    for (const QJsonValue entry : entries) {
        const auto bookmark = bookmark_of(entry.toObject());
        if (!bookmark || bookmarks.size() == most_bookmarks) {
            return tl::unexpected(
                in_the_way(bookmark ? tr("holds too many bookmarks") : tr("holds a bookmark of no record")));
        }
        bookmarks.push_back(*bookmark);
    }
    std::stable_sort(bookmarks.begin(), bookmarks.end(),
                     [](const Bookmark& a, const Bookmark& b) { return a.record < b.record; });
    const auto same = [](const Bookmark& a, const Bookmark& b) { return a.record == b.record; };
    bookmarks.erase(std::unique(bookmarks.begin(), bookmarks.end(), same), bookmarks.end());
    return bookmarks;
}

tl::expected<std::vector<Bookmark>, NotesFile::Problem> NotesFile::read() {
    auto text = contents();
    if (!text) {
        return tl::unexpected(text.error());
    }
    std::vector<Bookmark> bookmarks;
    if (*text) {
        auto parsed = parse(**text);
        if (!parsed) {
            return parsed;
        }
        bookmarks = std::move(*parsed);
    }
    known_ = std::move(*text);
    return bookmarks;
}

QByteArray NotesFile::text_of(const std::vector<Bookmark>& bookmarks) const {
    QJsonArray entries;
    for (const Bookmark& bookmark : bookmarks) {
        entries.append(QJsonObject{{QLatin1String("record"), static_cast<qint64>(bookmark.record)},
                                   {QLatin1String("time"), static_cast<qint64>(bookmark.time)},
                                   {QLatin1String("name"), bookmark.name},
                                   {QLatin1String("comment"), bookmark.comment}});
    }
    const QJsonObject trace{{QLatin1String("size"), trace_size()},
                            {QLatin1String("first_record_time"), static_cast<qint64>(first_time_)}};
    return QJsonDocument(QJsonObject{{QLatin1String("format"), format_name},
                                     {QLatin1String("version"), version},
                                     {QLatin1String("trace"), trace},
                                     {QLatin1String("bookmarks"), entries}})
        .toJson();
}

std::optional<NotesFile::Problem> NotesFile::write(const std::vector<Bookmark>& bookmarks) {
    const auto there = contents();
    if (!there) {
        return there.error();
    }
    if (*there != known_) {
        return in_the_way(tr("was changed by somebody else"));
    }
    if (!known_ && bookmarks.empty()) {
        return std::nullopt;
    }
    const QByteArray text = text_of(bookmarks);
    if (text.size() > most_bytes) {
        return Problem{false, tr("These are more notes than a file of them may hold: shorten comments. They are kept "
                                 "in this window only.")};
    }
    QSaveFile file(path_);
    if (!file.open(QIODevice::WriteOnly) || !file.setPermissions(QFileDevice::ReadOwner | QFileDevice::WriteOwner) ||
        file.write(text) != text.size() || !file.commit()) {
        return Problem{false, tr("%1 cannot be written (%2): bookmarks are kept in this window only. Make its folder "
                                 "writable, or open a copy of the trace elsewhere; then try again.")
                                  .arg(path_, file.errorString())};
    }
    known_ = text;
    return std::nullopt;
}

tl::expected<QString, NotesFile::Problem> NotesFile::set_aside() {
    for (int number = 1; number <= most_set_aside; ++number) {
        const QString name = path_ + QStringLiteral(".old-%1").arg(number);
        if (QFileInfo::exists(name)) {
            continue;
        }
        if (!QFile::rename(path_, name)) {
            break;
        }
        known_.reset();
        return name;
    }
    return tl::unexpected(in_the_way(tr("cannot be given another name")));
}

}  // namespace vutrace::gui
