#include "vutrace/gui/views/filter_bar.h"

#include <QAbstractItemView>
#include <QCompleter>
#include <QHBoxLayout>
#include <QInputMethodEvent>
#include <QKeyEvent>
#include <QLabel>
#include <QScopedValueRollback>
#include <QStandardItemModel>
#include <QTextCharFormat>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr qsizetype most_history = 30;
constexpr std::size_t most_candidates = 200;

// The filter counts bytes, the line characters.
qsizetype characters(const QByteArray& text, std::size_t bytes) {
    return QString::fromUtf8(text.left(static_cast<qsizetype>(bytes))).size();
}

// What the filter calls otherwise than the table does.
struct Column {
    const char* title;
    const char* hint;
};
constexpr std::array<Column, 3> columns{{
    {"name",
     QT_TRANSLATE_NOOP("vutrace::gui::FilterBar",
                       "the column Name is  request  of messages,  state  of chains and  fd  of notifications")},
    {"no", QT_TRANSLATE_NOOP("vutrace::gui::FilterBar", "the column No. is  seq")},
    {"number", QT_TRANSLATE_NOOP("vutrace::gui::FilterBar", "the column No. is  seq")},
}};

}  // namespace

FilterBar::FilterBar(QWidget* parent)
    : QWidget(parent),
      edit_(new QLineEdit(this)),
      pending_(new QLabel(tr("Not applied: press Return"), this)),
      back_(new QToolButton(this)),
      problem_(new QLabel(this)),
      completer_(new QCompleter(this)),
      candidates_(new QStandardItemModel(this)) {
    edit_->setPlaceholderText(tr("Filter, such as  queue == 0 and latency > 5ms   (Ctrl+L; Ctrl+Space completes)"));
    edit_->setClearButtonEnabled(true);
    edit_->setAccessibleName(tr("Filter"));
    edit_->installEventFilter(this);
    problem_->setAccessibleName(tr("What is wrong with the filter"));
    problem_->setTextFormat(Qt::PlainText);
    problem_->setWordWrap(true);
    problem_->hide();
    completer_->setModel(candidates_);
    completer_->setCompletionMode(QCompleter::UnfilteredPopupCompletion);
    completer_->setWidget(edit_);

    back_->setText(tr("Back to the filter"));
    back_->hide();
    pending_->hide();
    connect(back_, &QToolButton::clicked, this, [this] { apply(QString(dropped_)); });

    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(6, 4, 6, 2);
    auto* line = new QHBoxLayout();
    line->addWidget(edit_, 1);
    line->addWidget(pending_);
    line->addWidget(back_);
    layout->addLayout(line);
    layout->addWidget(problem_);

    connect(edit_, &QLineEdit::returnPressed, this, &FilterBar::enter);
    connect(edit_, &QLineEdit::textEdited, this, [this] {
        recalled_ = -1;
        check();
        complete();
    });
    connect(edit_, &QLineEdit::textChanged, this, [this](const QString& text) {
        show_pending();
        if (text.isEmpty()) {
            enter();  // also by the button that clears
        }
    });
    connect(completer_, qOverload<const QString&>(&QCompleter::activated), this, &FilterBar::take);
}

void FilterBar::begin_typing() {
    edit_->setFocus(Qt::ShortcutFocusReason);
    edit_->selectAll();
}

void FilterBar::apply(const QString& text) {
    edit_->setText(text);
    if (!text.isEmpty()) {
        enter();
    }
}

void FilterBar::try_out(const QString& text) {
    const QScopedValueRollback quiet(remembers_, false);
    apply(text);
}

void FilterBar::drop() {
    dropped_ = edit_->text();
    edit_->clear();
    back_->setToolTip(dropped_);
    back_->setVisible(!dropped_.isEmpty());
}

QString FilterBar::problem() const {
    return problem_->text();
}

void FilterBar::enter() {
    const QByteArray text = edit_->text().trimmed().toUtf8();
    if (text.isEmpty()) {
        show_problem(std::nullopt);
        applied_.clear();
        show_pending();
        Q_EMIT filter_entered(std::nullopt);
        return;
    }
    check();
    const auto filter = filter::Filter::compile(edit_->text().toStdString());
    if (filter) {
        completer_->popup()->hide();
        back_->hide();
        applied_ = edit_->text().trimmed();
        show_pending();
        remember();
        Q_EMIT filter_entered(*filter);
    }
}

void FilterBar::show_pending() {
    pending_->setVisible(edit_->text().trimmed() != applied_);
}

void FilterBar::check() {
    filter::Problem problem;
    const auto filter = filter::Filter::compile(edit_->text().toStdString(), &problem);
    show_problem(filter ? std::nullopt : std::optional(problem));
}

// The place is underlined as spelling checkers do it: the line edit takes formats from input methods only.
void FilterBar::show_problem(const std::optional<filter::Problem>& problem) {
    QList<QInputMethodEvent::Attribute> attributes;
    if (problem) {
        const QByteArray text = edit_->text().toUtf8();
        const qsizetype begin =
            std::min(characters(text, problem->offset), std::max<qsizetype>(0, edit_->text().size() - 1));
        const qsizetype end = std::max(begin + 1, characters(text, problem->offset + problem->length));
        QTextCharFormat format;
        format.setUnderlineStyle(QTextCharFormat::WaveUnderline);
        format.setUnderlineColor(QColor(0xd5, 0x5e, 0x00));
        attributes.append({QInputMethodEvent::TextFormat, static_cast<int>(begin - edit_->cursorPosition()),
                           static_cast<int>(end - begin), format});
        const QString word = edit_->text().mid(begin, end - begin).trimmed();
        const auto column = std::find_if(columns.begin(), columns.end(), [&](const Column& one) {
            return word.compare(QLatin1String(one.title), Qt::CaseInsensitive) == 0;
        });
        const QString hint = column == columns.end() ? QString::fromStdString(problem->hint) : tr(column->hint);
        problem_->setText(tr("At character %1: %2").arg(begin + 1).arg(QString::fromStdString(problem->text)) +
                          (hint.isEmpty() ? QString() : QStringLiteral(" — ") + hint));
    } else {
        problem_->clear();
    }
    pending_->setText(problem ? tr("Not applied") : tr("Not applied: press Return"));
    QInputMethodEvent event(QString(), attributes);
    edit_->event(&event);
    problem_->setVisible(problem.has_value());
}

void FilterBar::complete() {
    const QString before = edit_->text().left(edit_->cursorPosition());
    const QByteArray text = edit_->text().toUtf8();
    const filter::Completions found = filter::completions({text.constData(), static_cast<std::size_t>(text.size())},
                                                          static_cast<std::size_t>(before.toUtf8().size()));
    candidates_->clear();
    candidates_begin_ = characters(text, found.begin);
    const QString typed = before.mid(candidates_begin_);
    for (const filter::Completion& candidate : found.candidates) {
        const QString name = QString::fromStdString(candidate.text);
        if (name == typed || static_cast<std::size_t>(candidates_->rowCount()) == most_candidates) {
            continue;
        }
        auto* item = new QStandardItem(name);
        item->setToolTip(QString::fromStdString(candidate.description));
        candidates_->appendRow(item);
    }
    if (candidates_->rowCount() == 0) {
        completer_->popup()->hide();
        return;
    }
    completer_->complete();
}

void FilterBar::take(const QString& candidate) {
    QString text = edit_->text();
    text.replace(candidates_begin_, edit_->cursorPosition() - candidates_begin_, candidate);
    edit_->setText(text);
    edit_->setCursorPosition(static_cast<int>(candidates_begin_ + candidate.size()));
    check();
}

void FilterBar::set_history(const QStringList& history) {
    history_ = history.mid(0, most_history);
}

QStringList FilterBar::with_newest(QStringList history, const QString& text) {
    history.removeAll(text);
    history.prepend(text);
    return history.mid(0, most_history);
}

void FilterBar::remember() {
    const QString text = edit_->text().trimmed();
    recalled_ = -1;
    if (remembers_) {
        history_ = with_newest(std::move(history_), text);
        Q_EMIT filter_used(text);
    }
}

void FilterBar::recall(int step) {
    const qsizetype wanted = recalled_ + step;
    if (wanted < -1 || wanted >= history_.size()) {
        return;
    }
    recalled_ = wanted;
    const QSignalBlocker quiet(edit_);  // an empty line is not entered on the way
    edit_->setText(wanted == -1 ? QString() : history_[wanted]);
    show_pending();
    check();
}

bool FilterBar::eventFilter(QObject* watched, QEvent* event) {
    if (watched == edit_ && event->type() == QEvent::KeyPress && !completer_->popup()->isVisible()) {
        const auto& key = static_cast<const QKeyEvent&>(*event);
        if (key.key() == Qt::Key_Up || key.key() == Qt::Key_Down) {
            recall(key.key() == Qt::Key_Up ? 1 : -1);
            return true;
        }
        if (key.key() == Qt::Key_Space && key.modifiers() == Qt::ControlModifier) {
            complete();
            return true;
        }
    }
    return QWidget::eventFilter(watched, event);
}

}  // namespace vutrace::gui
