#include "painted_texts.h"
#include "test_application.h"
#include "vutrace/gui/views/filter_bar.h"
#include "vutrace/gui/views/findings_dock.h"
#include "vutrace/gui/views/hex_view.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/state_docks.h"
#include "window_fixture.h"

#include <vutrace/gui/models/findings_model.h>
#include <vutrace/trace/versions.h>

#include <gtest/gtest.h>

#include <QApplication>
#include <QClipboard>
#include <QDockWidget>
#include <QInputDialog>
#include <QLabel>
#include <QMenu>
#include <QMenuBar>
#include <QMessageBox>
#include <QMimeData>
#include <QScrollBar>
#include <QSettings>
#include <QSpinBox>
#include <QStandardPaths>
#include <QStatusBar>
#include <QTest>
#include <QTimer>
#include <QToolButton>
#include <QTreeView>
#include <algorithm>
#include <filesystem>
#include <fstream>

namespace vutrace::gui {
namespace {

class WindowTest : public testing::WindowFixture {
  protected:
    void open() { WindowFixture::open(path()); }
    void type_filter(const char* text) {
        QLineEdit* edit = window_->filter_bar().edit();
        edit->clear();
        QTest::keyClicks(edit, QString::fromLatin1(text));
        QTest::keyClick(edit, Qt::Key_Escape);  // the candidates
        QTest::keyClick(edit, Qt::Key_Return);
    }
    [[nodiscard]] RecordsModel& model() const { return *window_->model(); }
    [[nodiscard]] RecordsView& records() const { return window_->records(); }
    [[nodiscard]] static QStringList kept_filters() {
        return QSettings().value(QStringLiteral("filter_history")).toStringList();
    }
    [[nodiscard]] bool row_known() const {
        return wait([this] { return model().row_at(records().current_row()) != nullptr; });
    }
};

TEST_F(WindowTest, OpensATraceAndShowsTheFirstRecordWithItsDetails) {
    write_trace(50);
    open();
    ASSERT_TRUE(wait([this] { return window_->current_sequence() == 1; }));
    EXPECT_TRUE(wait([this] { return window_->details().model()->rowCount() > 1; }));
    EXPECT_FALSE(window_->notice().isVisible());
    EXPECT_TRUE(window_->windowTitle().contains(QLatin1String("gui_views")));
}

TEST_F(WindowTest, KeysMoveThroughTheRecords) {
    write_trace(500);
    open();
    const int last = static_cast<int>(builder_.last_sequence()) - 1;
    QTest::keyClick(&records(), Qt::Key_Down);
    EXPECT_EQ(records().current_row(), 1);
    QTest::keyClick(&records(), Qt::Key_End);
    EXPECT_EQ(records().current_row(), last);
    EXPECT_TRUE(records().is_at_end());
    QTest::keyClick(&records(), Qt::Key_PageUp);
    EXPECT_LT(records().current_row(), last - 5);
    QTest::keyClick(&records(), Qt::Key_Home);
    EXPECT_EQ(records().current_row(), 0);
    QTest::keyClick(&records(), Qt::Key_Up);
    EXPECT_EQ(records().current_row(), 0);
}

TEST_F(WindowTest, TheMouseChoosesWhatItPointsAt) {
    write_trace(500);
    open();
    records().verticalScrollBar()->setValue(100);
    const QRect cell = records().visualRect(model().index(103, RecordsModel::name));
    QTest::mouseClick(records().viewport(), Qt::LeftButton, {}, cell.center());
    EXPECT_EQ(records().current_row(), 103);
    EXPECT_EQ(window_->current_sequence(), 104U);
    const QRect end = records().visualRect(model().index(107, RecordsModel::name));
    QTest::mouseClick(records().viewport(), Qt::LeftButton, Qt::ShiftModifier, end.center());
    window_->copy(RecordText::json);
    QApplication::clipboard()->clear();
    ASSERT_TRUE(wait([] { return QApplication::clipboard()->text().count(QLatin1Char('\n')) == 5; }));
    EXPECT_TRUE(QApplication::clipboard()->text().startsWith(QLatin1String("{\"seq\":104,")));
}

TEST_F(WindowTest, AFilterIsTypedAndClearedAndThePlaceIsKept) {
    write_trace(500);
    open();
    window_->go_to_sequence(builder_.last_sequence());
    type_filter("state == used");
    ASSERT_TRUE(wait([this] { return !model().is_filtering(); }));
    EXPECT_EQ(model().rowCount(), 500);
    EXPECT_TRUE(wait([this] { return records().current_row() == 499; }));
    QTest::keyClick(window_, Qt::Key_L, Qt::ControlModifier | Qt::ShiftModifier);
    EXPECT_TRUE(wait([this] { return model().rowCount() == static_cast<int>(builder_.last_sequence()); }));
    EXPECT_EQ(records().current_row(), static_cast<int>(builder_.last_sequence()) - 1);
}

TEST_F(WindowTest, AFilterThatIsTypedAndNotAppliedIsMarked) {
    write_trace(5);
    open();
    const QLabel& pending = window_->filter_bar().pending();
    QLineEdit* edit = window_->filter_bar().edit();
    EXPECT_FALSE(pending.isVisible());
    QTest::keyClicks(edit, QStringLiteral("state == used"));
    EXPECT_TRUE(pending.isVisible());
    QTest::keyClick(edit, Qt::Key_Escape);
    QTest::keyClick(edit, Qt::Key_Return);
    EXPECT_FALSE(pending.isVisible());
    type_filter("quue == 0");
    EXPECT_TRUE(pending.isVisible()) << "it is wrong: the rows are those of before";
    edit->clear();
    EXPECT_FALSE(pending.isVisible());
    QTest::keyClick(edit, Qt::Key_Up);
    EXPECT_TRUE(pending.isVisible()) << "one of before, which is not entered yet";
}

TEST_F(WindowTest, AFilterThatAJumpTookAwayIsOneClickAway) {
    write_trace(5);
    open();
    type_filter("state == used");
    ASSERT_TRUE(wait([this] { return !model().is_filtering(); }));
    window_->go_to_sequence(1);
    EXPECT_TRUE(window_->filter_bar().text().isEmpty());
    EXPECT_TRUE(window_->statusBar()->currentMessage().contains(QLatin1String("record 1")));
    ASSERT_TRUE(window_->filter_bar().way_back().isVisible());
    window_->filter_bar().way_back().click();
    EXPECT_EQ(window_->filter_bar().text(), QStringLiteral("state == used"));
    EXPECT_TRUE(wait([this] { return model().rowCount() == 5; }));
    EXPECT_FALSE(window_->filter_bar().way_back().isVisible());
    EXPECT_TRUE(window_->statusBar()->currentMessage().isEmpty()) << "it was about another";
}

TEST_F(WindowTest, AFilterThatPicksNothingSaysSo) {
    write_trace(5);
    open();
    type_filter("queue == 77");
    ASSERT_TRUE(wait([this] { return !model().is_filtering(); }));
    EXPECT_TRUE(wait(
        [this] { return testing::painted_texts(records()).contains(QStringLiteral("No record matches the filter")); }));
    window_->filter_bar().edit()->clear();
    EXPECT_FALSE(testing::painted_texts(records()).contains(QStringLiteral("No record matches the filter")));
}

TEST_F(WindowTest, AWrongFilterIsExplainedAndChangesNothing) {
    write_trace(5);
    open();
    const int rows = model().rowCount();
    type_filter("quue == 0");
    EXPECT_TRUE(window_->filter_bar().problem().contains(QLatin1String("quue")));
    EXPECT_TRUE(window_->filter_bar().problem().contains(QLatin1String("queue"))) << "what may have been meant";
    EXPECT_EQ(model().rowCount(), rows);
    type_filter("queue == 0");
    EXPECT_TRUE(window_->filter_bar().problem().isEmpty());
}

TEST_F(WindowTest, WhatAColumnIsCalledInTheFilterIsTold) {
    write_trace(5);
    open();
    type_filter("name == GET_FEATURES");
    EXPECT_TRUE(window_->filter_bar().problem().contains(QLatin1String("request  of messages")))
        << window_->filter_bar().problem().toStdString();
}

TEST_F(WindowTest, FiltersThatWereUsedComeBackWithTheArrowKeys) {
    write_trace(5);
    open();
    type_filter("state == used");
    type_filter("queue == 0");
    QLineEdit* edit = window_->filter_bar().edit();
    edit->clear();
    QTest::keyClick(edit, Qt::Key_Up);
    EXPECT_EQ(edit->text(), QStringLiteral("queue == 0"));
    QTest::keyClick(edit, Qt::Key_Up);
    EXPECT_EQ(edit->text(), QStringLiteral("state == used"));
    QTest::keyClick(edit, Qt::Key_Down);
    QTest::keyClick(edit, Qt::Key_Down);
    EXPECT_EQ(edit->text(), QString());
    EXPECT_TRUE(wait([] { return kept_filters().size() == 2; })) << "they are written in the background";
    const MainWindow next(QStringLiteral("test"));
    EXPECT_EQ(next.filter_bar().history(), kept_filters());
}

TEST_F(WindowTest, AFilterStaysAmongThoseOfBeforeWhereTheTraceIsReadAgainAtOnce) {
    write_trace(5);
    open();
    type_filter("state == used");
    QTest::keyClick(window_, Qt::Key_F5);
    EXPECT_EQ(window_->filter_bar().history(), QStringList{QStringLiteral("state == used")});
}

TEST_F(WindowTest, WindowsKeepEachOthersFilters) {
    write_trace(5);
    open();
    auto other = std::make_unique<MainWindow>(QStringLiteral("test"));
    type_filter("state == used");
    other->filter_bar().apply(QStringLiteral("queue == 0"));
    type_filter("queue == 1");
    const QStringList all{QStringLiteral("queue == 1"), QStringLiteral("queue == 0"), QStringLiteral("state == used")};
    EXPECT_TRUE(wait([&] { return kept_filters() == all; })) << kept_filters().join(u';').toStdString();
    other->setAttribute(Qt::WA_DeleteOnClose, false);
    other->close();
    EXPECT_EQ(kept_filters(), all) << "closing one takes nothing away";
}

TEST_F(WindowTest, ReturnGoesToTheRequestAndBackToItsReply) {
    write_trace(5);
    open();
    window_->go_to_sequence(3);  // the reply to GET_FEATURES
    ASSERT_TRUE(row_known());
    QTest::keyClick(&records(), Qt::Key_Return);
    EXPECT_EQ(window_->current_sequence(), 2U);
    ASSERT_TRUE(row_known());
    QTest::keyClick(&records(), Qt::Key_Return);
    EXPECT_TRUE(wait([this] { return window_->current_sequence() == 3; }));
    QTest::keyClick(window_, Qt::Key_Left, Qt::AltModifier);
    EXPECT_EQ(window_->current_sequence(), 2U);
    QTest::keyClick(window_, Qt::Key_J, Qt::ControlModifier);
    EXPECT_TRUE(wait([this] { return window_->current_sequence() == 3; }));
    EXPECT_EQ(records().selectionModel()->selectedRows().size(), 1) << "also while Control is held down";
}

TEST_F(WindowTest, ANumberBehindTheLastRecordGoesNowhere) {
    write_trace(50);
    open();
    window_->go_to_sequence(3);
    QTimer::singleShot(0, window_, [] {
        auto* dialog = qobject_cast<QInputDialog*>(QApplication::activeModalWidget());
        ASSERT_NE(dialog, nullptr);
        auto* box = dialog->findChild<QSpinBox*>();
        ASSERT_NE(box, nullptr);
        box->selectAll();
        QTest::keyClicks(box, QStringLiteral("99999"));
        QTest::keyClick(dialog, Qt::Key_Return);
    });
    QTest::keyClick(window_, Qt::Key_G, Qt::ControlModifier);
    EXPECT_EQ(window_->current_sequence(), 3U);
    EXPECT_TRUE(window_->statusBar()->currentMessage().contains(QLatin1String("99999")));
}

// A trace without records keeps every rule, which says nothing.
TEST_F(WindowTest, NothingIsSaidToBeCheckedWhereThereIsNoRecord) {
    std::ofstream(path_).close();
    open();
    ASSERT_TRUE(wait([this] { return window_->notice().isVisible(); }));
    QTest::keyClick(window_, Qt::Key_E, Qt::ControlModifier);
    EXPECT_TRUE(window_->statusBar()->currentMessage().contains(QLatin1String("no record")));
    EXPECT_FALSE(window_->findings_dock().model()->has_checked());
}

TEST_F(WindowTest, AboutTellsTheVersionsAndCopiesThemForAReport) {
    write_trace(1);
    open();
    QString text;
    QTimer::singleShot(0, window_, [&] {
        auto* about = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
        ASSERT_NE(about, nullptr);
        text = about->text();
        for (QAbstractButton* button : about->buttons()) {
            if (about->buttonRole(button) == QMessageBox::ActionRole) {
                button->click();
            }
        }
    });
    QAction* about = nullptr;
    for (QAction* action : window_->findChildren<QAction*>()) {
        about = action->text() == QLatin1String("&About vutrace") ? action : about;
    }
    ASSERT_NE(about, nullptr);
    about->trigger();
    const QString copied = QApplication::clipboard()->text();
    QStringList lines{QStringLiteral("vutrace test")};
    for (const trace::Version& one : trace::versions()) {
        lines += QString::fromStdString(one.name + ' ' + one.version);
    }
    lines += QStringLiteral("Qt ") + QString::fromLatin1(qVersion());
    EXPECT_EQ(copied, lines.join(u'\n'));
    EXPECT_TRUE(text.endsWith(copied)) << text.toStdString();
    EXPECT_TRUE(text.contains(QLatin1String("vhost-user")));
    EXPECT_TRUE(
        window_->statusBar()->currentMessage().startsWith(QLatin1String("Copied: vutrace test, trace format ")));
}

TEST_F(WindowTest, TheKeysFitOnASmallScreen) {
    write_trace(1);
    open();
    QSize size;
    QTimer::singleShot(0, window_, [&] {
        QWidget* keys = QApplication::activeModalWidget();
        ASSERT_NE(keys, nullptr);
        size = keys->size();
        QTest::keyClick(keys, Qt::Key_Escape);
    });
    QTest::keyClick(window_, Qt::Key_F1);
    EXPECT_GT(size.height(), 100);
    EXPECT_LE(size.height(), 700);
}

TEST_F(WindowTest, ATraceIsReadAgainAndThePlaceIsKept) {
    write_trace(50);
    open();
    window_->go_to_sequence(30);
    write_trace(50);  // longer by now
    const int rows = static_cast<int>(builder_.last_sequence());
    EXPECT_LT(model().rowCount(), rows);
    QTest::keyClick(window_, Qt::Key_F5);
    EXPECT_TRUE(wait([&] { return model().rowCount() == rows; }));
    EXPECT_TRUE(wait([this] { return window_->current_sequence() == 30; }));
}

TEST_F(WindowTest, ATraceIsReadAgainWithItsFilter) {
    write_trace(50);
    open();
    type_filter("state == used");
    ASSERT_TRUE(wait([this] { return model().rowCount() == 50 && !model().is_filtering(); }));
    window_->go_to_sequence(model().sequence_at(20));
    const std::uint64_t place = window_->current_sequence();
    write_trace(30);  // longer by now
    const TraceDocument* before = window_->document();
    QTest::keyClick(window_, Qt::Key_F5);
    EXPECT_NE(window_->document(), before) << "from its beginning";
    EXPECT_TRUE(wait([this] { return model().rowCount() == 80 && !model().is_filtering(); }));
    EXPECT_TRUE(wait([&] { return window_->current_sequence() == place; }));
    EXPECT_EQ(window_->filter_bar().text(), QStringLiteral("state == used"));
    EXPECT_FALSE(window_->filter_bar().pending().isVisible());
}

TEST_F(WindowTest, ATraceIsFollowedWithItsFilterAndItsPlace) {
    write_trace(50);
    open();
    type_filter("state == used");
    ASSERT_TRUE(wait([this] { return model().rowCount() == 50 && !model().is_filtering(); }));
    window_->go_to_sequence(model().sequence_at(20));
    const std::uint64_t place = window_->current_sequence();
    const TraceDocument* before = window_->document();
    QTest::keyClick(window_, Qt::Key_F, Qt::ControlModifier | Qt::ShiftModifier);
    EXPECT_NE(window_->document(), before) << "from its beginning";
    EXPECT_TRUE(wait([this] { return model().rowCount() == 50; })) << model().rowCount();
    EXPECT_TRUE(model().filter());
    EXPECT_TRUE(wait([&] { return window_->current_sequence() == place; }));
    EXPECT_TRUE(wait([this] {
        const QList<QLabel*> labels = window_->statusBar()->findChildren<QLabel*>();
        return std::any_of(labels.begin(), labels.end(),
                           [](const QLabel* label) { return label->text().startsWith(QLatin1String("Following;")); });
    })) << "what waits for more is not busy";
    QTest::keyClick(window_, Qt::Key_Escape);
    EXPECT_TRUE(wait([this] { return window_->document()->was_stopped() && !model().is_filtering(); }));
    EXPECT_EQ(model().rowCount(), 50);
}

TEST_F(WindowTest, AFilterThatATraceIsOpenedWithChoosesTheFirstRecordThatItPicks) {
    write_trace(50);
    window_ = new MainWindow(QStringLiteral("test"));
    window_->show();
    window_->open(path());
    window_->apply_filter(QStringLiteral("state == used"));
    ASSERT_TRUE(wait([this] { return model().rowCount() == 50 && !model().is_filtering(); }));
    EXPECT_TRUE(wait([this] { return window_->current_sequence() == model().sequence_at(0); }));
}

TEST_F(WindowTest, WhatWasSaidOfATraceIsNotSaidOfTheNext) {
    write_trace(5);
    open();
    ASSERT_TRUE(wait([this] { return window_->statusBar()->currentMessage().startsWith(QLatin1String("Checked")); }));
    std::filesystem::remove(path_);
    QTest::keyClick(window_, Qt::Key_F5);
    ASSERT_TRUE(wait([this] { return window_->document()->failed(); }));
    EXPECT_TRUE(window_->statusBar()->currentMessage().isEmpty());
}

class StoppedTraceTest : public WindowTest {
  protected:
    static constexpr int rounds = 30000;
    // By Esc, while it was read, with a filter and a place behind its first record.
    void open_and_stop() {
        write_trace(rounds);
        window_ = new MainWindow(QStringLiteral("test"));
        window_->resize(1280, 800);
        window_->show();
        activate();
        window_->open(path());
        QTest::keyClick(window_, Qt::Key_Escape);
        ASSERT_TRUE(wait([this] { return window_->document()->was_stopped(); }));
        type_filter("state == used");
        ASSERT_TRUE(wait([this] { return model().rowCount() > 10 && !model().is_filtering(); }));
        ASSERT_LT(model().rowCount(), rounds);
        window_->go_to_sequence(model().sequence_at(7));
    }
};

TEST_F(StoppedTraceTest, IsReadOnWithItsFilterAndItsPlace) {
    open_and_stop();
    EXPECT_TRUE(window_->notice().isVisible());
    EXPECT_TRUE(window_->notice().text().contains(QLatin1String("stopped"))) << window_->notice().text().toStdString();
    EXPECT_TRUE(window_->notice().text().contains(QLatin1String("F5")));
    const std::uint64_t place = window_->current_sequence();
    const TraceDocument* before = window_->document();
    QTest::keyClick(window_, Qt::Key_F5);
    EXPECT_FALSE(window_->notice().isVisible());
    EXPECT_EQ(window_->document(), before) << "not from its beginning";
    EXPECT_TRUE(wait([this] { return model().rowCount() == rounds && !model().is_filtering(); }));
    EXPECT_EQ(window_->current_sequence(), place);
    EXPECT_TRUE(records().selectionModel()->isRowSelected(7));
    EXPECT_TRUE(wait([this] { return window_->findings_dock().model()->has_checked(); })) << "as any that is read";
}

TEST_F(StoppedTraceTest, IsReadFromItsBeginningWhereTheFileIsAnotherOne) {
    open_and_stop();
    std::filesystem::remove(path_);
    write_trace(10);  // longer
    QTest::keyClick(window_, Qt::Key_F5);
    EXPECT_TRUE(wait([this] { return model().rowCount() == rounds + 10 && !model().is_filtering(); }));
    EXPECT_TRUE(window_->document()->progress().complete);
    EXPECT_FALSE(window_->notice().isVisible());
}

TEST_F(WindowTest, AFilterThatWasStoppedLooksAtTheRest) {
    write_trace(30000);
    open();
    window_->apply_filter(QStringLiteral("state == used"));
    QTest::keyClick(window_, Qt::Key_Escape);
    EXPECT_LT(model().rowCount(), 30000);
    const QString said = window_->statusBar()->currentMessage();
    EXPECT_TRUE(said.contains(QLatin1String("Filtering was stopped")) && said.contains(QLatin1String("F5")));
    const TraceDocument* before = window_->document();
    QTest::keyClick(window_, Qt::Key_F5);
    EXPECT_EQ(window_->document(), before);
    EXPECT_TRUE(wait([this] { return model().rowCount() == 30000 && !model().is_filtering(); }));
}

TEST_F(WindowTest, TextIsFoundForwardAndBackward) {
    write_trace(50);
    open();
    QTest::keyClick(window_, Qt::Key_F, Qt::ControlModifier);
    QTest::keyClicks(&window_->find_line(), QStringLiteral("set_vring_addr"));
    QTest::keyClick(&window_->find_line(), Qt::Key_Return);
    ASSERT_TRUE(wait([this] { return window_->current_sequence() > 1; }));
    ASSERT_TRUE(row_known());
    EXPECT_EQ(model().row_at(records().current_row())->name, "SET_VRING_ADDR");
    EXPECT_TRUE(window_->find_line().hasFocus()) << "Return there finds the next";
    const std::uint64_t found = window_->current_sequence();
    window_->go_to_sequence(builder_.last_sequence());
    QTest::keyClick(window_, Qt::Key_F3, Qt::ShiftModifier);
    EXPECT_TRUE(wait([&] { return window_->current_sequence() == found; }));
    EXPECT_TRUE(window_->statusBar()->currentMessage().isEmpty());
}

TEST_F(WindowTest, FindingGoesOnAtTheOtherEndAndSaysSo) {
    write_trace(50);
    open();
    const auto said = [this](const char* text) {
        return wait([&] { return window_->statusBar()->currentMessage() == QString::fromUtf8(text); });
    };
    QTest::keyClick(window_, Qt::Key_F, Qt::ControlModifier);
    QLineEdit& line = window_->find_line();
    line.setText(QStringLiteral("get_features"));  // a request and its reply
    window_->go_to_sequence(builder_.last_sequence());
    QTest::keyClick(&line, Qt::Key_Return);
    EXPECT_TRUE(said("“get_features”: went on from the first record"));
    EXPECT_EQ(window_->current_sequence(), 2U);
    QTest::keyClick(window_, Qt::Key_F3);
    EXPECT_TRUE(wait([this] { return window_->current_sequence() == 3; }));
    EXPECT_TRUE(said("")) << "it is about the search before";
    window_->go_to_sequence(2);
    QTest::keyClick(window_, Qt::Key_F3, Qt::ShiftModifier);
    EXPECT_TRUE(said("“get_features”: went on from the last record"));
    EXPECT_EQ(window_->current_sequence(), 3U);
    line.setText(QStringLiteral("set_vring_num"));
    QTest::keyClick(window_, Qt::Key_F3);
    ASSERT_TRUE(wait([this] { return window_->current_sequence() > 3 && !window_->document()->is_searching(); }));
    const std::uint64_t only = window_->current_sequence();
    QTest::keyClick(window_, Qt::Key_F3);
    EXPECT_TRUE(said("“set_vring_num” is found in no other record"));
    EXPECT_EQ(window_->current_sequence(), only);
    line.setText(QStringLiteral("nowhere"));
    QTest::keyClick(window_, Qt::Key_F3);
    EXPECT_TRUE(said("“nowhere” is found in no record"));
    EXPECT_EQ(window_->current_sequence(), only);
    type_filter("state == used");
    ASSERT_TRUE(wait([this] { return model().rowCount() == 50 && !model().is_filtering(); }));
    line.setText(QStringLiteral("set_vring_num"));
    QTest::keyClick(window_, Qt::Key_F3);
    EXPECT_TRUE(said("“set_vring_num” is found in none of the records that the filter picks"));
}

TEST_F(WindowTest, EscStopsASearchBeforeItHidesTheBar) {
    write_trace(30000);
    open();
    QTest::keyClick(window_, Qt::Key_F, Qt::ControlModifier);
    window_->find_line().setText(QStringLiteral("nowhere"));
    QTest::keyClick(&window_->find_line(), Qt::Key_Return);
    ASSERT_TRUE(window_->document()->is_searching());
    QTest::keyClick(window_, Qt::Key_Escape);
    EXPECT_FALSE(window_->document()->is_searching());
    EXPECT_TRUE(window_->find_line().isVisible());
    EXPECT_TRUE(window_->statusBar()->currentMessage().contains(QLatin1String("search was stopped")));
    QTest::keyClick(window_, Qt::Key_Escape);
    EXPECT_FALSE(window_->find_line().isVisible());
}

TEST_F(WindowTest, AFieldMarksItsBytesAndAByteItsField) {
    write_trace(5);
    open();
    window_->go_to_sequence(3);
    QAbstractItemModel& lines = *window_->details().model();
    const auto find = [&] {
        const auto found = lines.match(lines.index(0, 0), Qt::DisplayRole, QStringLiteral("header"));
        return found.isEmpty() ? QModelIndex() : found.first();
    };
    ASSERT_TRUE(wait([&] { return find().isValid(); }));
    window_->details().setCurrentIndex(find());
    EXPECT_EQ(window_->bytes().marked(), (render::ByteRange{0, 12}));
    HexView& bytes = window_->bytes();
    QTest::mouseClick(bytes.viewport(), Qt::LeftButton, {}, bytes.rect_of(13).center());
    const QModelIndex current = window_->details().currentIndex();
    EXPECT_NE(current.row(), find().row());
    EXPECT_EQ(bytes.marked().offset, 12U) << "the whole field that the byte is in";
}

TEST_F(WindowTest, AQuickFilterTakesTheValueOfTheCell) {
    write_trace(20);
    open();
    records().setCurrentIndex(model().index(static_cast<int>(builder_.last_sequence()) - 1, RecordsModel::name));
    ASSERT_TRUE(row_known());
    window_->quick_filter(Joined::replace);
    EXPECT_EQ(window_->filter_bar().text(), QStringLiteral("state == used"));
    ASSERT_TRUE(wait([this] { return !model().is_filtering(); }));
    EXPECT_EQ(model().rowCount(), 20);
}

TEST_F(WindowTest, TimesChangeTheirFormatAndSettingsKeepIt) {
    write_trace(5);
    open();
    EXPECT_EQ(model().time_format(), TimeFormat::relative);
    QTest::keyClick(window_, Qt::Key_T, Qt::ControlModifier);
    EXPECT_EQ(model().time_format(), TimeFormat::absolute);
    records().header()->resizeSection(RecordsModel::name, 333);
    window_->close();
    QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    window_ = nullptr;
    open();
    EXPECT_EQ(model().time_format(), TimeFormat::absolute);
    EXPECT_EQ(records().header()->sectionSize(RecordsModel::name), 333);
    EXPECT_FALSE(QSettings().value(QStringLiteral("recent_files")).toStringList().isEmpty());
}

TEST_F(WindowTest, TheTimeColumnTellsItsFormatAndIsAsWideAsItsTexts) {
    builder_.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {}});
    builder_.pass(12'345'678'901'234);
    builder_.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {}});
    ASSERT_TRUE(builder_.write_to(path_));
    open();
    const auto title = [this] {
        return model().headerData(RecordsModel::time, Qt::Horizontal, Qt::DisplayRole).toString();
    };
    const auto width = [this] { return records().header()->sectionSize(RecordsModel::time); };
    EXPECT_EQ(title(), QStringLiteral("Time"));
    const int wanted = records().fontMetrics().horizontalAdvance(QStringLiteral("12345.678901234"));
    EXPECT_TRUE(wait([&] { return width() > wanted; }));
    const int relative = width();
    QTest::keyClick(window_, Qt::Key_T, Qt::ControlModifier);
    EXPECT_EQ(title(), QStringLiteral("Time (UTC)"));
    EXPECT_GT(width(), relative);
    QTest::keyClick(window_, Qt::Key_T, Qt::ControlModifier);
    EXPECT_EQ(title(), QStringLiteral("Time (delta)"));
    EXPECT_EQ(width(), relative);
}

TEST_F(WindowTest, AFindingIsShownAndLeadsToItsRecord) {
    window_ = new MainWindow(QStringLiteral("test"));
    window_->show();
    window_->open(QStringLiteral(VUTRACE_SAMPLES "/bug-iotlb-deadlock.pcap.zst"));
    QTreeView& findings = window_->findings();
    ASSERT_TRUE(wait([&] { return findings.model() != nullptr && findings.model()->rowCount() > 0; }));
    ASSERT_TRUE(wait([&] { return findings.isVisible(); }));
    QTest::keyClick(window_, Qt::Key_E, Qt::ControlModifier);
    const int last = findings.model()->rowCount() - 1;
    findings.setCurrentIndex(findings.model()->index(last, 0));
    QTest::keyClick(&findings, Qt::Key_Return);
    const auto record = findings.model()->index(last, FindingsModel::record).data().toULongLong();
    EXPECT_GT(record, 1U);
    EXPECT_EQ(window_->current_sequence(), record);
}

TEST_F(WindowTest, FindingsAndReplayAreShownAndHiddenByKey) {
    write_trace(5);
    open();
    for (const auto& [key, name] : {std::pair{Qt::Key_6, "findings"}, std::pair{Qt::Key_7, "replay"}}) {
        const auto* dock = window_->findChild<QDockWidget*>(QLatin1String(name));
        ASSERT_NE(dock, nullptr);
        const bool before = dock->isVisible();
        QTest::keyClick(window_, key, Qt::ControlModifier);
        EXPECT_NE(dock->isVisible(), before) << name;
        QTest::keyClick(window_, key, Qt::ControlModifier);
        EXPECT_EQ(dock->isVisible(), before) << name;
    }
}

TEST_F(WindowTest, AKeyBringsForwardWhatIsBehindATabBeforeItHidesIt) {
    write_trace(5);
    open();
    const QDockWidget& rings = window_->state_docks().rings_dock();
    const auto seen = [&rings] { return !rings.visibleRegion().isEmpty(); };
    ASSERT_FALSE(rings.isHidden());
    ASSERT_FALSE(seen()) << "the state is before it";
    QTest::keyClick(window_, Qt::Key_2, Qt::ControlModifier);
    EXPECT_TRUE(wait(seen));
    QTest::keyClick(window_, Qt::Key_2, Qt::ControlModifier);
    EXPECT_TRUE(rings.isHidden());
}

TEST_F(WindowTest, ColumnsAreChosenInTheViewMenu) {
    write_trace(5);
    open();
    QMenu* columns = nullptr;
    for (QMenu* menu : window_->menuBar()->findChildren<QMenu*>()) {
        columns = menu->title() == QLatin1String("&Columns") ? menu : columns;
    }
    ASSERT_NE(columns, nullptr);
    for (int twice = 0; twice < 2; ++twice) {
        Q_EMIT columns->aboutToShow();
        ASSERT_EQ(columns->actions().size(), RecordsModel::column_count);
        const bool hidden = records().header()->isSectionHidden(RecordsModel::channel);
        EXPECT_EQ(columns->actions()[RecordsModel::channel]->isChecked(), !hidden);
        columns->actions()[RecordsModel::channel]->trigger();
        EXPECT_NE(records().header()->isSectionHidden(RecordsModel::channel), hidden);
    }
}

TEST_F(WindowTest, ATornTraceIsShownWithANotice) {
    write_trace(5);
    std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 3);
    open();
    EXPECT_TRUE(wait([this] { return window_->notice().isVisible(); }));
    EXPECT_TRUE(window_->notice().text().contains(QLatin1String("torn")));
    EXPECT_GT(model().rowCount(), 0);
}

TEST_F(WindowTest, NothingIsSaidToBeShownOfAnEmptyFile) {
    std::ofstream(path_).close();
    open();
    EXPECT_TRUE(wait([this] { return window_->notice().isVisible(); }));
    EXPECT_TRUE(window_->notice().text().endsWith(QLatin1String("No record came before.")));
}

TEST_F(WindowTest, OfACompressedTraceThatWasCutOffItIsSaidWhere) {
    const std::string cut = path_ + ".zst";
    std::filesystem::copy_file(VUTRACE_SAMPLES "/qemu-7.2-linux-blk.pcap.zst", cut);
    std::filesystem::resize_file(cut, 3000);
    WindowFixture::open(QString::fromStdString(cut));
    EXPECT_TRUE(wait([this] { return window_->notice().isVisible(); }));
    EXPECT_TRUE(window_->notice().text().contains(QLatin1String("ends inside a frame (at offset 3000)")));
    std::filesystem::remove(cut);
}

TEST_F(WindowTest, WhatIsNoTraceIsSaidAndTheWindowStaysUsable) {
    std::ofstream(path_) << "this is not a trace, and long enough to be told from one";
    open();
    EXPECT_TRUE(wait([this] { return window_->document()->failed() && window_->notice().isVisible(); }));
    write_trace(5);
    window_->open(QString::fromStdString(path_));
    EXPECT_TRUE(wait([this] { return model().rowCount() > 0; })) << "in the same window";
}

TEST_F(WindowTest, ATraceIsDropped) {
    write_trace(5);
    window_ = new MainWindow(QStringLiteral("test"));
    window_->show();
    QMimeData data;
    data.setUrls({QUrl::fromLocalFile(QString::fromStdString(path_))});
    QDragEnterEvent enter({10, 10}, Qt::CopyAction, &data, Qt::LeftButton, {});
    QApplication::sendEvent(window_, &enter);
    EXPECT_TRUE(enter.isAccepted());
    QDropEvent drop(QPointF(10, 10), Qt::CopyAction, &data, Qt::LeftButton, {});
    QApplication::sendEvent(window_, &drop);
    EXPECT_TRUE(wait([this] { return window_->model() != nullptr && model().rowCount() > 0; }));
}

TEST_F(WindowTest, ClosingWhileATraceIsReadDoesNotWaitForIt) {
    write_trace(20000);
    window_ = new MainWindow(QStringLiteral("test"));
    window_->open(QString::fromStdString(path_));
    window_->filter_bar().apply(QStringLiteral("state == used"));
    delete std::exchange(window_, nullptr);
}

}  // namespace
}  // namespace vutrace::gui

int main(int argc, char** argv) {
    return vutrace::gui::testing::run_tests(argc, argv);
}
