#include "vutrace/gui/models/sample_traces.h"

#include "trace_fixture.h"
#include "vutrace/gui/models/data_folder.h"
#include "vutrace/gui/models/trace_document.h"

#include <gtest/gtest.h>

#include <QAbstractItemModelTester>
#include <QDir>
#include <QFileInfo>
#include <QSet>
#include <QTemporaryDir>
#include <QTest>

namespace vutrace::gui {
namespace {

TEST(DataFolder, OfSamplesIsFoundFromTheBuildTree) {
    const QString folder = data_folder(QStringLiteral("samples"));
    EXPECT_EQ(folder, QFileInfo(QStringLiteral(VUTRACE_SAMPLES)).canonicalFilePath());
    EXPECT_TRUE(data_folder(QStringLiteral("no such thing")).isEmpty());
}

TEST(SampleTraces, AreAllThereAndSaidToBeDifferentThings) {
    const SampleTraces samples(QStringLiteral(VUTRACE_SAMPLES));
    QAbstractItemModelTester tester(const_cast<SampleTraces*>(&samples));
    ASSERT_EQ(samples.rowCount(), SampleTraces::known().size());
    QSet<QString> titles;
    for (int row = 0; row < samples.rowCount(); ++row) {
        const QModelIndex index = samples.index(row);
        const QString title = index.data().toString();
        const QString seen = index.data(SampleTraces::seen).toString();
        titles.insert(title);
        EXPECT_FALSE(seen.isEmpty()) << title.toStdString();
        EXPECT_EQ(index.data(Qt::AccessibleTextRole).toString(), title + QStringLiteral(". ") + seen);
        EXPECT_TRUE(QFileInfo(index.data(SampleTraces::path).toString()).isFile()) << title.toStdString();
        EXPECT_FALSE(index.data(Qt::DecorationRole).isValid());
    }
    EXPECT_EQ(titles.size(), samples.rowCount());
}

TEST(SampleTraces, OpenAsTheyAreCompressed) {
    const SampleTraces samples(QStringLiteral(VUTRACE_SAMPLES));
    for (int row = 0; row < samples.rowCount(); ++row) {
        const QString path = samples.index(row).data(SampleTraces::path).toString();
        ASSERT_TRUE(path.endsWith(QLatin1String(".zst")));
        TraceDocument document(path);
        ASSERT_TRUE(QTest::qWaitFor([&] { return document.progress().complete; }, testing::patience));
        EXPECT_TRUE(document.trouble().isEmpty()) << path.toStdString() << document.trouble().toStdString();
        EXPECT_GT(document.progress().rows, 20U) << path.toStdString();
    }
}

TEST(SampleTraces, ThatAreNotInTheFolderAreNotListed) {
    QTemporaryDir folder;
    const SampleTrace& one = SampleTraces::known()[3];
    const QString path = folder.filePath(QLatin1String(one.file));
    ASSERT_TRUE(QFile(path).open(QIODevice::WriteOnly));
    EXPECT_TRUE(QDir(folder.path()).mkdir(QLatin1String(SampleTraces::known()[0].file))) << "a folder is no trace";
    const SampleTraces samples(folder.path());
    ASSERT_EQ(samples.rowCount(), 1);
    EXPECT_EQ(samples.index(0).data(SampleTraces::path).toString(), path);
    EXPECT_EQ(SampleTraces({}).rowCount(), 0);
    EXPECT_EQ(SampleTraces(folder.filePath(QStringLiteral("nowhere"))).rowCount(), 0);
}

}  // namespace
}  // namespace vutrace::gui
