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
constexpr QRgb message_row = 0xffe4f0fb;

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
        window_.start(QStringLiteral(VUTRACE_GUI), arguments);
        ASSERT_TRUE(window_.waitForStarted(patience));
    }
    static QImage screen() { return QGuiApplication::primaryScreen()->grabWindow(0).toImage(); }
    // There is no window manager that would give it the keyboard.
    static void focus() {
        EXPECT_EQ(
            QProcess::execute(QStringLiteral("xdotool"),
                              {QStringLiteral("search"), QStringLiteral("--onlyvisible"), QStringLiteral("--name"),
                               QStringLiteral("vutrace"), QStringLiteral("windowfocus"), QStringLiteral("--sync")}),
            0);
    }
    static void press(const char* keys) {
        EXPECT_EQ(QProcess::execute(QStringLiteral("xdotool"), {QStringLiteral("key"), QString::fromLatin1(keys)}), 0);
    }
    static void type(const QString& text) {
        EXPECT_EQ(QProcess::execute(QStringLiteral("xdotool"), {QStringLiteral("type"), text}), 0);
    }
    // How much of the screen is rows of messages, in the light theme.
    static double share_of_messages() {
        const QImage image = screen().convertToFormat(QImage::Format_RGB32);
        int count = 0;
        for (int y = 0; y < image.height(); ++y) {
            for (int x = 0; x < image.width(); ++x) {
                count += image.pixel(x, y) == message_row ? 1 : 0;
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
    ASSERT_TRUE(QTest::qWaitFor([] { return share_of_messages() > 0.08; }, patience)) << share_of_messages();
    const double all = share_of_messages();
    focus();
    press("ctrl+l");
    type(QStringLiteral("request == SET_OWNER"));
    press("Return");
    EXPECT_TRUE(QTest::qWaitFor([&] { return share_of_messages() < all / 4; }, patience)) << share_of_messages();
    EXPECT_EQ(window_.state(), QProcess::Running);
    press("ctrl+q");
    ASSERT_TRUE(QTest::qWaitFor([this] { return window_.state() == QProcess::NotRunning; }, patience));
    EXPECT_EQ(window_.exitStatus(), QProcess::NormalExit);
    EXPECT_EQ(window_.exitCode(), 0);
}

}  // namespace
}  // namespace vutrace::gui

int main(int argc, char** argv) {
    qputenv("QT_QPA_PLATFORM", "xcb");
    const QGuiApplication application(argc, argv);
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
