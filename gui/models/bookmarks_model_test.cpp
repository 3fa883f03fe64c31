#include "vutrace/gui/models/bookmarks_model.h"

#include "trace_fixture.h"
#include "vutrace/gui/models/records_model.h"

#include <vutrace/system/file_descriptor.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <QAbstractItemModelTester>
#include <QFile>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QSignalSpy>
#include <QTest>
#include <filesystem>
#include <functional>
#include <memory>

namespace vutrace::gui {
namespace {

using testing::patience;

class BookmarksTest : public testing::TraceFixture {
  protected:
    BookmarksTest() : TraceFixture("gui_bookmarks") {}
    void SetUp() override {
        write_trace(20);
        open();
    }
    void TearDown() override {
        model_.reset();
        document_.reset();
        for (const auto& entry : std::filesystem::directory_iterator(::testing::TempDir())) {
            if (entry.path().string().starts_with(path_)) {
                std::filesystem::remove_all(entry.path());
            }
        }
    }

    static bool wait(const std::function<bool()>& condition) { return QTest::qWaitFor(condition, patience); }
    void open() { open(path()); }
    void open(const QString& trace) {
        model_.reset();
        document_ = std::make_unique<TraceDocument>(trace);
        model_ = std::make_unique<BookmarksModel>(*document_);
        ASSERT_TRUE(wait([this] { return model_->is_ready(); }));
    }
    void add(std::uint64_t record, const char* comment = "") {
        ASSERT_TRUE(model_->add(
            {record, static_cast<std::int64_t>(record), QStringLiteral("NAME"), QString::fromUtf8(comment)}));
    }
    // All that was changed is in the file, or it is known why not.
    void add_and_wait(std::uint64_t record, const char* comment = "") {
        QSignalSpy told(model_.get(), &BookmarksModel::problem_changed);
        add(record, comment);
        ASSERT_TRUE(wait([&] { return told.count() > 0; }));
    }
    [[nodiscard]] QString notes() const { return path() + QStringLiteral(".vutrace-notes.json"); }
    [[nodiscard]] QByteArray contents() const {
        QFile file(notes());
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }
    void put(const QByteArray& text) const {
        QFile file(notes());
        ASSERT_TRUE(file.open(QIODevice::WriteOnly));
        file.write(text);
    }
    [[nodiscard]] std::vector<std::uint64_t> records() const {
        std::vector<std::uint64_t> all;
        for (const Bookmark& bookmark : model_->bookmarks()) {
            all.push_back(bookmark.record);
        }
        return all;
    }
    [[nodiscard]] bool in_the_way() const { return model_->problem() && model_->problem()->in_the_way; }

    std::unique_ptr<TraceDocument> document_;
    std::unique_ptr<BookmarksModel> model_;
};

using Records = std::vector<std::uint64_t>;

TEST_F(BookmarksTest, AreKeptInTheOrderOfTheRecordsWithTheirComments) {
    const QAbstractItemModelTester tester(model_.get(), QAbstractItemModelTester::FailureReportingMode::Fatal);
    add(12, "the first wrong one");
    add(3);
    add(30, "é, \"quoted\"");
    EXPECT_EQ(records(), (Records{3, 12, 30}));
    EXPECT_FALSE(model_->add({12, 0, {}, {}})) << "once each";
    EXPECT_FALSE(model_->add({0, 0, {}, {}}));
    EXPECT_TRUE(model_->setData(model_->index(0, BookmarksModel::comment), QStringLiteral("written later")));
    EXPECT_FALSE(model_->setData(model_->index(0, BookmarksModel::record), 7));
    model_->remove(2);
    open();
    ASSERT_EQ(records(), (Records{3, 12}));
    EXPECT_EQ(model_->index(0, BookmarksModel::comment).data().toString(), QStringLiteral("written later"));
    EXPECT_EQ(model_->index(1, BookmarksModel::comment).data().toString(), QStringLiteral("the first wrong one"));
    EXPECT_EQ(model_->index(1, BookmarksModel::name).data().toString(), QStringLiteral("NAME"));
    EXPECT_FALSE(model_->problem());
}

TEST_F(BookmarksTest, NeighboursAreFoundFromAnyRecord) {
    EXPECT_EQ(model_->after(1), 0U);
    EXPECT_EQ(model_->before(100), 0U);
    add(5);
    add(9);
    EXPECT_EQ(model_->after(1), 5U);
    EXPECT_EQ(model_->after(5), 9U);
    EXPECT_EQ(model_->after(9), 0U);
    EXPECT_EQ(model_->before(9), 5U);
    EXPECT_EQ(model_->before(7), 5U);
    EXPECT_EQ(model_->before(5), 0U);
}

TEST_F(BookmarksTest, OneThatIsSetAgainHasItsCommentBack) {
    add(5, "why");
    model_->remove(0);
    add(5);
    EXPECT_EQ(model_->bookmarks().front().comment, QStringLiteral("why"));
}

TEST_F(BookmarksTest, AreWrittenAtOnceForTheirOwnerOnlyAndTheTraceStaysAsItIs) {
    const auto before = std::filesystem::last_write_time(path_);
    const auto size = std::filesystem::file_size(path_);
    EXPECT_FALSE(QFileInfo::exists(notes())) << "nothing to keep yet";
    add_and_wait(5, "why");
    const QJsonObject written = QJsonDocument::fromJson(contents()).object();
    EXPECT_EQ(written[QLatin1String("bookmarks")].toArray().size(), 1);
    EXPECT_EQ(written[QLatin1String("trace")][QLatin1String("size")].toInteger(), static_cast<qint64>(size));
    EXPECT_EQ(written[QLatin1String("trace")][QLatin1String("first_record_time")].toInteger(),
              document_->index()->start_time());
    struct stat status {};
    ASSERT_EQ(stat(QFile::encodeName(notes()).constData(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    EXPECT_EQ(std::filesystem::last_write_time(path_), before);
    EXPECT_EQ(std::filesystem::file_size(path_), size);
}

TEST_F(BookmarksTest, WhatIsChangedLastIsWrittenEvenIfTheWindowIsClosedAtOnce) {
    for (std::uint64_t record = 1; record <= 20; ++record) {
        add(record);
    }
    model_.reset();
    EXPECT_EQ(QJsonDocument::fromJson(contents())[QLatin1String("bookmarks")].toArray().size(), 20);
}

TEST_F(BookmarksTest, ATraceThatGrewSinceIsTheSame) {
    add_and_wait(5);
    write_trace(5);  // more behind what is there
    open();
    EXPECT_EQ(records(), Records{5});
    EXPECT_FALSE(model_->problem());
}

TEST_F(BookmarksTest, CommentsHaveAnEnd) {
    add(5);
    const QString longer(NotesFile::most_characters * 2, QLatin1Char('x'));
    EXPECT_TRUE(model_->setData(model_->index(0, BookmarksModel::comment), longer));
    EXPECT_EQ(model_->bookmarks().front().comment.size(), NotesFile::most_characters);
}

TEST_F(BookmarksTest, MoreThanAFileMayHoldIsSaidAndTheFileIsLeft) {
    add_and_wait(1);
    const QByteArray before = contents();
    const std::string text(static_cast<std::size_t>(NotesFile::most_characters), 'x');
    for (std::uint64_t record = 2; record < 2 + NotesFile::most_bytes / NotesFile::most_characters; ++record) {
        add(record, text.c_str());
    }
    ASSERT_TRUE(wait([this] { return model_->problem().has_value(); }));
    EXPECT_FALSE(in_the_way());
    EXPECT_LE(contents().size(), NotesFile::most_bytes);
    EXPECT_TRUE(QJsonDocument::fromJson(contents()).isObject());
    while (model_->rowCount() > 2) {
        model_->remove(2);
    }
    ASSERT_TRUE(wait([this] { return !model_->problem(); })) << "there is room again";
    EXPECT_NE(contents(), before);
}

// What is not ours, or no good, is left as it is, and said.
struct BadNotes {
    const char* name;
    const char* text;  // %S the size, %T the time of the first record
    const char* said;
};
class BadNotesTest : public BookmarksTest, public ::testing::WithParamInterface<BadNotes> {
  protected:
    [[nodiscard]] QByteArray text() const {
        return QByteArray(GetParam().text)
            .replace("%S", QByteArray::number(QFileInfo(path()).size()))
            .replace("%M", QByteArray::number(QFileInfo(path()).size() + 1))
            .replace("%T", QByteArray::number(static_cast<qint64>(document_->index()->start_time())));
    }
};

TEST_P(BadNotesTest, AreLeftAsTheyAreUntilTheyAreSetAside) {
    put(text());
    open();
    ASSERT_TRUE(in_the_way());
    EXPECT_TRUE(model_->problem()->text.contains(QLatin1String(GetParam().said)))
        << model_->problem()->text.toStdString();
    EXPECT_EQ(model_->rowCount(), 0);
    add(5, "kept in the window");
    open();  // after what waits was written
    EXPECT_EQ(contents(), text()) << "never overwritten";
}

TEST_P(BadNotesTest, CanBeSetAside) {
    put(text());
    open();
    add(5);
    model_->set_aside();
    ASSERT_TRUE(wait([this] { return !model_->problem() && QFileInfo::exists(notes()); }));
    QFile old(notes() + QStringLiteral(".old-1"));
    ASSERT_TRUE(old.open(QIODevice::ReadOnly));
    EXPECT_EQ(old.readAll(), text());
    open();
    EXPECT_EQ(records(), Records{5});
}

INSTANTIATE_TEST_SUITE_P(
    All, BadNotesTest,
    ::testing::Values(
        BadNotes{"empty", "", "damaged"}, BadNotes{"cut", "{\"format\": \"vutrace-no", "damaged"},
        BadNotes{"no_json", "hello", "damaged"}, BadNotes{"an_array", "[1, 2]", "does not hold notes"},
        BadNotes{"another_format", "{\"format\": \"shopping\", \"version\": 1}", "does not hold notes"},
        BadNotes{"newer", "{\"format\": \"vutrace-notes\", \"version\": 2}", "newer vutrace"},
        BadNotes{"no_trace", "{\"format\": \"vutrace-notes\", \"version\": 1}", "another trace"},
        BadNotes{"another_time",
                 R"({"format": "vutrace-notes", "version": 1, "trace": {"size": %S, "first_record_time": 7}})",
                 "another trace"},
        BadNotes{"longer_trace",
                 R"({"format": "vutrace-notes", "version": 1, "trace": {"size": %M, "first_record_time": %T}})",
                 "more of this one"},
        BadNotes{"no_record", R"({"format": "vutrace-notes", "version": 1,
            "trace": {"size": %S, "first_record_time": %T}, "bookmarks": [{"record": 1}, {"record": -1}]})",
                 "no record"},
        BadNotes{"no_bookmark", R"({"format": "vutrace-notes", "version": 1,
            "trace": {"size": %S, "first_record_time": %T}, "bookmarks": [12]})",
                 "no record"}),
    [](const auto& test) { return test.param.name; });

TEST_F(BookmarksTest, TooLargeAFileIsNotEvenRead) {
    put(QByteArray(NotesFile::most_bytes + 1, ' '));
    open();
    ASSERT_TRUE(in_the_way());
    EXPECT_TRUE(model_->problem()->text.contains(QLatin1String("too large")));
}

TEST_F(BookmarksTest, WhatIsNoFileIsNotWaitedFor) {
    ASSERT_EQ(mkfifo(QFile::encodeName(notes()).constData(), 0600), 0);
    open();
    ASSERT_TRUE(in_the_way());
    EXPECT_TRUE(model_->problem()->text.contains(QLatin1String("is no file")));
}

TEST_F(BookmarksTest, TooManyBookmarksAreRefused) {
    QJsonArray entries;
    for (std::size_t i = 0; i <= NotesFile::most_bookmarks; ++i) {
        entries.append(QJsonObject{{QLatin1String("record"), static_cast<qint64>(i + 1)}});
    }
    put(QJsonDocument(
            QJsonObject{{QLatin1String("format"), QLatin1String("vutrace-notes")},
                        {QLatin1String("version"), 1},
                        {QLatin1String("trace"), QJsonObject{{QLatin1String("size"), QFileInfo(path()).size()},
                                                             {QLatin1String("first_record_time"),
                                                              static_cast<qint64>(document_->index()->start_time())}}},
                        {QLatin1String("bookmarks"), entries}})
            .toJson(QJsonDocument::Compact));
    open();
    ASSERT_TRUE(in_the_way());
    EXPECT_TRUE(model_->problem()->text.contains(QLatin1String("too many")));
}

TEST_F(BookmarksTest, WhatSomebodyElseWroteIsNotOverwritten) {
    add_and_wait(5, "mine");
    const QByteArray theirs = contents().replace("mine", "hers").replace("\"record\": 5", "\"record\": 8");
    put(theirs);
    add_and_wait(6);
    ASSERT_TRUE(in_the_way());
    EXPECT_TRUE(model_->problem()->text.contains(QLatin1String("somebody else")));
    EXPECT_EQ(contents(), theirs);
    model_->try_again();
    ASSERT_TRUE(wait([this] { return !model_->problem() && model_->rowCount() == 3; })) << "both are kept";
    open();
    EXPECT_EQ(records(), (Records{5, 6, 8}));
}

TEST_F(BookmarksTest, AFolderThatCannotBeWrittenIsSaidAndTheyAreKeptInMemory) {
    // Nobody can make a file in that folder, not even root.
    const FileDescriptor trace(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    open(QStringLiteral("/proc/self/fd/%1").arg(trace.number()));
    EXPECT_FALSE(model_->problem());
    add_and_wait(6);
    ASSERT_TRUE(model_->problem());
    EXPECT_FALSE(in_the_way());
    EXPECT_TRUE(model_->problem()->text.contains(QLatin1String("cannot be written")));
    EXPECT_TRUE(model_->problem()->text.contains(QLatin1String("Make its folder writable")));
    EXPECT_EQ(records(), Records{6});
    QSignalSpy told(model_.get(), &BookmarksModel::problem_changed);
    model_->try_again();
    EXPECT_TRUE(wait([&] { return told.count() > 0; }));
    EXPECT_TRUE(model_->problem());
}

TEST_F(BookmarksTest, TheTableOfRecordsShowsThem) {
    RecordsModel records(*document_);
    ASSERT_TRUE(wait([this] { return document_->progress().complete; }));
    const QModelIndex cell = records.index(4, RecordsModel::number);
    EXPECT_FALSE(cell.data(RecordsModel::bookmark_role).isValid());
    records.set_bookmarks({{5, 0, {}, QStringLiteral("why")}, {6, 0, {}, {}}});
    EXPECT_EQ(cell.data(RecordsModel::bookmark_role).toString(), QStringLiteral("why"));
    EXPECT_EQ(cell.data(Qt::ToolTipRole).toString(), QStringLiteral("Bookmark: why"));
    EXPECT_EQ(cell.siblingAtRow(5).data(Qt::AccessibleDescriptionRole).toString(), QStringLiteral("Bookmark"));
    EXPECT_FALSE(cell.siblingAtRow(6).data(RecordsModel::bookmark_role).isValid());
}

}  // namespace
}  // namespace vutrace::gui
