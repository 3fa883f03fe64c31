// That everything can be done without a mouse, and is told to who does not see it.
#include "vutrace/gui/views/capture_and_replay.h"
#include "vutrace/gui/views/capture_dialog.h"
#include "vutrace/gui/views/guidance.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/start_page.h"
#include "vutrace/gui/views/tour.h"
#include "vutrace/gui/views/tour_callout.h"
#include "window_fixture.h"

#include <gtest/gtest.h>

#include <QAccessible>
#include <QAction>
#include <QHash>
#include <QMenu>
#include <QMenuBar>
#include <QSet>

namespace vutrace::gui {
namespace {

class Accessibility : public testing::WindowFixture {
  protected:
    void open() {
        write_trace(5);
        WindowFixture::open(path());
        ASSERT_TRUE(wait([this] { return window_->current_sequence() == 1; }));
    }
    static bool has_mnemonic(const QString& text) {
        return QString(text).remove(QLatin1String("&&")).contains(QLatin1Char('&'));
    }
    // Menus in menus as well.
    template <class Look>
    static void each_action(const QMenu& menu, const Look& look) {
        for (QAction* action : menu.actions()) {
            if (!action->isSeparator()) {
                look(*action);
            }
            if (action->menu() != nullptr) {
                each_action(*action->menu(), look);
            }
        }
    }
    template <class Look>
    void each_action(const Look& look) const {
        for (const QAction* menu : window_->menuBar()->actions()) {
            each_action(*menu->menu(), look);
        }
    }
    // Of what Tab leads to.
    static void expect_names(const QWidget& window) {
        int count = 0;
        for (QWidget* widget : window.findChildren<QWidget*>()) {
            // Parts of its widgets, and the tabs of docks, each of which has a name.
            const bool is_qts = widget->objectName().startsWith(QLatin1String("qt_")) ||
                                widget->parentWidget()->inherits("QComboBoxPrivateContainer") ||
                                (widget->inherits("QTabBar") && widget->parentWidget()->inherits("QMainWindow"));
            if ((widget->focusPolicy() & Qt::TabFocus) == 0 || is_qts || widget->focusProxy() != nullptr) {
                continue;
            }
            ++count;
            QAccessibleInterface* told = QAccessible::queryAccessibleInterface(widget);
            ASSERT_NE(told, nullptr) << widget->metaObject()->className();
            EXPECT_FALSE(told->text(QAccessible::Name).trimmed().isEmpty())
                << widget->metaObject()->className() << " “" << widget->objectName().toStdString() << "” in "
                << widget->parentWidget()->metaObject()->className();
        }
        EXPECT_GT(count, 2);
    }
};

TEST_F(Accessibility, EveryActionHasAKeyOrALetterInItsMenu) {
    open();
    for (const QAction* menu : window_->menuBar()->actions()) {
        EXPECT_TRUE(has_mnemonic(menu->text())) << menu->text().toStdString();
    }
    int count = 0;
    each_action([&](const QAction& action) {
        ++count;
        EXPECT_TRUE(!action.shortcut().isEmpty() || has_mnemonic(action.text()) || !action.isEnabled())
            << action.text().toStdString();
    });
    EXPECT_GT(count, 40);
}

TEST_F(Accessibility, NoKeyIsGivenTwice) {
    open();
    QHash<QString, QString> keys;
    for (const QAction* action : window_->findChildren<QAction*>()) {
        for (const QKeySequence& shortcut : action->shortcuts()) {
            const QString key = shortcut.toString();
            EXPECT_TRUE(!keys.contains(key) || keys[key] == action->text())
                << key.toStdString() << ": " << keys[key].toStdString() << " and " << action->text().toStdString();
            keys[key] = action->text();
        }
    }
    EXPECT_GT(keys.size(), 25);
}

TEST_F(Accessibility, NoLetterOfAMenuIsGivenTwice) {
    open();
    const auto letters_are_unique = [](const QList<QAction*>& actions) {
        QSet<QString> letters;
        for (const QAction* action : actions) {
            const QString text = QString(action->text()).remove(QLatin1String("&&"));
            const qsizetype mark = text.indexOf(QLatin1Char('&'));
            if (mark >= 0) {
                const QString letter = text.mid(mark + 1, 1).toLower();
                EXPECT_FALSE(letters.contains(letter)) << text.toStdString();
                letters.insert(letter);
            }
        }
    };
    letters_are_unique(window_->menuBar()->actions());
    for (const QAction* menu : window_->menuBar()->actions()) {
        letters_are_unique(menu->menu()->actions());
    }
}

TEST_F(Accessibility, WhatTabLeadsToHasAName) {
    open();
    expect_names(*window_);
    window_->show_start_page();
    expect_names(window_->guidance().start_page());
    window_->capture_and_replay().show_capture();
    expect_names(*window_->capture_and_replay().capture());
    expect_names(window_->guidance().tour().callout());
}

}  // namespace
}  // namespace vutrace::gui
