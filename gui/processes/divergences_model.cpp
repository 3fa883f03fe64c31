#include "vutrace/gui/processes/divergences_model.h"

#include <array>
#include <utility>

namespace vutrace::gui {

void DivergencesModel::set_divergences(std::vector<Divergence> divergences) {
    beginResetModel();
    divergences_ = std::move(divergences);
    endResetModel();
}

std::uint64_t DivergencesModel::sequence_at(int row) const {
    return row < 0 || row >= rowCount() ? 0 : divergences_[static_cast<std::size_t>(row)].sequence;
}

int DivergencesModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(divergences_.size());
}

int DivergencesModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : column_count;
}

QVariant DivergencesModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid) ||
        (role != Qt::DisplayRole && role != Qt::ToolTipRole)) {
        return {};
    }
    const Divergence& divergence = divergences_[static_cast<std::size_t>(index.row())];
    switch (index.column()) {
        case record:
            return divergence.sequence == 0 ? QVariant() : QVariant(qulonglong{divergence.sequence});
        case kind:
            return divergence.kind;
        case expected:
            return divergence.expected;
        default:
            return divergence.actual;
    }
}

QVariant DivergencesModel::headerData(int section, Qt::Orientation orientation, int role) const {
    const std::array titles{tr("Record"), tr("What"), tr("In the trace"), tr("In the replay")};
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole || section < 0 || section >= column_count) {
        return {};
    }
    return titles[static_cast<std::size_t>(section)];
}

}  // namespace vutrace::gui
