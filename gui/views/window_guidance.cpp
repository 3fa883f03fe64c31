// The start page and the tour of a window.
#include "vutrace/gui/views/capture_and_replay.h"
#include "vutrace/gui/views/guidance.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/start_page.h"
#include "vutrace/gui/views/tour.h"

#include <vutrace/gui/models/data_folder.h>
#include <vutrace/gui/models/sample_traces.h>

#include <QMessageBox>

namespace vutrace::gui {

void MainWindow::make_guidance() {
    guidance_ = new Guidance(*this, *pages_);
    connect(guidance_, &Guidance::start_page_wanted, this, &MainWindow::show_start_page);
    connect(guidance_, &Guidance::tour_wanted, this, &MainWindow::begin_tour);
    const StartPage& page = guidance_->start_page();
    connect(&page, &StartPage::open_wanted, this, &MainWindow::choose_file);
    connect(&page, &StartPage::capture_wanted, capture_and_replay_, &CaptureAndReplay::show_capture);
    connect(&page, &StartPage::file_wanted, this, [this](const QString& path) { open(path); });
}

void MainWindow::show_start_page() {
    guidance_->show_start_page(document_ != nullptr);
}

void MainWindow::begin_tour() {
    const QString path = SampleTraces::path_in(data_folder(QStringLiteral("samples")), QLatin1String(tour_sample));
    if (path.isEmpty()) {
        QMessageBox::information(
            this, tr("Tour"),
            tr("The tour goes through the sample trace %1, which is not installed. Install vutrace with its samples, "
               "or run the program from where it was built.")
                .arg(QLatin1String(tour_sample)));
        return;
    }
    const bool is_open = document_ != nullptr && document_->path() == path && !document_->failed();
    guidance_->hide_start_page();
    MainWindow* shown = is_open ? this : open(path);
    shown->guidance().tour().begin();
}

}  // namespace vutrace::gui
