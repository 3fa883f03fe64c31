// What docs/culprits.md promises: from opening a trace to the record that is to blame in three actions. The pictures
// there are held against what is seen here.
#include "sample_window.h"
#include "screenshot.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"

#include <gtest/gtest.h>

#include <QLabel>
#include <QSettings>
#include <QTest>
#include <QTreeView>
#include <algorithm>
#include <memory>
#include <string>

namespace vutrace::gui {
namespace {

constexpr int patience = 20000;  // milliseconds

struct Culprit {
    const char* sample;
    int finding;           // its row in the list
    unsigned up;           // rows from the record that shows it to that which is to blame
    std::uint64_t record;  // that one
};

class Culprits : public ::testing::TestWithParam<Culprit> {};

TEST_P(Culprits, AreThreeActionsAway) {
    const Culprit& culprit = GetParam();
    QSettings().clear();
    const auto window = std::make_unique<MainWindow>(QStringLiteral("test"));
    window->resize(1280, 800);
    window->show();
    // One: open it. What is found is listed by itself.
    window->open(QStringLiteral(VUTRACE_SAMPLES "/bug-%1.pcap.zst").arg(QLatin1String(culprit.sample)));
    QTreeView& findings = window->findings();
    ASSERT_TRUE(QTest::qWaitFor(
        [&] {
            return findings.isVisible() && findings.model() != nullptr &&
                   findings.model()->rowCount() > culprit.finding;
        },
        patience));
    // Two: click what was found.
    const QModelIndex row = findings.model()->index(culprit.finding, 0);
    findings.scrollTo(row);
    QTest::mouseClick(findings.viewport(), Qt::LeftButton, {}, findings.visualRect(row).center());
    ASSERT_TRUE(QTest::qWaitFor([&] { return window->current_sequence() == culprit.record + culprit.up; }, patience));
    // Three, where the record that shows it is not the one: up.
    for (unsigned i = 0; i < culprit.up; ++i) {
        QTest::keyClick(&window->records(), Qt::Key_Up);
    }
    EXPECT_EQ(window->current_sequence(), culprit.record);
    ASSERT_TRUE(testing::wait_until_shown(*window));
    testing::expect_picture(*window, QLatin1String("culprit-") + QLatin1String(culprit.sample), testing::Kept::yes);
}

INSTANTIATE_TEST_SUITE_P(OfSamples, Culprits,
                         ::testing::Values(Culprit{"call-never-sent", 0, 0, 30}, Culprit{"used-twice", 0, 0, 32},
                                           Culprit{"kick-before-enable", 0, 1, 53},
                                           Culprit{"memory-table-leaves-a-ring-outside", 0, 0, 23},
                                           Culprit{"iotlb-deadlock", 0, 0, 22}),
                         [](const auto& test) {
                             std::string name = test.param.sample;
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

}  // namespace
}  // namespace vutrace::gui
