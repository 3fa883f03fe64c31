#include "vutrace/gui/models/records_model.h"

#include "vutrace/gui/models/findings_model.h"

#include <QElapsedTimer>
#include <QLocale>
#include <algorithm>
#include <array>
#include <climits>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr std::size_t most_pages = 128;
constexpr std::size_t most_pages_asked_for = 6;

struct ColumnText {
    const char* title;
    const char* meaning;
};
constexpr std::array<ColumnText, RecordsModel::column_count> column_texts{{
    {QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "!"),
     QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel",
                       "!! trouble, ? doubtful or lost; a triangle or a diamond: findings")},
    {QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "No."),
     QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "Number of the record")},
    {QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "Time"),
     QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "When it was recorded, in seconds")},
    {QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "Session"),
     QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "Session; empty: the whole trace")},
    {QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "Channel"),
     QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "Socket that a message went over")},
    {QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "Sender"),
     QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "Who did it")},
    {QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "Queue"),
     QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "Queue that it is about")},
    {QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "Latency"),
     QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel",
                       "Time since the request that it answers, or since the chain was available")},
    {QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "Name"),
     QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "Request, or what happened")},
    {QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "Summary"),
     QT_TRANSLATE_NOOP("vutrace::gui::RecordsModel", "What it says")},
}};

QString text_of(const std::string& text) {
    return QString::fromStdString(text);
}

}  // namespace

RecordsModel::RecordsModel(TraceDocument& document, QObject* parent)
    : QAbstractTableModel(parent), document_(document), reader_(document.index(), most_pages_asked_for) {
    connect(&document_, &TraceDocument::progressed, this, [this] {
        grow();
        look_on();
    });
    connect(&timer_, &QTimer::timeout, this, &RecordsModel::take_matches);
    grow();
}

RecordsModel::~RecordsModel() = default;

std::uint64_t RecordsModel::size() const noexcept {
    return filter_ ? picked_.size() : document_.progress().rows;
}

int RecordsModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : rows_;
}

int RecordsModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : column_count;
}

std::uint64_t RecordsModel::sequence_at(int row) const {
    if (row < 0 || row >= rows_) {
        return 0;
    }
    const auto place = static_cast<std::uint64_t>(row);
    return filter_ ? picked_.at(place) : place + 1;
}

int RecordsModel::row_of(std::uint64_t sequence) const {
    const std::uint64_t place =
        filter_ ? picked_.count_before(sequence) : sequence - std::min<std::uint64_t>(sequence, 1);
    return static_cast<int>(std::min<std::uint64_t>(place, static_cast<std::uint64_t>(rows_)));
}

bool RecordsModel::shows(std::uint64_t sequence) const {
    return sequence != 0 && sequence_at(row_of(sequence)) == sequence;
}

// Views are told of new rows only: what is there stays where it is.
void RecordsModel::grow() {
    const int rows = static_cast<int>(std::min<std::uint64_t>(size(), INT_MAX - 1));
    if (rows <= rows_) {
        return;
    }
    // A page that was full up to the old end has more now.
    pages_.erase(rows_ / page_rows);
    asked_.erase(rows_ / page_rows);
    beginInsertRows({}, rows_, rows - 1);
    rows_ = rows;
    endInsertRows();
}

void RecordsModel::forget_pages() {
    ++generation_;
    reader_.release(std::make_shared<std::unordered_map<int, Page>>(std::exchange(pages_, {})));
    asked_.clear();
    reader_.forget_all();
}

void RecordsModel::set_time_format(TimeFormat format) {
    time_format_ = format;
    if (rows_ > 0) {
        Q_EMIT dataChanged(index(0, time), index(rows_ - 1, time), {Qt::DisplayRole});
    }
    Q_EMIT headerDataChanged(Qt::Horizontal, time, time);
}

void RecordsModel::set_findings(const std::vector<check::Finding>& findings) {
    badges_.clear();
    for (const check::Finding& finding : findings) {
        Badge& badge = badges_[finding.sequence];
        badge.worst = std::max(badge.worst, finding.severity);
        badge.text += (badge.text.isEmpty() ? QString() : QStringLiteral("\n")) + FindingsModel::summary_of(finding);
    }
    if (rows_ > 0) {
        Q_EMIT dataChanged(index(0, trouble), index(rows_ - 1, trouble), {badge_role, Qt::ToolTipRole});
    }
}

void RecordsModel::set_bookmarks(const std::vector<Bookmark>& bookmarks) {
    bookmarks_.clear();
    for (const Bookmark& bookmark : bookmarks) {
        bookmarks_[bookmark.record] = bookmark.comment;
    }
    if (rows_ > 0) {
        Q_EMIT dataChanged(index(0, number), index(rows_ - 1, number), {bookmark_role, Qt::ToolTipRole});
    }
}

// Told in words as well: a sign in the table is nothing to a screen reader.
QVariant RecordsModel::bookmark_data(const QModelIndex& index, int role) const {
    const auto bookmark = bookmarks_.find(sequence_at(index.row()));
    if (bookmark == bookmarks_.end()) {
        return {};
    }
    return role == bookmark_role        ? QVariant(bookmark->second)
           : bookmark->second.isEmpty() ? QVariant(tr("Bookmark"))
                                        : QVariant(tr("Bookmark: %1").arg(bookmark->second));
}

const RecordsModel::Cell* RecordsModel::cell_at(int row) const {
    const auto found = pages_.find(row / page_rows);
    if (found == pages_.end()) {
        ask_for(row / page_rows);
        return nullptr;
    }
    found->second.used = ++uses_;
    const auto place = static_cast<std::size_t>(row % page_rows);
    const bool is_read = place < found->second.cells.size() && found->second.cells[place].state != Cell::State::unread;
    return is_read ? &found->second.cells[place] : nullptr;
}

const render::Row* RecordsModel::row_at(int row) const {
    const Cell* cell = row < 0 || row >= rows_ ? nullptr : cell_at(row);
    return cell == nullptr || cell->state != Cell::State::decoded ? nullptr : &cell->row;
}

void RecordsModel::ask_for(int page) const {
    if (!asked_.insert(page).second) {
        return;
    }
    const int first = page * page_rows;
    std::vector<std::uint64_t> sequences;  // that of the row before the page comes first, 0 where there is none
    for (int row = first - 1; row < std::min(first + page_rows, rows_); ++row) {
        sequences.push_back(sequence_at(row));
    }
    auto* self = const_cast<RecordsModel*>(this);  // what is not seen from outside: the cache
    const auto job = [self, page, generation = generation_, sequences = std::move(sequences)](index::Cursor& cursor) {
        std::vector<Cell> cells(sequences.size() - 1);
        std::int64_t previous = INT64_MIN;
        QString problem;
        for (std::size_t i = 0; i < sequences.size() && problem.isEmpty(); ++i) {
            const Status read =
                cursor.visit(sequences[i], sequences[i], [&](const auto& annotation, std::size_t entry) {
                    const std::int64_t now = trace::time_of(*annotation.record, entry);
                    if (i > 0) {
                        render::Row shown = render::row_of(annotation, entry);
                        Cell& cell = cells[i - 1];
                        cell = {Cell::State::decoded,
                                {},
                                text_of(shown.name),
                                text_of(shown.summary),
                                previous == INT64_MIN ? now : previous};
                        cell.row = std::move(shown);
                    }
                    previous = now;
                    return true;
                });
            problem = read ? QString() : TraceDocument::reading_problem(read.error());
            if (read && i > 0 && cells[i - 1].state == Cell::State::unread) {
                cells[i - 1].state = Cell::State::undecodable;
            }
        }
        QMetaObject::invokeMethod(
            self,
            [self, page, generation, problem, cells = std::move(cells)]() mutable {
                self->take_page(generation, page, std::move(cells), problem);
            },
            Qt::QueuedConnection);
    };
    if (const auto forgotten = reader_.post(static_cast<std::uint64_t>(page), job)) {
        asked_.erase(static_cast<int>(*forgotten));
    }
}

void RecordsModel::take_page(std::uint64_t generation, int page, std::vector<Cell>&& cells, const QString& problem) {
    if (generation != generation_) {
        return;
    }
    asked_.erase(page);
    const int first = page * page_rows;
    const int last = std::min(first + page_rows, rows_) - 1;
    if (static_cast<int>(cells.size()) <= last - first) {
        ask_for(page);  // the trace has grown since
        return;
    }
    if (!problem.isEmpty()) {
        Q_EMIT read_failed(problem);
    }
    if (pages_.size() >= most_pages) {
        pages_.erase(std::min_element(pages_.begin(), pages_.end(),
                                      [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
    }
    pages_[page] = {std::move(cells), ++uses_};
    Q_EMIT dataChanged(index(first, 0), index(last, column_count - 1));
}

QString RecordsModel::text(const Cell& cell, int column) const {
    return column == name ? cell.name
           : column == summary
               ? cell.summary
               : record_text(cell.row, column, {time_format_, document_.index()->start_time(), cell.previous});
}

// Of a record that is there and says nothing: its details tell why.
QVariant RecordsModel::undecodable_data(int column, int role) {
    switch (role) {
        case tone_role:
            return static_cast<int>(render::Tone::bad);
        case Qt::DisplayRole:
            return column == trouble ? QVariant(QStringLiteral("!!"))
                   : column == name  ? QVariant(tr("cannot be decoded"))
                                     : QVariant();
        default:
            return {};
    }
}

QVariant RecordsModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) {
        return {};
    }
    if (role == Qt::TextAlignmentRole) {
        const int column = index.column();
        const bool right =
            column == number || column == time || column == latency || column == queue || column == session;
        return QVariant::fromValue(Qt::Alignment((right ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter));
    }
    if (role == Qt::DisplayRole && index.column() == number) {
        return QLocale::c().toString(qulonglong{sequence_at(index.row())}).remove(QLatin1Char(','));
    }
    if (role == bookmark_role ||
        (index.column() == number && (role == Qt::ToolTipRole || role == Qt::AccessibleDescriptionRole))) {
        return bookmark_data(index, role);
    }
    if (role != Qt::DisplayRole && role != Qt::ToolTipRole && role < tone_role) {
        return {};
    }
    if (role == badge_role || (role == Qt::ToolTipRole && index.column() == trouble)) {
        const auto badge = badges_.find(sequence_at(index.row()));
        return badge == badges_.end() ? QVariant()
               : role == badge_role   ? QVariant(static_cast<int>(badge->second.worst))
                                      : QVariant(badge->second.text);
    }
    const Cell* cell = cell_at(index.row());
    if (cell == nullptr) {
        return {};
    }
    if (cell->state == Cell::State::undecodable) {
        return undecodable_data(index.column(), role);
    }
    switch (role) {
        case tone_role:
            return static_cast<int>(cell->row.trouble);
        case kind_role:
            return static_cast<int>(cell->row.type);
        case answers_role:
            return cell->row.answers;
        case Qt::ToolTipRole:
            return index.column() == summary ? QVariant(cell->summary) : QVariant();
        default:
            return text(*cell, index.column());
    }
}

QVariant RecordsModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || section < 0 || section >= column_count) {
        return {};
    }
    const ColumnText& texts = column_texts[static_cast<std::size_t>(section)];
    if (section == time && role == Qt::DisplayRole && time_format_ != TimeFormat::relative) {
        return time_format_ == TimeFormat::delta ? tr("Time (delta)") : tr("Time (UTC)");
    }
    return role == Qt::DisplayRole   ? QVariant(tr(texts.title))
           : role == Qt::ToolTipRole ? QVariant(tr(texts.meaning))
                                     : QVariant();
}

}  // namespace vutrace::gui
