#include "vutrace/gui/processes/replay_run.h"

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcessEnvironment>
#include <QRegularExpression>
#include <algorithm>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr int patience_milliseconds = 3000;
constexpr qsizetype most_lines = 50;
constexpr qsizetype longest_line = 4096;

std::uint64_t number(const QJsonObject& object, const char* name) {
    return static_cast<std::uint64_t>(object.value(QLatin1String(name)).toInteger());
}

QString text(const QJsonValue& value) {
    if (value.isString() || value.isNull() || value.isUndefined()) {
        return value.toString();
    }
    if (value.isObject()) {
        return QString::fromUtf8(QJsonDocument(value.toObject()).toJson(QJsonDocument::Compact));
    }
    return value.toVariant().toString();
}

// Field by field where the report knows the fields: "value: expected 2, got 1". Otherwise both stay as they are.
void take_differences(const QJsonArray& differences, Divergence& divergence) {
    static const QRegularExpression form(QStringLiteral("^(.*): expected (.*), got (.*)$"));
    QStringList expected;
    QStringList actual;
    for (const QJsonValue& value : differences) {
        const QRegularExpressionMatch match = form.match(value.toString());
        if (!match.hasMatch()) {
            return;
        }
        expected += match.captured(1) + QLatin1Char(' ') + match.captured(2);
        actual += match.captured(1) + QLatin1Char(' ') + match.captured(3);
    }
    if (!expected.isEmpty()) {
        divergence.expected = expected.join(QStringLiteral("; "));
        divergence.actual = actual.join(QStringLiteral("; "));
    }
}

}  // namespace

QStringList replay_arguments(const ReplayOptions& options, const QString& report) {
    QStringList arguments{QStringLiteral("replay"), options.trace,
                          options.spawn ? QStringLiteral("--spawn") : QStringLiteral("--backend"), options.back_end};
    if (!options.timing.isEmpty()) {
        arguments << QStringLiteral("--timing") << options.timing;
    }
    if (options.session != 0) {
        arguments << QStringLiteral("--session") << QString::number(options.session);
    }
    arguments << QStringLiteral("--timeout") << QString::number(options.timeout_seconds);
    if (options.stop_on_divergence) {
        arguments << QStringLiteral("--stop-on-divergence");
    }
    if (!report.isEmpty()) {
        arguments << QStringLiteral("--report") << report;
    }
    if (!options.own_trace.isEmpty()) {
        arguments << QStringLiteral("--write") << options.own_trace;
    }
    return arguments;
}

std::optional<ReplayReport> parse_replay_report(const QByteArray& json) {
    const QJsonDocument document = QJsonDocument::fromJson(json);
    const QJsonObject object = document.object();
    if (!object.contains(QLatin1String("messages_sent")) || !object.value(QLatin1String("divergences")).isArray()) {
        return std::nullopt;
    }
    ReplayReport report{number(object, "messages_sent"),
                        number(object, "replies_compared"),
                        number(object, "replies_diverged"),
                        number(object, "chains_submitted"),
                        number(object, "chains_completed"),
                        number(object, "chains_diverged"),
                        {},
                        {}};
    for (const QJsonValue& value : object.value(QLatin1String("divergences")).toArray()) {
        const QJsonObject one = value.toObject();
        report.divergences.push_back({number(one, "seq"), text(one.value(QLatin1String("kind"))),
                                      text(one.value(QLatin1String("expected"))),
                                      text(one.value(QLatin1String("actual")))});
        take_differences(one.value(QLatin1String("differences")).toArray(), report.divergences.back());
    }
    report.back_end = object.value(QLatin1String("backend")).toObject().value(QLatin1String("state")).toString();
    return report;
}

ReplayRun::ReplayRun(QObject* parent) : QObject(parent) {
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("VUTRACE_PROGRESS"), QStringLiteral("lines"));
    process_.setProcessEnvironment(environment);
    process_.setStandardOutputFile(QProcess::nullDevice());
    process_.setStandardInputFile(QProcess::nullDevice());
    connect(&process_, &QProcess::readyReadStandardError, this, &ReplayRun::read_lines);
    connect(&process_, &QProcess::finished, this, &ReplayRun::end);
    connect(&process_, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
        if (error == QProcess::FailedToStart) {
            said_ << process_.errorString();
            end();
        }
    });
}

ReplayRun::~ReplayRun() {
    process_.disconnect(this);
    if (is_running()) {
        process_.terminate();
        if (!process_.waitForFinished(patience_milliseconds)) {
            process_.kill();
            process_.waitForFinished(patience_milliseconds);
        }
    }
}

void ReplayRun::start(const QString& program, const ReplayOptions& options) {
    options_ = options;
    report_.reset();
    problem_.clear();
    said_.clear();
    unread_.clear();
    stopped_ = false;
    const QString report = folder_.filePath(QStringLiteral("report.json"));
    QFile::remove(report);
    process_.start(program, replay_arguments(options, report));
}

void ReplayRun::stop() {
    stopped_ = true;
    process_.terminate();
}

void ReplayRun::read_lines() {
    static const QRegularExpression progress(QStringLiteral("^progress (\\d{1,3}) (.*)$"));
    unread_ += process_.readAllStandardError();
    for (qsizetype end = unread_.indexOf('\n'); end >= 0; end = unread_.indexOf('\n')) {
        const QString line = QString::fromUtf8(unread_.left(end));
        unread_.remove(0, end + 1);
        if (const auto match = progress.match(line); match.hasMatch()) {
            Q_EMIT progressed(match.captured(2), match.captured(1).toInt());
        } else if (said_.size() < most_lines) {
            said_ << line.left(longest_line);
        }
    }
    if (unread_.size() > longest_line) {
        unread_.clear();
    }
}

void ReplayRun::end() {
    read_lines();
    QFile file(folder_.filePath(QStringLiteral("report.json")));
    if (file.open(QIODevice::ReadOnly)) {
        report_ = parse_replay_report(file.readAll());
    }
    if (!report_) {
        // What ended it first: notes were said before.
        std::stable_partition(said_.begin(), said_.end(),
                              [](const QString& line) { return !line.contains(QLatin1String(": note: ")); });
        problem_ = stopped_ ? tr("The replay was stopped before its end: Replay begins again.")
                            : said_.join(QLatin1Char('\n'));
        if (problem_.isEmpty()) {
            problem_ = tr("vutrace replay ended without a report (status %1).").arg(process_.exitCode());
        }
    }
    Q_EMIT ended();
}

}  // namespace vutrace::gui
