#include "vutrace/gui/models/quick_filter.h"

#include "vutrace/gui/models/records_model.h"

namespace vutrace::gui {
namespace {

QString equals(const char* field, const QString& value) {
    return QStringLiteral("%1 == %2").arg(QLatin1String(field), value);
}

QString name_filter(const render::Row& row) {
    const QString name = QString::fromStdString(row.name);
    switch (row.type) {
        case trace::RecordType::message: {
            const QString request = name.section(QLatin1Char(' '), row.name.starts_with("↳") ? 1 : 0);
            return request.startsWith(QLatin1String("UNKNOWN")) ? equals("code", request.section(QLatin1Char(' '), 1))
                                                                : equals("request", request);
        }
        case trace::RecordType::chain:
            return equals("state", name);
        case trace::RecordType::event:
            return equals("fd", name);
        default:
            return equals("record", QLatin1String(trace::name_of(row.type)));
    }
}

}  // namespace

QString quick_filter(const render::Row& row, int column) {
    switch (column) {
        case RecordsModel::trouble:
            return row.trouble == render::Tone::bad && row.type == trace::RecordType::message
                       ? QStringLiteral("exists problems")
                       : QString();
        case RecordsModel::number:
            return equals("seq", QString::number(row.sequence));
        case RecordsModel::session:
            return equals("session", QString::number(row.session));
        case RecordsModel::channel:
            return row.channel.empty() ? QString()
                                       : equals("channel", QString::fromStdString(std::string(row.channel)));
        case RecordsModel::sender:
            return row.type == trace::RecordType::message
                       ? equals("sender", QString::fromStdString(std::string(row.sender)))
                       : QString();
        case RecordsModel::queue:
            return row.queue ? equals("queue", QString::number(*row.queue)) : QString();
        case RecordsModel::name:
            return name_filter(row);
        case RecordsModel::latency:
            return row.latency ? QStringLiteral("latency >= %1ns").arg(*row.latency) : QString();
        default:
            return {};
    }
}

QString join_filters(const QString& expression, const QString& more, Joined how) {
    const QString old = expression.trimmed();
    const QString added = how == Joined::except ? QStringLiteral("not (%1)").arg(more) : more;
    if (how == Joined::replace || old.isEmpty()) {
        return added;
    }
    return QStringLiteral("(%1) and %2").arg(old, added);
}

}  // namespace vutrace::gui
