#include "vutrace/gui/models/bookmarks_model.h"

#include <vutrace/explain/annotation.h>
#include <vutrace/render/phrases.h>

#include <algorithm>
#include <array>
#include <utility>

namespace vutrace::gui {
namespace {

bool is_before(const Bookmark& bookmark, std::uint64_t sequence) noexcept {
    return bookmark.record < sequence;
}

}  // namespace

BookmarksModel::BookmarksModel(TraceDocument& document, QObject* parent)
    : QAbstractTableModel(parent), document_(document), thread_(std::make_unique<LatestJob>()) {
    connect(&document_, &TraceDocument::progressed, this, &BookmarksModel::begin);
    begin();
}

BookmarksModel::~BookmarksModel() {
    thread_.reset();  // what waited is written here
    if (written_ != generation_ && !(problem_ && problem_->in_the_way)) {
        (void)file_->write(bookmarks_);
    }
}

void BookmarksModel::begin() {
    if (file_ == nullptr && document_.progress().rows > 0) {
        file_ = std::make_shared<NotesFile>(document_.path(), document_.index()->start_time());
        read();
    }
}

void BookmarksModel::read() {
    thread_->post([this, file = file_](const std::stop_token&) {
        QMetaObject::invokeMethod(
            this, [this, read = file->read()]() mutable { take(std::move(read)); }, Qt::QueuedConnection);
    });
}

// What was marked meanwhile, because the file was in the way, is kept beside what it holds.
void BookmarksModel::take(tl::expected<std::vector<Bookmark>, NotesFile::Problem>&& read) {
    ready_ = true;
    if (!read) {
        take_problem(read.error());
        return;
    }
    const auto order = [](const Bookmark& a, const Bookmark& b) { return a.record < b.record; };
    std::vector<Bookmark> all;
    std::set_union(bookmarks_.begin(), bookmarks_.end(), read->begin(), read->end(), std::back_inserter(all), order);
    const bool more = all != *read;
    beginResetModel();
    bookmarks_ = std::move(all);
    endResetModel();
    take_problem(std::nullopt);
    if (more) {
        save();
    } else {
        Q_EMIT changed();
    }
}

void BookmarksModel::take_problem(const std::optional<NotesFile::Problem>& problem) {
    problem_ = problem;
    Q_EMIT problem_changed();
}

void BookmarksModel::save() {
    ++generation_;
    Q_EMIT changed();
    if (!problem_ || !problem_->in_the_way) {
        write();
    }
}

void BookmarksModel::write() {
    thread_->post([this, file = file_, bookmarks = bookmarks_, generation = generation_](const std::stop_token&) {
        const auto problem = file->write(bookmarks);
        written_ = generation;
        QMetaObject::invokeMethod(
            this, [this, problem] { take_problem(problem); }, Qt::QueuedConnection);
    });
}

void BookmarksModel::try_again() {
    if (file_ == nullptr || !problem_) {
        return;
    }
    if (problem_->in_the_way) {
        read();
    } else {
        write();
    }
}

void BookmarksModel::set_aside() {
    if (file_ == nullptr || !problem_ || !problem_->in_the_way) {
        return;
    }
    thread_->post([this, file = file_](const std::stop_token&) {
        const auto aside = file->set_aside();
        QMetaObject::invokeMethod(
            this,
            [this, aside] {
                take_problem(aside ? std::nullopt : std::optional(aside.error()));
                if (aside) {
                    save();
                }
            },
            Qt::QueuedConnection);
    });
}

int BookmarksModel::row_of(std::uint64_t sequence) const noexcept {
    const auto found = std::lower_bound(bookmarks_.begin(), bookmarks_.end(), sequence, is_before);
    return found == bookmarks_.end() || found->record != sequence ? -1 : static_cast<int>(found - bookmarks_.begin());
}

std::uint64_t BookmarksModel::after(std::uint64_t sequence) const noexcept {
    const auto found = std::lower_bound(bookmarks_.begin(), bookmarks_.end(), sequence + 1, is_before);
    return found == bookmarks_.end() ? 0 : found->record;
}

std::uint64_t BookmarksModel::before(std::uint64_t sequence) const noexcept {
    const auto found = std::lower_bound(bookmarks_.begin(), bookmarks_.end(), sequence, is_before);
    return found == bookmarks_.begin() ? 0 : std::prev(found)->record;
}

bool BookmarksModel::add(Bookmark bookmark) {
    if (!ready_ || bookmark.record == 0 || row_of(bookmark.record) >= 0 ||
        bookmarks_.size() == NotesFile::most_bookmarks) {
        return false;
    }
    if (const auto old = old_comments_.find(bookmark.record);
        old != old_comments_.end() && bookmark.comment.isEmpty()) {
        bookmark.comment = old->second;
    }
    const auto place = std::lower_bound(bookmarks_.begin(), bookmarks_.end(), bookmark.record, is_before);
    const int row = static_cast<int>(place - bookmarks_.begin());
    beginInsertRows({}, row, row);
    bookmarks_.insert(place, std::move(bookmark));
    endInsertRows();
    save();
    return true;
}

void BookmarksModel::remove(int row) {
    if (row < 0 || row >= rowCount()) {
        return;
    }
    const auto place = bookmarks_.begin() + row;
    beginRemoveRows({}, row, row);
    if (!place->comment.isEmpty()) {
        old_comments_[place->record] = place->comment;
    }
    bookmarks_.erase(place);
    endRemoveRows();
    save();
}

int BookmarksModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(bookmarks_.size());
}

int BookmarksModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : column_count;
}

QVariant BookmarksModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) {
        return {};
    }
    const Bookmark& bookmark = bookmarks_[static_cast<std::size_t>(index.row())];
    if (role == Qt::ToolTipRole && index.column() == comment) {
        return bookmark.comment;
    }
    if (role != Qt::DisplayRole && role != Qt::EditRole) {
        return {};
    }
    switch (index.column()) {
        case record:
            return qulonglong{bookmark.record};
        case time:
            return QString::fromStdString(
                render::seconds_text(explain::elapsed(document_.index()->start_time(), bookmark.time)));
        case name:
            return bookmark.name;
        default:
            return bookmark.comment;
    }
}

bool BookmarksModel::setData(const QModelIndex& index, const QVariant& value, int role) {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid) ||
        index.column() != comment || role != Qt::EditRole) {
        return false;
    }
    const QString text = value.toString().left(NotesFile::most_characters);
    QString& old = bookmarks_[static_cast<std::size_t>(index.row())].comment;
    if (text != old) {
        old = text;
        Q_EMIT dataChanged(index, index);
        save();
    }
    return true;
}

Qt::ItemFlags BookmarksModel::flags(const QModelIndex& index) const {
    const Qt::ItemFlags all = QAbstractTableModel::flags(index);
    return index.column() == comment ? all | Qt::ItemIsEditable : all;
}

QVariant BookmarksModel::headerData(int section, Qt::Orientation orientation, int role) const {
    const std::array titles{tr("Record"), tr("Time"), tr("Name"), tr("Comment")};
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole || section < 0 || section >= column_count) {
        return {};
    }
    return titles[static_cast<std::size_t>(section)];
}

}  // namespace vutrace::gui
