#include "vutrace/gui/models/details_model.h"

#include <algorithm>
#include <utility>

namespace vutrace::gui {

void DetailsModel::set_details(std::vector<render::Detail> details) {
    beginResetModel();
    details_ = std::move(details);
    nodes_.assign(details_.size() + 1, {});
    std::vector<std::size_t> path{0};  // the nodes that lines may go under, by depth
    for (std::size_t number = 1; number < nodes_.size(); ++number) {
        path.resize(std::min(details_[number - 1].depth + 1, path.size()));
        Node& parent = nodes_[path.back()];
        nodes_[number].parent = path.back();
        nodes_[number].row = static_cast<int>(parent.children.size());
        parent.children.push_back(number);
        path.push_back(number);
    }
    endResetModel();
}

const render::Detail* DetailsModel::detail(const QModelIndex& index) const {
    return index.isValid() ? &details_[index.internalId() - 1] : nullptr;
}

QModelIndex DetailsModel::index_of_byte(std::uint64_t offset) const {
    std::size_t best = 0;
    for (std::size_t number = 1; number < nodes_.size(); ++number) {
        const render::ByteRange& bytes = details_[number - 1].bytes;
        if (offset >= bytes.offset && offset - bytes.offset < bytes.size &&
            (best == 0 || bytes.size <= details_[best - 1].bytes.size)) {
            best = number;
        }
    }
    return best == 0 ? QModelIndex() : createIndex(nodes_[best].row, 0, quintptr{best});
}

QModelIndex DetailsModel::index(int row, int column, const QModelIndex& parent) const {
    const Node& node = nodes_[parent.isValid() ? parent.internalId() : 0];
    const bool there = row >= 0 && row < static_cast<int>(node.children.size()) && column >= 0 &&
                       column < column_count && parent.column() <= 0;
    return there ? createIndex(row, column, quintptr{node.children[static_cast<std::size_t>(row)]}) : QModelIndex();
}

QModelIndex DetailsModel::parent(const QModelIndex& index) const {
    const std::size_t parent = index.isValid() ? nodes_[index.internalId()].parent : 0;
    return parent == 0 ? QModelIndex() : createIndex(nodes_[parent].row, 0, quintptr{parent});
}

int DetailsModel::rowCount(const QModelIndex& parent) const {
    return parent.column() > 0 ? 0
                               : static_cast<int>(nodes_[parent.isValid() ? parent.internalId() : 0].children.size());
}

int DetailsModel::columnCount(const QModelIndex& /*parent*/) const {
    return column_count;
}

QString DetailsModel::shown_name(const QModelIndex& index) const {
    const std::string& given = detail(index)->name;
    const bool is_element = given == "-";  // of a list
    return is_element ? QStringLiteral("[%1]").arg(index.row()) : QString::fromStdString(given);
}

QString DetailsModel::explanation(const QModelIndex& index) const {
    const render::Detail* line = detail(index);
    if (line == nullptr) {
        return {};
    }
    QString path = shown_name(index);
    for (QModelIndex above = index.parent(); above.isValid(); above = above.parent()) {
        path.prepend(path.startsWith(QLatin1Char('[')) ? shown_name(above) : shown_name(above) + QLatin1Char('.'));
    }
    const QString whole = QString::fromStdString(line->value);
    QString text = line->name.empty() || whole.isEmpty() ? path + whole : tr("%1: %2").arg(path, whole);
    if (!line->meaning.empty()) {
        text += QLatin1Char('\n') + QString::fromStdString(line->meaning);
    }
    if (!line->section.empty()) {
        text += (line->meaning.empty() ? QLatin1Char('\n') : QLatin1Char(' ')) +
                tr("(vhost-user specification: %1)").arg(QString::fromStdString(line->section));
    }
    return text;
}

QModelIndex DetailsModel::first_explained() const {
    const auto found = std::find_if(details_.begin(), details_.end(),
                                    [](const render::Detail& detail) { return !detail.section.empty(); });
    if (found == details_.end()) {
        return {};
    }
    const auto number = static_cast<std::size_t>(found - details_.begin()) + 1;
    return createIndex(nodes_[number].row, 0, quintptr{number});
}

QVariant DetailsModel::data(const QModelIndex& index, int role) const {
    const render::Detail* line = detail(index);
    if (line == nullptr) {
        return {};
    }
    if (role == Qt::ToolTipRole || (role == Qt::AccessibleDescriptionRole && index.column() == name)) {
        return explanation(index);
    }
    if (role == Qt::UserRole) {
        return static_cast<int>(line->tone);
    }
    if (role != Qt::DisplayRole) {
        return {};
    }
    // A remark has no name: it stands in the first column, which may span both.
    const bool remark = line->name.empty();
    if (index.column() == name) {
        return remark ? QString::fromStdString(line->value) : shown_name(index);
    }
    const QString shown = remark ? QString() : QString::fromStdString(line->value);
    if (line->meaning.empty()) {
        return shown;
    }
    return (shown.isEmpty() ? QString() : shown + QStringLiteral("   ")) + QStringLiteral("— ") +
           QString::fromStdString(line->meaning);
}

QVariant DetailsModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole) {
        return {};
    }
    return section == name ? tr("Field") : tr("Value");
}

}  // namespace vutrace::gui
