#include "vutrace/gui/models/findings_model.h"

#include "vutrace/gui/models/reader_thread.h"

#include <vutrace/check/checker.h>
#include <vutrace/trace/reader.h>

#include <QFont>
#include <algorithm>
#include <array>
#include <climits>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr std::uint64_t records_between_looks = 512;  // at whether to stop
constexpr qint64 least_wait = 500;                    // milliseconds before a trace that grows is checked again
constexpr qint64 rest_per_work = 10;                  // so many times as long as it took

QString text_of(std::string_view text) {
    return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

// Nothing where it was stopped or the trace could not be read.
std::optional<std::vector<check::Finding>> check_trace(const std::string& path, bool ended, const std::stop_token& stop,
                                                       bool& more) {
    std::vector<check::Finding> findings;
    const auto keep = [&](check::Finding finding) {
        more = more || findings.size() == FindingsModel::most_findings;
        if (!more) {
            findings.push_back(std::move(finding));
        }
    };
    auto reader = trace::Reader::open(path);
    if (!reader) {
        return std::nullopt;
    }
    check::Checker checker({{}, check::Severity::warning}, keep);
    for (std::uint64_t count = 1;; ++count) {
        const auto record = reader->next();
        if (!record || (count % records_between_looks == 0 && stop.stop_requested())) {
            return std::nullopt;
        }
        if (!*record) {
            break;
        }
        (void)checker.take(**record);
    }
    if (ended) {
        checker.finish();
    }
    std::stable_sort(findings.begin(), findings.end(), [](const auto& a, const auto& b) {
        const bool first = check::is_stall_verdict(*a.rule);
        const bool second = check::is_stall_verdict(*b.rule);
        return first != second ? first : a.sequence < b.sequence;
    });
    return findings;
}

}  // namespace

FindingsModel::FindingsModel(TraceDocument& document, QObject* parent)
    : QAbstractTableModel(parent), document_(document) {
    timer_.setSingleShot(true);
    connect(&timer_, &QTimer::timeout, this, [this] { checking_ ? check_soon() : check(); });
}

void FindingsModel::check_soon() {
    if (!timer_.isActive()) {
        timer_.start(static_cast<int>(std::clamp<qint64>(duration_ * rest_per_work, least_wait, INT_MAX)));
    }
}

void FindingsModel::stop() {
    timer_.stop();
    checking_ = false;
    thread_ = std::jthread();
}

void FindingsModel::check() {
    stop();
    checking_ = true;
    clock_.start();
    thread_ = std::jthread([this, path = document_.index()->readable_path(),
                            ended = document_.progress().complete](const std::stop_token& stop) {
        give_way();
        bool more = false;
        auto findings = check_trace(path, ended, stop, more);
        if (stop.stop_requested()) {
            return;
        }
        QMetaObject::invokeMethod(
            this, [this, more, findings = std::move(findings)]() mutable { take(std::move(findings), more); },
            Qt::QueuedConnection);
    });
}

void FindingsModel::take(std::optional<std::vector<check::Finding>> findings, bool more) {
    checking_ = false;
    duration_ = clock_.elapsed();
    const bool whole = findings.has_value();
    const auto same = [](const check::Finding& a, const check::Finding& b) {
        return a.rule == b.rule && a.sequence == b.sequence && a.session == b.session && a.text == b.text;
    };
    if (checked_ && whole && !document_.progress().complete && more == more_ &&
        std::equal(findings->begin(), findings->end(), findings_.begin(), findings_.end(), same)) {
        return;  // who looks at the list keeps the place in it
    }
    beginResetModel();
    findings_ = std::move(findings).value_or(std::vector<check::Finding>());
    more_ = more;
    several_sessions_ = std::any_of(findings_.begin(), findings_.end(), [this](const auto& finding) {
        return finding.session != findings_.front().session;
    });
    checked_ = true;
    endResetModel();
    Q_EMIT checked(whole);
}

std::uint64_t FindingsModel::sequence_at(int row) const {
    return row < 0 || row >= rowCount() ? 0 : findings_[static_cast<std::size_t>(row)].sequence;
}

QString FindingsModel::verdict() const {
    return findings_.empty() || !check::is_stall_verdict(*findings_.front().rule)
               ? QString()
               : tr("The session stalls: %1 (%2)")
                     .arg(text_of(findings_.front().text), text_of(findings_.front().rule->id));
}

QString FindingsModel::summary_of(const check::Finding& finding) {
    return tr("%1 %2 by the %3: %4")
        .arg(text_of(check::name_of(finding.severity)), text_of(finding.rule->id),
             text_of(check::name_of(finding.violator)), text_of(finding.text));
}

QString FindingsModel::facts(const check::Finding& finding) const {
    const QString of_record = tr("%1 %2 by the %3, record %4")
                                  .arg(text_of(check::name_of(finding.severity)), text_of(finding.rule->id),
                                       text_of(check::name_of(finding.violator)))
                                  .arg(finding.sequence);
    return several_sessions_ ? tr("%1, session %2").arg(of_record).arg(finding.session) : of_record;
}

int FindingsModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(findings_.size());
}

int FindingsModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : column_count;
}

QVariant FindingsModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) {
        return {};
    }
    const check::Finding& finding = findings_[static_cast<std::size_t>(index.row())];
    if (role == Qt::ToolTipRole) {
        return QStringLiteral("%1\n\n%2\n\n%3\n\n%4")
            .arg(text_of(finding.text), text_of(finding.rule->rule), text_of(finding.rule->explanation),
                 text_of(finding.rule->section));
    }
    if (role == Qt::AccessibleTextRole && index.column() == severity) {
        return summary_of(finding);
    }
    if (role == Qt::AccessibleDescriptionRole && index.column() == severity) {
        return QStringLiteral("%1 %2").arg(text_of(finding.rule->explanation), text_of(finding.rule->section));
    }
    switch (role) {
        case facts_role:
            return facts(finding);
        case severity_role:
            return static_cast<int>(finding.severity);
        case seen_role:
            return text_of(finding.text);
        case in_verdict_role:
            return index.row() == 0 && check::is_stall_verdict(*finding.rule);
        default:
            break;
    }
    if (role == Qt::FontRole && check::is_stall_verdict(*finding.rule)) {
        QFont bold;
        bold.setBold(true);
        return bold;
    }
    if (role != Qt::DisplayRole) {
        return {};
    }
    switch (index.column()) {
        case severity:
            return text_of(check::name_of(finding.severity));
        case rule:
            return text_of(finding.rule->id);
        case violator:
            return text_of(check::name_of(finding.violator));
        case session:
            return finding.session;
        case record:
            return qulonglong{finding.sequence};
        default:
            return text_of(finding.text);
    }
}

QVariant FindingsModel::headerData(int section, Qt::Orientation orientation, int role) const {
    const std::array titles{tr("Severity"), tr("Rule"), tr("Who"), tr("Session"), tr("Record"), tr("What was seen")};
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole || section < 0 || section >= column_count) {
        return {};
    }
    return titles[static_cast<std::size_t>(section)];
}

}  // namespace vutrace::gui
