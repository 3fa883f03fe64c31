#include "vutrace/gui/models/exporter.h"

#include <vutrace/edit/cut.h>
#include <vutrace/index/cursor.h>
#include <vutrace/render/json.h>
#include <vutrace/render/row.h>

#include <QCoreApplication>
#include <QElapsedTimer>
#include <QFile>
#include <QFileInfo>
#include <QSaveFile>
#include <QTemporaryFile>
#include <cstdio>
#include <functional>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr std::size_t bytes_at_once = std::size_t{1} << 18U;
constexpr std::uint64_t rows_between_looks = 512;  // at whether to stop, and at the clock
constexpr qint64 milliseconds_between_tells = 50;

// On the thread: one export.
class Work {
    Q_DECLARE_TR_FUNCTIONS(Exporter)

  public:
    Work(ExportRequest request, std::shared_ptr<const index::TraceIndex> index, std::stop_token stop,
         std::function<void(double)> tell)
        : request_(std::move(request)), index_(std::move(index)), stop_(std::move(stop)), tell_(std::move(tell)) {
        clock_.start();
    }

    // What went wrong; nothing for what was stopped.
    QString run() { return request_.format == ExportFormat::trace ? cut() : write_lines(); }
    [[nodiscard]] quint64 rows() const noexcept { return rows_; }
    [[nodiscard]] quint64 context() const noexcept { return context_; }

  private:
    [[nodiscard]] QString cannot_write(const QString& why) const {
        return tr("%1 could not be written (%2): choose another folder, or make room there").arg(request_.path, why);
    }
    void progress(double share) {
        if (clock_.elapsed() >= milliseconds_between_tells) {
            clock_.restart();
            tell_(share);
        }
    }
    QString cut();
    QString write_lines();
    bool visit_rows(QSaveFile& file);
    void append(const explain::Annotation& annotation, std::size_t entry);
    void append_line(const render::Row& row);

    const ExportRequest request_;
    const std::shared_ptr<const index::TraceIndex> index_;
    const std::stop_token stop_;
    const std::function<void(double)> tell_;
    QElapsedTimer clock_;
    quint64 rows_{0};
    quint64 context_{0};
    std::int64_t previous_{0};  // time of the row before
    std::string text_;          // that waits to be written
    QString problem_;           // of reading
};

// Beside its place, and then there.
QString Work::cut() {
    index::RowSet rows;
    request_.rows.for_each([&](std::uint64_t first, std::uint64_t last) {
        for (std::uint64_t row = first; row <= last; ++row) {
            rows.append(row);
        }
        return !stop_.stop_requested();
    });
    QTemporaryFile file(request_.path + QStringLiteral(".XXXXXX"));
    if (!file.open()) {
        return cannot_write(file.errorString());
    }
    const auto counts = edit::cut(index_->readable_path(), QFile::encodeName(file.fileName()).toStdString(), rows,
                                  stop_, [this](double share) { progress(share); });
    if (!counts) {
        return cannot_write(QString::fromStdString(describe(counts.error())));
    }
    if (std::rename(QFile::encodeName(file.fileName()).constData(), QFile::encodeName(request_.path).constData()) !=
        0) {
        return cannot_write(qt_error_string());
    }
    file.setAutoRemove(false);
    rows_ = counts->picked;
    context_ = counts->context;
    return {};
}

QString Work::write_lines() {
    QSaveFile file(request_.path);
    if (!file.open(QIODevice::WriteOnly) || !file.setPermissions(QFileDevice::ReadOwner | QFileDevice::WriteOwner)) {
        return cannot_write(file.errorString());
    }
    if (request_.format == ExportFormat::csv) {
        QStringList titles;
        for (const QString& title : request_.titles) {
            titles += csv_field(title);
        }
        text_ = titles.join(QLatin1Char(',')).toStdString() + "\r\n";
    }
    previous_ = index_->start_time();
    if (!visit_rows(file)) {
        file.cancelWriting();
        return problem_.isEmpty() ? cannot_write(file.errorString()) : problem_;
    }
    return file.commit() ? QString() : cannot_write(file.errorString());
}

// False: it went wrong, or was stopped.
bool Work::visit_rows(QSaveFile& file) {
    index::Cursor cursor(index_);
    const std::uint64_t all = request_.rows.count();
    std::uint64_t looked_at = 0;
    bool good = true;
    const auto flush = [&] {
        good = good && file.write(text_.data(), static_cast<qint64>(text_.size())) == static_cast<qint64>(text_.size());
        text_.clear();
    };
    request_.rows.for_each([&](std::uint64_t first, std::uint64_t last) {
        const Status read = cursor.visit(first, last, [&](const auto& annotation, std::size_t entry) {
            append(annotation, entry);
            if (text_.size() >= bytes_at_once) {
                flush();
            }
            if (++looked_at % rows_between_looks == 0) {
                good = good && !stop_.stop_requested();
                progress(static_cast<double>(looked_at) / static_cast<double>(all));
            }
            return good;
        });
        if (!read) {
            problem_ = tr("The trace could not be read again: %1").arg(QString::fromStdString(describe(read.error())));
            good = false;
        }
        return good && !stop_.stop_requested();
    });
    flush();
    return good && !stop_.stop_requested();
}

void Work::append(const explain::Annotation& annotation, std::size_t entry) {
    ++rows_;
    if (request_.format == ExportFormat::json) {
        render::append_json(text_, annotation, entry, {});
    } else {
        append_line(render::row_of(annotation, entry));
    }
}

void Work::append_line(const render::Row& row) {
    QStringList fields;
    for (const int column : request_.columns) {
        fields += csv_field(record_text(row, column, {request_.time, index_->start_time(), previous_}));
    }
    previous_ = row.time;
    text_ += fields.join(QLatin1Char(',')).toStdString();
    text_ += "\r\n";
}

}  // namespace

Exporter::Exporter(TraceDocument& document, QObject* parent)
    : QObject(parent), document_(document), job_(std::make_unique<LatestJob>()) {}

Exporter::~Exporter() = default;

void Exporter::begin(ExportRequest request) {
    const std::uint64_t generation = ++generation_;
    running_ = true;
    const QString trace = QFileInfo(document_.path()).canonicalFilePath();
    if (!trace.isEmpty() && QFileInfo(request.path).canonicalFilePath() == trace) {
        end(generation, tr("That is the trace itself, which is never changed: choose another name"), 0, 0);
        return;
    }
    request.rows.normalise();
    job_->post(
        [this, generation, request = std::move(request), index = document_.index()](const std::stop_token& stop) {
            Work work(request, index, stop, [this, generation](double share) {
                QMetaObject::invokeMethod(
                    this, [this, generation, share] { tell(generation, share); }, Qt::QueuedConnection);
            });
            const QString problem = work.run();
            QMetaObject::invokeMethod(
                this,
                [this, generation, problem, rows = work.rows(), context = work.context()] {
                    end(generation, problem, rows, context);
                },
                Qt::QueuedConnection);
        });
}

void Exporter::stop() {
    ++generation_;
    running_ = false;
    job_->forget();
}

void Exporter::tell(std::uint64_t generation, double share) {
    if (generation == generation_) {
        Q_EMIT progressed(share);
    }
}

void Exporter::end(std::uint64_t generation, const QString& problem, quint64 rows, quint64 context) {
    if (generation == generation_) {
        running_ = false;
        Q_EMIT finished(problem, rows, context);
    }
}

}  // namespace vutrace::gui
