#include "shared_areas.h"

#include <vutrace/base/count_text.h>
#include <vutrace/render/phrases.h>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace vutrace::render {
namespace {

constexpr std::size_t most_queues = 64;
constexpr std::size_t most_heads = 1024;  // of a queue in JSON
constexpr std::size_t most_heads_of_a_line = 16;
constexpr std::size_t most_ranges_of_a_text = 16;

void write_queue(JsonWriter& json, const virtio::InflightQueue& queue) {
    json.begin_object();
    json.key("queue").number(queue.queue);
    json.key("version").number(queue.version);
    json.key("desc_num").number(queue.descriptors);
    json.key("used_idx").number(queue.used_index);
    if (queue.used_wrap_counter) {
        json.key("free_head").number(queue.free_head);
        json.key("used_wrap_counter").boolean(*queue.used_wrap_counter);
    } else {
        json.key("last_batch_head").number(queue.last_batch_head);
    }
    json.key("count").number(queue.in_flight.size());
    json.key("heads").begin_array();
    for (std::size_t i = 0; i < std::min(queue.in_flight.size(), most_heads); ++i) {
        const virtio::InflightHead& head = queue.in_flight[i];
        json.begin_object();
        json.key("head").number(head.head);
        json.key("counter").number(head.counter);
        if (head.buffer_id) {
            json.key("id").number(*head.buffer_id);
        }
        json.end_object();
    }
    json.end_array();
    if (queue.cut) {
        json.key("cut").boolean(true);
    }
    json.end_object();
}

void write_inflight(JsonWriter& json, const virtio::InflightArea& area) {
    json.key("inflight").begin_object();
    json.key("layout").text(area.packed ? "packed" : "split");
    json.key("header_size").number(area.header_size);
    json.key("stride").number(area.stride);
    json.key("queue_count").number(area.queues.size());
    json.key("queues").begin_array();
    for (std::size_t i = 0; i < std::min(area.queues.size(), most_queues); ++i) {
        write_queue(json, area.queues[i]);
    }
    json.end_array();
    json.end_object();
}

void write_dirty_pages(JsonWriter& json, const virtio::DirtyPages& dirty) {
    json.key("dirty").begin_object();
    json.key("pages").number(dirty.pages());
    json.key("range_count").number(dirty.range_count());
    json.key("ranges").begin_array();
    for (const virtio::PageRange& range : dirty.ranges()) {
        json.begin_object();
        json.key("address").hex(range.first * virtio::log_page_size);
        json.key("pages").number(range.count);
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

std::string heads_text(const virtio::InflightQueue& queue) {
    std::string text;
    for (std::size_t i = 0; i < std::min(queue.in_flight.size(), most_heads_of_a_line); ++i) {
        const virtio::InflightHead& head = queue.in_flight[i];
        fmt::format_to(std::back_inserter(text), "{}{} (counter {})", i == 0 ? "" : ", ", head.head, head.counter);
    }
    return text + (queue.in_flight.size() > most_heads_of_a_line ? ", …" : "");
}

std::string queue_text(const virtio::InflightQueue& queue) {
    if (queue.version == 0) {
        return "not begun";
    }
    std::string text = fmt::format("version {}, {}, used index {}", queue.version,
                                   count_text(queue.descriptors, "descriptor"), queue.used_index);
    if (!queue.used_wrap_counter) {
        text += fmt::format(", last batch head {}", queue.last_batch_head);
    }
    text += queue.in_flight.empty() ? "; nothing in flight" : "; in flight: " + heads_text(queue);
    return queue.cut ? text + "; entries are missing" : text;
}

}  // namespace

void write_shared_area(JsonWriter& json, const explain::SharedAreaAnnotation& area) {
    if (area.inflight) {
        write_inflight(json, *area.inflight);
    }
    if (area.dirty) {
        write_dirty_pages(json, *area.dirty);
    }
}

std::string shared_area_text(const explain::SharedAreaAnnotation& area) {
    if (area.dirty) {
        return area.dirty->pages() == 0 ? "no page is dirty"
                                        : fmt::format("{} dirty in {}", count_text(area.dirty->pages(), "page"),
                                                      count_text(area.dirty->range_count(), "range"));
    }
    if (!area.inflight) {
        return {};
    }
    std::string text;
    std::size_t shown = 0;
    for (const virtio::InflightQueue& queue : area.inflight->queues) {
        if (!queue.in_flight.empty() && ++shown <= most_heads_of_a_line) {
            fmt::format_to(std::back_inserter(text), "{}queue {}: {} in flight", text.empty() ? "" : ", ", queue.queue,
                           queue.in_flight.size());
        }
    }
    return text.empty() ? "nothing in flight" : text;
}

std::vector<std::pair<std::string, std::string>> shared_area_lines(const explain::SharedAreaAnnotation& area) {
    std::vector<std::pair<std::string, std::string>> lines;
    if (area.inflight) {
        const auto& queues = area.inflight->queues;
        lines.emplace_back(
            "layout",
            fmt::format("{}, {} for each queue, header of {}", area.inflight->packed ? "packed" : "split",
                        count_text(area.inflight->stride, "byte"), count_text(area.inflight->header_size, "byte")));
        for (std::size_t i = 0; i < std::min(queues.size(), most_queues); ++i) {
            lines.emplace_back(fmt::format("queue {}", queues[i].queue), queue_text(queues[i]));
        }
    }
    if (area.dirty) {
        const auto& ranges = area.dirty->ranges();
        for (std::size_t i = 0; i < std::min(ranges.size(), most_ranges_of_a_text); ++i) {
            lines.emplace_back(i == 0 ? "dirty" : "", fmt::format("0x{:x} {}", ranges[i].first * virtio::log_page_size,
                                                                  count_text(ranges[i].count, "page")));
        }
        if (area.dirty->range_count() > most_ranges_of_a_text) {
            lines.emplace_back(
                "", fmt::format("{} more", count_text(area.dirty->range_count() - most_ranges_of_a_text, "range")));
        }
    }
    return lines;
}

}  // namespace vutrace::render
