#include "tap_budget.h"

#include <gtest/gtest.h>

namespace vutrace::capture {
namespace {

using namespace std::chrono_literals;
using Nanoseconds = std::chrono::nanoseconds;

TEST(Allowance, BeginsWithItsStoreAndGrowsNoFurther) {
    Allowance allowance(0.5, 10ms, 0ms);
    EXPECT_EQ(allowance.time_until(9ms, 1h), 0ms);
    allowance.spend(9ms, 1h);
    EXPECT_EQ(allowance.time_until(0ms, 1h), 0ms) << "one millisecond is left";
    EXPECT_GT(allowance.time_until(1ms, 1h), 0ms);
}

TEST(Allowance, SaysExactlyWhenThereIsEnoughAgain) {
    Allowance allowance(0.02, 10ms, 5ms);
    allowance.spend(12ms, 5ms);
    const Nanoseconds wait = allowance.time_until(1ms, 5ms);
    EXPECT_NEAR(static_cast<double>(wait.count()), 150e6, 100) << "3 ms are missing, at 2 %";
    EXPECT_GT(allowance.time_until(1ms, 5ms + wait - 100ns), 0ms);
    EXPECT_EQ(allowance.time_until(1ms, 5ms + wait), 0ms);
}

TEST(Allowance, LosesNothingByBeingAskedOften) {
    Allowance allowance(0.02, 10ms, 0ms);
    allowance.spend(20ms, 0ms);
    for (Nanoseconds now = 0ms; now < 499ms; now += 1us) {
        ASSERT_GT(allowance.time_until(0ms, now), 0ms) << now.count();
    }
    EXPECT_EQ(allowance.time_until(0ms, 501ms), 0ms);
}

class TapBudgetTest : public ::testing::Test {
  protected:
    TapBudget budget_of(double share, unsigned processors = 1) {
        return sharing(std::make_shared<TapAllowances>(share, processors, now));
    }
    TapBudget sharing(std::shared_ptr<TapAllowances> allowances) {
        return TapBudget(std::move(allowances), {[this] { return now; }, [this] { return used; }});
    }
    // A look that takes `time` of the processor, after `wake_ups`.
    void look(TapBudget& budget, Nanoseconds time, std::uint64_t wake_ups = 0) {
        now += time;
        used += time;
        budget.woken(wake_ups);
        budget.looked();
    }

    Nanoseconds now{1h};
    Nanoseconds used{3s};  // before the budget began: not its business
};

TEST_F(TapBudgetTest, AGuestAtModerateRatesIsAlwaysFollowed) {
    auto budget = budget_of(0.02);
    for (int i = 0; i < 10'000; ++i) {
        now += 990us;  // a thousand notifications a second
        look(budget, 10us, 1);
        ASSERT_TRUE(budget.may_be_woken()) << i;
        ASSERT_EQ(budget.rest(), 0ns) << i;
    }
}

TEST_F(TapBudgetTest, ABurstIsLetThrough) {
    auto budget = budget_of(0.02);
    for (int i = 0; i < 1900; ++i) {
        look(budget, 5us, 1);
        ASSERT_TRUE(budget.may_be_woken()) << i;
    }
}

TEST_F(TapBudgetTest, WakeUpsStayWithinTheirShareForEver) {
    auto budget = budget_of(0.02);
    std::uint64_t wake_ups = 0;
    bool was = true;
    int periods = 0;
    const Nanoseconds begin = now;
    while (now - begin < 10s) {  // 20,000 notifications a second, looks cost next to nothing
        now += 50us;
        const bool may = budget.may_be_woken();
        periods += may && !was ? 1 : 0;
        was = may;
        wake_ups += may ? 1 : 0;
        budget.woken(may ? 1 : 0);
        budget.looked();
    }
    const auto allowed = (TapAllowances::notifiers_store + (now - begin) / 50) / TapBudget::wake_up_price;
    EXPECT_LE(wake_ups, static_cast<std::uint64_t>(allowed) + 1);
    EXPECT_GE(wake_ups, static_cast<std::uint64_t>(allowed) * 9 / 10) << "what is allowed is used";
    EXPECT_LE(periods, 200) << "in runs that hang together, not one by one";
}

TEST_F(TapBudgetTest, LooksStayWithinTheirShareOfAllProcessors) {
    for (const unsigned processors : {1U, 2U, 16U}) {
        auto budget = budget_of(0.02, processors);
        const Nanoseconds begin = now;
        const Nanoseconds used_before = used;
        while (now - begin < 10s) {
            const Nanoseconds rest = budget.rest();
            EXPECT_EQ(budget.may_be_woken(), rest == 0ns) << "a look that is not allowed is not asked for";
            now += rest;
            look(budget, 100us);
        }
        const double share = std::chrono::duration<double>(used - used_before) / (now - begin);
        const double burst = TapAllowances::machine_store / std::chrono::duration<double>(10s);
        EXPECT_NEAR(share, 0.02 * processors + burst, 0.002) << processors;
    }
}

TEST_F(TapBudgetTest, TheRecordersWorkIsPaidForByWhoCausesIt) {
    auto budget = budget_of(0.02);
    budget.recorded(std::uint64_t{200} << 20U);  // 140 ms of writing
    budget.looked();
    EXPECT_NEAR(std::chrono::duration<double>(budget.rest()).count(), 2.0, 0.001);
    budget.looked();
    EXPECT_NEAR(std::chrono::duration<double>(budget.rest()).count(), 2.0, 0.001) << "once";
}

TEST_F(TapBudgetTest, WhatIsOverdrawnByFarComesBack) {
    auto budget = budget_of(0.02);
    budget.woken(UINT64_MAX);
    budget.recorded(UINT64_MAX);
    budget.looked();
    EXPECT_FALSE(budget.may_be_woken());
    const Nanoseconds rest = budget.rest();
    EXPECT_GT(rest, 0ns);
    now += rest;
    EXPECT_EQ(budget.rest(), 0ns);
}

TEST_F(TapBudgetTest, AFullShareBoundsNothing) {
    auto budget = budget_of(1);
    look(budget, 10s, 10'000'000);
    EXPECT_TRUE(budget.may_be_woken());
    EXPECT_EQ(budget.rest(), 0ns);
}

TEST(TapBudget, TheSystemsClocksRun) {
    const auto clocks = TapBudget::system_clocks();
    const Nanoseconds now = clocks.now();
    const Nanoseconds used = clocks.used();
    while (clocks.used() == used || clocks.now() == now) {
    }
    EXPECT_GT(clocks.now(), now);
    EXPECT_GT(clocks.used(), used);
}

// A look that overdrew the budget keeps from the next, not from counting meanwhile.
TEST_F(TapBudgetTest, CountingGoesOnWhileLooksRest) {
    auto budget = budget_of(0.02);
    look(budget, 150ms);
    EXPECT_GT(budget.rest(), 1s);
    EXPECT_EQ(budget.counting_rest(), 0ns);
    now += 500us;
    used += 3us;
    budget.counted();
    EXPECT_EQ(budget.counting_rest(), 0ns);
    EXPECT_GT(budget.rest(), 1s);
}

TEST_F(TapBudgetTest, CountingTakesNoMoreThanItsShareAndNoneOfItForNothing) {
    auto budget = budget_of(0.02);
    look(budget, 100ms);  // the store is used up
    const Nanoseconds begin = now;
    Nanoseconds counting{0};
    while (now - begin < 10s) {
        if (budget.counting_rest() == 0ns) {
            used += 20us;  // much more than it costs
            counting += 20us;
            budget.counted();
        }
        now += 490us;
    }
    EXPECT_LE(counting, 100ms + TapAllowances::counting_store + 20us) << "half of 2 %";
    EXPECT_GE(counting, 99ms);
    EXPECT_EQ(budget.rest(), 0ns) << "the other half is there for looks";
}

TEST_F(TapBudgetTest, CountingIsFreeWhereNothingIsBounded) {
    auto budget = budget_of(1);
    used += 1s;
    budget.counted();
    EXPECT_EQ(budget.counting_rest(), 0ns);
    EXPECT_EQ(budget.rest(), 0ns);
}

TEST_F(TapBudgetTest, ThreadsOfOneSessionShareWhatItMayCost) {
    const auto allowances = std::make_shared<TapAllowances>(0.02, 1, now);
    auto one = sharing(allowances);
    auto other = sharing(allowances);
    look(one, 150ms);
    EXPECT_GT(other.rest(), 2s);
    EXPECT_FALSE(other.may_be_woken());
    EXPECT_EQ(one.rest(), other.rest());
}

}  // namespace
}  // namespace vutrace::capture
