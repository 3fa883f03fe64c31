#include "vutrace/gui/models/latest_job.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

namespace vutrace::gui {
namespace {

TEST(LatestJob, RunsOnlyTheNewestOfThoseThatWait) {
    std::latch began(1);
    std::latch hold(1);
    std::latch ended(1);
    std::atomic<int> between{0};
    LatestJob jobs;
    jobs.post([&](const std::stop_token&) {
        began.count_down();
        hold.wait();
    });
    began.wait();
    for (int i = 0; i < 10; ++i) {
        jobs.post([&](const std::stop_token&) { ++between; });
    }
    jobs.post([&](const std::stop_token&) { ended.count_down(); });
    hold.count_down();
    ended.wait();
    EXPECT_EQ(between, 0);
}

TEST(LatestJob, TellsWhatRunsThatItIsNotWantedAnyMore) {
    std::latch began(1);
    std::latch ended(1);
    LatestJob jobs;
    jobs.post([&](const std::stop_token& stop) {
        began.count_down();
        while (!stop.stop_requested()) {
            std::this_thread::yield();
        }
    });
    began.wait();
    jobs.post([&](const std::stop_token& stop) {
        EXPECT_FALSE(stop.stop_requested());
        ended.count_down();
    });
    ended.wait();
}

TEST(LatestJob, EndsWithWhatRunsAndForgetsWhatWaits) {
    std::latch began(1);
    std::latch hold(1);
    std::atomic<bool> ran{false};
    {
        LatestJob jobs;
        jobs.post([&](const std::stop_token&) {
            began.count_down();
            hold.wait();
        });
        began.wait();
        jobs.post([&](const std::stop_token&) { ran = true; });
        jobs.forget();
        hold.count_down();
    }
    EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace vutrace::gui
