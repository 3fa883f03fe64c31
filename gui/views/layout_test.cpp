// What gives way where there is little room.
#include "column_fitter.h"
#include "elided_label.h"
#include "vutrace/gui/views/hex_view.h"

#include <vutrace/gui/models/snapshot_table.h>

#include <gtest/gtest.h>

#include <QHeaderView>
#include <QScrollBar>
#include <QTest>
#include <QTreeView>

namespace vutrace::gui {
namespace {

class ColumnFitterTest : public ::testing::Test {
  protected:
    ColumnFitterTest() {
        view_.setModel(&model_);
        view_.setRootIsDecorated(false);
        model_.set_rows(rows_of({{{QStringLiteral("1"), QString(90, QLatin1Char('m')), QStringLiteral("short")},
                                  render::Tone::plain,
                                  0,
                                  {}}}));
    }
    void show(int width) {
        view_.resize(width, 200);
        view_.show();
        EXPECT_TRUE(QTest::qWaitForWindowExposed(&view_));
        fitter_.fit();
        QCoreApplication::processEvents();
    }
    [[nodiscard]] int width(int column) const { return view_.header()->sectionSize(column); }

    SnapshotTable model_{{QStringLiteral("A"), QStringLiteral("What was seen"), QStringLiteral("Life")}};
    QTreeView view_;
    ColumnFitter fitter_{view_};
};

TEST_F(ColumnFitterTest, TheWidestColumnGivesWaySoThatAllAreInSight) {
    show(400);
    EXPECT_EQ(view_.horizontalScrollBar()->maximum(), 0);
    EXPECT_GE(width(2), view_.fontMetrics().horizontalAdvance(QStringLiteral("short")));
    EXPECT_LT(width(1), view_.fontMetrics().horizontalAdvance(QString(90, QLatin1Char('m'))));
    const int before = width(1);
    view_.resize(600, 200);
    QCoreApplication::processEvents();
    EXPECT_GT(width(1), before) << "there is more room";
    EXPECT_EQ(view_.horizontalScrollBar()->maximum(), 0);
}

TEST_F(ColumnFitterTest, NamesComeFirst) {
    const QString name(20, QLatin1Char('m'));
    model_.set_rows(
        rows_of({{{name, QString(90, QLatin1Char('m')), QString(30, QLatin1Char('m'))}, render::Tone::plain, 0, {}}}));
    show(500);
    const int whole = view_.fontMetrics().horizontalAdvance(name);
    EXPECT_LT(width(0), whole);
    fitter_.keep_whole(0);
    fitter_.fit();
    EXPECT_GE(width(0), whole);
    EXPECT_EQ(view_.horizontalScrollBar()->maximum(), 0);
}

TEST_F(ColumnFitterTest, EmptyColumnsGoBeforeTextsAreCutAndComeBack) {
    const QString text(40, QLatin1Char('m'));
    model_.set_rows(rows_of({{{text, QString(), text}, render::Tone::plain, 0, {}}}));
    fitter_.may_leave_out_empty();
    const int both = 2 * view_.fontMetrics().horizontalAdvance(text) + 40;
    show(both);
    EXPECT_TRUE(view_.isColumnHidden(1));
    EXPECT_GE(width(0), view_.fontMetrics().horizontalAdvance(text));
    view_.resize(both + 200, 200);
    QCoreApplication::processEvents();
    EXPECT_FALSE(view_.isColumnHidden(1)) << "there is room";
    view_.resize(both, 200);
    QCoreApplication::processEvents();
    ASSERT_TRUE(view_.isColumnHidden(1));
    model_.set_rows(rows_of({{{text, text, text}, render::Tone::plain, 0, {}}}));
    fitter_.fit();
    EXPECT_FALSE(view_.isColumnHidden(1)) << "it says something";
}

TEST_F(ColumnFitterTest, TheLeastNeededColumnsGoFirst) {
    const QString text(30, QLatin1Char('m'));
    model_.set_rows(rows_of({{{text, text, text}, render::Tone::plain, 0, {}}}));
    fitter_.may_leave_out({2, 0});
    const int one = view_.fontMetrics().horizontalAdvance(text) + 20;
    show(2 * one);
    EXPECT_EQ(fitter_.left_out(), std::vector{2});
    view_.resize(one, 200);
    QCoreApplication::processEvents();
    EXPECT_EQ(fitter_.left_out(), (std::vector{0, 2}));
    view_.resize(4 * one, 200);
    QCoreApplication::processEvents();
    EXPECT_TRUE(fitter_.left_out().empty());
    fitter_.show_column(1, false);
    view_.resize(one, 200);
    QCoreApplication::processEvents();
    EXPECT_EQ(fitter_.left_out(), std::vector{1}) << "who chose, chose";
}

TEST_F(ColumnFitterTest, TitlesStayReadableWhereNothingFits) {
    show(80);
    EXPECT_GE(width(1), view_.fontMetrics().horizontalAdvance(QStringLiteral("What was seen")));
    EXPECT_GT(view_.horizontalScrollBar()->maximum(), 0);
}

TEST_F(ColumnFitterTest, ABorderThatWasMovedStaysWhereItIs) {
    show(400);
    QWidget* header = view_.header()->viewport();
    const QPoint border(width(0) - 1, header->height() / 2);
    QTest::mousePress(header, Qt::LeftButton, {}, border);
    QTest::mouseMove(header, border + QPoint(40, 0));
    QTest::mouseRelease(header, Qt::LeftButton, {}, border + QPoint(40, 0));
    const int moved = width(0);
    ASSERT_GT(moved, 40);
    fitter_.fit();
    EXPECT_EQ(width(0), moved);
}

TEST(ElidedLabelTest, ALongTextKeepsNothingWide) {
    ElidedLabel label;
    label.setText(QString(300, QLatin1Char('m')));
    EXPECT_EQ(label.minimumSizeHint().width(), 0);
    EXPECT_GT(label.minimumSizeHint().height(), 0);
    label.resize(100, 20);
    const QImage cut = label.grab().toImage();
    label.setText(QString(299, QLatin1Char('m')));
    EXPECT_EQ(label.grab().toImage(), cut) << "what is cut is cut the same way";
}

class HexViewTest : public ::testing::Test {
  protected:
    void show(int width, std::size_t bytes) {
        view_.resize(width, 200);
        view_.show();
        render::RawBytes raw;
        raw.bytes = Bytes(bytes, std::byte{0x41});
        raw.size = bytes;
        view_.set_bytes(std::move(raw));
        QCoreApplication::processEvents();
    }
    HexView view_;
};

TEST_F(HexViewTest, ANarrowOneShowsHalfAsManyBytesInALineWithTheirText) {
    show(420, 64);
    EXPECT_EQ(view_.line_bytes(), 8);
    EXPECT_EQ(view_.horizontalScrollBar()->maximum(), 0);
    EXPECT_GT(view_.rect_of(8).top(), view_.rect_of(7).top());
    EXPECT_EQ(view_.byte_at(view_.rect_of(13).center()), 13);
    show(900, 64);
    EXPECT_EQ(view_.line_bytes(), 16);
    EXPECT_EQ(view_.rect_of(8).top(), view_.rect_of(7).top());
    EXPECT_EQ(view_.byte_at(view_.rect_of(13).center()), 13);
}

TEST_F(HexViewTest, WhereItIsScrolledToStaysWhenItsWidthChanges) {
    show(900, 16 * 1000);
    view_.verticalScrollBar()->setValue(500);
    view_.resize(420, 200);
    QCoreApplication::processEvents();
    EXPECT_EQ(view_.byte_at(view_.rect_of(16 * 500).center()), 16 * 500);
    EXPECT_EQ(view_.verticalScrollBar()->value(), 1000);
}

TEST_F(HexViewTest, AnEmptyOneHasNothingToScroll) {
    show(100, 0);
    EXPECT_EQ(view_.horizontalScrollBar()->maximum(), 0);
    EXPECT_EQ(view_.verticalScrollBar()->maximum(), 0);
}

}  // namespace
}  // namespace vutrace::gui
