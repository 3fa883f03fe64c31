// The fields of memory that back-ends share with the front-end: in-flight areas and dirty logs.
#include "getters.h"

#include <algorithm>

namespace vutrace::filter {
namespace {

// Gives what it likes about the in-flight area that a record holds.
template <class Give>
constexpr FieldRow::Getter of_inflight(Give) {
    return [](const Subject& subject, const FieldRow&, Probe& probe) noexcept {
        if (const auto& area = subject.annotation.area.inflight) {
            Give{}(*area, probe);
        }
    };
}
// Each queue of it, until the outcome is known. `give` tells when it is.
template <class Give>
constexpr FieldRow::Getter each_queue(Give) {
    return of_inflight([](const virtio::InflightArea& area, Probe& probe) {
        (void)std::any_of(area.queues.begin(), area.queues.end(),
                          [&](const virtio::InflightQueue& queue) { return Give{}(queue, probe); });
    });
}
template <class Give>
constexpr FieldRow::Getter each_head(Give) {
    return each_queue([](const virtio::InflightQueue& queue, Probe& probe) {
        return std::any_of(queue.in_flight.begin(), queue.in_flight.end(),
                           [&](const virtio::InflightHead& head) { return Give{}(head, probe); });
    });
}
template <class Give>
constexpr FieldRow::Getter of_dirty(Give) {
    return [](const Subject& subject, const FieldRow&, Probe& probe) noexcept {
        if (const auto& dirty = subject.annotation.area.dirty) {
            Give{}(*dirty, probe);
        }
    };
}
template <class Give>
constexpr FieldRow::Getter each_range(Give) {
    return of_dirty([](const virtio::DirtyPages& dirty, Probe& probe) {
        (void)std::any_of(dirty.ranges().begin(), dirty.ranges().end(),
                          [&](const virtio::PageRange& range) { return Give{}(range, probe); });
    });
}

// The elements of a list that is there, though there may be none in it.
template <class List>
bool give_elements(const List& list, Probe& probe) noexcept {
    return list.empty() ? probe.empty_list()
                        : std::any_of(list.begin(), list.end(), [&](const auto&) { return probe.element(); });
}

using T = FieldType;
using Area = const virtio::InflightArea&;
using Queue = const virtio::InflightQueue&;
using Head = const virtio::InflightHead&;
using Dirty = const virtio::DirtyPages&;
using Pages = const virtio::PageRange&;

std::vector<FieldRow> area_rows() {
    const Names layouts{{"split", 0, {}, false}, {"packed", 1, {}, false}};
    return {
        row("inflight", T::group, memory_kind, of_inflight([](Area, Probe& probe) { (void)probe.element(); }),
            "what an in-flight area says"),
        named("inflight.layout", memory_kind,
              of_inflight([](Area area, Probe& probe) { (void)probe.number(area.packed ? 1 : 0); }), layouts,
              "of the rings that it is for"),
        row("inflight.header_size", T::number, memory_kind,
            of_inflight([](Area area, Probe& probe) { (void)probe.number(area.header_size); }),
            "bytes before a queue's entries"),
        row("inflight.stride", T::number, memory_kind,
            of_inflight([](Area area, Probe& probe) { (void)probe.number(area.stride); }), "bytes from queue to queue"),
        row("inflight.queue_count", T::number, memory_kind,
            of_inflight([](Area area, Probe& probe) { (void)probe.number(area.queues.size()); }),
            "queues that were written to; the JSON shows the first 64"),
        list(row("inflight.queues", T::group, memory_kind,
                 of_inflight([](Area area, Probe& probe) { (void)give_elements(area.queues, probe); }),
                 "queues that were written to")),
    };
}

std::vector<FieldRow> queue_rows() {
    return {
        list(row("inflight.queues.queue", T::number, memory_kind,
                 each_queue([](Queue queue, Probe& probe) { return probe.number(queue.queue); }),
                 "number of such a queue")),
        list(row("inflight.queues.version", T::number, memory_kind,
                 each_queue([](Queue queue, Probe& probe) { return probe.number(queue.version); }),
                 "0 where the back-end has not begun")),
        list(row("inflight.queues.desc_num", T::number, memory_kind,
                 each_queue([](Queue queue, Probe& probe) { return probe.number(queue.descriptors); }),
                 "its size as the back-end has it")),
        list(row("inflight.queues.used_idx", T::number, memory_kind,
                 each_queue([](Queue queue, Probe& probe) { return probe.number(queue.used_index); }),
                 "up to which used entries were noted")),
        list(row("inflight.queues.last_batch_head", T::number, memory_kind, each_queue([](Queue queue, Probe& probe) {
                     return !queue.used_wrap_counter && probe.number(queue.last_batch_head);
                 }),
                 "of split rings")),
        list(row("inflight.queues.free_head", T::number, memory_kind, each_queue([](Queue queue, Probe& probe) {
                     return queue.used_wrap_counter && probe.number(queue.free_head);
                 }),
                 "of packed rings")),
        list(row("inflight.queues.used_wrap_counter", T::boolean, memory_kind,
                 each_queue([](Queue queue, Probe& probe) {
                     return queue.used_wrap_counter && probe.number(*queue.used_wrap_counter ? 1 : 0);
                 }),
                 "of packed rings")),
        list(row("inflight.queues.count", T::number, memory_kind,
                 each_queue([](Queue queue, Probe& probe) { return probe.number(queue.in_flight.size()); }),
                 "chains that were taken and not used")),
        list(row("inflight.queues.cut", T::boolean, memory_kind,
                 each_queue([](Queue queue, Probe& probe) { return queue.cut && probe.number(1); }),
                 "entries are missing; only where they are")),
    };
}

std::vector<FieldRow> head_rows() {
    return {
        list(row("inflight.queues.heads", T::group, memory_kind,
                 each_queue([](Queue queue, Probe& probe) { return give_elements(queue.in_flight, probe); }),
                 "chains in flight, of all queues together")),
        list(row("inflight.queues.heads.head", T::number, memory_kind,
                 each_head([](Head head, Probe& probe) { return probe.number(head.head); }), "first descriptor")),
        list(row("inflight.queues.heads.counter", T::number, memory_kind,
                 each_head([](Head head, Probe& probe) { return probe.number(head.counter); }),
                 "grows in the order in which chains were taken")),
        list(row("inflight.queues.heads.id", T::number, memory_kind,
                 each_head([](Head head, Probe& probe) { return head.buffer_id && probe.number(*head.buffer_id); }),
                 "buffer id, of packed rings")),
    };
}

std::vector<FieldRow> dirty_rows() {
    return {
        row("dirty", T::group, memory_kind, of_dirty([](Dirty, Probe& probe) { (void)probe.element(); }),
            "what a dirty log says"),
        row("dirty.pages", T::number, memory_kind,
            of_dirty([](Dirty dirty, Probe& probe) { (void)probe.number(dirty.pages()); }), "pages that are marked"),
        row("dirty.range_count", T::number, memory_kind,
            of_dirty([](Dirty dirty, Probe& probe) { (void)probe.number(dirty.range_count()); }),
            "ranges of such pages, of which the first 256 are shown"),
        list(row("dirty.ranges", T::group, memory_kind,
                 of_dirty([](Dirty dirty, Probe& probe) { (void)give_elements(dirty.ranges(), probe); }),
                 "ranges of dirty pages")),
        list(row("dirty.ranges.address", T::address, memory_kind, each_range([](Pages pages, Probe& probe) {
                     return probe.number(pages.first * virtio::log_page_size);
                 }),
                 "guest address of the first page of a range")),
        list(row("dirty.ranges.pages", T::number, memory_kind,
                 each_range([](Pages pages, Probe& probe) { return probe.number(pages.count); }), "pages of a range")),
    };
}

}  // namespace

std::vector<FieldRow> shared_area_rows() {
    std::vector<FieldRow> rows = area_rows();
    append(rows, queue_rows());
    append(rows, head_rows());
    append(rows, dirty_rows());
    return rows;
}

}  // namespace vutrace::filter
