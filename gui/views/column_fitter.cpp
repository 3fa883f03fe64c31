#include "column_fitter.h"

#include <QApplication>
#include <QEvent>
#include <QHeaderView>
#include <QTreeView>
#include <algorithm>
#include <climits>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr int fewest_characters = 12;
constexpr int fewest_beside_names = 8;  // of times and counts

}  // namespace

ColumnFitter::ColumnFitter(QTreeView& view) : QObject(&view), view_(view) {
    view_.viewport()->installEventFilter(this);
    connect(view_.header(), &QHeaderView::sectionResized, this, [this](int column) {
        const QHeaderView& header = *view_.header();
        const bool stretches = header.stretchLastSection() && header.visualIndex(column) == header.count() - 1;
        moved_by_hand_ = moved_by_hand_ || (!fitting_ && !stretches && QApplication::mouseButtons() != Qt::NoButton);
    });
}

void ColumnFitter::keep_whole(int column) {
    kept_whole_ = column;
}

void ColumnFitter::may_leave_out(std::vector<int> columns) {
    may_go_ = std::move(columns);
}

void ColumnFitter::show_column(int column, bool shown) {
    may_go_.clear();
    gone_.clear();
    view_.setColumnHidden(column, !shown);
    fit();
    Q_EMIT left_out_changed();
}

std::vector<int> ColumnFitter::left_out() const {
    std::vector<int> hidden;
    for (int column = 0; column < view_.header()->count(); ++column) {
        if (view_.isColumnHidden(column)) {
            hidden.push_back(column);
        }
    }
    return hidden;
}

int ColumnFitter::sum_within(const std::vector<Width>& widths, int most) {
    int sum = 0;
    for (const Width& width : widths) {
        sum += std::max(width.least, std::min(width.wanted, most));
    }
    return sum;
}

// The largest that a column may be, so that all fit.
int ColumnFitter::limit_for(const std::vector<Width>& widths, int room) {
    int limit = 0;
    for (const Width& width : widths) {
        limit = std::max(limit, width.wanted);
    }
    while (limit > 0 && sum_within(widths, limit) > room) {
        --limit;
    }
    return limit;
}

std::vector<ColumnFitter::Width> ColumnFitter::widths() const {
    const QHeaderView& header = *view_.header();
    const int characters = kept_whole_ < 0 ? fewest_characters : fewest_beside_names;
    const int fewest = characters * view_.fontMetrics().averageCharWidth();
    std::vector<Width> widths;
    for (int column = 0; column < header.count(); ++column) {
        view_.resizeColumnToContents(column);
        const int wanted = header.isSectionHidden(column) ? 0 : header.sectionSize(column);
        const int title = header.isSectionHidden(column) ? 0 : header.sectionSizeHint(column);
        widths.push_back({std::max(title, std::min(wanted, fewest)), wanted});
    }
    return widths;
}

// Numbers and their units say something else where their end is missing.
void ColumnFitter::leave_out(std::vector<Width>& widths) {
    int sum = sum_within(widths, INT_MAX);
    const int room = view_.viewport()->width();
    std::vector<int> candidates = empty_may_go_ && sum > room ? empty_columns() : std::vector<int>();
    candidates.insert(candidates.end(), may_go_.begin(), may_go_.end());
    for (const int column : candidates) {
        Width& width = widths[static_cast<std::size_t>(column)];
        if (sum > room && width.wanted != 0) {
            sum -= std::max(width.least, width.wanted);
            width = {};
            view_.setColumnHidden(column, true);
            gone_.push_back(column);
        }
    }
}

std::vector<int> ColumnFitter::empty_columns() const {
    constexpr int most_rows = 512;  // that are looked at: each text is made for it
    const QAbstractItemModel& model = *view_.model();
    const int rows = model.rowCount();
    std::vector<int> empty;
    for (int column = 0; rows > 0 && rows <= most_rows && column < model.columnCount(); ++column) {
        int row = 0;
        while (row < rows && model.index(row, column).data().toString().isEmpty()) {
            ++row;
        }
        if (row == rows) {
            empty.push_back(column);
        }
    }
    return empty;
}

void ColumnFitter::fit() {
    QHeaderView& header = *view_.header();
    if (moved_by_hand_ || view_.model() == nullptr) {
        return;
    }
    fitting_ = true;
    const bool stretches = header.stretchLastSection();
    header.setStretchLastSection(false);
    const std::vector<int> left_out_before = left_out();
    for (const int column : std::exchange(gone_, {})) {
        view_.setColumnHidden(column, false);
    }
    std::vector<Width> widths = this->widths();
    leave_out(widths);
    if (kept_whole_ >= 0 && kept_whole_ < header.count()) {
        int others = 0;
        for (const Width& width : widths) {
            others += width.least;
        }
        Width& kept = widths[static_cast<std::size_t>(kept_whole_)];
        const int room = view_.viewport()->width();
        const int left = std::max(room - (others - kept.least), room / 2);
        kept.least = std::max(kept.least, std::min(kept.wanted, left));
    }
    const int limit = limit_for(widths, view_.viewport()->width());
    for (int column = 0; column < header.count(); ++column) {
        const Width& width = widths[static_cast<std::size_t>(column)];
        if (width.wanted > limit) {
            header.resizeSection(column, std::max(width.least, limit));
        }
    }
    header.setStretchLastSection(stretches);
    fitting_ = false;
    if (left_out() != left_out_before) {
        Q_EMIT left_out_changed();
    }
}

bool ColumnFitter::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::Resize && !fitting_) {
        fit();
    }
    return QObject::eventFilter(watched, event);
}

}  // namespace vutrace::gui
