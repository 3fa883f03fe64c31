#include "save_picture.h"
#include "vutrace/gui/views/export_actions.h"
#include "vutrace/gui/views/records_view.h"
#include "window_fixture.h"

#include <gtest/gtest.h>

#include <QApplication>
#include <QClipboard>
#include <QFile>
#include <QFileDialog>
#include <QLineEdit>
#include <QMessageBox>
#include <QProgressDialog>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>

namespace vutrace::gui {
namespace {

TEST(DecodeCommand, IsQuotedForAShell) {
    PickedRows rows;
    rows.places = {{11, 11}};
    EXPECT_EQ(decode_command(QStringLiteral("/t/a.pcap"), rows),
              QStringLiteral("vutrace decode --filter 'seq == 12' /t/a.pcap"));
    rows.places = {{0, 2}, {6, 6}};
    EXPECT_EQ(decode_command(QStringLiteral("/t/it's mine.pcap"), rows),
              QStringLiteral("vutrace decode --filter 'seq in {1..3, 7}' '/t/it'\\''s mine.pcap'"));
    EXPECT_EQ(decode_command(QStringLiteral("/t/a.pcap"), QStringLiteral(" $(rm x) ")),
              QStringLiteral("vutrace decode --filter '$(rm x)' /t/a.pcap"));
    EXPECT_EQ(decode_command(QStringLiteral("/t/a.pcap"), QString()), QStringLiteral("vutrace decode /t/a.pcap"));
    EXPECT_TRUE(decode_command(QStringLiteral("--raw"), QString()).startsWith(QLatin1String("vutrace decode /")))
        << "no option";
}

TEST(DecodeCommand, NamesSoManyStretchesOnly) {
    PickedRows rows;
    EXPECT_TRUE(decode_command(QStringLiteral("/t/a.pcap"), rows).isEmpty());
    for (std::uint64_t place = 0; place < 101; ++place) {
        rows.places.emplace_back(place * 2, place * 2);
    }
    EXPECT_TRUE(decode_command(QStringLiteral("/t/a.pcap"), rows).isEmpty());
    rows.places.pop_back();
    EXPECT_FALSE(decode_command(QStringLiteral("/t/a.pcap"), rows).isEmpty());
}

class ExportWindow : public testing::WindowFixture {
  protected:
    void open() {
        write_trace(50);
        WindowFixture::open(path());
        ASSERT_TRUE(wait([this] { return window_->current_sequence() == 1; }));
    }
    void press(Qt::Key key, Qt::KeyboardModifiers modifiers) { QTest::keyClick(&window_->records(), key, modifiers); }
    [[nodiscard]] ExportActions& exports() const { return window_->exports(); }
    static QList<QByteArray> lines(const QString& path) {
        QFile file(path);
        return file.open(QIODevice::ReadOnly) ? file.readAll().split('\n') : QList<QByteArray>();
    }
    QTemporaryDir folder_;
};

TEST_F(ExportWindow, ACommandLineIsCopiedByKey) {
    open();
    press(Qt::Key_Down, Qt::ShiftModifier);
    press(Qt::Key_C, Qt::ControlModifier | Qt::AltModifier);
    EXPECT_EQ(QApplication::clipboard()->text(),
              QStringLiteral("vutrace decode --filter 'seq in {1..2}' %1").arg(path()));
    window_->apply_filter(QStringLiteral("state == used"));
    ASSERT_TRUE(wait([this] { return window_->model()->filter() && !window_->model()->is_filtering(); }));
    press(Qt::Key_L, Qt::ControlModifier | Qt::AltModifier);
    EXPECT_EQ(QApplication::clipboard()->text(),
              QStringLiteral("vutrace decode --filter 'state == used' %1").arg(path()));
}

TEST_F(ExportWindow, TheSelectedOrAllThatIsShownIsWritten) {
    open();
    QSignalSpy said(&exports(), &ExportActions::said);
    press(Qt::Key_Down, Qt::ShiftModifier);
    const QString json = folder_.filePath(QStringLiteral("a.json"));
    exports().export_to(json, ExportFormat::json, ExportActions::Scope::selected);
    ASSERT_TRUE(wait([&] { return said.count() == 1; }));
    EXPECT_EQ(lines(json).size(), 3) << "two, and the end";
    window_->apply_filter(QStringLiteral("state == used"));
    ASSERT_TRUE(wait([this] { return window_->model()->filter() && !window_->model()->is_filtering(); }));
    window_->records().header()->setSectionHidden(RecordsModel::summary, true);
    const QString csv = folder_.filePath(QStringLiteral("a.csv"));
    exports().export_to(csv, ExportFormat::csv, ExportActions::Scope::shown);
    ASSERT_TRUE(wait([&] { return said.count() == 2; }));
    EXPECT_EQ(lines(csv).size(), 1 + 50 + 1);
    EXPECT_EQ(lines(csv).front(), "!,No.,Time,Sender,Queue,Latency,Name\r");
    EXPECT_EQ(exports().progress(), nullptr);
}

TEST_F(ExportWindow, WhatWentWrongIsSaid) {
    open();
    exports().export_to(path(), ExportFormat::trace, ExportActions::Scope::shown);
    const auto box = [this] { return window_->findChild<QMessageBox*>(); };
    ASSERT_TRUE(wait([&] { return box() != nullptr && box()->isVisible(); }));
    EXPECT_TRUE(box()->text().contains(QLatin1String("the trace itself")));
    box()->close();
}

// The dialog asks about the name that was typed: "plot", which is not there.
TEST_F(ExportWindow, APictureThatIsThereIsNotReplacedUnasked) {
    open();
    const QString there = folder_.filePath(QStringLiteral("plot.png"));
    {
        QFile file(there);
        ASSERT_TRUE(file.open(QIODevice::WriteOnly));
        file.write("another");
    }
    bool asked = false;
    QTimer answers;
    QObject::connect(&answers, &QTimer::timeout, window_, [&] {
        QWidget* const box = QApplication::activeModalWidget();
        if (auto* names = qobject_cast<QFileDialog*>(box)) {
            auto* name = names->findChild<QLineEdit*>();
            name->setText(folder_.filePath(QStringLiteral("plot")));
            QTest::keyClick(name, Qt::Key_Return);
        } else if (box != nullptr) {
            asked = true;
            QTest::keyClick(box, Qt::Key_Escape);
        }
    });
    answers.start(20);
    EXPECT_TRUE(save_picture(*window_, QImage(4, 4, QImage::Format_RGB32)).isEmpty());
    EXPECT_TRUE(asked);
    QFile file(there);
    ASSERT_TRUE(file.open(QIODevice::ReadOnly));
    EXPECT_EQ(file.readAll(), QByteArray("another"));
}

TEST_F(ExportWindow, WithoutATraceNothingHappens) {
    window_ = new MainWindow(QStringLiteral("test"));
    window_->show();
    QSignalSpy said(&exports(), &ExportActions::said);
    exports().export_to(folder_.filePath(QStringLiteral("x")), ExportFormat::json, ExportActions::Scope::shown);
    exports().copy_records_command();
    exports().copy_filter_command();
    exports().ask_and_export(ExportActions::Scope::selected);
    EXPECT_EQ(said.count(), 1) << "that there is nothing to export";
}

}  // namespace
}  // namespace vutrace::gui
