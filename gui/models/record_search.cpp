#include "vutrace/gui/models/record_search.h"

#include <vutrace/render/row.h>

#include <QCoreApplication>

namespace vutrace::gui {
namespace {

struct Words {
    Q_DECLARE_TR_FUNCTIONS(RecordSearch)
};

}  // namespace

RecordSearch search_for_answer(std::uint64_t sequence) {
    return {index::Direction::forward,
            [sequence](const explain::Annotation& annotation, std::size_t entry) {
                return annotation.message.answers == sequence ||
                       (entry < annotation.entries.size() &&
                        annotation.entries[entry].context.available_sequence == sequence);
            },
            Words::tr("Nothing answers record %1 in this trace").arg(sequence)};
}

RecordSearch search_for_text(const QString& text, index::Direction direction,
                             const std::optional<filter::Filter>& filter) {
    const bool forward = direction == index::Direction::forward;
    const QString nothing = filter ? Words::tr("“%1” is found in none of the records that the filter picks")
                                   : Words::tr("“%1” is found in no record");
    const QString went_around =
        forward ? Words::tr("“%1”: went on from the first record") : Words::tr("“%1”: went on from the last record");
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
            nothing.arg(text),
            true,
            went_around.arg(text),
            Words::tr("“%1” is found in no other record").arg(text)};
}

}  // namespace vutrace::gui
