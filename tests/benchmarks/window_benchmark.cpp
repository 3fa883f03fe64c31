// The window on a trace of ten million records: time to the first rows, how fast the rest is indexed, a filter over
// all, scrolling, how long the event loop was held up in each, and memory. VUTRACE_BENCHMARK_TRACE=FILE keeps the
// trace, or uses one that is there; VUTRACE_BENCHMARK_RECORDS=N makes a smaller one.
#include "render_fixture.h"

#include <vutrace/gui/views/filter_bar.h>
#include <vutrace/gui/views/main_window.h>
#include <vutrace/gui/views/records_view.h>
#include <vutrace/trace/writer.h>

#include <unistd.h>

#include <QApplication>
#include <QElapsedTimer>
#include <QSettings>
#include <QStandardPaths>
#include <QTest>
#include <QTimer>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace vutrace::gui {
namespace {

constexpr int patience = 60000;  // milliseconds

// Ten rows in each round: a kick, four chains made available and used in one record each, a call.
Status write_trace(const std::string& path, std::uint64_t rows) {
    auto writer = trace::Writer::create(path);
    if (!writer) {
        return tl::unexpected(writer.error());
    }
    render::test::TraceBuilder start;
    start.start_block_device();
    std::int64_t time = render::test::start_time;
    Status written;
    const auto append = [&](const trace::RecordBody& body) {
        time += 1000;
        written = written ? writer->append(time, 1, body) : written;
    };
    for (const trace::Record& record : start.records) {
        append(record.body);
    }
    for (std::uint64_t round = 0; round < rows / 10 && written; ++round) {
        trace::ChainRecord offered;
        trace::ChainRecord done;
        for (std::uint16_t i = 0; i < 4; ++i) {
            const auto head = static_cast<std::uint16_t>(3 * i);
            offered.entries.push_back(render::test::block_write(head, round * 8, 64));
            done.entries.push_back(render::test::block_write_done(head, round % 1000 == 7 && i == 0 ? 1 : 0));
        }
        append(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
        append(offered);
        append(done);
        append(trace::EventRecord{trace::EventRecord::Kind::call, 0, 1});
    }
    return written ? writer->flush() : written;
}

// Notes the longest time in which the event loop did not come round.
class Probe : public QObject {
  public:
    Probe() {
        connect(&timer_, &QTimer::timeout, this, [this] { longest_ = std::max(longest_, clock_.restart()); });
        clock_.start();
        timer_.start(0);
    }
    qint64 take() {
        clock_.restart();
        return std::exchange(longest_, 0);
    }

  private:
    QTimer timer_;
    QElapsedTimer clock_;
    qint64 longest_{0};
};

long resident_megabytes(const char* which) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(which)) {
            return std::strtol(line.c_str() + line.find(':') + 1, nullptr, 10) / 1024;
        }
    }
    return 0;
}

void measure(const std::string& path) {
    const double megabytes = static_cast<double>(std::filesystem::file_size(path)) / 1e6;
    Probe probe;
    QElapsedTimer clock;
    clock.start();
    auto* window = new MainWindow(QStringLiteral("benchmark"));
    window->show();
    QApplication::processEvents();
    (void)probe.take();
    clock.restart();
    window->open(QString::fromStdString(path));
    (void)QTest::qWaitFor([&] { return window->model()->row_at(0) != nullptr; }, patience);
    std::printf("first rows             %6lld ms\n", static_cast<long long>(clock.elapsed()));
    (void)QTest::qWaitFor([&] { return window->document()->progress().complete; }, patience);
    const double seconds = static_cast<double>(clock.elapsed()) / 1000;
    std::printf("indexed                %6.2f s, %.0f MB/s, %.1f million rows\n", seconds, megabytes / seconds,
                static_cast<double>(window->model()->rowCount()) / 1e6);
    std::printf("  longest hold-up      %6lld ms\n", static_cast<long long>(probe.take()));

    for (const char* text : {"seq in 9000000..9000100", "state == used"}) {
        clock.restart();
        window->filter_bar().apply(QString::fromLatin1(text));
        (void)QTest::qWaitFor([&] { return window->model()->rowCount() > 0; }, patience);
        const qint64 first = clock.elapsed();
        (void)QTest::qWaitFor([&] { return !window->model()->is_filtering(); }, patience);
        std::printf("filter %s: first %lld ms, all %.2f s, %d rows\n", text, static_cast<long long>(first),
                    static_cast<double>(clock.elapsed()) / 1000, window->model()->rowCount());
        std::printf("  longest hold-up      %6lld ms\n", static_cast<long long>(probe.take()));
    }
    window->filter_bar().edit()->clear();
    QTest::qWait(50);
    (void)probe.take();
    clock.restart();
    constexpr int steps = 200;
    qint64 slowest = 0;
    for (int i = 0; i < steps; ++i) {
        QElapsedTimer step;
        step.start();
        window->records().go_to(
            static_cast<int>(static_cast<std::int64_t>(window->model()->rowCount() - 1) * (i * 37 % steps) / steps));
        (void)QTest::qWaitFor([&] { return window->model()->row_at(window->records().current_row()) != nullptr; },
                              patience);
        slowest = std::max(slowest, step.elapsed());
    }
    std::printf("jump anywhere, shown   %6.1f ms on average, at most %lld ms\n",
                static_cast<double>(clock.elapsed()) / steps, static_cast<long long>(slowest));
    std::printf("  longest hold-up      %6lld ms\n", static_cast<long long>(probe.take()));
    std::printf("resident memory        %6ld MB, at most %ld MB\n", resident_megabytes("VmRSS"),
                resident_megabytes("VmHWM"));
    delete window;
}

}  // namespace
}  // namespace vutrace::gui

int main(int argc, char** argv) {
    qputenv("QT_QPA_PLATFORM", "offscreen");
    QStandardPaths::setTestModeEnabled(true);
    const QApplication application(argc, argv);
    QApplication::setOrganizationName(QStringLiteral("vutrace"));
    QApplication::setApplicationName(QStringLiteral("vutrace-gui-benchmark"));
    QApplication::setQuitOnLastWindowClosed(false);
    const char* kept = std::getenv("VUTRACE_BENCHMARK_TRACE");
    const char* wanted = std::getenv("VUTRACE_BENCHMARK_RECORDS");
    const std::string path = kept != nullptr ? std::string(kept)
                                             : (std::filesystem::temp_directory_path() /
                                                ("vutrace-window-benchmark-" + std::to_string(::getpid()) + ".pcap"))
                                                   .string();
    if (!std::filesystem::exists(path)) {
        const auto written =
            vutrace::gui::write_trace(path, wanted == nullptr ? 10'000'000 : std::strtoull(wanted, nullptr, 10));
        if (!written) {
            std::fprintf(stderr, "%s\n", vutrace::describe(written.error()).c_str());
            return 4;
        }
    }
    vutrace::gui::measure(path);
    if (kept == nullptr) {
        std::filesystem::remove(path);
    }
    return 0;
}
