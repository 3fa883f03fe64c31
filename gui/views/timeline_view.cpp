#include "vutrace/gui/views/timeline_view.h"

#include "ink.h"
#include "timeline_painter.h"

#include <QHelpEvent>
#include <QPaintEvent>
#include <QPainter>
#include <QScrollBar>
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr int beside_title = 24;  // pixels
constexpr double most_columns = 16384;
constexpr int bookmark_height = 11;
constexpr int current_width = 16;  // of the current record's line and sign

}  // namespace

TimelineView::TimelineView(QWidget* parent) : QAbstractScrollArea(parent) {
    setFocusPolicy(Qt::StrongFocus);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setFrameShape(QFrame::NoFrame);
    viewport()->setMouseTracking(true);
    setMinimumHeight(fontMetrics().height() * 5);
    setAccessibleName(tr("Timeline"));
    setAccessibleDescription(
        tr("Left and Right go from mark to mark, Up and Down from track to track, plus and minus zoom"));
}

int TimelineView::left() const {
    return fontMetrics().horizontalAdvance(tr("Front-end channel")) + beside_title;  // the longest
}

QSize TimelineView::sizeHint() const {
    return {800, top() + fontMetrics().height() * 10};
}

int TimelineView::top() const {
    return fontMetrics().height() + 8;
}

void TimelineView::set_source(TimelineSource* source) {
    source_ = source;
    window_ = TimeWindow();
    folded_.clear();
    findings_.clear();
    current_ = 0;
    current_time_.reset();
    bring_into_view_ = false;
    chosen_track_ = 0;
    drag_ = Drag::none;
    set_range(std::nullopt);
    if (source_ != nullptr) {
        connect(source_, &TimelineSource::grew, this, &TimelineView::rebuild);
        connect(source_, &TimelineSource::marks_read, this, [this] {
            columns_are_old_ = true;
            viewport()->update();
        });
        connect(source_, &TimelineSource::time_found, this, [this](quint64 sequence, double time) {
            if (sequence != current_) {
                return;
            }
            update_around(current_time_);
            current_time_ = time;
            update_around(current_time_);
            if (std::exchange(bring_into_view_, false) && !window_.contains(time)) {
                window_.bring_into_view(time);
                moved();
            }
            setAccessibleDescription(tr("Record %1 at %2").arg(sequence).arg(window_.text_of(time)));
        });
    }
    rebuild();
}

void TimelineView::set_findings(std::vector<FindingMark> findings) {
    findings_ = std::move(findings);
    rebuild();
}

void TimelineView::set_bookmarks(std::vector<BookmarkMark> bookmarks) {
    bookmarks_ = std::move(bookmarks);
    viewport()->update();
}

void TimelineView::set_current(std::uint64_t sequence) {
    if (source_ == nullptr || sequence == current_) {
        return;
    }
    current_ = sequence;
    bring_into_view_ = true;
    source_->find_time(sequence);
}

// There is more, or less to see of it: what is shown stays where it is.
void TimelineView::rebuild() {
    static const overview::Overview none;
    const overview::Overview& overview = source_ == nullptr ? none : source_->overview();
    std::set<std::uint32_t> with_findings;
    for (const FindingMark& finding : findings_) {
        with_findings.insert(finding.session);
    }
    tracks_.build(overview, with_findings, folded_, fontMetrics().height());
    slots_.clear();
    columns_are_old_ = true;
    chosen_track_ = std::min(chosen_track_, std::max<std::size_t>(tracks_.tracks().size(), 1) - 1);
    window_.set_width(viewport()->width() - left());
    window_.set_end(static_cast<double>(explain::elapsed(overview.start_time, overview.end_time)));
    verticalScrollBar()->setRange(0, std::max(0, tracks_.height() - (viewport()->height() - top())));
    verticalScrollBar()->setPageStep(viewport()->height() - top());
    verticalScrollBar()->setSingleStep(fontMetrics().height());
    viewport()->update();
}

void TimelineView::moved() {
    viewport()->update();
}

// Only where the current record is marked: with each step through the table all would take too long.
void TimelineView::update_around(const std::optional<double>& time) {
    if (time && window_.contains(*time)) {
        const int x = left() + static_cast<int>(window_.place_of(*time));
        viewport()->update(x - current_width / 2, 0, current_width, viewport()->height());
    }
}

QRect TimelineView::rect_of(const Track& track) const {
    return {0, top() + track.y - verticalScrollBar()->value(), viewport()->width(), track.height};
}

const Track* TimelineView::track_at(QPoint place) const {
    return place.y() < top() ? nullptr : tracks_.at(place.y() - top() + verticalScrollBar()->value());
}

void TimelineView::zoom(double factor) {
    const bool seen = current_time_ && window_.contains(*current_time_);
    window_.zoom(factor, seen ? window_.place_of(*current_time_) : window_.width() / 2);
    moved();
}

void TimelineView::show_all() {
    window_.show_all();
    moved();
}

void TimelineView::show(double from, double to) {
    window_.show(from, to);
    moved();
}

void TimelineView::zoom_to_range() {
    if (range_) {
        show(range_->first, range_->second);
    }
}

void TimelineView::set_range(const std::optional<Range>& range) {
    range_ = range;
    if (range_ && range_->first > range_->second) {
        std::swap(range_->first, range_->second);
    }
    Q_EMIT range_changed();
    viewport()->update();
}

QString TimelineView::range_expression() const {
    return !range_ || source_ == nullptr ? QString()
                                         : range_filter(source_->overview().start_time, range_->first, range_->second);
}

QString TimelineView::range_text() const {
    return range_ ? QStringLiteral("%1 – %2").arg(window_.text_of(range_->first), window_.text_of(range_->second))
                  : QString();
}

std::vector<const Track*> TimelineView::tracks_seen(int height, int scrolled) const {
    std::vector<const Track*> seen;
    for (const Track& track : tracks_.tracks()) {
        const int y = top() + track.y - scrolled;
        if (y < height && y + track.height > top()) {
            seen.push_back(&track);
        }
    }
    return seen;
}

// Before somebody acts on what is seen: what has changed since it was painted last is not in the columns.
void TimelineView::fill_as_seen() {
    if (source_ != nullptr) {
        fill(tracks_seen(viewport()->height(), verticalScrollBar()->value()), devicePixelRatioF());
    }
}

void TimelineView::fill(const std::vector<const Track*>& seen, double pixel_ratio) {
    std::vector<overview::LaneId> lanes;
    slots_.clear();
    for (const Track* track : seen) {
        slots_.emplace_back(track, lanes.size());
        lanes.insert(lanes.end(), track->lanes.begin(), track->lanes.end());
    }
    pixel_ratio_ = pixel_ratio;
    const double columns = std::clamp(std::ceil(window_.width() * pixel_ratio), 0.0, most_columns);
    const overview::TimeView view{window_.begin(), window_.nanoseconds_per_pixel() / pixel_ratio,
                                  static_cast<std::size_t>(columns)};
    if (!std::exchange(columns_are_old_, false) && columns_.are_of(view, lanes)) {
        return;
    }
    columns_.fill(source_->overview(), view, std::move(lanes), source_->marks());
    source_->want(columns_.unread());
}

void TimelineView::paint_tracks(TimelinePainter& painter, QSize size, int scrolled, double pixel_ratio) {
    fill(tracks_seen(size.height(), scrolled), pixel_ratio);
    for (const auto& [track, slot] : slots_) {
        const QRect place(0, top() + track->y - scrolled, size.width(), track->height);
        std::vector<TimelinePainter::Lane> lanes;
        for (std::size_t i = 0; i < track->lanes.size(); ++i) {
            lanes.push_back({columns_.of(slot + i), columns_.value_before(slot + i)});
        }
        painter.paint_track(*track, place, lanes, hasFocus() && track == &tracks_.tracks()[chosen_track_]);
        if (track->kind == TrackKind::findings) {
            std::vector<const FindingMark*> findings;
            for (const FindingMark& finding : findings_) {
                if (finding.session == track->session) {
                    findings.push_back(&finding);
                }
            }
            painter.paint_findings(place, findings);
        }
    }
}

void TimelineView::paint(QPainter& painter, QSize size, int scrolled, double pixel_ratio) {
    const QRect all({0, 0}, size);
    painter.fillRect(all, palette().color(QPalette::Base));
    painter.fillRect(QRect(0, 0, left() - 1, size.height()), palette().color(QPalette::Window));
    TimelinePainter parts(painter, palette(), window_, left(), size.width(), pixel_ratio);
    if (current_time_) {
        parts.paint_current(*current_time_, all);  // below the marks: they are what one looks for
    }
    if (source_ != nullptr) {
        paint_tracks(parts, size, scrolled, pixel_ratio);
    }
    if (range_) {
        parts.paint_range(*range_, all, top());
    }
    parts.paint_scale(QRect(0, 0, size.width(), top()));
    paint_bookmarks(painter, size.width());
    if (current_time_) {
        parts.paint_current_sign(*current_time_, top());
    }
    painter.fillRect(QRect(left() - 1, 0, 1, size.height()),
                     mixed(palette().color(QPalette::Text), palette().color(QPalette::Window), 0.25));
}

// At the foot of the scale; those closer than a pixel to each other as one.
void TimelineView::paint_bookmarks(QPainter& painter, int width) const {
    double last = -1;
    for (const BookmarkMark& bookmark : bookmarks_) {
        const double x = left() + window_.place_of(bookmark.time);
        if (x >= left() && x <= width && x - last >= 1) {
            paint_bookmark(painter, palette(), QPointF(x, top() - bookmark_height - 1), bookmark_height);
            last = x;
        }
    }
}

const BookmarkMark* TimelineView::bookmark_at(QPoint place) const {
    const auto distance = [&](const BookmarkMark& bookmark) {
        return std::abs(window_.place_of(bookmark.time) - x_of(place.x()));
    };
    const auto nearest = std::min_element(bookmarks_.begin(), bookmarks_.end(),
                                          [&](const auto& a, const auto& b) { return distance(a) < distance(b); });
    return place.y() > top() || nearest == bookmarks_.end() || distance(*nearest) > bookmark_height / 2.0 ? nullptr
                                                                                                          : &*nearest;
}

void TimelineView::paintEvent(QPaintEvent* /*event*/) {
    QPainter painter(viewport());
    paint(painter, viewport()->size(), verticalScrollBar()->value(), devicePixelRatioF());
}

QImage TimelineView::picture(double scale) {
    const QSize size(viewport()->width(), top() + std::max(tracks_.height(), 1));
    QImage image((QSizeF(size) * scale).toSize(), QImage::Format_RGB32);
    image.setDevicePixelRatio(scale);
    QPainter painter(&image);
    painter.setFont(font());
    paint(painter, size, 0, scale);
    return image;
}

void TimelineView::resizeEvent(QResizeEvent* event) {
    QAbstractScrollArea::resizeEvent(event);
    rebuild();
}

void TimelineView::changeEvent(QEvent* event) {
    QAbstractScrollArea::changeEvent(event);
    if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange) {
        rebuild();
    } else if (event->type() == QEvent::PaletteChange) {
        viewport()->update();
    }
}

void TimelineView::focusInEvent(QFocusEvent* event) {
    QAbstractScrollArea::focusInEvent(event);
    viewport()->update();
}

void TimelineView::focusOutEvent(QFocusEvent* event) {
    QAbstractScrollArea::focusOutEvent(event);
    viewport()->update();
}

std::vector<const FindingMark*> TimelineView::findings_at(const Track& track, double x) const {
    std::vector<const FindingMark*> found;
    for (const FindingMark& finding : findings_) {
        if (finding.session == track.session &&
            std::abs(window_.place_of(finding.time) - x) <= TimelinePainter::badge_size / 2.0 + 1) {
            found.push_back(&finding);
        }
    }
    return found;
}

// The nearest one with something in it, within the reach of a mouse.
const overview::Column* TimelineView::column_at(const Track& track, double x, bool upper) const {
    constexpr double reach = 5;
    const auto slot = std::find_if(slots_.begin(), slots_.end(), [&](const auto& one) { return one.first == &track; });
    if (slot == slots_.end() || track.lanes.empty()) {
        return nullptr;
    }
    const auto columns = columns_.of(slot->second + (upper || track.lanes.size() < 2 ? 0 : 1));
    const overview::Column* nearest = nullptr;
    double distance = reach * pixel_ratio_ + 1;
    const auto place = static_cast<std::ptrdiff_t>(x * pixel_ratio_);
    const auto around = static_cast<std::ptrdiff_t>(reach * pixel_ratio_);
    for (auto i = std::max<std::ptrdiff_t>(0, place - around);
         i <= place + around && i < static_cast<std::ptrdiff_t>(columns.size()); ++i) {
        const overview::Column& column = columns[static_cast<std::size_t>(i)];
        if (column.summary.count != 0 && std::abs(static_cast<double>(i - place)) < distance) {
            nearest = &column;
            distance = std::abs(static_cast<double>(i - place));
        }
    }
    return nearest;
}

void TimelineView::choose_at(QPoint place) {
    fill_as_seen();
    const Track* track = track_at(place);
    if (track == nullptr) {
        return;
    }
    chosen_track_ = static_cast<std::size_t>(track - tracks_.tracks().data());
    viewport()->update();
    if (track->kind == TrackKind::heading) {
        fold(*track);
        return;
    }
    const double x = x_of(place.x());
    if (track->kind == TrackKind::findings) {
        if (const auto findings = findings_at(*track, x); !findings.empty()) {
            Q_EMIT record_chosen(findings.front()->row);
        }
        return;
    }
    const bool upper = place.y() < rect_of(*track).center().y();
    const overview::Column* column = column_at(*track, x, upper);
    column = column == nullptr ? column_at(*track, x, !upper) : column;
    if (column != nullptr) {
        Q_EMIT record_chosen(column->summary.first_row);
    }
}

void TimelineView::fold(const Track& heading) {
    const std::pair key(heading.session, heading.queue.value_or(trace::no_queue));
    if (!folded_.insert(key).second) {
        folded_.erase(key);
    }
    rebuild();
}

}  // namespace vutrace::gui
