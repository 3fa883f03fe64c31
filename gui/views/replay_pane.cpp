#include "vutrace/gui/views/replay_pane.h"

#include "column_fitter.h"
#include "path_line.h"
#include "wrapped_text.h"

#include <vutrace/gui/processes/vutrace_program.h>

#include <QCheckBox>
#include <QComboBox>
#include <QFileInfo>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QProgressBar>
#include <QPushButton>
#include <QSpinBox>
#include <QTreeView>
#include <QVBoxLayout>
#include <climits>

namespace vutrace::gui {
namespace {

enum Way { connect_to, listen_on, spawn };

QString own_trace_beside(const QString& path) {
    QString name = path;
    for (const QString& end : {QStringLiteral(".zst"), QStringLiteral(".pcap")}) {
        if (name.endsWith(end)) {
            name.chop(end.size());
        }
    }
    return name + QStringLiteral(".replay.pcap");
}

}  // namespace

ReplayPane::ReplayPane(QWidget* parent) : QWidget(parent) {
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    auto* form = new QWidget(this);
    auto* results = new QWidget(this);
    form->setLayout(new QFormLayout);
    results->setLayout(new QVBoxLayout);
    form->layout()->setContentsMargins(6, 4, 6, 4);
    results->layout()->setContentsMargins(0, 4, 4, 4);
    layout->addWidget(form, 1);
    layout->addWidget(results, 1);
    make_form();
    make_results();
    connect(&run_, &ReplayRun::progressed, this, [this](const QString& what, int percent) {
        progress_->setRange(0, 100);
        progress_->setValue(percent);
        progress_->setFormat(what + QStringLiteral(" %p%"));
    });
    connect(&run_, &ReplayRun::ended, this, &ReplayPane::show_end);
    set_trace({});
}

void ReplayPane::make_form() {
    way_ = new QComboBox(this);
    way_->addItems({tr("Connect to the socket"), tr("Wait at the socket"), tr("Start with the command")});
    back_end_ = new QLineEdit(this);
    timing_ = new QComboBox(this);
    timing_->addItems(
        {QStringLiteral("recorded"), QStringLiteral("max"), QStringLiteral("0.5x"), QStringLiteral("2x")});
    timing_->setEditable(true);
    timing_->setToolTip(
        tr("recorded: steps keep their distances in time; max: as fast as their order allows; 2x: slower "
           "by that factor"));
    session_ = new QSpinBox(this);
    session_->setRange(0, INT_MAX);
    session_->setSpecialValueText(tr("first"));
    session_->setToolTip(tr("Which session of the trace is repeated: its number"));
    timeout_ = new QSpinBox(this);
    timeout_->setRange(1, 3600);
    timeout_->setValue(10);
    timeout_->setSuffix(tr(" s"));
    stop_first_ = new QCheckBox(tr("Stop at the first difference"), this);
    own_trace_ = new QLineEdit(this);
    own_trace_->setPlaceholderText(tr("Not recorded"));
    command_ = new WrappedText(3, tr("Command line"), this);
    start_ = new QPushButton(tr("Replay"), this);

    auto* form = qobject_cast<QFormLayout*>(layout()->itemAt(0)->widget()->layout());
    form->addRow(tr("&Back-end"), way_);
    add_path_row(*form, QString(), *back_end_, tr("Choose the socket or program of the back-end"));
    form->addRow(tr("&Session"), session_);
    form->addRow(tr("&Timing"), timing_);
    form->addRow(tr("&Hung after"), timeout_);
    form->addRow(QString(), stop_first_);
    add_path_row(*form, tr("&Own trace"), *own_trace_, tr("Choose the file of the replay's own trace"));
    form->addRow(tr("&Command"), command_);
    form->addRow(QString(), start_);
    way_->setAccessibleName(tr("How the back-end is met"));
    back_end_->setAccessibleName(tr("Socket or command of the back-end"));
    connect(way_, &QComboBox::currentIndexChanged, this, &ReplayPane::look_at_form);
    connect(timing_, &QComboBox::currentTextChanged, this, &ReplayPane::look_at_form);
    connect(timeout_, &QSpinBox::valueChanged, this, &ReplayPane::look_at_form);
    connect(session_, &QSpinBox::valueChanged, this, &ReplayPane::look_at_form);
    connect(stop_first_, &QCheckBox::toggled, this, &ReplayPane::look_at_form);
    for (const QLineEdit* line : {back_end_, own_trace_}) {
        connect(line, &QLineEdit::textChanged, this, &ReplayPane::look_at_form);
    }
    connect(back_end_, &QLineEdit::returnPressed, this, &ReplayPane::start);
    connect(start_, &QPushButton::clicked, this, [this] { run_.is_running() ? run_.stop() : start(); });
}

void ReplayPane::make_results() {
    progress_ = new QProgressBar(this);
    progress_->setAccessibleName(tr("Progress of the replay"));
    progress_->hide();
    outcome_ = new QLabel(this);
    outcome_->setWordWrap(true);
    outcome_->setTextFormat(Qt::PlainText);
    outcome_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    divergences_ = new QTreeView(this);
    divergences_->setModel(&model_);
    fitter_ = new ColumnFitter(*divergences_);
    divergences_->setRootIsDecorated(false);
    divergences_->setUniformRowHeights(true);
    divergences_->setAlternatingRowColors(true);
    divergences_->setAccessibleName(tr("Where the replay differed"));
    open_own_ = new QPushButton(tr("Open its own trace"), this);
    open_own_->hide();
    auto* results = qobject_cast<QVBoxLayout*>(layout()->itemAt(1)->widget()->layout());
    results->addWidget(outcome_);
    results->addWidget(progress_);
    results->addWidget(divergences_, 1);
    results->addWidget(open_own_, 0, Qt::AlignLeft);
    const auto go = [this](const QModelIndex& index) {
        if (const std::uint64_t sequence = model_.sequence_at(index.row()); sequence != 0) {
            Q_EMIT record_wanted(sequence);
        }
    };
    connect(divergences_, &QAbstractItemView::activated, this, go);
    connect(divergences_, &QAbstractItemView::clicked, this, go);
    connect(open_own_, &QPushButton::clicked, this, [this] { Q_EMIT trace_wanted(run_.options().own_trace); });
}

void ReplayPane::set_trace(const QString& path) {
    trace_ = path;
    session_->setValue(0);
    own_trace_->setText(path.isEmpty() ? QString() : own_trace_beside(path));
    model_.set_divergences({});
    open_own_->hide();
    say(path.isEmpty() ? tr("Open a trace first.") : tr("Give the back-end that the session is to be repeated with."),
        true);
    look_at_form();
}

ReplayOptions ReplayPane::options() const {
    ReplayOptions options;
    options.trace = trace_;
    options.spawn = way_->currentIndex() == spawn;
    const QString text = back_end_->text().trimmed();
    options.back_end = way_->currentIndex() == listen_on && !text.isEmpty() ? QStringLiteral("listen:") + text : text;
    options.timing = timing_->currentText();
    options.session = static_cast<std::uint32_t>(session_->value());
    options.timeout_seconds = timeout_->value();
    options.stop_on_divergence = stop_first_->isChecked();
    options.own_trace = own_trace_->text().trimmed();
    return options;
}

void ReplayPane::look_at_form() {
    const bool commanded = way_->currentIndex() == spawn;
    back_end_->setPlaceholderText(commanded ? tr("qemu-storage-daemon … addr.path={socket} …")
                                            : QStringLiteral("/run/back-end.sock"));
    back_end_->setToolTip(commanded ? tr("{socket} stands for the path that it shall listen on") : QString());
    command_->setPlainText(command_line(QStringLiteral("vutrace"), replay_arguments(options(), {})));
    own_trace_->setToolTip(own_trace_->text());
    const bool running = run_.is_running();
    start_->setText(running ? tr("Stop") : tr("Replay"));
    start_->setEnabled(running || (!trace_.isEmpty() && !back_end_->text().trimmed().isEmpty()));
}

void ReplayPane::start() {
    if (run_.is_running() || trace_.isEmpty() || back_end_->text().trimmed().isEmpty()) {
        return;
    }
    const QString program = find_vutrace();
    if (program.isEmpty()) {
        say(tr("The program vutrace is neither beside this window's nor in PATH: install it, or put it there."), false);
        return;
    }
    model_.set_divergences({});
    open_own_->hide();
    say(tr("Replaying …"), true);
    progress_->setRange(0, 0);
    progress_->show();
    run_.start(program, options());
    look_at_form();
}

void ReplayPane::show_end() {
    progress_->hide();
    // Not that of a replay before it.
    open_own_->setVisible(!run_.options().own_trace.isEmpty() && run_.report().has_value() &&
                          QFileInfo(run_.options().own_trace).size() > 0);
    look_at_form();
    if (!run_.report()) {
        say(run_.problem(), false);
        return;
    }
    const ReplayReport& report = *run_.report();
    const QLocale locale;
    const auto count = [&](std::uint64_t number) { return locale.toString(qulonglong{number}); };
    const bool equal = report.divergences.empty();
    say(tr("%1 %2 messages sent, %3 of %4 replies equal; %5 of %6 chains completed, %7 different. The back-end: %8.")
            .arg(equal ? tr("Nothing differed.") : tr("The replay differed: choose a line to see the record."),
                 count(report.messages_sent), count(report.replies_compared - report.replies_diverged),
                 count(report.replies_compared), count(report.chains_completed), count(report.chains_submitted),
                 count(report.chains_diverged), report.back_end),
        equal);
    model_.set_divergences(report.divergences);
    fitter_->fit();
}

void ReplayPane::say(const QString& text, bool good) {
    outcome_->setText(good ? text : QStringLiteral("!! ") + text);
}

}  // namespace vutrace::gui
