#include "vutrace/gui/views/capture_dialog.h"

#include "path_line.h"
#include "wrapped_text.h"

#include <vutrace/gui/processes/vutrace_program.h>

#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QDir>
#include <QFileInfo>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMessageBox>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>
#include <algorithm>
#include <climits>

namespace vutrace::gui {
namespace {

// In any window of this program.
bool is_open(const QString& trace) {
    const QString file = QFileInfo(trace).canonicalFilePath();
    const QWidgetList windows = QApplication::topLevelWidgets();
    return !file.isEmpty() && std::any_of(windows.begin(), windows.end(), [&](const QWidget* window) {
        return QFileInfo(window->windowFilePath()).canonicalFilePath() == file;
    });
}

}  // namespace

CaptureDialog::CaptureDialog(QWidget* parent) : QDialog(parent) {
    setWindowTitle(tr("Capture a session"));
    front_end_ = new QLineEdit(this);
    front_end_->setPlaceholderText(tr("/run/vm.sock: made here, for QEMU's chardev"));
    front_end_->setToolTip(tr("listen:PATH (a bare path means that) or connect:PATH"));
    back_end_ = new QLineEdit(this);
    back_end_->setPlaceholderText(tr("/run/back-end.sock: where the back-end listens"));
    back_end_->setToolTip(tr("connect:PATH (a bare path means that) or listen:PATH"));
    trace_ = new QLineEdit(this);
    datapath_ = new QComboBox(this);
    datapath_->addItem(tr("tap: beside the path, within a budget; counts what it missed"), QStringLiteral("tap"));
    datapath_->addItem(tr("relay: every notified request"), QStringLiteral("relay"));
    datapath_->addItem(tr("shadow: everything, also of peers that poll"), QStringLiteral("shadow"));
    datapath_->addItem(tr("off: messages only"), QStringLiteral("off"));
    memory_ = new QComboBox(this);
    memory_->addItem(tr("buffers: what the chains point to"), QStringLiteral("buffers"));
    memory_->addItem(tr("rings: no payload"), QStringLiteral("rings"));
    memory_->addItem(tr("full: all of the guest's memory, once"), QStringLiteral("full"));
    memory_->addItem(tr("none"), QStringLiteral("none"));
    snap_length_ = new QSpinBox(this);
    snap_length_->setRange(0, INT_MAX);
    snap_length_->setSpecialValueText(tr("all bytes of each buffer"));
    snap_length_->setSuffix(tr(" bytes of each buffer"));
    once_ = new QCheckBox(tr("End after the first session"), this);
    warnings_ = new QLabel(this);
    warnings_->setWordWrap(true);
    warnings_->setTextFormat(Qt::PlainText);
    warnings_->setAlignment(Qt::AlignTop);
    warnings_->setMinimumHeight(5 * fontMetrics().lineSpacing());  // a form does not ask how high wrapped text is
    command_ = new WrappedText(3, tr("Command line"), this);
    said_ = new QPlainTextEdit(this);
    said_->setReadOnly(true);
    said_->setAccessibleName(tr("What the capture says"));
    said_->setPlaceholderText(tr("A capture goes on when this window is closed."));

    auto* form = new QFormLayout;
    add_path_row(*form, tr("&Front-end"), *front_end_, tr("Choose the socket of the front-end"));
    add_path_row(*form, tr("&Back-end"), *back_end_, tr("Choose the socket of the back-end"));
    add_path_row(*form, tr("&Trace"), *trace_, tr("Choose the file of the trace"));
    form->addRow(tr("&Data path"), datapath_);
    form->addRow(tr("&Memory"), memory_);
    form->addRow(tr("&Payload kept"), snap_length_);
    form->addRow(QString(), once_);
    cost_ = new QLabel(this);
    form->addRow(cost_, warnings_);
    form->addRow(tr("&Command"), command_);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
    start_ = buttons->addButton(tr("Start"), QDialogButtonBox::ActionRole);
    follow_ = buttons->addButton(tr("Show its records"), QDialogButtonBox::ActionRole);
    follow_->setEnabled(false);
    start_->setDefault(true);
    auto* layout = new QVBoxLayout(this);
    layout->addLayout(form);
    layout->addWidget(said_, 1);
    layout->addWidget(buttons);
    resize(640, 560);

    for (const QLineEdit* line : {front_end_, back_end_, trace_}) {
        connect(line, &QLineEdit::textChanged, this, &CaptureDialog::look_at_form);
    }
    for (const QComboBox* box : {datapath_, memory_}) {
        connect(box, &QComboBox::currentIndexChanged, this, &CaptureDialog::look_at_form);
    }
    connect(snap_length_, &QSpinBox::valueChanged, this, &CaptureDialog::look_at_form);
    connect(once_, &QCheckBox::toggled, this, &CaptureDialog::look_at_form);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::close);
    connect(start_, &QPushButton::clicked, this, [this] { run_.is_running() ? run_.stop() : start(); });
    connect(follow_, &QPushButton::clicked, this, [this] { Q_EMIT trace_wanted(run_.options().trace); });
    connect(&run_, &CaptureRun::said_more, this, &CaptureDialog::show_lines);
    connect(&run_, &CaptureRun::ended, this, &CaptureDialog::look_at_form);
    suggest_name();
    look_at_form();
}

CaptureOptions CaptureDialog::options() const {
    return {front_end_->text().trimmed(),
            back_end_->text().trimmed(),
            trace_->text().trimmed(),
            datapath_->currentData().toString(),
            memory_->isEnabled() ? memory_->currentData().toString() : QString(),
            static_cast<std::uint64_t>(snap_length_->isEnabled() ? snap_length_->value() : 0),
            once_->isChecked()};
}

void CaptureDialog::look_at_form() {
    const bool queues = datapath_->currentData().toString() != QLatin1String("off");
    memory_->setEnabled(queues);
    snap_length_->setEnabled(queues && memory_->currentData().toString() == QLatin1String("buffers"));
    const CaptureOptions chosen = options();
    const bool running = run_.is_running();
    cost_->setText(running ? tr("Running") : tr("Cost"));
    warnings_->setText(running ? tr("Process %1; it goes on when this window is closed.").arg(run_.process())
                               : capture_warnings(chosen).join(QLatin1Char('\n')));
    command_->setPlainText(command_line(QStringLiteral("vutrace"), capture_arguments(chosen)));
    start_->setText(running ? tr("Stop") : tr("Start"));
    start_->setEnabled(running ||
                       (!chosen.front_end.isEmpty() && !chosen.back_end.isEmpty() && !chosen.trace.isEmpty()));
    follow_->setEnabled(!run_.options().trace.isEmpty());
}

void CaptureDialog::showEvent(QShowEvent* event) {
    if (!run_.is_running() && trace_->text() == suggested_) {
        suggest_name();  // by now another capture may have taken that name
    }
    QDialog::showEvent(event);
}

void CaptureDialog::suggest_name() {
    suggested_ = free_trace_name(QDir::homePath());
    trace_->setText(suggested_);
}

bool CaptureDialog::may_write(const QString& trace) {
    if (is_open(trace)) {
        said_->setPlainText(
            tr("%1 is shown in a window, and would be lost: choose another name for the trace.").arg(trace));
        return false;
    }
    return !QFileInfo::exists(trace) ||
           QMessageBox::question(this, windowTitle(), tr("%1 exists: replace it? What it holds is lost.").arg(trace),
                                 QMessageBox::Yes | QMessageBox::No, QMessageBox::No) == QMessageBox::Yes;
}

void CaptureDialog::start() {
    if (run_.is_running() || !may_write(options().trace)) {
        return;
    }
    const QString program = find_vutrace();
    if (program.isEmpty()) {
        said_->setPlainText(
            tr("The program vutrace is neither beside this window's nor in PATH: install it, or put it there."));
        return;
    }
    if (!run_.start(program, options())) {
        said_->setPlainText(run_.problem());
    }
    look_at_form();
}

void CaptureDialog::show_lines() {
    said_->setPlainText(run_.said().join(QLatin1Char('\n')));
    said_->moveCursor(QTextCursor::End);
}

}  // namespace vutrace::gui
