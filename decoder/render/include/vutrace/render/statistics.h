// The statistics of a trace, as text for people and as JSON.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/render/style.h>
#include <vutrace/statistics/statistics.h>

#include <functional>
#include <string>

namespace vutrace::render {

// Both append to `out`, session by session; `flush` is called between them and may take away what is there. Its error
// ends the work and is given back. Queues on which nothing happened are left out.

// For each queue a table of latencies by request, and the histogram of all.
[[nodiscard]] Status append_statistics_text(std::string& out, const statistics::Statistics& statistics,
                                            const Style& style, const std::function<Status()>& flush);
// One JSON object on a line. Times are in nanoseconds; a distribution has `count`, `least`, `mean`, `p50`, `p90`,
// `p99`, `p99_9`, `largest`, and `histogram`, an array of [from, to (inclusive), count].
[[nodiscard]] Status append_statistics_json(std::string& out, const statistics::Statistics& statistics,
                                            const std::function<Status()>& flush);

}  // namespace vutrace::render
