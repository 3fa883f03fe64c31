// The window as a program of its own on an X server: what is seen there is what the server gives, and the keys come
// from it. Run by testing/under-x.
#include <gtest/gtest.h>

#include <QDir>
#include <QGuiApplication>
#include <QImage>
#include <QPixmap>
#include <QProcess>
#include <QScreen>
#include <QTemporaryDir>
#include <QTest>

namespace vutrace::gui {
namespace {

constexpr int patience = 20000;  // milliseconds
// Of the light theme.
constexpr QRgb message_row = 0xffe4f0fb;
constexpr QRgb chosen_row = 0xff1f6fb5;
constexpr QRgb tour_colour = 0xffd55e00;

class DisplayTest : public ::testing::Test {
  protected:
    void SetUp() override {
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert(QStringLiteral("XDG_CONFIG_HOME"), settings_.path());
        environment.insert(QStringLiteral("QT_QPA_PLATFORM"), QStringLiteral("xcb"));
        window_.setProcessEnvironment(environment);
        window_.setProcessChannelMode(QProcess::ForwardedChannels);
    }
    void TearDown() override {
        if (HasFailure()) {
            const QString folder = QStringLiteral(VUTRACE_WRONG_PICTURES);
            EXPECT_TRUE(QDir().mkpath(folder) && screen().save(folder + QStringLiteral("/display.png")));
        }
        window_.kill();
        window_.waitForFinished(patience);
    }
    void start(const QStringList& arguments) {
        // Another one, such as one that is installed, can be tried instead.
        window_.start(qEnvironmentVariable("VUTRACE_TEST_WINDOW", QStringLiteral(VUTRACE_GUI)), arguments);
        ASSERT_TRUE(window_.waitForStarted(patience));
    }
    static QImage screen() { return QGuiApplication::primaryScreen()->grabWindow(0).toImage(); }
    // The window manager gives it the keyboard.
    static bool has_keyboard() {
        QProcess ask;
        ask.setStandardErrorFile(QProcess::nullDevice());  // that there is no such window yet
        ask.start(QStringLiteral("xdotool"), {QStringLiteral("getactivewindow"), QStringLiteral("getwindowname")});
        return ask.waitForFinished(patience) && ask.readAllStandardOutput().contains("vutrace");
    }
    static void press(const char* keys) {
        EXPECT_EQ(QProcess::execute(QStringLiteral("xdotool"), {QStringLiteral("key"), QString::fromLatin1(keys)}), 0);
    }
    static void type(const QString& text) {
        EXPECT_EQ(QProcess::execute(QStringLiteral("xdotool"), {QStringLiteral("type"), text}), 0);
    }
    // How much of the screen has that colour.
    static double share_of(QRgb colour) {
        const QImage image = screen().convertToFormat(QImage::Format_RGB32);
        int count = 0;
        for (int y = 0; y < image.height(); ++y) {
            for (int x = 0; x < image.width(); ++x) {
                count += image.pixel(x, y) == colour ? 1 : 0;
            }
        }
        return static_cast<double>(count) / (image.width() * image.height());
    }

    QTemporaryDir settings_;
    QProcess window_;
};

TEST_F(DisplayTest, ASampleIsSeenFilteredByKeyboardAndTheWindowCloses) {
    start({QStringLiteral("--theme"), QStringLiteral("light"),
           QStringLiteral(VUTRACE_SAMPLES "/bug-iotlb-deadlock.pcap.zst")});
    ASSERT_TRUE(QTest::qWaitFor([] { return share_of(message_row) > 0.08; }, patience)) << share_of(message_row);
    const double all = share_of(message_row);
    ASSERT_TRUE(QTest::qWaitFor(has_keyboard, patience));
    press("ctrl+l");
    type(QStringLiteral("request == SET_OWNER"));
    press("Return");
    EXPECT_TRUE(QTest::qWaitFor([&] { return share_of(message_row) < all / 4; }, patience)) << share_of(message_row);
    EXPECT_EQ(window_.state(), QProcess::Running);
    press("ctrl+q");
    ASSERT_TRUE(QTest::qWaitFor([this] { return window_.state() == QProcess::NotRunning; }, patience));
    EXPECT_EQ(window_.exitStatus(), QProcess::NormalExit);
    EXPECT_EQ(window_.exitCode(), 0);
}

TEST_F(DisplayTest, ASampleIsOpenedFromTheStartPage) {
    start({QStringLiteral("--theme"), QStringLiteral("light")});
    ASSERT_TRUE(QTest::qWaitFor(has_keyboard, patience));
    // The chosen row of the list is blue, a little lighter at its top.
    ASSERT_TRUE(QTest::qWaitFor([] { return share_of(chosen_row) > 0.001; }, patience)) << share_of(chosen_row);
    EXPECT_EQ(share_of(message_row), 0);
    if (const QString folder = qEnvironmentVariable("VUTRACE_SCREENSHOTS"); !folder.isEmpty()) {
        EXPECT_TRUE(screen().save(folder + QStringLiteral("/display-start.png")));
    }
    press("Return");
    EXPECT_TRUE(QTest::qWaitFor([] { return share_of(message_row) > 0.08; }, patience)) << share_of(message_row);
    press("shift+F1");
    EXPECT_TRUE(QTest::qWaitFor([] { return share_of(tour_colour) > 0.005; }, patience)) << share_of(tour_colour);
    press("alt+d");
    EXPECT_TRUE(QTest::qWaitFor([] { return share_of(tour_colour) == 0; }, patience)) << share_of(tour_colour);
}

}  // namespace
}  // namespace vutrace::gui

int main(int argc, char** argv) {
    qputenv("QT_QPA_PLATFORM", "xcb");
    const QGuiApplication application(argc, argv);
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
