// Goes through rows of an index without explaining them, for filters that look at nothing but the records.
#pragma once

#include "vutrace/index/trace_index.h"

#include <vutrace/base/error.h>
#include <vutrace/filter/filter.h>
#include <vutrace/trace/reader.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

namespace vutrace::index {

// One thread for each.
class RecordScan {
  public:
    RecordScan(std::shared_ptr<const TraceIndex> index, const filter::Filter& filter)
        : index_(std::move(index)), filter_(filter) {}

    // Those of the rows `first` to `last`, which are indexed, that the filter picks; fewer where `stop` was requested.
    // Empty where one of the records has to be explained for that. Errors: system.
    [[nodiscard]] Result<std::optional<std::vector<std::uint64_t>>> rows(std::uint64_t first, std::uint64_t last,
                                                                         const std::stop_token& stop);

  private:
    [[nodiscard]] Status go_before(std::uint64_t row);

    std::shared_ptr<const TraceIndex> index_;
    const filter::Filter& filter_;
    std::optional<trace::Reader> reader_;
    explain::Annotation annotation_;  // explains nothing; as many entries as any record had
};

}  // namespace vutrace::index
