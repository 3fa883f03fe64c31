// A progress bar on standard error, where that is a terminal. For another program that shows it, lines
// `progress PERCENT WHAT` where VUTRACE_PROGRESS is `lines`. Otherwise nothing. One thread.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace vutrace::cli {

class Progress {
  public:
    // `what` is short: "reading". The bar shows up after half a second only: short work stays quiet.
    explicit Progress(std::string what) : what_(std::move(what)), style_(find_style()) {}
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() { clear(); }

    // `total` 0: not known. Cheap: draws at most ten times a second.
    void update(std::uint64_t done, std::uint64_t total) {
        if (style_ == Style::none) {
            return;
        }
        const auto now = Clock::now();
        if (now < next_) {
            return;
        }
        next_ = now + std::chrono::milliseconds(100);
        const double part = total == 0 ? 0.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
        if (style_ == Style::lines) {
            fmt::print(stderr, "progress {:.0f} {}\n", part * 100, what_);
            return;
        }
        shown_ = true;
        constexpr std::uint64_t width = 30;
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
    enum class Style : std::uint8_t { none, bar, lines };
    static Style find_style() {
        const char* const asked = std::getenv("VUTRACE_PROGRESS");
        if (asked != nullptr && std::string_view(asked) == "lines") {
            return Style::lines;
        }
        return ::isatty(STDERR_FILENO) == 1 ? Style::bar : Style::none;
    }

    std::string what_;
    Style style_;
    bool shown_{false};
    Clock::time_point next_{Clock::now() + std::chrono::milliseconds(500)};
};

}  // namespace vutrace::cli
