// Damaged samples in the window: every pane is brought up on many of their records. What is in a trace comes from
// others, and whatever it says, the window shows what it can.
#include "vutrace/gui/views/findings_dock.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/state_docks.h"
#include "vutrace/gui/views/state_panel.h"
#include "vutrace/gui/views/time_docks.h"
#include "vutrace/gui/views/timeline_view.h"
#include "window_fixture.h"

#include <vutrace/trace/seekable_file.h>

#include <gtest/gtest.h>

#include <QComboBox>
#include <QDockWidget>
#include <QFile>
#include <QTabWidget>
#include <algorithm>
#include <random>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr int damages = 4;  // of each sample
constexpr int records_looked_at = 8;
constexpr qsizetype file_header = 24;

QByteArray bytes_of(const char* sample) {
    const auto whole = trace::SeekableFile::open(std::string(VUTRACE_SAMPLES "/") + sample);
    if (!whole) {
        ADD_FAILURE() << describe(whole.error());
        return {};
    }
    QFile file(QString::fromStdString(whole->path()));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

// Some bytes are others, some fields are as large as they can be, and every other time the end is missing.
QByteArray damaged(QByteArray bytes, int which) {
    std::mt19937_64 random(static_cast<std::uint64_t>(which));
    const auto below = [&random](qsizetype bound) {
        return static_cast<qsizetype>(random() % static_cast<std::uint64_t>(bound));
    };
    if (which % 2 == 1) {
        bytes.truncate(bytes.size() / 2 + below(bytes.size() / 2));
    }
    constexpr qsizetype field = 8;
    constexpr int places = 60;
    for (int i = 0; i < places; ++i) {
        const qsizetype at = file_header + below(bytes.size() - file_header - field);
        if (i % 4 == 0) {
            bytes.replace(at, field, QByteArray(field, '\xff'));
        } else {
            bytes[at] = static_cast<char>(random());
        }
    }
    return bytes;
}

class DamagedTraces : public testing::WindowFixture, public ::testing::WithParamInterface<const char*> {
  protected:
    void look_at_everything() {
        show_docks();
        const std::uint64_t rows = window_->document()->progress().rows;
        for (std::uint64_t i = 0; rows != 0 && i < records_looked_at; ++i) {
            const std::uint64_t record = 1 + i * (rows - 1) / (records_looked_at - 1);
            window_->go_to_sequence(record);
            ASSERT_TRUE(wait([&] {
                const QModelIndex name = window_->model()->index(window_->records().current_row(), RecordsModel::name);
                return !name.data().toString().isEmpty() &&
                       (window_->state_docks().history() == nullptr || window_->state_docks().shown() == record);
            })) << "record "
                << record;
            show_panes();
        }
        look_closer();
    }

  private:
    void show_docks() {
        for (QDockWidget* dock : {&window_->state_docks().state_dock(), &window_->state_docks().rings_dock(),
                                  &window_->time_docks().timeline_dock(), &window_->time_docks().statistics_dock()}) {
            dock->show();
        }
    }
    void show_panes() {
        StateDocks& docks = window_->state_docks();
        for (QTabWidget* tabs : {&docks.state().tabs(), &docks.rings().tabs()}) {
            for (int tab = 0; tab < tabs->count(); ++tab) {
                tabs->setCurrentIndex(tab);
                (void)tabs->grab();
            }
        }
        for (int form = 0; form < docks.rings().payload_form().count(); ++form) {
            docks.rings().payload_form().setCurrentIndex(form);
        }
        (void)window_->grab();
    }
    void look_closer() {
        TimelineView& timeline = window_->time_docks().timeline();
        for (int i = 0; i < 12; ++i) {
            timeline.zoom(4);
            (void)timeline.grab();
        }
        (void)wait([&] { return !window_->time_docks().source()->is_reading(); });
        (void)timeline.grab();
    }
};

TEST_P(DamagedTraces, AreShownAsFarAsTheyCanBe) {
    const QByteArray whole = bytes_of(GetParam());
    ASSERT_GT(whole.size(), 1000);
    std::uint64_t rows = 0;
    for (int which = 0; which < damages; ++which) {
        SCOPED_TRACE(which);
        QFile file(path());
        ASSERT_TRUE(file.open(QIODevice::WriteOnly | QIODevice::Truncate));
        const QByteArray bytes = damaged(whole, which);
        ASSERT_EQ(file.write(bytes), bytes.size());
        file.close();
        open(path());
        const std::uint64_t shown = window_->document()->progress().rows;
        rows += shown;
        ASSERT_TRUE(wait([&] { return shown == 0 || window_->findings_dock().model()->has_checked(); }));
        look_at_everything();
        delete std::exchange(window_, nullptr);
    }
    EXPECT_GT(rows, 0U);
}

INSTANTIATE_TEST_SUITE_P(OfSamples, DamagedTraces,
                         ::testing::Values("qemu-7.2-linux-blk.pcap.zst", "qemu-7.2-dpdk-22.11-packed.pcap.zst",
                                           "qemu-7.2-dpdk-22.11-iommu-rings.pcap.zst",
                                           "qemu-7.2-migration-blk.pcap.zst", "qemu-7.2-virtiofsd.pcap.zst",
                                           "every-request.pcap.zst"),
                         [](const auto& tested) {
                             std::string name(tested.param);
                             name.resize(name.find(".pcap"));
                             std::replace_if(
                                 name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
                             return name;
                         });

}  // namespace
}  // namespace vutrace::gui
