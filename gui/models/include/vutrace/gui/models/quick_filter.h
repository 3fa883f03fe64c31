// Filters made by pointing at a cell of the table.
#pragma once

#include <vutrace/render/row.h>

#include <QString>

namespace vutrace::gui {

// The expression that picks rows with the value that `row` has in `column` (of RecordsModel); empty where the filter
// language cannot say it.
[[nodiscard]] QString quick_filter(const render::Row& row, int column);

enum class Joined { replace, also, except };
// `expression` with `more` added: both must hold, or the second must not.
[[nodiscard]] QString join_filters(const QString& expression, const QString& more, Joined how);

}  // namespace vutrace::gui
