// A progress bar on standard error, where that is a terminal; nothing anywhere else. One thread.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

namespace vutrace::cli {

class Progress {
  public:
    // `what` is short: "reading". The bar shows up after half a second only: short work stays quiet.
    explicit Progress(std::string what) : what_(std::move(what)), terminal_(::isatty(STDERR_FILENO) == 1) {}
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() { clear(); }

    // `total` 0: not known. Cheap: draws at most ten times a second.
    void update(std::uint64_t done, std::uint64_t total) {
        if (!terminal_) {
            return;
        }
        const auto now = Clock::now();
        if (now < next_) {
            return;
        }
        next_ = now + std::chrono::milliseconds(100);
        shown_ = true;
        constexpr std::uint64_t width = 30;
        const double part = total == 0 ? 0.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
        const auto filled = static_cast<std::size_t>(part * width);
        fmt::print(stderr, "\r\x1b[K{} [{}{}] {:3.0f}%", what_, std::string(filled, '#'),
                   std::string(width - filled, ' '), part * 100);
        (void)std::fflush(stderr);
    }
    // Takes the bar away: before something else is printed.
    void clear() {
        if (shown_) {
            fmt::print(stderr, "\r\x1b[K");
            (void)std::fflush(stderr);
            shown_ = false;
        }
    }

  private:
    using Clock = std::chrono::steady_clock;
    std::string what_;
    bool terminal_;
    bool shown_{false};
    Clock::time_point next_{Clock::now() + std::chrono::milliseconds(500)};
};

}  // namespace vutrace::cli
