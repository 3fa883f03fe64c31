// That what the window has to say can be read at 1280 by 800 without a mouse: nothing that matters stands in a tooltip
// only, behind a scroll bar or in colours that are hardly seen.
#include "painted_texts.h"
#include "sample_window.h"
#include "vutrace/gui/views/details_pane.h"
#include "vutrace/gui/views/distribution_plot.h"
#include "vutrace/gui/views/findings_dock.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/state_docks.h"
#include "vutrace/gui/views/state_panel.h"
#include "vutrace/gui/views/statistics_panel.h"
#include "vutrace/gui/views/time_docks.h"
#include "window_fixture.h"

#include <gtest/gtest.h>

#include <QAccessible>
#include <QApplication>
#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QPlainTextEdit>
#include <QScrollBar>
#include <QSlider>
#include <QTabWidget>
#include <QTimer>
#include <QToolButton>
#include <QTreeView>
#include <cmath>

namespace vutrace::gui {
namespace {

using testing::Pane;
using testing::View;

// Of two colours, after WCAG 2: from 1 to 21.
double luminance(const QColor& colour) {
    const auto part = [](double value) {
        return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * part(colour.redF()) + 0.7152 * part(colour.greenF()) + 0.0722 * part(colour.blueF());
}

double contrast(const QColor& one, const QColor& other) {
    const double a = luminance(one) + 0.05;
    const double b = luminance(other) + 0.05;
    return std::max(a, b) / std::min(a, b);
}

class SliderContrast : public ::testing::TestWithParam<Theme> {
  protected:
    ~SliderContrast() override { apply(Theme::light); }
};

TEST_P(SliderContrast, TheHandleStandsOutWhereverItIs) {
    constexpr double least = 3;  // of what is not text
    apply(GetParam());
    QSlider slider(Qt::Horizontal);
    slider.setRange(1, 100);
    slider.resize(400, 24);
    for (const int value : {1, 50, 100}) {
        slider.setValue(value);
        const QImage picture = slider.grab().toImage();
        const int middle = 12;
        const int handle = value == 1 ? 7 : value == 50 ? 198 : 392;
        const QColor colour = picture.pixelColor(handle, middle);
        EXPECT_GE(contrast(colour, picture.pixelColor(30, middle)), least) << "the groove before it, at " << value;
        EXPECT_GE(contrast(colour, picture.pixelColor(370, middle)), least) << "the groove behind it, at " << value;
        EXPECT_GE(contrast(colour, picture.pixelColor(handle, 0)), least) << "the window, at " << value;
    }
}

INSTANTIATE_TEST_SUITE_P(InEachTheme, SliderContrast, ::testing::Values(Theme::light, Theme::dark),
                         [](const auto& test) { return test.param == Theme::dark ? "dark" : "light"; });

class Sight : public testing::WindowFixture {
  protected:
    void show(const View& view) {
        auto shown = testing::show_view(view);
        ASSERT_NE(shown, nullptr);
        window_ = shown.release();
    }
    [[nodiscard]] QHeaderView& header() const { return *window_->records().header(); }
    [[nodiscard]] bool is_hidden(RecordsModel::Column column) const { return header().isSectionHidden(column); }
    // As it is read: lines that were folded are put together again.
    static QString read(QWidget& widget) { return testing::painted_texts(widget).join(QLatin1Char(' ')).simplified(); }
    // What a menu that comes up holds. It is closed.
    template <class Open>
    static QList<QStringList> menu_of(const Open& open) {
        QList<QStringList> menus;
        QTimer::singleShot(0, [&menus] {
            auto* menu = qobject_cast<QMenu*>(QApplication::activePopupWidget());
            if (menu == nullptr) {
                return;
            }
            menus.push_back({});
            for (const QAction* action : menu->actions()) {
                menus.front() += action->text();
                for (const QAction* inner : action->menu() == nullptr ? QList<QAction*>() : action->menu()->actions()) {
                    menus.resize(2);
                    menus.back() += inner->text();
                }
            }
            menu->close();
        });
        open();
        return menus;
    }
};

TEST_F(Sight, AFieldsMeaningAndSectionAreReadBelowTheDetails) {
    show({"", "bug-iotlb-deadlock.pcap.zst", 12});
    QPlainTextEdit& told = window_->details_pane().explanation();
    const QTreeView& details = window_->details();
    ASSERT_EQ(details.currentIndex().siblingAtColumn(0).data().toString(), QStringLiteral("header"));
    const QString header = read(told);
    EXPECT_TRUE(header.contains(QLatin1String("replaces the whole memory table"))) << header.toStdString();
    EXPECT_TRUE(header.contains(QLatin1String("(vhost-user specification: Front-end message types)")))
        << header.toStdString();
    EXPECT_EQ(told.verticalScrollBar()->maximum(), 0) << "all of it is in sight";
    QTest::keyClick(&window_->details(), Qt::Key_Down);
    EXPECT_TRUE(told.toPlainText().startsWith(QLatin1String("nregions: 1\n"))) << told.toPlainText().toStdString();
    window_->go_to_sequence(9);
    ASSERT_TRUE(testing::wait_until_shown(*window_));
    EXPECT_TRUE(wait([&] { return told.toPlainText().contains(QLatin1String("specification")); }))
        << "what the message is, before a field is chosen";
}

TEST_F(Sight, AnExplanationIsReadByKeyboardHoweverLongItIs) {
    DetailsPane pane;
    pane.resize(820, 180);
    pane.show();
    render::Detail line;
    line.name = "command";
    line.meaning = std::string(3000, 'm') + " end";
    line.section = "Somewhere";
    pane.show_record({line}, {});
    QPlainTextEdit& told = pane.explanation();
    QCoreApplication::processEvents();
    EXPECT_TRUE(told.toPlainText().endsWith(QLatin1String("end (vhost-user specification: Somewhere)")));
    EXPECT_EQ(told.horizontalScrollBar()->maximum(), 0);
    EXPECT_GT(told.verticalScrollBar()->maximum(), 0);
    EXPECT_TRUE(told.isReadOnly());
    EXPECT_TRUE(told.tabChangesFocus());
    EXPECT_NE(told.focusPolicy() & Qt::TabFocus, 0);
    EXPECT_TRUE(told.textInteractionFlags().testFlag(Qt::TextSelectableByKeyboard));
    EXPECT_EQ(QAccessible::queryAccessibleInterface(&told)->text(QAccessible::Name),
              QStringLiteral("What the field means"));
    EXPECT_GT(pane.tree().height(), told.height()) << "the fields keep most of the room";
    pane.clear();
    EXPECT_TRUE(told.toPlainText().isEmpty());
}

TEST_F(Sight, TheMenuOfARecordAndItsColumnsComeByKey) {
    write_trace(5);
    WindowFixture::open(path());
    ASSERT_TRUE(wait([this] { return window_->model()->row_at(window_->records().current_row()) != nullptr; }));
    window_->records().setFocus();
    const auto press = [this] { QTest::keyClick(&window_->records(), Qt::Key_F10, Qt::ShiftModifier); };
    const QList<QStringList> menus = menu_of(press);
    ASSERT_EQ(menus.size(), 2) << "with the columns in a menu of their own";
    EXPECT_TRUE(menus.front().contains(QStringLiteral("Copy as text")));
    EXPECT_EQ(menus.back().size(), RecordsModel::column_count);
    EXPECT_EQ(menus.back()[RecordsModel::summary], QStringLiteral("Summary"));
    window_->apply_filter(QStringLiteral("queue == 77"));
    ASSERT_TRUE(wait([this] { return window_->model()->rowCount() == 0 && !window_->model()->is_filtering(); }));
    const QList<QStringList> without = menu_of(press);
    ASSERT_EQ(without.size(), 2) << "also where no record is there";
    EXPECT_EQ(without.front().size(), 1);
}

TEST_F(Sight, TheSummaryHasTheRoomOfColumnsThatSayNothing) {
    show({"", "qemu-7.2-linux-blk.pcap.zst", 60});
    EXPECT_TRUE(is_hidden(RecordsModel::session));
    EXPECT_TRUE(is_hidden(RecordsModel::channel));
    EXPECT_GE(header().sectionSize(RecordsModel::summary), window_->records().viewport()->width() * 3 / 10);
    EXPECT_EQ(window_->records().horizontalScrollBar()->maximum(), 0);
}

TEST_F(Sight, ColumnsThatTellRecordsApartAreShown) {
    show({"", "bug-iotlb-deadlock.pcap.zst"});
    EXPECT_TRUE(is_hidden(RecordsModel::session));
    EXPECT_FALSE(is_hidden(RecordsModel::channel)) << "the back-end asks, too";
    delete std::exchange(window_, nullptr);
    show({"", "qemu-7.2-reconnect-blk.pcap.zst"});
    EXPECT_FALSE(is_hidden(RecordsModel::session)) << "there are two";
    EXPECT_TRUE(is_hidden(RecordsModel::channel));
    EXPECT_EQ(window_->records().horizontalScrollBar()->maximum(), 0);
}

TEST_F(Sight, EvenAllColumnsHaveRoom) {
    show({"", "every-request.pcap.zst"});
    EXPECT_FALSE(is_hidden(RecordsModel::session));
    EXPECT_FALSE(is_hidden(RecordsModel::channel));
    EXPECT_EQ(window_->records().horizontalScrollBar()->maximum(), 0);
}

TEST_F(Sight, TheCurrentRecordStaysInSightWhenADockTakesRoom) {
    show({"", "qemu-7.2-migration-blk.pcap.zst", UINT64_MAX, Pane::timeline});
    const RecordsView& records = window_->records();
    const QRect row = records.visualRect(records.currentIndex());
    EXPECT_GE(row.top(), 0);
    EXPECT_LE(row.bottom(), records.viewport()->height());
}

TEST_F(Sight, NoTextMakesTheStateWide) {
    show({"", "qemu-7.2-dpdk-22.11-iommu-rings.pcap.zst", 300, Pane::features});
    const int before = window_->state_docks().state_dock().width();
    window_->state_docks().state().tabs().setCurrentIndex(1);
    QCoreApplication::processEvents();
    EXPECT_EQ(window_->state_docks().state_dock().width(), before);
}

TEST_F(Sight, StatesOfFeaturesAreReadInWords) {
    show({"", "ovs-3.1-dpdk-22.11.pcap.zst", 40, Pane::features});
    const QTreeView* table = nullptr;
    for (const QTreeView* one : window_->findChildren<QTreeView*>()) {
        table = one->accessibleName() == QLatin1String("Features") ? one : table;
    }
    ASSERT_NE(table, nullptr);
    EXPECT_EQ(table->horizontalScrollBar()->maximum(), 0);
    const QStringList texts = testing::painted_texts(*table->viewport());
    EXPECT_TRUE(texts.contains(QStringLiteral("offered, not accepted")));
    EXPECT_TRUE(texts.contains(QStringLiteral("vhost-user")));
}

TEST_F(Sight, ColumnsThatWereChosenStayWhenTheTraceIsReadAgain) {
    show({"", "bug-iotlb-deadlock.pcap.zst"});
    header().hideSection(RecordsModel::channel);
    header().resizeSection(RecordsModel::name, 333);
    QTest::keyClick(window_, Qt::Key_F5);
    ASSERT_TRUE(testing::wait_until_shown(*window_));
    EXPECT_TRUE(is_hidden(RecordsModel::channel));
    EXPECT_EQ(header().sectionSize(RecordsModel::name), 333);
}

TEST_F(Sight, AllThatWasFoundIsReadBesideTheState) {
    show({"", "bug-used-twice.pcap.zst"});
    QTreeView& list = window_->findings();
    ASSERT_GT(list.model()->rowCount(), 1);
    const int before = list.visualRect(list.model()->index(list.model()->rowCount() - 1, 0)).height();
    EXPECT_EQ(list.horizontalScrollBar()->maximum(), 0);
    const QString seen = read(*list.viewport());
    for (int row = 0; row < list.model()->rowCount(); ++row) {
        const QModelIndex index = list.model()->index(row, 0);
        if (list.visualRect(index).bottom() < list.viewport()->height()) {
            EXPECT_TRUE(seen.contains(index.data(FindingsModel::facts_role).toString())) << seen.toStdString();
            if (!index.data(FindingsModel::in_verdict_role).toBool()) {
                EXPECT_TRUE(seen.contains(index.data(FindingsModel::seen_role).toString())) << seen.toStdString();
            }
        }
        EXPECT_TRUE(
            index.data(Qt::AccessibleTextRole).toString().contains(index.data(FindingsModel::seen_role).toString()));
    }
    window_->findings_dock().setFloating(true);
    window_->findings_dock().resize(220, 500);
    QCoreApplication::processEvents();
    EXPECT_GT(list.visualRect(list.model()->index(list.model()->rowCount() - 1, 0)).height(), before)
        << "narrow: more lines";
}

TEST_F(Sight, WhatAStallVerdictSaysIsNotSaidTwice) {
    show({"", "bug-iotlb-deadlock.pcap.zst"});
    QTreeView& list = window_->findings();
    EXPECT_TRUE(
        window_->verdict().text().contains(list.model()->index(0, 0).data(FindingsModel::seen_role).toString()));
    EXPECT_LT(list.visualRect(list.model()->index(0, 0)).height(), 3 * list.fontMetrics().height());
}

TEST_F(Sight, StatisticsShowWholeNumbersAndHowManyColumnsThereAreMore) {
    show({"", "qemu-7.2-virtiofsd.pcap.zst", 0, Pane::statistics});
    StatisticsPanel& panel = window_->time_docks().statistics();
    const QTreeView& table = panel.table();
    const auto hidden = [&] {
        int count = 0;
        for (int column = 0; column < StatisticsModel::column_count; ++column) {
            count += table.isColumnHidden(column) ? 1 : 0;
        }
        return count;
    };
    EXPECT_EQ(table.horizontalScrollBar()->maximum(), 0);
    ASSERT_GT(hidden(), 0);
    EXPECT_EQ(panel.columns().text(), QStringLiteral("+%1").arg(hidden()));
    for (QWidget* part : {table.viewport(), static_cast<QWidget*>(&panel.plot())}) {
        for (const QString& text : testing::painted_texts(*part)) {
            EXPECT_FALSE(text.contains(QChar(0x2026))) << text.toStdString() << ": a number that is cut is another one";
        }
    }
    for (const auto column : {StatisticsModel::used, StatisticsModel::median, StatisticsModel::p99}) {
        EXPECT_FALSE(table.isColumnHidden(column));
    }
    const QString told = QAccessible::queryAccessibleInterface(&panel.columns())->text(QAccessible::Name);
    EXPECT_TRUE(told.contains(QLatin1String("Least"))) << told.toStdString();
    panel.plot().resize(200, 200);
    for (const QString& text : testing::painted_texts(panel.plot())) {
        EXPECT_FALSE(text.contains(QChar(0x2026))) << text.toStdString();
    }
    // Chosen: it stays, whatever the room.
    Q_EMIT panel.columns().menu()->aboutToShow();
    QAction* least = panel.columns().menu()->actions().value(StatisticsModel::least - 1);
    ASSERT_NE(least, nullptr);
    EXPECT_EQ(least->text(), QStringLiteral("Least latency"));
    EXPECT_FALSE(least->isChecked());
    least->trigger();
    EXPECT_FALSE(table.isColumnHidden(StatisticsModel::least));
}

TEST_F(Sight, StatisticsHaveAllColumnsWhereThereIsRoom) {
    show({"", "qemu-7.2-virtiofsd.pcap.zst", 0, Pane::statistics});
    StatisticsPanel& panel = window_->time_docks().statistics();
    window_->resize(2400, 800);
    QCoreApplication::processEvents();
    for (int column = 0; column < StatisticsModel::column_count; ++column) {
        EXPECT_FALSE(panel.table().isColumnHidden(column)) << column;
    }
    EXPECT_EQ(panel.columns().text(), QStringLiteral("Columns"));
}

}  // namespace
}  // namespace vutrace::gui
