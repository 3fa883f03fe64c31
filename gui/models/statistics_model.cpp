#include "vutrace/gui/models/statistics_model.h"

#include "vutrace/gui/models/reader_thread.h"

#include <vutrace/explain/annotation.h>
#include <vutrace/explain/devices.h>
#include <vutrace/render/phrases.h>
#include <vutrace/trace/reader.h>

#include <array>
#include <functional>
#include <utility>

namespace vutrace::gui {
namespace {

using statistics::ChainStatistics;
using statistics::Histogram;
using statistics::QueueStatistics;

constexpr std::uint64_t records_between_looks = 4096;
constexpr std::uint64_t steps = 1000;

QString text_of(std::string_view text) {
    return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

QString time_text(std::uint64_t nanoseconds) {
    return text_of(render::duration_text(static_cast<std::int64_t>(std::min<std::uint64_t>(nanoseconds, INT64_MAX))));
}

// Null where it was stopped or the trace could not be read.
std::shared_ptr<const statistics::Statistics> count_trace(const std::string& path,
                                                          const std::optional<filter::Filter>& filter,
                                                          const std::stop_token& stop,
                                                          const std::function<void(int)>& progress) {
    auto reader = trace::Reader::open(path);
    if (!reader) {
        return nullptr;
    }
    explain::Annotator annotator;
    auto statistics = std::make_shared<statistics::Statistics>();
    for (std::uint64_t count = 1;; ++count) {
        const auto record = reader->next();
        if (!record || (count % records_between_looks == 0 && stop.stop_requested())) {
            return nullptr;
        }
        if (!*record) {
            break;
        }
        const explain::Annotation& annotation = annotator.annotate(**record);
        const auto picked = [&](std::size_t entry) { return filter->matches(annotation, entry); };
        statistics->add(annotation, annotator.tracker(),
                        filter ? statistics::Statistics::Selected(picked) : statistics::Statistics::Selected());
        if (count % (records_between_looks * 16) == 0 && reader->file_size() != 0) {
            progress(static_cast<int>(reader->position().offset * steps / reader->file_size()));
        }
    }
    statistics->finish();
    return statistics;
}

}  // namespace

StatisticsModel::StatisticsModel(TraceDocument& document, QObject* parent)
    : QAbstractItemModel(parent), document_(document) {}

void StatisticsModel::stop() {
    counting_ = false;
    ++number_;
    thread_ = std::jthread();  // asks it to stop, and waits: it looks every few thousand records
}

void StatisticsModel::count(std::optional<filter::Filter> filter) {
    stop();
    counting_ = true;
    const auto work = [this, number = number_, path = document_.index()->readable_path(),
                       filter = std::move(filter)](const std::stop_token& stop) {
        give_way();
        auto counted = count_trace(path, filter, stop, [&](int thousandths) {
            QMetaObject::invokeMethod(
                this, [this, thousandths] { Q_EMIT progressed(thousandths); }, Qt::QueuedConnection);
        });
        QMetaObject::invokeMethod(
            this,
            [this, number, counted = std::move(counted)]() mutable {
                if (number == number_) {
                    take(std::move(counted));
                }
            },
            Qt::QueuedConnection);
    };
    thread_ = std::jthread(work);
}

std::size_t StatisticsModel::add_node(std::size_t parent, Subject subject, const QString& title) {
    const std::size_t number = nodes_.size();
    nodes_.push_back({parent, static_cast<int>(nodes_[parent].children.size()), {}, std::move(subject), title});
    nodes_[parent].children.push_back(number);
    return number;
}

void StatisticsModel::take(Counted&& statistics) {
    counting_ = false;
    beginResetModel();
    nodes_.assign(1, {});
    statistics_ = std::move(statistics);
    static const std::map<std::uint32_t, statistics::SessionStatistics> none;
    for (const auto& [number, session] : statistics_ == nullptr ? none : statistics_->sessions()) {
        if (session.queues.empty()) {
            continue;
        }
        const std::string_view device = explain::device_name(session.device);
        const QString title = tr("Session %1").arg(number);
        const std::size_t parent =
            add_node(0, {number, std::nullopt, nullptr, nullptr, {}},
                     device.empty() ? title : QStringLiteral("%1: %2").arg(title, text_of(device)));
        for (const auto& [index, queue] : session.queues) {
            const std::size_t of_queue =
                add_node(parent, {number, index, &queue, &queue.all, {}}, tr("queue %1").arg(index));
            for (const auto& [request, chains] : queue.by_request) {
                const QString shown = text_of(render::printable(request));
                add_node(of_queue, {number, index, &queue, &chains, shown}, shown);
            }
        }
    }
    endResetModel();
    Q_EMIT counted(statistics_ != nullptr);
}

StatisticsModel::Subject StatisticsModel::subject(const QModelIndex& index) const {
    return checkIndex(index, CheckIndexOption::IndexIsValid) ? nodes_[index.internalId()].subject : Subject();
}

QString StatisticsModel::filter_of(const QModelIndex& index) const {
    const Subject about = subject(index);
    if (about.session == 0) {
        return {};
    }
    QString text = QStringLiteral("session == %1").arg(about.session);
    if (about.queue) {
        text += QStringLiteral(" and queue == %1 and record == chain").arg(*about.queue);
    }
    if (!about.request.isEmpty() && filter::Filter::compile("request.type == " + about.request.toStdString())) {
        text += QStringLiteral(" and request.type == %1").arg(about.request);
    }
    return text;
}

QModelIndex StatisticsModel::index(int row, int column, const QModelIndex& parent) const {
    const std::size_t of = parent.isValid() ? parent.internalId() : 0;
    const auto& children = nodes_[of].children;
    return row < 0 || static_cast<std::size_t>(row) >= children.size() || column < 0 || column >= column_count
               ? QModelIndex()
               : createIndex(row, column, static_cast<quintptr>(children[static_cast<std::size_t>(row)]));
}

QModelIndex StatisticsModel::parent(const QModelIndex& index) const {
    const std::size_t parent = index.isValid() ? nodes_[index.internalId()].parent : 0;
    return parent == 0 ? QModelIndex() : createIndex(nodes_[parent].row, 0, static_cast<quintptr>(parent));
}

int StatisticsModel::rowCount(const QModelIndex& parent) const {
    const std::size_t of = parent.isValid() ? parent.internalId() : 0;
    return parent.column() > 0 ? 0 : static_cast<int>(nodes_[of].children.size());
}

int StatisticsModel::columnCount(const QModelIndex& /*parent*/) const {
    return column_count;
}

// Of chains that were made available one cannot say that they are none of a kind that only the device decides.
bool StatisticsModel::told_when_used(const Node& node) {
    const ChainStatistics* chains = node.subject.chains;
    return !node.subject.request.isEmpty() && chains != nullptr && chains->available == 0 && chains->used != 0;
}

QString StatisticsModel::text(const Node& node, int column) const {
    if (column == name) {
        return node.title;
    }
    const ChainStatistics* chains = node.subject.chains;
    if (chains == nullptr) {
        return {};
    }
    const auto grouped = [](std::uint64_t number) { return text_of(render::grouped(number)); };
    const Histogram& latency = chains->latency;
    switch (column) {
        case available:
            return told_when_used(node) ? QStringLiteral("—") : grouped(chains->available);
        case used:
            return grouped(chains->used);
        case to_device:
            return grouped(chains->readable_bytes);
        case from_device:
            return grouped(chains->used_bytes);
        default:
            break;
    }
    if (latency.empty()) {
        return {};
    }
    switch (column) {
        case least:
            return time_text(latency.least());
        case mean:
            return time_text(static_cast<std::uint64_t>(latency.mean()));
        case median:
            return time_text(latency.percentile(0.5));
        case p90:
            return time_text(latency.percentile(0.9));
        case p99:
            return time_text(latency.percentile(0.99));
        case p999:
            return time_text(latency.percentile(0.999));
        default:
            return time_text(latency.largest());
    }
}

QVariant StatisticsModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid)) {
        return {};
    }
    if (role == Qt::ToolTipRole && index.column() == available && told_when_used(nodes_[index.internalId()])) {
        return tr("What these are was known only when the device had used them, such as packets that came in");
    }
    if (role == Qt::TextAlignmentRole) {
        const Qt::Alignment side = index.column() == name ? Qt::AlignLeft : Qt::AlignRight;
        return QVariant::fromValue(Qt::Alignment(side | Qt::AlignVCenter));
    }
    return role == Qt::DisplayRole ? QVariant(text(nodes_[index.internalId()], index.column())) : QVariant();
}

QVariant StatisticsModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || section < 0 || section >= column_count) {
        return {};
    }
    // Short, so that all of them have room; and in full.
    const std::array<std::pair<QString, QString>, column_count> titles{{
        {tr("Queue, request"), tr("Queue, request")},
        {tr("Available"), tr("Chains made available")},
        {tr("Used"), tr("Chains used")},
        {tr("Least"), tr("Least latency")},
        {tr("Mean"), tr("Mean latency")},
        {tr("50 %"), tr("Latency of 50 % of the chains")},
        {tr("90 %"), tr("Latency of 90 % of the chains")},
        {tr("99 %"), tr("Latency of 99 % of the chains")},
        {tr("99.9 %"), tr("Latency of 99.9 % of the chains")},
        {tr("Largest"), tr("Largest latency")},
        {tr("To device"), tr("Bytes that the device could read")},
        {tr("From it"), tr("Bytes that the device wrote")},
    }};
    const auto& [title, full] = titles[static_cast<std::size_t>(section)];
    if (role == Qt::ToolTipRole && section >= least && section <= largest) {
        return tr("%1, from available to used; a percentile is at most 3.2 % too high").arg(full);
    }
    return role == Qt::DisplayRole                                     ? QVariant(title)
           : role == Qt::ToolTipRole || role == Qt::AccessibleTextRole ? QVariant(full)
                                                                       : QVariant();
}

}  // namespace vutrace::gui
