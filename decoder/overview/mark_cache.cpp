#include "vutrace/overview/mark_cache.h"

#include <algorithm>
#include <utility>

namespace vutrace::overview {

Result<Marks> read_marks(index::Cursor& cursor, const Overview& overview, const Node& leaf) {
    Lanes lanes = overview.lanes;
    Observer observer(lanes);
    Marks marks;
    bool started = leaf.first_row <= 1;
    std::uint64_t last_record = 0;
    const std::uint64_t from = std::max<std::uint64_t>(leaf.first_row, 2) - 1;
    const Status read = cursor.visit(from, leaf.last_row, [&](const explain::Annotation& annotation, std::size_t) {
        const std::uint64_t record = annotation.record->sequence;
        if (!started) {
            observer.start_at(cursor.annotator());
            started = true;
        }
        if (record >= leaf.first_row && record != last_record) {
            observer.observe(annotation, cursor.annotator(), marks);
        }
        last_record = record;
        return true;
    });
    if (!read) {
        return tl::unexpected(read.error());
    }
    return marks;
}

void MarkCache::add(const Node& leaf, Marks&& marks) {
    Read& read = by_first_row_[leaf.first_row];
    size_ = size_ - read.marks.size() + marks.size();
    read = {leaf.last_row, std::move(marks), ++uses_};
    while (size_ > most_marks_ && by_first_row_.size() > 1) {
        const auto oldest =
            std::min_element(by_first_row_.begin(), by_first_row_.end(),
                             [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
        size_ -= oldest->second.marks.size();
        by_first_row_.erase(oldest);
    }
}

const Marks* MarkCache::find(const Node& leaf) {
    const auto found = by_first_row_.find(leaf.first_row);
    if (found == by_first_row_.end() || found->second.last_row != leaf.last_row) {
        return nullptr;
    }
    found->second.used = ++uses_;
    return &found->second.marks;
}

}  // namespace vutrace::overview
