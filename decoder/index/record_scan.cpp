#include "record_scan.h"

#include <algorithm>
#include <utility>

namespace vutrace::index {

Status RecordScan::go_before(std::uint64_t row) {
    const trace::Position from = index_->before(row).position;
    if (!reader_) {
        auto reader = trace::Reader::open(index_->readable_path());
        if (!reader) {
            return tl::unexpected(reader.error());
        }
        reader_ = std::move(*reader);
    }
    const std::uint64_t here = reader_->position().next_sequence;
    return here <= row && here >= from.next_sequence ? Status() : reader_->seek(from);
}

Result<std::optional<std::vector<std::uint64_t>>> RecordScan::rows(std::uint64_t first, std::uint64_t last,
                                                                   const std::stop_token& stop) {
    std::vector<std::uint64_t> picked;
    Status read = go_before(first);
    annotation_.start_time = index_->start_time();
    while (read && reader_->position().next_sequence <= last && !stop.stop_requested()) {
        const auto record = reader_->next();
        if (!record) {
            read = tl::unexpected(record.error());
        } else if (!*record) {
            break;
        } else if (filter_.needs_explanation(trace::type_of((*record)->body))) {
            return std::nullopt;
        } else {
            const trace::Record& known = **record;
            const std::uint64_t count = trace::sequence_count(known);
            annotation_.record = &known;
            annotation_.entries.resize(std::max<std::size_t>(annotation_.entries.size(), count));
            for (std::uint64_t row = std::max(first, known.sequence); row <= last && row - known.sequence < count;
                 ++row) {
                if (filter_.matches(annotation_, static_cast<std::size_t>(row - known.sequence))) {
                    picked.push_back(row);
                }
            }
        }
    }
    annotation_.record = nullptr;
    if (!read) {
        reader_.reset();  // its place is not known
        return tl::unexpected(read.error());
    }
    return picked;
}

}  // namespace vutrace::index
