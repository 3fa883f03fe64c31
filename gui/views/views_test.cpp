#include "test_application.h"
#include "vutrace/gui/views/hex_view.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/state_docks.h"
#include "window_test.h"

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
#include <QScrollBar>
#include <QSettings>
#include <QSpinBox>
#include <QStatusBar>
#include <QTest>
#include <QTimer>
#include <QToolButton>
#include <QTreeView>

namespace vutrace::gui {
namespace {

using testing::WindowTest;

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

}  // namespace
}  // namespace vutrace::gui

int main(int argc, char** argv) {
    return vutrace::gui::testing::run_tests(argc, argv);
}
