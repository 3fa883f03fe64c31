// Where a replay differed from its trace, as a table.
#pragma once

#include <vutrace/gui/processes/replay_run.h>

#include <QAbstractTableModel>
#include <vector>

namespace vutrace::gui {

class DivergencesModel final : public QAbstractTableModel {
    Q_OBJECT

  public:
    enum Column { record, kind, expected, actual, column_count };

    using QAbstractTableModel::QAbstractTableModel;
    void set_divergences(std::vector<Divergence> divergences);
    // The record of the recorded trace that a row is about; 0 where there is none.
    [[nodiscard]] std::uint64_t sequence_at(int row) const;

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  private:
    std::vector<Divergence> divergences_;
};

}  // namespace vutrace::gui
