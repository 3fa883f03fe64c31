#include "vutrace/gui/processes/capture_run.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <QCoreApplication>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QProcess>
#include <QSocketNotifier>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace vutrace::gui {
namespace {

constexpr int milliseconds_between_looks = 200;
constexpr qint64 most_log_bytes = 16384;

struct Cost {
    const char* choice;
    const char* text;
};

constexpr std::array<Cost, 3> datapath_costs{
    {{"off", QT_TRANSLATE_NOOP("CaptureOptions", "Nothing of the queues is seen: messages only.")},
     {"relay",
      QT_TRANSLATE_NOOP("CaptureOptions", "Each kick and each call takes one wake-up more, on every request.")},
     {"shadow",
      QT_TRANSLATE_NOOP("CaptureOptions",
                        "Every chain goes through vutrace: while there is work it takes a whole processor, and the "
                        "peers wait for it and, up to a second, for the disk.")}}};

constexpr std::array<Cost, 2> memory_costs{
    {{"buffers", QT_TRANSLATE_NOOP("CaptureOptions",
                                   "The trace grows as fast as the guest's I/O, and holds what it reads and writes.")},
     {"full",
      QT_TRANSLATE_NOOP("CaptureOptions",
                        "All of the guest's memory is read once and written to the trace, secrets included.")}}};

template <std::size_t size>
void add_cost(QStringList& texts, const std::array<Cost, size>& costs, const QString& choice) {
    for (const Cost& cost : costs) {
        if (choice == QLatin1String(cost.choice)) {
            texts << QCoreApplication::translate("CaptureOptions", cost.text);
        }
    }
}

}  // namespace

QStringList capture_arguments(const CaptureOptions& options) {
    QStringList arguments{QStringLiteral("capture"), options.front_end, options.back_end, QStringLiteral("--write"),
                          options.trace};
    if (!options.datapath.isEmpty()) {
        arguments << QStringLiteral("--datapath") << options.datapath;
    }
    if (!options.memory.isEmpty()) {
        arguments << QStringLiteral("--memory") << options.memory;
    }
    if (options.snap_length != 0) {
        arguments << QStringLiteral("--snaplen") << QString::number(options.snap_length);
    }
    if (options.once) {
        arguments << QStringLiteral("--once");
    }
    return arguments;
}

QStringList capture_warnings(const CaptureOptions& options) {
    QStringList texts;
    add_cost(texts, datapath_costs, options.datapath);
    if (options.datapath != QLatin1String("off") && options.snap_length == 0) {
        add_cost(texts, memory_costs, options.memory.isEmpty() ? QStringLiteral("buffers") : options.memory);
    }
    if (QFileInfo::exists(options.trace)) {
        texts << QCoreApplication::translate("CaptureOptions", "%1 is there already and will be overwritten.")
                     .arg(options.trace);
    }
    return texts;
}

QString free_trace_name(const QString& folder) {
    const QDir place(folder);
    QString name = place.filePath(QStringLiteral("session.pcap"));
    for (int number = 2; QFileInfo::exists(name); ++number) {
        name = place.filePath(QStringLiteral("session-%1.pcap").arg(number));
    }
    return name;
}

CaptureRun::CaptureRun(QObject* parent) : QObject(parent) {
    connect(&timer_, &QTimer::timeout, this, &CaptureRun::look_at_log);
}

CaptureRun::~CaptureRun() = default;

bool CaptureRun::start(const QString& program, const CaptureOptions& options) {
    options_ = options;
    log_ = options.trace + QStringLiteral(".log");
    log_size_ = 0;
    problem_.clear();
    QProcess process;
    process.setProgram(program);
    process.setArguments(capture_arguments(options));
    process.setStandardInputFile(QProcess::nullDevice());
    process.setStandardOutputFile(QProcess::nullDevice());
    // As the trace: for its owner only, from birth.
    const FileDescriptor log(::open(QFile::encodeName(log_).constData(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!log || ::fchmod(log.number(), 0600) != 0) {
        problem_ = tr("%1 cannot be written (%2): choose another folder for the trace.")
                       .arg(log_, QString::fromLocal8Bit(std::strerror(errno)));
        return false;
    }
    process.setStandardErrorFile(log_);
    if (!process.startDetached(&process_)) {
        problem_ = tr("%1 could not be started (%2): install vutrace again.").arg(program, process.errorString());
        return false;
    }
    process_file_ = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, process_, 0)));
    if (!process_file_) {  // it has ended already, and said why
        QTimer::singleShot(0, this, &CaptureRun::end);
        return true;
    }
    notifier_ = std::make_unique<QSocketNotifier>(process_file_.number(), QSocketNotifier::Read);
    connect(notifier_.get(), &QSocketNotifier::activated, this, &CaptureRun::end);
    timer_.start(milliseconds_between_looks);
    return true;
}

void CaptureRun::stop() {
    if (process_file_) {
        (void)::syscall(SYS_pidfd_send_signal, process_file_.number(), SIGINT, nullptr, 0);
    }
}

QStringList CaptureRun::said() const {
    QFile file(log_);
    if (!file.open(QIODevice::ReadOnly)) {
        return {};
    }
    file.seek(std::max<qint64>(0, file.size() - most_log_bytes));
    return QString::fromUtf8(file.read(most_log_bytes)).split(QLatin1Char('\n'), Qt::SkipEmptyParts);
}

void CaptureRun::look_at_log() {
    const qint64 size = QFileInfo(log_).size();
    if (size != log_size_) {
        log_size_ = size;
        Q_EMIT said_more();
    }
}

void CaptureRun::end() {
    timer_.stop();
    if (notifier_ != nullptr) {
        notifier_->setEnabled(false);
        notifier_.release()->deleteLater();  // it is the one that calls
    }
    process_file_.reset();
    look_at_log();
    Q_EMIT ended();
}

}  // namespace vutrace::gui
