// The details of a record beside its bytes, each showing its place in the other, and below them what the chosen one
// means.
#pragma once

#include <vutrace/gui/models/details_model.h>
#include <vutrace/render/details.h>

#include <QSplitter>
#include <vector>

class QPlainTextEdit;
class QTreeView;

namespace vutrace::gui {

class HexView;
class WrappedText;

class DetailsPane final : public QSplitter {
    Q_OBJECT

  public:
    explicit DetailsPane(QWidget* parent = nullptr);

    void show_record(std::vector<render::Detail>&& details, render::RawBytes&& bytes);
    void clear() { show_record({}, {}); }
    // Does the record that is shown pass descriptors?
    [[nodiscard]] bool has_descriptors() const;

    [[nodiscard]] QTreeView& tree() const noexcept { return *tree_; }
    // In full, with the section of the specification: of the chosen line, otherwise of the record.
    [[nodiscard]] QPlainTextEdit& explanation() const noexcept;
    // Details and bytes beside each other.
    [[nodiscard]] QSplitter& panes() const noexcept { return *panes_; }
    [[nodiscard]] HexView& bytes() const noexcept { return *bytes_; }

  Q_SIGNALS:
    void record_wanted(quint64 sequence);

  private:
    void explain(const QModelIndex& index);

    DetailsModel* model_;
    QSplitter* panes_;
    QTreeView* tree_;
    HexView* bytes_;
    WrappedText* explanation_;
};

}  // namespace vutrace::gui
