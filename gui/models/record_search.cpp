#include "vutrace/gui/models/record_search.h"

#include <vutrace/render/row.h>

#include <QCoreApplication>

namespace vutrace::gui {

RecordSearch search_for_answer(std::uint64_t sequence) {
    return {index::Direction::forward,
            [sequence](const explain::Annotation& annotation, std::size_t entry) {
                return annotation.message.answers == sequence ||
                       (entry < annotation.entries.size() &&
                        annotation.entries[entry].context.available_sequence == sequence);
            },
            QCoreApplication::translate("RecordSearch", "Nothing answers record %1 in this trace").arg(sequence)};
}

RecordSearch search_for_text(const QString& text, index::Direction direction,
                             const std::optional<filter::Filter>& filter) {
    const QString nothing =
        direction == index::Direction::forward
            ? QCoreApplication::translate("RecordSearch",
                                          "“%1” is not found after this record: Shift+F3 looks before it")
            : QCoreApplication::translate("RecordSearch", "“%1” is not found before this record: F3 looks after it");
    return {direction,
            [text, filter](const explain::Annotation& annotation, std::size_t entry) {
                if (filter && !filter->matches(annotation, entry)) {
                    return false;
                }
                const render::Row row = render::row_of(annotation, entry);
                const auto found = [&](const std::string& where) {
                    return QString::fromStdString(where).contains(text, Qt::CaseInsensitive);
                };
                return found(row.name) || found(row.summary);
            },
            nothing.arg(text)};
}

}  // namespace vutrace::gui
