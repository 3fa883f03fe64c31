// The details of a record beside its bytes, each showing its place in the other.
#pragma once

#include <vutrace/gui/models/details_model.h>
#include <vutrace/render/details.h>

#include <QSplitter>
#include <vector>

class QTreeView;

namespace vutrace::gui {

class HexView;

class DetailsPane final : public QSplitter {
    Q_OBJECT

  public:
    explicit DetailsPane(QWidget* parent = nullptr);

    void show_record(std::vector<render::Detail>&& details, render::RawBytes&& bytes);
    void clear() { show_record({}, {}); }
    // Does the record that is shown pass descriptors?
    [[nodiscard]] bool has_descriptors() const;

    [[nodiscard]] QTreeView& tree() const noexcept { return *tree_; }
    [[nodiscard]] HexView& bytes() const noexcept { return *bytes_; }

  Q_SIGNALS:
    void record_wanted(quint64 sequence);

  private:
    DetailsModel* model_;
    QTreeView* tree_;
    HexView* bytes_;
};

}  // namespace vutrace::gui
