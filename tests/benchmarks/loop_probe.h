// How long the window's event loop does not come round, and what its thread does in that time: computes, waits for a
// processor that another thread has, or is blocked.
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QTimer>
#include <cstdint>
#include <functional>

namespace vutrace::benchmarks {

// What one thread had, in milliseconds.
struct ThreadTimes {
    double processor{0};
    double waited{0};  // ready to run, while others ran; 0 where the kernel does not tell

    // Of the calling thread, since it began.
    [[nodiscard]] static ThreadTimes now();
};

// Beats each millisecond, as an input event that comes at any time would be waited for. It does not keep the loop
// spinning: a thread that never sleeps loses its turn to those in the background, and the window's does sleep.
class LoopProbe : public QObject {
  public:
    // The longest in each regard: not of the same turn as a rule.
    struct Longest {
        double wall{0};       // between two beats, that millisecond included
        double processor{0};  // of the thread between them: what does not depend on who else uses the machine
        double waited{0};
    };

    LoopProbe();
    // Since the last call.
    [[nodiscard]] Longest take();
    void print();  // takes, and prints

    void pause(int milliseconds);  // in the event loop
    // Runs the event loop until `done`, which is looked at with each beat, or until `patience` milliseconds are over.
    [[nodiscard]] bool wait_for(const std::function<bool()>& done, int patience);

  private:
    void beat();

    QTimer timer_;
    QElapsedTimer clock_;
    ThreadTimes before_;
    Longest longest_;
};

}  // namespace vutrace::benchmarks
