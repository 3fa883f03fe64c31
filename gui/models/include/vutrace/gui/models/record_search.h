// A record that is looked for, by what it says.
#pragma once

#include <vutrace/filter/filter.h>
#include <vutrace/gui/models/trace_document.h>
#include <vutrace/index/matching.h>

#include <QString>
#include <cstdint>
#include <optional>

namespace vutrace::gui {

// From the record that is current on.
struct RecordSearch {
    index::Direction direction{index::Direction::forward};
    TraceDocument::Predicate wanted;
    QString nothing;  // to say where there is none
    // Goes on at the trace's other end; to say then, and where no other record is found than the current one.
    bool around{false};
    QString went_around{}, only_one{};
};

// The reply to message `sequence`, or what used the chain that it made available.
[[nodiscard]] RecordSearch search_for_answer(std::uint64_t sequence);
// Names and summaries that hold `text`, in either case of letters, of the records that `filter` picks.
[[nodiscard]] RecordSearch search_for_text(const QString& text, index::Direction direction,
                                           const std::optional<filter::Filter>& filter);

}  // namespace vutrace::gui
