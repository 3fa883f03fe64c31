// The window on a trace of ten million records: time to the first rows, how fast the rest is indexed, a filter over
// all, jumps, scrolling, the timeline zoomed and moved, how long the event loop was held up in each, and memory. Its
// --help tells how to make a larger one.
#include "loop_probe.h"
#include "render_fixture.h"

#include <vutrace/gui/views/filter_bar.h>
#include <vutrace/gui/views/main_window.h>
#include <vutrace/gui/views/records_view.h>
#include <vutrace/gui/views/theme.h>
#include <vutrace/gui/views/time_docks.h>
#include <vutrace/gui/views/timeline_view.h>
#include <vutrace/trace/writer.h>

#include <unistd.h>

#include <QApplication>
#include <QCommandLineParser>
#include <QDockWidget>
#include <QElapsedTimer>
#include <QKeyEvent>
#include <QScrollBar>
#include <QSettings>
#include <QStandardPaths>
#include <QTimer>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

namespace vutrace::gui {
namespace {

using benchmarks::LoopProbe;
using benchmarks::ThreadTimes;

constexpr int patience = 600000;  // milliseconds

// Ten rows in each round: a kick, four chains made available and used in one record each, a call. Up to so many rows or
// about so many bytes, whichever is less.
Status write_trace(const std::string& path, std::uint64_t rows, std::uint64_t bytes) {
    constexpr std::uint64_t rounds_between_looks = 4096;
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
        if (round % rounds_between_looks == 0 && std::filesystem::file_size(path) >= bytes) {
            break;
        }
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

long resident_megabytes(const char* which) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(which)) {
            return std::strtol(line.c_str() + line.find(':') + 1, nullptr, 10) / 1024;
        }
    }
    return 0;
}

// As with a wheel that is turned, a key that is held down and a scroll bar that is dragged from one end to the other:
// what comes next comes when the step before it is painted.
void measure_scrolling(MainWindow& window, LoopProbe& probe) {
    constexpr int steps = 300;
    RecordsView& records = window.records();
    const auto scroll = [&](const char* what, const std::function<void(int)>& step) {
        (void)probe.take();
        QElapsedTimer all;
        all.start();
        for (int i = 0; i < steps; ++i) {
            step(i);
            QApplication::processEvents();
        }
        std::printf("scrolling, %-11s %6.2f ms a step\n", what, static_cast<double>(all.nsecsElapsed()) / 1e6 / steps);
        probe.print();
    };
    records.go_to(0);
    probe.pause(200);
    scroll("by wheel", [&](int) {
        const QPoint at = records.viewport()->rect().center();
        QWheelEvent event(at, records.viewport()->mapToGlobal(at), {}, {0, -120}, Qt::NoButton, Qt::NoModifier,
                          Qt::NoScrollPhase, false);
        QApplication::sendEvent(records.viewport(), &event);
    });
    scroll("by page", [&](int) {
        QKeyEvent event(QEvent::KeyPress, Qt::Key_PageDown, Qt::NoModifier);
        QApplication::sendEvent(&records, &event);
    });
    scroll("by its bar", [&](int i) {
        QScrollBar& bar = *records.verticalScrollBar();
        bar.setValue(static_cast<int>(std::int64_t{bar.maximum()} * i / steps));
    });
    (void)probe.wait_for([&] { return window.model()->row_at(window.records().current_row()) != nullptr; }, patience);
}

// Frames follow each other as fast as they are painted, each at another zoom or place.
void measure_timeline(MainWindow& window, LoopProbe& probe) {
    constexpr int zooms = 300;
    constexpr int moves = 200;
    constexpr double zoom_of_a_wheel_step = 1.1;
    TimelineView& timeline = window.time_docks().timeline();
    window.resizeDocks({&window.time_docks().timeline_dock()}, {400}, Qt::Vertical);
    probe.pause(200);
    const double whole = timeline.window().span();
    const auto turn = [&](double steps, Qt::KeyboardModifiers modifiers) {
        const QPoint at(timeline.left() + timeline.viewport()->width() / 3, timeline.height() / 2);
        QWheelEvent event(at, timeline.viewport()->mapToGlobal(at), {}, {0, static_cast<int>(steps * 120)},
                          Qt::NoButton, modifiers, Qt::NoScrollPhase, false);
        QApplication::sendEvent(timeline.viewport(), &event);
        QApplication::processEvents();
    };
    const auto frames = [&](const char* what, int count, const std::function<void()>& step) {
        (void)probe.take();
        double most = 0;
        const double begin = ThreadTimes::now().processor;
        QElapsedTimer all;
        all.start();
        for (int i = 0; i < count; ++i) {
            const double before = ThreadTimes::now().processor;
            step();
            most = std::max(most, ThreadTimes::now().processor - before);
        }
        std::printf("timeline, %-12s %6.2f ms a frame; processor %.2f ms, at most %.1f ms\n", what,
                    static_cast<double>(all.nsecsElapsed()) / 1e6 / count,
                    (ThreadTimes::now().processor - begin) / count, most);
        probe.print();
    };
    const double share = std::log(zoom_of_a_wheel_step) / std::log(1.35);
    frames("zooming in", zooms, [&] { turn(share, {}); });
    std::printf("  from %.3g s to %.3g s\n", whole / 1e9, timeline.window().span() / 1e9);
    frames("zooming out", zooms, [&] { turn(-share, {}); });
    for (const double span : {whole / 4, whole / 50, whole / 1000}) {
        timeline.show(0, span);
        frames("moving", moves, [&] { turn(-1, Qt::ShiftModifier); });
    }
    QElapsedTimer exact;
    exact.start();
    timeline.show(whole / 2, whole / 2 + 1e6);
    timeline.viewport()->repaint();
    (void)probe.wait_for([&] { return !window.time_docks().source()->is_reading(); }, patience);
    std::printf("timeline, 1 ms exact   %6lld ms\n", static_cast<long long>(exact.elapsed()));
    timeline.show_all();
}

void measure(const std::string& path) {
    const double megabytes = static_cast<double>(std::filesystem::file_size(path)) / 1e6;
    LoopProbe probe;
    QElapsedTimer clock;
    clock.start();
    auto* window = new MainWindow(QStringLiteral("benchmark"));
    window->show();
    QApplication::processEvents();
    (void)probe.take();
    clock.restart();
    window->open(QString::fromStdString(path));
    (void)probe.wait_for([&] { return window->model()->row_at(0) != nullptr; }, patience);
    std::printf("first rows             %6lld ms\n", static_cast<long long>(clock.elapsed()));
    (void)probe.wait_for([&] { return window->document()->progress().complete; }, patience);
    const double seconds = static_cast<double>(clock.elapsed()) / 1000;
    std::printf("indexed                %6.2f s, %.0f MB/s, %.1f million rows\n", seconds, megabytes / seconds,
                static_cast<double>(window->model()->rowCount()) / 1e6);
    probe.print();

    for (const char* text : {"seq in 9000000..9000100", "state == used"}) {
        clock.restart();
        window->filter_bar().apply(QString::fromLatin1(text));
        (void)probe.wait_for([&] { return window->model()->rowCount() > 0; }, patience);
        const qint64 first = clock.elapsed();
        (void)probe.wait_for([&] { return !window->model()->is_filtering(); }, patience);
        std::printf("filter %s: first %lld ms, all %.2f s, %d rows\n", text, static_cast<long long>(first),
                    static_cast<double>(clock.elapsed()) / 1000, window->model()->rowCount());
        probe.print();
    }
    window->filter_bar().edit()->clear();
    probe.pause(50);
    (void)probe.take();
    clock.restart();
    constexpr int steps = 200;
    qint64 slowest = 0;
    for (int i = 0; i < steps; ++i) {
        QElapsedTimer step;
        step.start();
        window->records().go_to(
            static_cast<int>(static_cast<std::int64_t>(window->model()->rowCount() - 1) * (i * 37 % steps) / steps));
        (void)probe.wait_for([&] { return window->model()->row_at(window->records().current_row()) != nullptr; },
                             patience);
        slowest = std::max(slowest, step.elapsed());
    }
    std::printf("jump anywhere, shown   %6.1f ms on average, at most %lld ms\n",
                static_cast<double>(clock.elapsed()) / steps, static_cast<long long>(slowest));
    probe.print();
    measure_scrolling(*window, probe);
    measure_timeline(*window, probe);
    std::printf("resident memory        %6ld MB, at most %ld MB\n", resident_megabytes("VmRSS"),
                resident_megabytes("VmHWM"));
    delete window;
}

}  // namespace
}  // namespace vutrace::gui

namespace {

struct Wanted {
    QString path;  // empty: of a trace that is thrown away
    std::uint64_t rows{0};
    std::uint64_t bytes{0};
};

Wanted read_options(const QApplication& application) {
    QCommandLineParser options;
    options.addHelpOption();
    const QCommandLineOption trace(QStringLiteral("trace"),
                                   QStringLiteral("Keep the trace, or use the one that is there."),
                                   QStringLiteral("FILE"));
    const QCommandLineOption rows(QStringLiteral("rows"), QStringLiteral("Rows of the trace (default: 10000000)."),
                                  QStringLiteral("N"), QStringLiteral("10000000"));
    const QCommandLineOption gigabytes(
        QStringLiteral("gigabytes"), QStringLiteral("As many rows as make a trace of that size."), QStringLiteral("N"));
    options.addOptions({trace, rows, gigabytes});
    options.process(application);
    Wanted wanted{options.value(trace), options.value(rows).toULongLong(), UINT64_MAX};
    if (options.isSet(gigabytes)) {
        wanted.rows = UINT64_MAX;
        wanted.bytes = static_cast<std::uint64_t>(options.value(gigabytes).toDouble() * 1e9);
    }
    return wanted;
}

}  // namespace

int main(int argc, char** argv) {
    qputenv("QT_QPA_PLATFORM", "offscreen");
    QStandardPaths::setTestModeEnabled(true);
    const QApplication application(argc, argv);
    QApplication::setOrganizationName(QStringLiteral("vutrace"));
    QApplication::setApplicationName(QStringLiteral("vutrace-gui-benchmark"));
    QApplication::setQuitOnLastWindowClosed(false);
    vutrace::gui::apply(vutrace::gui::Theme::light);
    const Wanted wanted = read_options(application);
    const bool kept = !wanted.path.isEmpty();
    const std::string path = kept ? wanted.path.toStdString()
                                  : (std::filesystem::temp_directory_path() /
                                     ("vutrace-window-benchmark-" + std::to_string(::getpid()) + ".pcap"))
                                        .string();
    if (!std::filesystem::exists(path)) {
        if (const auto written = vutrace::gui::write_trace(path, wanted.rows, wanted.bytes); !written) {
            std::fprintf(stderr, "%s\n", vutrace::describe(written.error()).c_str());
            return 4;
        }
    }
    vutrace::gui::measure(path);
    if (!kept) {
        std::filesystem::remove(path);
    }
    return 0;
}
