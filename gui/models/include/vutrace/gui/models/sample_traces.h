// The traces that come with the program, for who has none yet.
#pragma once

#include <QAbstractListModel>
#include <QList>
#include <QString>

namespace vutrace::gui {

struct SampleTrace {
    const char* file;   // below the folder of samples
    const char* title;  // English; `SampleTraces` gives it in the user's language
    const char* seen;   // what there is to see in it, likewise
};

// Those of a folder that are there, in the order in which they are worth being looked at.
class SampleTraces final : public QAbstractListModel {
    Q_OBJECT

  public:
    enum Role { seen = Qt::UserRole, path };

    // All that are known, there or not.
    [[nodiscard]] static const QList<SampleTrace>& known();
    // The whole path, empty where that file is not in the folder.
    [[nodiscard]] static QString path_in(const QString& folder, const QString& file);

    explicit SampleTraces(const QString& folder, QObject* parent = nullptr);

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;

  private:
    const QString folder_;
    QList<SampleTrace> there_;
};

}  // namespace vutrace::gui
