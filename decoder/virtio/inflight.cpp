#include "vutrace/virtio/inflight.h"

#include "vutrace/virtio/split_ring.h"

#include <algorithm>

namespace vutrace::virtio {
namespace {

constexpr std::size_t split_header = 16;
constexpr std::size_t split_entry = 16;
constexpr std::size_t packed_header = 32;         // as C aligns it
constexpr std::size_t packed_header_fields = 29;  // without padding at its end
constexpr std::size_t packed_entry = 32;

// Entries that are there: as many as the header says, the stride has room for, and are known.
std::size_t entry_count(InflightQueue& queue, std::size_t expected, std::size_t known, std::size_t header,
                        std::size_t entry) {
    const std::size_t wanted = queue.descriptors != 0 ? queue.descriptors : expected;
    const std::size_t there = known < header ? 0 : (known - header) / entry;
    queue.cut = there < wanted;
    return std::min({wanted, there, std::size_t{max_queue_size}});
}

void read_header(ByteView bytes, InflightQueue& queue) {
    queue.version = load<std::uint16_t>(bytes, 8);
    queue.descriptors = load<std::uint16_t>(bytes, 10);
}

void read_split(ByteView bytes, std::size_t queue_size, InflightQueue& queue) {
    read_header(bytes, queue);
    queue.last_batch_head = load<std::uint16_t>(bytes, 12);
    queue.used_index = load<std::uint16_t>(bytes, 14);
    const std::size_t count = entry_count(queue, queue_size, bytes.size(), split_header, split_entry);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = split_header + i * split_entry;
        if (load<std::uint8_t>(bytes, at) != 0) {
            queue.in_flight.push_back(
                {static_cast<std::uint16_t>(i), load<std::uint64_t>(bytes, at + 8), std::nullopt});
        }
    }
}

// How many entries look like entries if the header has this size.
std::size_t plausible_entries(ByteView bytes, std::size_t header, std::size_t queue_size) {
    const std::size_t there = bytes.size() < header ? 0 : (bytes.size() - header) / packed_entry;
    std::size_t plausible = 0;
    for (std::size_t i = 0; i < std::min(there, queue_size); ++i) {
        const std::size_t at = header + i * packed_entry;
        const bool flags = load<std::uint8_t>(bytes, at) <= 1 && load<std::uint8_t>(bytes, at + 1) == 0;
        const bool links = load<std::uint16_t>(bytes, at + 2) <= queue_size &&
                           load<std::uint16_t>(bytes, at + 4) <= queue_size &&
                           load<std::uint16_t>(bytes, at + 6) <= queue_size;
        plausible += flags && links ? 1 : 0;
    }
    return plausible;
}

void read_packed(ByteView bytes, std::size_t queue_size, std::size_t header, InflightQueue& queue) {
    read_header(bytes, queue);
    queue.free_head = load<std::uint16_t>(bytes, 12);
    queue.used_index = load<std::uint16_t>(bytes, 16);
    queue.used_wrap_counter = load<std::uint8_t>(bytes, 20) != 0;
    const std::size_t count = entry_count(queue, queue_size, bytes.size(), header, packed_entry);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = header + i * packed_entry;
        if (load<std::uint8_t>(bytes, at) == 0) {
            continue;
        }
        InflightHead head{static_cast<std::uint16_t>(i), load<std::uint64_t>(bytes, at + 8), std::nullopt};
        if (const std::size_t last = load<std::uint16_t>(bytes, at + 4); last < count) {
            head.buffer_id = load<std::uint16_t>(bytes, header + last * packed_entry + 16);
        }
        queue.in_flight.push_back(head);
    }
}

void sort_by_counter(InflightQueue& queue) {
    const auto by_counter = [](const InflightHead& a, const InflightHead& b) { return a.counter < b.counter; };
    std::stable_sort(queue.in_flight.begin(), queue.in_flight.end(), by_counter);
    const auto same_counter = [](const InflightHead& a, const InflightHead& b) { return a.counter == b.counter; };
    queue.equal_counters =
        std::adjacent_find(queue.in_flight.begin(), queue.in_flight.end(), same_counter) != queue.in_flight.end();
}

bool was_written(const InflightQueue& queue) noexcept {
    return queue.version != 0 || queue.descriptors != 0 || !queue.in_flight.empty();
}

}  // namespace

InflightArea parse_inflight_area(const InflightShape& shape, ByteView known) {
    InflightArea area;
    area.packed = shape.packed;
    area.header_size = shape.packed ? packed_header : split_header;
    // Back-ends align their queues differently: only the quotient is common to all.
    area.stride = shape.queues == 0 ? 0 : shape.size / shape.queues;
    if (area.stride < split_header) {
        return area;
    }
    known = known.first(std::min<std::uint64_t>(known.size(), most_inflight_bytes));
    bool header_known = !shape.packed;
    for (std::uint32_t number = 0; number < shape.queues; ++number) {
        const std::uint64_t offset = number * area.stride;  // of a size below 2^64
        if (offset >= known.size() || known.size() - offset < split_header) {
            break;
        }
        const ByteView bytes = known.subspan(offset, std::min<std::uint64_t>(area.stride, known.size() - offset));
        InflightQueue queue;
        queue.queue = static_cast<std::uint16_t>(number);
        if (!header_known && load<std::uint16_t>(bytes, 8) != 0) {
            area.header_size = plausible_entries(bytes, packed_header_fields, shape.queue_size) >
                                       plausible_entries(bytes, packed_header, shape.queue_size)
                                   ? packed_header_fields
                                   : packed_header;
            header_known = true;
        }
        if (shape.packed) {
            read_packed(bytes, shape.queue_size, area.header_size, queue);
        } else {
            read_split(bytes, shape.queue_size, queue);
        }
        if (was_written(queue)) {
            sort_by_counter(queue);
            area.queues.push_back(std::move(queue));
        }
    }
    return area;
}

}  // namespace vutrace::virtio
