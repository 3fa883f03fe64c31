// All that is known of one record, as a tree of names and values.
#pragma once

#include <vutrace/render/details.h>

#include <QAbstractItemModel>
#include <QString>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace vutrace::gui {

class DetailsModel final : public QAbstractItemModel {
    Q_OBJECT

  public:
    enum Column { name, value, column_count };
    using QAbstractItemModel::QAbstractItemModel;

    void set_details(std::vector<render::Detail> details);
    // Null for an invalid index.
    [[nodiscard]] const render::Detail* detail(const QModelIndex& index) const;
    // All that is known of a line, in words: its whole value, what it means, where the specification tells of it.
    // Empty for an invalid index.
    [[nodiscard]] QString explanation(const QModelIndex& index) const;
    // The first line that a section of the specification tells of, as what the record as a whole is; invalid where
    // none is.
    [[nodiscard]] QModelIndex first_explained() const;
    // The innermost line about the byte; invalid where none is.
    [[nodiscard]] QModelIndex index_of_byte(std::uint64_t offset) const;

    [[nodiscard]] QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
    [[nodiscard]] QModelIndex parent(const QModelIndex& index) const override;
    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  private:
    [[nodiscard]] QString shown_name(const QModelIndex& index) const;

    // Lines by number; number 0 is the invisible root, so that line i has number i + 1.
    struct Node {
        std::size_t parent{0};
        int row{0};
        std::vector<std::size_t> children;
    };
    std::vector<render::Detail> details_;
    std::vector<Node> nodes_{1};
};

}  // namespace vutrace::gui
