#include "vutrace/overview/overview.h"

#include <algorithm>
#include <utility>

namespace vutrace::overview {
namespace {

// Who looks does so some times a second; the first rows are shown sooner.
constexpr std::uint64_t rows_between_publishing = 65536;
constexpr std::uint64_t first_rows = 1024;

}  // namespace

void OverviewBuilder::add(const explain::Annotation& annotation, const explain::Annotator& annotator) {
    const trace::Record& record = *annotation.record;
    const std::uint64_t rows = trace::sequence_count(record);
    start_time_ = last_row_ == 0 ? record.time : start_time_;
    last_row_ = record.sequence + rows - 1;
    marks_.clear();
    observer_.observe(annotation, annotator, marks_);
    for (const Mark& mark : marks_) {
        pyramid_.add(mark);
    }
    pyramid_.end_record(record.sequence, rows, record.time);
    if (last_row_ - published_row_ >= std::min(rows_between_publishing, std::max(first_rows, published_row_))) {
        publish();
    }
}

void OverviewBuilder::publish() {
    published_row_ = last_row_;
    auto now = std::make_shared<Overview>();
    now->root = pyramid_.snapshot();
    now->lanes = lanes_;
    now->start_time = start_time_;
    now->end_time = std::max(start_time_, now->root->last_time);
    now->last_row = last_row_;
    const std::lock_guard lock(mutex_);
    published_ = std::move(now);
}

std::shared_ptr<const Overview> OverviewBuilder::published() const {
    const std::lock_guard lock(mutex_);
    return published_;
}

}  // namespace vutrace::overview
