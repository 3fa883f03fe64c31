// A table that is replaced as a whole whenever another record is chosen: features, queues, descriptors.
#pragma once

#include <vutrace/render/style.h>

#include <QAbstractTableModel>
#include <QString>
#include <QStringList>
#include <cstdint>
#include <functional>
#include <vector>

namespace vutrace::gui {

struct TableRow {
    QStringList cells;  // one a column
    render::Tone tone{render::Tone::plain};
    std::uint64_t record{0};  // that it speaks of; 0 without one
    QString explanation;      // longer, for a tool tip; may be empty
    int key{-1};              // what it is to who made it: a slot of a ring
};

// Rows that are made when they are looked at: a ring may have 32768 descriptors.
struct TableRows {
    int count{0};
    std::function<TableRow(int)> make;   // of any number below `count`; holds on to what it needs
    std::function<int(int)> row_of_key;  // -1 where there is none; may be empty where keys mean nothing
};
[[nodiscard]] TableRows rows_of(std::vector<TableRow> rows);

class SnapshotTable final : public QAbstractTableModel {
    Q_OBJECT

  public:
    enum Role { tone_role = Qt::UserRole };  // int of render::Tone

    explicit SnapshotTable(QStringList titles, QObject* parent = nullptr);

    // As long as there are as many rows as before, views keep their place and what is chosen.
    void set_rows(TableRows rows);
    // Nothing in it where there is none.
    [[nodiscard]] TableRow row(int number) const;
    // The row with that key; -1 where there is none.
    [[nodiscard]] int row_of_key(int key) const;

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  private:
    const QStringList titles_;
    TableRows rows_;
};

}  // namespace vutrace::gui
