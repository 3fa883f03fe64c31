// From record to record: by number, to what answers it, to what is found, and back.
#include "vutrace/gui/views/filter_bar.h"
#include "vutrace/gui/views/find_bar.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"

#include <QInputDialog>
#include <QLineEdit>
#include <QStatusBar>
#include <algorithm>
#include <climits>

namespace vutrace::gui {

// To the record, or the next one that the filter shows; not a jump that one goes back from.
void MainWindow::scrub_to(std::uint64_t sequence) {
    if (model_ != nullptr && model_->rowCount() > 0) {
        records_->go_to(std::min(model_->row_of(sequence), model_->rowCount() - 1));
    }
}

void MainWindow::select(std::uint64_t sequence) {
    if (model_ == nullptr) {
        return;
    }
    if (!model_->shows(sequence) && model_->filter()) {
        wanted_ = sequence;
        filter_bar_->drop();
        statusBar()->showMessage(tr("The filter hid record %1: it was cleared").arg(sequence), 8000);
    }
    records_->go_to(model_->row_of(sequence));
    records_->setFocus();
}

void MainWindow::go_to_sequence(std::uint64_t sequence) {
    if (model_ == nullptr || sequence == 0 || sequence > document_->progress().rows) {
        statusBar()->showMessage(tr("There is no record %1").arg(sequence), 8000);
        return;
    }
    visited_.jump(current_, sequence);
    select(sequence);
}

void MainWindow::go_to_number() {
    const std::uint64_t rows = document_ == nullptr ? 0 : document_->progress().rows;
    if (rows == 0) {
        return;
    }
    bool chosen = false;
    // No bound of the box itself: one would drop the digits that are too many, and what is left is another record.
    const int number =
        QInputDialog::getInt(this, tr("Go to record"), tr("Number, up to %1").arg(rows),
                             static_cast<int>(std::min<std::uint64_t>(current_, INT_MAX)), 1, INT_MAX, 1, &chosen);
    if (chosen) {
        go_to_sequence(static_cast<std::uint64_t>(number));
    }
}

void MainWindow::go_back() {
    if (const auto record = visited_.back()) {
        select(*record);
    }
}

void MainWindow::go_forward() {
    if (const auto record = visited_.forward()) {
        select(*record);
    }
}

void MainWindow::go_to_partner() {
    const render::Row* row = model_ == nullptr ? nullptr : model_->row_at(records_->current_row());
    if (row == nullptr) {
        return;
    }
    if (row->partner != 0) {
        go_to_sequence(row->partner);
        return;
    }
    const bool may_have_one =
        !row->answers && (row->type == trace::RecordType::message || row->type == trace::RecordType::chain);
    if (!may_have_one) {
        statusBar()->showMessage(tr("Record %1 neither asks nor answers").arg(row->sequence), 8000);
        return;
    }
    search(search_for_answer(row->sequence));
}

void MainWindow::search(const RecordSearch& search) {
    search_ = search;
    document_->search(current_, search.direction, search.wanted, search.around);
    show_progress();
}

void MainWindow::find(index::Direction direction) {
    if (model_ == nullptr || find_bar_->text().isEmpty()) {
        begin_find();
        return;
    }
    search(search_for_text(find_bar_->text(), direction, model_->filter()));
}

void MainWindow::end_search(std::uint64_t row, bool went_around, const QString& problem) {
    QString said = problem;
    if (row != 0) {
        said = !went_around ? QString() : row == current_ ? search_.only_one : search_.went_around;
    } else if (problem.isEmpty()) {
        said =
            document_->progress().complete ? search_.nothing : tr("%1 — more is still being read").arg(search_.nothing);
    }
    if (said.isEmpty()) {
        statusBar()->clearMessage();
    } else {
        statusBar()->showMessage(said, 8000);
    }
    if (row != 0) {
        QWidget* const typing = find_bar_->isAncestorOf(focusWidget()) ? focusWidget() : nullptr;
        go_to_sequence(row);  // says more where a filter hid it
        if (typing != nullptr) {
            typing->setFocus();  // Return there is for the next one
        }
    }
    show_progress();
}

void MainWindow::stop_search() {
    document_->stop_searching();
    statusBar()->showMessage(
        search_.around ? tr("The search was stopped: F3 begins it again") : tr("The search was stopped"), 8000);
}

}  // namespace vutrace::gui
