#include "record_columns.h"

#include <vutrace/gui/models/records_model.h>
#include <vutrace/gui/models/timeline_tracks.h>

#include <QHeaderView>
#include <QMenu>
#include <QScopedValueRollback>
#include <algorithm>
#include <array>

namespace vutrace::gui {
namespace {

// In the order of RecordsModel::Column, in characters. The first holds a sign and a badge; names are up to 28 long.
constexpr std::array<std::size_t, RecordsModel::column_count> usual_widths{4, 6, 14, 7, 9, 9, 6, 8, 31, 12};

bool has_several_sessions(const overview::Overview& overview) {
    std::uint32_t one = 0;
    const auto& groups = overview.lanes.groups();
    return std::any_of(groups.begin(), groups.end(), [&one](const overview::LaneGroup& group) {
        one = one == 0 ? group.session : one;
        return group.session != 0 && group.session != one;
    });
}

// Another one than the front-end's.
bool has_another_channel(const overview::Overview& overview) {
    const auto& groups = overview.lanes.groups();
    for (std::size_t id = 0; id < groups.size(); ++id) {
        const auto lane = [id](overview::LaneKind kind) {
            return overview::Lanes::lane(static_cast<overview::GroupId>(id), kind);
        };
        if (groups[id].queue == trace::no_queue && (has_marks(overview, lane(overview::LaneKind::back_end_channel)) ||
                                                    has_marks(overview, lane(overview::LaneKind::other_channel)))) {
            return true;
        }
    }
    return false;
}

}  // namespace

RecordColumns::RecordColumns(QHeaderView& header) : QObject(&header), header_(header) {
    connect(&header_, &QHeaderView::sectionResized, this, [this](int column) {
        const bool stretches = header_.stretchLastSection() && header_.visualIndex(column) == header_.count() - 1;
        const bool is_ours = own_change_ || stretches || header_.isSectionHidden(column);  // it tells of those late
        is_chosen_ = is_chosen_ || !is_ours;
    });
    connect(&header_, &QHeaderView::sectionMoved, this, [this] { is_chosen_ = is_chosen_ || !own_change_; });
}

int RecordColumns::width_of(std::size_t characters) const {
    constexpr int around = 14;
    return static_cast<int>(characters) * header_.fontMetrics().averageCharWidth() + around;
}

int RecordColumns::usual_time_width() const {
    return width_of(usual_widths[RecordsModel::time]);
}

void RecordColumns::restore(const QByteArray& chosen) {
    const QScopedValueRollback own(own_change_, true);
    is_chosen_ = header_.restoreState(chosen);
    if (!is_chosen_) {
        take_usual();
    }
}

void RecordColumns::take_usual() {
    for (std::size_t column = 0; column < usual_widths.size(); ++column) {
        header_.resizeSection(static_cast<int>(column), width_of(usual_widths[column]));
    }
    header_.hideSection(RecordsModel::session);
    header_.hideSection(RecordsModel::channel);
}

QByteArray RecordColumns::chosen() const {
    return is_chosen_ ? header_.saveState() : QByteArray();
}

void RecordColumns::show_what_differs(const overview::Overview& overview) {
    if (is_chosen_) {
        return;
    }
    const QScopedValueRollback own(own_change_, true);
    if (header_.isSectionHidden(RecordsModel::session) && has_several_sessions(overview)) {
        header_.showSection(RecordsModel::session);
    }
    if (header_.isSectionHidden(RecordsModel::channel) && has_another_channel(overview)) {
        header_.showSection(RecordsModel::channel);
    }
}

void RecordColumns::set_time_width(int width) {
    const QScopedValueRollback own(own_change_, true);
    header_.resizeSection(RecordsModel::time, width);
}

void RecordColumns::fill(QMenu& menu) {
    const QAbstractItemModel* model = header_.model();
    for (int column = 0; model != nullptr && column < model->columnCount(); ++column) {
        QAction* action = menu.addAction(model->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString());
        action->setCheckable(true);
        action->setChecked(!header_.isSectionHidden(column));
        action->setEnabled(column != RecordsModel::name);  // something is left to click on
        connect(action, &QAction::toggled, this, [this, column](bool shown) {
            is_chosen_ = true;
            header_.setSectionHidden(column, !shown);
        });
    }
}

}  // namespace vutrace::gui
