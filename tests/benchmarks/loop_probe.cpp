#include "loop_probe.h"

#include <fcntl.h>
#include <unistd.h>

#include <QEventLoop>
#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <utility>

namespace vutrace::benchmarks {
namespace {

// The second number of the thread's schedstat, nanoseconds.
double milliseconds_waited() {
    thread_local const int file = ::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);  // kept while it lives
    std::array<char, 128> text{};
    unsigned long long ran = 0;
    unsigned long long waited = 0;
    const bool read = file >= 0 && ::pread(file, text.data(), text.size() - 1, 0) > 0 &&
                      std::sscanf(text.data(), "%llu %llu", &ran, &waited) == 2;
    return read ? static_cast<double>(waited) / 1e6 : 0;
}

}  // namespace

ThreadTimes ThreadTimes::now() {
    timespec ran{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ran);
    return {static_cast<double>(ran.tv_sec) * 1e3 + static_cast<double>(ran.tv_nsec) / 1e6, milliseconds_waited()};
}

LoopProbe::LoopProbe() {
    connect(&timer_, &QTimer::timeout, this, &LoopProbe::beat);
    timer_.setTimerType(Qt::PreciseTimer);
    clock_.start();
    before_ = ThreadTimes::now();
    timer_.start(1);
}

void LoopProbe::beat() {
    const ThreadTimes now = ThreadTimes::now();
    longest_.wall = std::max(longest_.wall, static_cast<double>(clock_.nsecsElapsed()) / 1e6);
    longest_.processor = std::max(longest_.processor, now.processor - before_.processor);
    longest_.waited = std::max(longest_.waited, now.waited - before_.waited);
    before_ = now;
    clock_.restart();
}

LoopProbe::Longest LoopProbe::take() {
    beat();  // what runs since the last one counts
    return std::exchange(longest_, {});
}

void LoopProbe::print() {
    const Longest longest = take();
    std::printf("  longest hold-up      %6.1f ms; processor %.1f ms, waited for one %.1f ms\n", longest.wall,
                longest.processor, longest.waited);
}

void LoopProbe::pause(int milliseconds) {
    (void)wait_for([] { return false; }, milliseconds);
}

bool LoopProbe::wait_for(const std::function<bool()>& done, int patience) {
    if (done()) {
        return true;
    }
    QEventLoop loop;
    QElapsedTimer since;
    since.start();
    bool reached = false;
    const auto look = connect(&timer_, &QTimer::timeout, &loop, [&] {
        reached = done();
        if (reached || since.elapsed() > patience) {
            loop.quit();
        }
    });
    loop.exec();
    disconnect(look);
    return reached;
}

}  // namespace vutrace::benchmarks
