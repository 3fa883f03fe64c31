// What the window keeps from one time to the next.
#include "record_columns.h"
#include "vutrace/gui/views/details_pane.h"
#include "vutrace/gui/views/filter_bar.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/state_docks.h"

#include <vutrace/explain/annotation.h>
#include <vutrace/render/phrases.h>

#include <QApplication>
#include <QFileInfo>
#include <QSettings>
#include <QSplitter>
#include <QThreadPool>
#include <algorithm>

namespace vutrace::gui {
namespace {

constexpr int most_recent_files = 10;

// One for all windows: what each adds to a list is there when the next one adds to it. Settings are written to the disk
// there, which takes as long as the disk does. It ends with the application, once all is written.
QThreadPool& settings_thread() {
    static QThreadPool* const thread = [] {
        auto* pool = new QThreadPool(qApp);
        pool->setMaxThreadCount(1);
        return pool;
    }();
    return *thread;
}

}  // namespace

// Of the widest that the format gives in this trace, as far as it is read.
int MainWindow::time_width() const {
    const auto overview = document_->overview();
    const QString last =
        QString::fromStdString(model_->time_format() == TimeFormat::absolute
                                   ? render::absolute_time_text(overview->end_time)
                                   : render::seconds_text(explain::elapsed(overview->start_time, overview->end_time)));
    return std::max(columns_->usual_time_width(), fontMetrics().horizontalAdvance(last) + 20);
}

void MainWindow::remember_file(const QString& path) {
    settings_thread().start([absolute = QFileInfo(path).absoluteFilePath()] {
        QSettings settings;
        QStringList files = settings.value(QStringLiteral("recent_files")).toStringList();
        files.removeAll(absolute);
        files.prepend(absolute);
        settings.setValue(QStringLiteral("recent_files"), QStringList(files.mid(0, most_recent_files)));
    });
}

// Added to what other windows have used.
void MainWindow::remember_filter(const QString& text) {
    settings_thread().start([text] {
        QSettings settings;
        const QStringList history = settings.value(QStringLiteral("filter_history")).toStringList();
        settings.setValue(QStringLiteral("filter_history"), FilterBar::with_newest(history, text));
    });
}

void MainWindow::choose_theme(Theme theme) {
    QSettings().setValue(QStringLiteral("theme"), static_cast<int>(theme));
    apply(theme);
}

void MainWindow::restore_settings() {
    const QSettings settings;
    if (model_ == nullptr) {
        filter_bar_->set_history(settings.value(QStringLiteral("filter_history")).toStringList());
        restoreGeometry(settings.value(QStringLiteral("geometry")).toByteArray());
        if (!restoreState(settings.value(QStringLiteral("docks")).toByteArray())) {
            state_docks_->take_usual_width();
        }
        if (!upper_and_lower_->restoreState(settings.value(QStringLiteral("panes")).toByteArray())) {
            upper_and_lower_->setSizes({460, 260});
        }
        if (!details_->panes().restoreState(settings.value(QStringLiteral("lower_panes")).toByteArray())) {
            details_->panes().setSizes({620, 640});
        }
        details_->restoreState(settings.value(QStringLiteral("explanation")).toByteArray());
        return;
    }
    const auto format = settings.value(QStringLiteral("time_format")).toInt();
    model_->set_time_format(static_cast<TimeFormat>(std::clamp(format, 0, 2)));
    columns_->restore(settings.value(QStringLiteral("columns")).toByteArray());
}

void MainWindow::save_settings() {
    settings_thread().waitForDone();
    QSettings settings;
    settings.setValue(QStringLiteral("geometry"), saveGeometry());
    settings.setValue(QStringLiteral("docks"), saveState());
    settings.setValue(QStringLiteral("panes"), upper_and_lower_->saveState());
    settings.setValue(QStringLiteral("lower_panes"), details_->panes().saveState());
    settings.setValue(QStringLiteral("explanation"), details_->saveState());
    if (model_ != nullptr) {
        if (const QByteArray chosen = columns_->chosen(); !chosen.isEmpty()) {
            settings.setValue(QStringLiteral("columns"), chosen);
        }
        settings.setValue(QStringLiteral("time_format"), static_cast<int>(model_->time_format()));
    }
}

}  // namespace vutrace::gui
