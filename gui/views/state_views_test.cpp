#include "painted_texts.h"
#include "vutrace/gui/views/hex_view.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/memory_map_view.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/ring_view.h"
#include "vutrace/gui/views/state_docks.h"
#include "vutrace/gui/views/state_panel.h"
#include "window_fixture.h"

#include <vutrace/session/testing/session_builder.h>

#include <gtest/gtest.h>

#include <QApplication>
#include <QComboBox>
#include <QDockWidget>
#include <QLabel>
#include <QPlainTextEdit>
#include <QRegularExpression>
#include <QSlider>
#include <QStatusBar>
#include <QTabWidget>
#include <QTest>
#include <QTreeView>

namespace vutrace::gui {
namespace {

using session::testing::BlockSession;
using session::testing::literal;
using session::testing::used_entry;

// A window on a trace of a block device: five writes that are used and called for, and one that is not.
class StateViewsTest : public testing::WindowFixture {
  protected:
    void SetUp() override {
        WindowFixture::SetUp();
        BlockSession::start(builder_);
        for (std::uint16_t i = 0; i < 6; ++i) {
            available_.push_back(builder_.chains(
                0, {BlockSession::write_request(static_cast<std::uint16_t>(3 * i), i, i, 0x100000, Bytes(512))}));
            if (i < 5) {
                used_.push_back(
                    builder_.chains(0, {used_entry(static_cast<std::uint16_t>(3 * i), i, literal(Bytes(1)))}));
                calls_.push_back(builder_.add(trace::EventRecord{trace::EventRecord::Kind::call, 0, 1}));
            }
        }
        ASSERT_TRUE(builder_.write_to(path_));
        open(path());
        ASSERT_TRUE(wait([this] { return shows(1); }));
    }
    [[nodiscard]] bool shows(std::uint64_t sequence) const {
        return window_->current_sequence() == sequence && docks().shown() == sequence;
    }
    void go_to(std::uint64_t sequence) {
        window_->go_to_sequence(sequence);
        ASSERT_TRUE(wait([&] { return shows(sequence); })) << sequence;
    }
    void press(Qt::Key key, Qt::KeyboardModifiers modifiers = {}) const { QTest::keyClick(window_, key, modifiers); }
    [[nodiscard]] StateDocks& docks() const { return window_->state_docks(); }
    [[nodiscard]] StatePanel& state() const { return docks().state(); }
    [[nodiscard]] RingsPanel& rings() const { return docks().rings(); }
    void show_rings() const {
        docks().rings_dock().raise();
        ASSERT_TRUE(wait([this] { return rings().diagram().isVisible() && rings().diagram().width() > 100; }));
    }

    std::vector<std::uint64_t> available_, used_, calls_;
};

TEST_F(StateViewsTest, TheStateFollowsTheRecordThatIsChosen) {
    EXPECT_EQ(state().table(StatePanel::queues).model->rowCount(), 0);
    go_to(available_[5]);
    EXPECT_EQ(state().table(StatePanel::queues).model->rowCount(), 1);
    EXPECT_EQ(state().table(StatePanel::open).model->rowCount(), 1);
    EXPECT_GT(state().table(StatePanel::features).model->rowCount(), 20);
    EXPECT_EQ(state().memory_map().map().bars().size(), 2U);
    EXPECT_TRUE(state().headline().text().contains(QStringLiteral("after record %1").arg(available_[5])));
    EXPECT_EQ(state().scrubber().value(), static_cast<int>(available_[5]));
    go_to(used_[4]);
    EXPECT_EQ(state().table(StatePanel::open).model->rowCount(), 0);
}

TEST_F(StateViewsTest, TheScrubberGoesThroughTheRecords) {
    EXPECT_EQ(state().scrubber().maximum(), static_cast<int>(builder_.last_sequence()));
    state().scrubber().setFocus();
    QTest::keyClick(&state().scrubber(), Qt::Key_End);
    EXPECT_TRUE(wait([this] { return shows(builder_.last_sequence()); }));
    for (int value = 2; value <= static_cast<int>(used_[2]); ++value) {
        state().scrubber().setValue(value);  // quicker than anything is read
    }
    EXPECT_TRUE(wait([this] { return shows(used_[2]); }));
    EXPECT_EQ(state().table(StatePanel::open).model->rowCount(), 0);
}

TEST_F(StateViewsTest, WithAFilterTheScrubberGoesToWhatIsShown) {
    window_->apply_filter(QStringLiteral("state == used"));
    ASSERT_TRUE(wait([this] { return !window_->model()->is_filtering(); }));
    state().scrubber().setValue(static_cast<int>(available_[3]));
    EXPECT_TRUE(wait([this] { return shows(used_[3]); })) << "the next one";
    EXPECT_EQ(window_->model()->rowCount(), 5) << "the filter stays";
}

TEST_F(StateViewsTest, ADockThatIsHiddenReadsNothing) {
    docks().state_dock().hide();
    docks().rings_dock().hide();
    window_->go_to_sequence(used_[0]);
    QTest::qWait(0);
    EXPECT_EQ(docks().shown(), 0U);
    press(Qt::Key_1, Qt::ControlModifier);
    EXPECT_TRUE(wait([this] { return shows(used_[0]); })) << "until it is shown";
}

TEST_F(StateViewsTest, AChainInFlightLeadsToItsRecord) {
    go_to(builder_.last_sequence());
    state().tabs().setCurrentIndex(3);
    QTreeView& view = *state().table(StatePanel::open).view;
    go_to(available_[5]);
    view.setCurrentIndex(view.model()->index(0, 0));
    QTest::keyClick(&view, Qt::Key_Return);
    EXPECT_TRUE(wait([this] { return shows(available_[5]); }));
}

TEST_F(StateViewsTest, TheMapAndItsTableChooseTogether) {
    go_to(available_[5]);
    state().tabs().setCurrentIndex(1);
    MemoryMapView& map = state().memory_map();
    ASSERT_TRUE(wait([&] { return map.isVisible() && map.width() > 100; }));
    const MemoryMap::Mark mark = map.map().marks().back();
    QTest::mouseClick(&map, Qt::LeftButton, {}, mark.place.center().toPoint());
    QTreeView& table = *state().table(StatePanel::memory).view;
    ASSERT_TRUE(table.currentIndex().isValid());
    const MemoryMap::Mark* hit = map.map().mark_at(mark.place.center().toPoint());
    ASSERT_NE(hit, nullptr);
    EXPECT_EQ(table.currentIndex().row(), hit->key);
}

TEST_F(StateViewsTest, StepsAreSpelledOutInTheMenu) {
    QStringList texts;
    for (const QAction* step : rings().steps()) {
        texts += step->text();
        EXPECT_TRUE(step->iconText().contains(QRegularExpression(QStringLiteral("[◀▶]")))) << "of the button";
    }
    EXPECT_EQ(texts.filter(QRegularExpression(QStringLiteral("[◀▶]"))), QStringList());
    EXPECT_TRUE(texts.contains(QStringLiteral("Next step of a chain"))) << texts.join(QLatin1Char('\n')).toStdString();
}

TEST_F(StateViewsTest, WithoutAQueueThatIsToldOnce) {
    go_to(1);
    show_rings();
    EXPECT_EQ(rings().facts().text(), QStringLiteral("No queue was set up so far."));
    EXPECT_EQ(testing::painted_texts(rings().diagram()), QStringList());
}

TEST(StatePanelTest, TheTabsStayInTheirPlaceWhereTheSessionEnds) {
    StatePanel panel;
    panel.show();
    const auto place_at = [&](int width, bool ended) {
        panel.resize(width, 600);
        QCoreApplication::processEvents();
        StateAt state;
        state.whole = true;
        state.view.session = 1;
        state.view.sequence = 115;
        state.view.device = 2;
        state.view.ended = ended;
        panel.set_state(std::make_shared<const StateAt>(state), 0);
        QCoreApplication::processEvents();
        EXPECT_EQ(panel.headline().text().contains(QStringLiteral("ended")), ended);
        return panel.tabs().y();
    };
    for (int width = 300; width < 600; width += 10) {
        const int before = place_at(width, false);
        EXPECT_EQ(place_at(width, true), before) << width;
    }
}

TEST_F(StateViewsTest, EpochsAreGoneThrough) {
    ASSERT_TRUE(wait([this] { return docks().history() != nullptr; }));
    go_to(available_[5]);
    EXPECT_TRUE(state().epoch().text().contains(QStringLiteral("Epoch 2 of 2")));
    EXPECT_EQ(state().table(StatePanel::descriptors).model->rowCount(), 4);
}

TEST_F(StateViewsTest, DetailsTellWhatBecameOfADescriptor) {
    ASSERT_TRUE(wait([this] { return docks().history() != nullptr; }));
    std::uint64_t kick = 0;
    for (const session::DescriptorLife& life : docks().history()->descriptors()) {
        kick = life.use == session::DescriptorUse::kick ? life.passed : kick;
    }
    go_to(kick);
    const QAbstractItemModel& details = *window_->details().model();
    QModelIndexList found;
    ASSERT_TRUE(wait([&] {
        found = details.rowCount() == 0 ? QModelIndexList()
                                        : details.match(details.index(0, 0), Qt::DisplayRole, QStringLiteral("life"), 1,
                                                        Qt::MatchExactly | Qt::MatchRecursive);
        return !found.isEmpty();
    }));
    EXPECT_TRUE(found.first().siblingAtColumn(1).data().toString().contains(QStringLiteral("end of the trace")));
}

TEST_F(StateViewsTest, AByteOfAChainLeadsToItsDescriptorAndBack) {
    go_to(available_[0]);
    ASSERT_TRUE(
        wait([this] { return window_->bytes().rect_of(20).isValid() && window_->details().model()->rowCount() > 5; }));
    const QPoint place = window_->bytes().rect_of(20).center();
    ASSERT_TRUE(wait([&] { return window_->bytes().byte_at(place) == 20; }));
    QTest::mouseClick(window_->bytes().viewport(), Qt::LeftButton, {}, place);
    const QModelIndex line = window_->details().currentIndex();
    ASSERT_TRUE(line.isValid());
    EXPECT_TRUE(line.siblingAtColumn(1).data().toString().contains(QStringLiteral("0x101000"))) << "the second buffer";
    EXPECT_EQ(window_->bytes().marked(), (render::ByteRange{16, 512}));
}

TEST_F(StateViewsTest, KeysStepFromChainToChain) {
    go_to(available_[0]);
    press(Qt::Key_F8);
    EXPECT_TRUE(wait([this] { return shows(used_[0]); }));
    press(Qt::Key_F8);
    EXPECT_TRUE(wait([this] { return shows(available_[1]); })) << "not the call between them";
    press(Qt::Key_F8, Qt::ShiftModifier);
    EXPECT_TRUE(wait([this] { return shows(used_[0]); }));
    go_to(available_[5]);
    press(Qt::Key_F8);
    EXPECT_TRUE(wait([this] { return window_->statusBar()->currentMessage().contains(QStringLiteral("follows")); }));
}

TEST_F(StateViewsTest, AChainIsFollowedFromAvailableToUsedToCallAndBack) {
    go_to(available_[2]);
    press(Qt::Key_F7);
    EXPECT_TRUE(wait([this] { return shows(used_[2]); }));
    press(Qt::Key_F7);
    EXPECT_TRUE(wait([this] { return shows(calls_[2]); }));
    press(Qt::Key_F7);
    EXPECT_TRUE(window_->statusBar()->currentMessage().contains(QStringLiteral("ends with its call")));
    press(Qt::Key_F7, Qt::ShiftModifier);
    EXPECT_TRUE(wait([this] { return shows(used_[2]); }));
    press(Qt::Key_F7, Qt::ShiftModifier);
    EXPECT_TRUE(wait([this] { return shows(available_[2]); }));
    go_to(available_[5]);
    press(Qt::Key_F7);
    EXPECT_TRUE(wait([this] { return window_->statusBar()->currentMessage().contains(QStringLiteral("never used")); }));
}

TEST_F(StateViewsTest, TheRingsShowTheChainThatIsChosen) {
    go_to(available_[5]);
    show_rings();
    ASSERT_EQ(rings().diagram().picture().rings.size(), 3U);
    EXPECT_EQ(rings().queue_choice().currentText(), QStringLiteral("Queue 0, request"));
    EXPECT_TRUE(rings().facts().text().contains(QStringLiteral("session 1 queue 0")));
    EXPECT_EQ(rings().diagram().picture().rings[0].slots[15], SlotLook::device);
    EXPECT_GT(rings().request().rowCount(), 2);
    go_to(calls_[1]);
    EXPECT_EQ(rings().request().rowCount(), 0);
}

TEST_F(StateViewsTest, ASlotThatIsClickedIsChosenInTheTable) {
    go_to(available_[5]);
    show_rings();
    RingDiagram& diagram = rings().diagram();
    const RingGeometry geometry = diagram.geometries()[0];
    QTest::mouseClick(&diagram, Qt::LeftButton, {},
                      geometry.point_at(16, (geometry.inner() + geometry.outer()) / 2).toPoint());
    ASSERT_TRUE(diagram.chosen_slot());
    EXPECT_EQ(rings().table().currentIndex().siblingAtColumn(0).data().toString(),
              QString::number(*diagram.chosen_slot()));
    QTest::keyClick(&diagram, Qt::Key_Left);
    const std::uint32_t chosen = *diagram.chosen_slot();
    QTest::keyClick(&diagram, Qt::Key_Right);
    EXPECT_EQ(*diagram.chosen_slot(), chosen + 1);
    // In the ring of what is available a click leads to the head.
    const RingGeometry available = diagram.geometries()[1];
    QTest::mouseClick(&diagram, Qt::LeftButton, {},
                      available.point_at(5, (available.inner() + available.outer()) / 2).toPoint());
    EXPECT_EQ(diagram.chosen_slot(), 15U);
    QTest::keyClick(&rings().table(), Qt::Key_Return);
    EXPECT_TRUE(wait([this] { return shows(available_[5]); }));
}

TEST_F(StateViewsTest, ThePayloadIsShownInThreeForms) {
    go_to(used_[0]);
    show_rings();
    rings().tabs().setCurrentIndex(2);
    EXPECT_EQ(rings().payload_part().currentIndex(), 0) << "what was asked for";
    rings().payload_form().setCurrentIndex(1);
    EXPECT_EQ(rings().payload_text().toPlainText().size(), 16 + 512);
    rings().payload_part().setCurrentIndex(1);
    EXPECT_EQ(rings().payload_text().toPlainText().size(), 1);
    rings().payload_form().setCurrentIndex(2);
    EXPECT_TRUE(rings().payload_text().toPlainText().contains(QStringLiteral("network devices")));
}

TEST_F(StateViewsTest, AnotherTraceBeginsAfresh) {
    go_to(available_[5]);
    window_->state_docks().set_document(nullptr);
    EXPECT_EQ(state().table(StatePanel::queues).model->rowCount(), 0);
    EXPECT_EQ(rings().queue_choice().count(), 0);
    EXPECT_TRUE(rings().diagram().picture().rings.empty());
}

}  // namespace
}  // namespace vutrace::gui
