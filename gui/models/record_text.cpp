#include "vutrace/gui/models/record_text.h"

#include "vutrace/gui/models/records_model.h"

#include <vutrace/explain/annotation.h>
#include <vutrace/render/phrases.h>

namespace vutrace::gui {
namespace {

QString text_of(std::string_view text) {
    return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

QString time_text(const render::Row& row, const RecordTimes& times) {
    switch (times.format) {
        case TimeFormat::absolute:
            return text_of(render::absolute_time_text(row.time));
        case TimeFormat::delta:
            return text_of(render::seconds_text(explain::elapsed(times.previous, row.time)));
        case TimeFormat::relative:
            break;
    }
    return text_of(render::seconds_text(explain::elapsed(times.start, row.time)));
}

}  // namespace

QString record_text(const render::Row& row, int column, const RecordTimes& times) {
    switch (column) {
        case RecordsModel::trouble:
            return row.trouble == render::Tone::bad        ? QStringLiteral("!!")
                   : row.trouble == render::Tone::doubtful ? QStringLiteral("?")
                                                           : QString();
        case RecordsModel::number:
            return QString::number(row.sequence);
        case RecordsModel::time:
            return time_text(row, times);
        case RecordsModel::session:
            return row.session == 0 ? QString() : QString::number(row.session);
        case RecordsModel::channel:
            return text_of(row.channel);
        case RecordsModel::sender:
            return text_of(row.sender);
        case RecordsModel::queue:
            return row.queue ? QString::number(*row.queue) : QString();
        case RecordsModel::name:
            return text_of(row.name);
        case RecordsModel::summary:
            return text_of(row.summary);
        case RecordsModel::latency:
            return row.latency ? text_of(render::duration_text(*row.latency)) : QString();
        default:
            return {};
    }
}

QString csv_field(const QString& text) {
    const bool quotes = text.contains(QLatin1Char(',')) || text.contains(QLatin1Char('"')) ||
                        text.contains(QLatin1Char('\n')) || text.contains(QLatin1Char('\r'));
    if (!quotes) {
        return text;
    }
    QString inside = text;
    return QLatin1Char('"') + inside.replace(QLatin1Char('"'), QLatin1String("\"\"")) + QLatin1Char('"');
}

}  // namespace vutrace::gui
