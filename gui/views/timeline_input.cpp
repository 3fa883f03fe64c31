// What the mouse and the keys do in the time line.
#include "vutrace/gui/views/timeline_view.h"

#include <vutrace/gui/models/plural.h>
#include <vutrace/render/phrases.h>

#include <QApplication>
#include <QContextMenuEvent>
#include <QHelpEvent>
#include <QKeyEvent>
#include <QMenu>
#include <QMouseEvent>
#include <QScrollBar>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

namespace vutrace::gui {
namespace {

constexpr double zoom_for_a_wheel_step = 1.35;
constexpr double zoom_for_a_key = 2;
constexpr double wheel_step = 120;
constexpr double pan_for_a_key = 0.1;  // of the width
constexpr std::size_t most_findings_in_tip = 6;

QString time_text(std::uint64_t nanoseconds) {
    return QString::fromStdString(
        render::duration_text(static_cast<std::int64_t>(std::min<std::uint64_t>(nanoseconds, INT64_MAX))));
}

}  // namespace

void TimelineView::wheelEvent(QWheelEvent* event) {
    const QPoint delta = event->angleDelta();
    const bool over_titles = event->position().x() < left();
    if (over_titles || (event->modifiers() & Qt::ControlModifier) != 0) {
        QAbstractScrollArea::wheelEvent(event);
        return;
    }
    if ((event->modifiers() & (Qt::ShiftModifier | Qt::AltModifier)) != 0 || delta.y() == 0) {
        const int by = delta.y() == 0 ? delta.x() : delta.y();
        window_.pan(-by / wheel_step * window_.width() * pan_for_a_key);
    } else {
        window_.zoom(std::pow(zoom_for_a_wheel_step, delta.y() / wheel_step), x_of(event->position().x()));
    }
    moved();
    event->accept();
}

void TimelineView::mousePressEvent(QMouseEvent* event) {
    drag_from_ = event->pos();
    drag_time_ = window_.time_at(x_of(event->pos().x()));
    const bool on_time = event->pos().x() >= left();
    if (event->button() == Qt::MiddleButton && on_time) {
        drag_ = Drag::pan;
        viewport()->setCursor(Qt::ClosedHandCursor);
    } else if (event->button() == Qt::LeftButton) {
        drag_ = Drag::may_begin;
    }
}

void TimelineView::mouseMoveEvent(QMouseEvent* event) {
    if (drag_ == Drag::may_begin && drag_from_.x() >= left() &&
        std::abs(event->pos().x() - drag_from_.x()) >= QApplication::startDragDistance() / 2) {
        drag_ = Drag::range;
    }
    if (drag_ == Drag::range) {
        const double x = std::clamp(x_of(event->pos().x()), 0.0, window_.width());
        set_range(Range(drag_time_, window_.time_at(x)));
    } else if (drag_ == Drag::pan) {
        window_.pan(window_.place_of(drag_time_) - x_of(event->pos().x()));
        moved();
    }
}

void TimelineView::mouseReleaseEvent(QMouseEvent* event) {
    const Drag ended = std::exchange(drag_, Drag::none);
    viewport()->unsetCursor();
    if (ended == Drag::may_begin) {
        if (const BookmarkMark* bookmark = bookmark_at(event->pos())) {
            Q_EMIT record_chosen(bookmark->row);
        } else if (event->pos().y() < top()) {
            set_range(std::nullopt);
        } else {
            choose_at(event->pos());
        }
    }
}

void TimelineView::mouseDoubleClickEvent(QMouseEvent* event) {
    const double x = x_of(event->pos().x());
    if (event->button() != Qt::LeftButton || x < 0) {
        return;
    }
    const double time = window_.time_at(x);
    if (range_ && time >= range_->first && time <= range_->second) {
        zoom_to_range();
    } else {
        window_.zoom(zoom_for_a_key * 2, x);
        moved();
    }
}

void TimelineView::keyPressEvent(QKeyEvent* event) {
    const bool plain = (event->modifiers() & (Qt::ControlModifier | Qt::AltModifier)) == 0;
    if (source_ == nullptr || !plain || (!key_moves(event) && !key_acts(event))) {
        event->ignore();  // it may be the window's
    }
}

bool TimelineView::key_moves(QKeyEvent* event) {
    const bool shift = (event->modifiers() & Qt::ShiftModifier) != 0;
    switch (event->key()) {
        case Qt::Key_Left:
        case Qt::Key_Right: {
            const bool forward = event->key() == Qt::Key_Right;
            if (!shift) {
                step(forward);
                return true;
            }
            window_.pan((forward ? 1 : -1) * window_.width() * pan_for_a_key);
            break;
        }
        case Qt::Key_PageUp:
        case Qt::Key_PageDown:
            window_.pan((event->key() == Qt::Key_PageDown ? 0.9 : -0.9) * window_.width());
            break;
        case Qt::Key_Up:
            choose_track(-1);
            break;
        case Qt::Key_Down:
            choose_track(1);
            break;
        case Qt::Key_Plus:
        case Qt::Key_Equal:
            zoom(zoom_for_a_key);
            break;
        case Qt::Key_Minus:
            zoom(1 / zoom_for_a_key);
            break;
        case Qt::Key_0:
            window_.show_all();
            break;
        case Qt::Key_Home:
            window_.show(0, window_.span());
            break;
        case Qt::Key_End:
            window_.show(window_.trace_end() - window_.span(), window_.trace_end());
            break;
        default:
            return false;
    }
    moved();
    return true;
}

bool TimelineView::key_acts(QKeyEvent* event) {
    switch (event->key()) {
        case Qt::Key_BracketLeft:
        case Qt::Key_BracketRight:
            if (current_time_) {
                const bool begin = event->key() == Qt::Key_BracketLeft;
                const double other = !range_ ? *current_time_ : begin ? range_->second : range_->first;
                // The record itself belongs to the range.
                set_range(begin ? Range(*current_time_, std::max(other, *current_time_ + 1))
                                : Range(std::min(other, *current_time_), *current_time_ + 1));
            }
            return true;
        case Qt::Key_Z:
            zoom_to_range();
            return true;
        case Qt::Key_F:
            if (range_) {
                Q_EMIT filter_wanted(range_expression(), Joined::also);
            }
            return true;
        case Qt::Key_Space:
            if (chosen_track_ < tracks_.tracks().size() && tracks_.tracks()[chosen_track_].kind == TrackKind::heading) {
                fold(tracks_.tracks()[chosen_track_]);
            }
            return true;
        case Qt::Key_Escape:
            if (!range_) {
                return false;
            }
            set_range(std::nullopt);
            return true;
        default:
            return false;
    }
}

void TimelineView::choose_track(int by) {
    const auto last = static_cast<int>(tracks_.tracks().size()) - 1;
    if (last < 0) {
        return;
    }
    chosen_track_ = static_cast<std::size_t>(std::clamp(static_cast<int>(chosen_track_) + by, 0, last));
    const Track& track = tracks_.tracks()[chosen_track_];
    QScrollBar& bar = *verticalScrollBar();
    bar.setValue(std::clamp(bar.value(), track.y + track.height - (viewport()->height() - top()), track.y));
    const QString what = track.queue ? tr("Queue %1: %2").arg(*track.queue).arg(track.title) : track.title;
    setAccessibleDescription(what);
}

// To the next mark of the chosen track behind the current record, or before it.
void TimelineView::step(bool forward) {
    if (chosen_track_ >= tracks_.tracks().size()) {
        return;
    }
    fill_as_seen();
    const Track& track = tracks_.tracks()[chosen_track_];
    const double from = current_time_.value_or(forward ? window_.begin() : window_.end());
    if (track.kind == TrackKind::findings) {
        const FindingMark* next = nullptr;
        for (const FindingMark& finding : findings_) {
            const bool beyond = forward ? finding.row > current_ : finding.row < current_;
            if (finding.session == track.session && beyond && (next == nullptr || !forward)) {
                next = &finding;
            }
        }
        if (next != nullptr) {
            Q_EMIT record_chosen(next->row);
        }
        return;
    }
    std::optional<std::uint64_t> best;
    const auto slot = std::find_if(slots_.begin(), slots_.end(), [&](const auto& one) { return one.first == &track; });
    for (std::size_t lane = 0; slot != slots_.end() && lane < track.lanes.size(); ++lane) {
        for (const overview::Column& column : columns_.of(slot->second + lane)) {
            const std::uint64_t row = column.summary.first_row;
            const bool beyond = forward ? row > current_ : row < current_;
            if (column.summary.count != 0 && beyond && (!best || (forward ? row < *best : row > *best))) {
                best = row;
            }
        }
    }
    for (std::size_t lane = 0; !best && lane < track.lanes.size(); ++lane) {
        best = overview::nearest_row(source_->overview(), track.lanes[lane], from, forward);
    }
    if (best) {
        Q_EMIT record_chosen(*best);
    }
}

void TimelineView::contextMenuEvent(QContextMenuEvent* event) {
    if (source_ == nullptr) {
        return;
    }
    QMenu menu(this);
    if (range_) {
        connect(menu.addAction(tr("Zoom to the range\tZ")), &QAction::triggered, this, &TimelineView::zoom_to_range);
        connect(menu.addAction(tr("Only the records in the range")), &QAction::triggered, this,
                [this] { Q_EMIT filter_wanted(range_expression(), Joined::replace); });
        connect(menu.addAction(tr("Only the records in the range, with the present filter\tF")), &QAction::triggered,
                this, [this] { Q_EMIT filter_wanted(range_expression(), Joined::also); });
        connect(menu.addAction(tr("No range\tEsc")), &QAction::triggered, this, [this] { set_range(std::nullopt); });
        menu.addSeparator();
    }
    connect(menu.addAction(tr("All of the trace\t0")), &QAction::triggered, this, &TimelineView::show_all);
    connect(menu.addAction(tr("Save as picture …")), &QAction::triggered, this, &TimelineView::picture_wanted);
    menu.exec(event->globalPos());
}

bool TimelineView::viewportEvent(QEvent* event) {
    if (event->type() == QEvent::ToolTip) {
        const auto* help = static_cast<QHelpEvent*>(event);
        fill_as_seen();
        const QString tip = tip_at(help->pos());
        if (tip.isEmpty()) {
            QToolTip::hideText();
        } else {
            QToolTip::showText(help->globalPos(), tip, viewport());
        }
        return true;
    }
    return QAbstractScrollArea::viewportEvent(event);
}

QString TimelineView::tip_at(QPoint place) const {
    const Track* track = track_at(place);
    const double x = x_of(place.x());
    if (track == nullptr || source_ == nullptr || x < 0) {
        return {};
    }
    QStringList lines;
    if (track->kind == TrackKind::findings) {
        const auto findings = findings_at(*track, x);
        for (std::size_t i = 0; i < std::min(findings.size(), most_findings_in_tip); ++i) {
            lines += findings[i]->text;
        }
        if (findings.size() > most_findings_in_tip) {
            lines += tr("… and %1 more").arg(findings.size() - most_findings_in_tip);
        }
        return lines.join(QLatin1Char('\n'));
    }
    const bool upper = place.y() < rect_of(*track).center().y();
    const overview::Column* column = column_at(*track, x, upper);
    if (column == nullptr) {
        return {};
    }
    const overview::Summary& summary = column->summary;
    lines += tr("%1, at %2").arg(track->title, window_.text_of(window_.time_at(x)));
    const bool lower = !upper && track->lanes.size() == 2;
    if (!column->label.empty()) {
        lines += QString::fromUtf8(column->label.data(), static_cast<qsizetype>(column->label.size()));
    }
    if (track->kind == TrackKind::depth) {
        lines += summary.least == summary.largest
                     ? tr("%1 chains in flight", nullptr, plural_of(summary.last)).arg(summary.last)
                     : tr("%1 to %2 chains in flight").arg(summary.least).arg(summary.largest);
    } else if (track->kind == TrackKind::latency) {
        lines += tr("%1 chains: %2 to %3, %4 on average", nullptr, plural_of(summary.count))
                     .arg(summary.count)
                     .arg(time_text(summary.least), time_text(summary.largest),
                          time_text(static_cast<std::uint64_t>(summary.sum / summary.count)));
    } else {
        lines += QStringLiteral("%1 × %2").arg(summary.count).arg(lower ? track->lower_name : track->upper_name);
    }
    if (summary.bad != 0) {
        lines += tr("%1 with trouble").arg(summary.bad);
    }
    lines += column->blurred ? tr("around here: not read yet") : tr("record %1").arg(summary.first_row);
    return lines.join(QLatin1Char('\n'));
}

}  // namespace vutrace::gui
