// What stands in the columns of the table of records.
#pragma once

#include <vutrace/render/row.h>

#include <QString>
#include <cstdint>

namespace vutrace::gui {

enum class TimeFormat : std::uint8_t { relative, absolute, delta };

struct RecordTimes {
    TimeFormat format{TimeFormat::relative};
    std::int64_t start{0};     // of the first record of the trace, nanoseconds since the epoch
    std::int64_t previous{0};  // of the row before it
};

// `column` is one of RecordsModel.
[[nodiscard]] QString record_text(const render::Row& row, int column, const RecordTimes& times);

// A field of a line of comma-separated values, after RFC 4180: in quotes where it needs them.
[[nodiscard]] QString csv_field(const QString& text);

}  // namespace vutrace::gui
