// Fixture: a window on the trace of a block device, and what is done in it by hand.
#pragma once

#include "window_fixture.h"

#include <vutrace/gui/models/records_model.h>
#include <vutrace/gui/views/filter_bar.h>
#include <vutrace/gui/views/records_view.h>

#include <QLineEdit>
#include <QSettings>
#include <QStringList>

namespace vutrace::gui::testing {

class WindowTest : public WindowFixture {
  protected:
    void open() { WindowFixture::open(path()); }
    void type_filter(const char* text) {
        QLineEdit* edit = window_->filter_bar().edit();
        edit->clear();
        QTest::keyClicks(edit, QString::fromLatin1(text));
        QTest::keyClick(edit, Qt::Key_Escape);  // the candidates
        QTest::keyClick(edit, Qt::Key_Return);
    }
    [[nodiscard]] RecordsModel& model() const { return *window_->model(); }
    [[nodiscard]] RecordsView& records() const { return window_->records(); }
    [[nodiscard]] static QStringList kept_filters() {
        return QSettings().value(QStringLiteral("filter_history")).toStringList();
    }
    [[nodiscard]] bool row_known() const {
        return wait([this] { return model().row_at(records().current_row()) != nullptr; });
    }
};

}  // namespace vutrace::gui::testing
