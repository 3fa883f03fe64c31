#include "vutrace/gui/models/snapshot_table.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace vutrace::gui {

TableRows rows_of(std::vector<TableRow> rows) {
    const auto kept = std::make_shared<const std::vector<TableRow>>(std::move(rows));
    return {static_cast<int>(kept->size()), [kept](int number) { return (*kept)[static_cast<std::size_t>(number)]; },
            [kept](int key) {
                const auto found =
                    std::find_if(kept->begin(), kept->end(), [&](const TableRow& row) { return row.key == key; });
                return found == kept->end() ? -1 : static_cast<int>(found - kept->begin());
            }};
}

SnapshotTable::SnapshotTable(QStringList titles, QObject* parent)
    : QAbstractTableModel(parent), titles_(std::move(titles)) {}

void SnapshotTable::set_rows(TableRows rows) {
    if (rows.count == rows_.count) {
        rows_ = std::move(rows);
        if (rows_.count > 0) {
            Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
        }
        return;
    }
    beginResetModel();
    rows_ = std::move(rows);
    endResetModel();
}

TableRow SnapshotTable::row(int number) const {
    return number < 0 || number >= rows_.count ? TableRow() : rows_.make(number);
}

int SnapshotTable::row_of_key(int key) const {
    return rows_.row_of_key ? rows_.row_of_key(key) : -1;
}

int SnapshotTable::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : rows_.count;
}

int SnapshotTable::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(titles_.size());
}

QVariant SnapshotTable::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) {
        return {};
    }
    if (role != Qt::DisplayRole && role != Qt::ToolTipRole && role != tone_role) {
        return {};
    }
    const TableRow row = rows_.make(index.row());
    switch (role) {
        case Qt::DisplayRole:
            return row.cells.value(index.column());
        case Qt::ToolTipRole:
            return row.explanation.isEmpty() ? row.cells.value(index.column()) : row.explanation;
        case tone_role:
            return static_cast<int>(row.tone);
        default:
            return {};
    }
}

QVariant SnapshotTable::headerData(int section, Qt::Orientation orientation, int role) const {
    return orientation == Qt::Horizontal && role == Qt::DisplayRole ? QVariant(titles_.value(section)) : QVariant();
}

}  // namespace vutrace::gui
