#include "vutrace/gui/models/memory_map.h"

#include <vutrace/render/phrases.h>

#include <QCoreApplication>
#include <algorithm>

namespace vutrace::gui {
namespace {

constexpr double margin = 8;
constexpr double gap = 8;

QString title_of(const virtio::Region& region) {
    return QCoreApplication::translate("MemoryMap", "0x%1 … 0x%2   %3")
        .arg(region.guest_address, 0, 16)
        .arg(region.guest_address + region.size, 0, 16)
        .arg(QString::fromStdString(render::size_text(region.size)));
}

// Ring parts take the whole height of their bar, buffers a part of it, so that both are seen where they overlap.
QRectF place_of(const render::MemoryMark& mark, const virtio::Region& region, const QRectF& bar) {
    const double scale = bar.width() / static_cast<double>(std::max<std::uint64_t>(region.size, 1));
    const double from = static_cast<double>(mark.address - region.guest_address) * scale;
    const double wanted = std::max(static_cast<double>(mark.size) * scale, MemoryMap::narrowest);
    const double left = bar.left() + std::min(from, bar.width() - MemoryMap::narrowest);
    const double width = std::min(wanted, bar.right() - left);
    const bool buffer = mark.kind == render::MarkKind::readable || mark.kind == render::MarkKind::writable ||
                        mark.kind == render::MarkKind::indirect;
    const double height = bar.height();
    return buffer ? QRectF(left, bar.top() + height * 0.5, width, height * 0.5)
                  : QRectF(left, bar.top(), width, height * 0.5);
}

}  // namespace

MemoryMap::MemoryMap(const render::StateView& view, double width, double line) {
    double y = margin;
    int key = 0;
    for (const render::RegionView& region : view.regions) {
        const virtio::Region& where = region.known.region;
        const QRectF title(margin, y, width - 2 * margin, line);
        const QRectF place(margin, y + line + 2, std::max(width - 2 * margin, narrowest), line * 1.5);
        bars_.push_back({key++, title_of(where), title, place});
        for (const render::MemoryMark& mark : region.marks) {
            marks_.push_back({key++, &mark, place_of(mark, where, place)});
        }
        y = place.bottom() + gap;
    }
    height_ = y;
    std::stable_sort(marks_.begin(), marks_.end(),
                     [](const Mark& a, const Mark& b) { return a.place.width() > b.place.width(); });
}

const MemoryMap::Mark* MemoryMap::mark_at(QPointF point) const noexcept {
    const auto found =
        std::find_if(marks_.rbegin(), marks_.rend(), [&](const Mark& mark) { return mark.place.contains(point); });
    return found == marks_.rend() ? nullptr : &*found;
}

const MemoryMap::Bar* MemoryMap::bar_at(QPointF point) const noexcept {
    const auto found =
        std::find_if(bars_.begin(), bars_.end(), [&](const Bar& bar) { return bar.place.contains(point); });
    return found == bars_.end() ? nullptr : &*found;
}

}  // namespace vutrace::gui
