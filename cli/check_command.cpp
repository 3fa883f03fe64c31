#include "commands.h"
#include "filter_option.h"
#include "options.h"
#include "output.h"
#include "progress.h"

#include <vutrace/check/checker.h>
#include <vutrace/render/findings.h>
#include <vutrace/session/inventory.h>
#include <vutrace/trace/reader.h>

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vutrace::cli {
namespace {

constexpr const char* command_name = "check";

struct Options {
    std::string file;
    std::vector<std::string> rules;
    std::string severity;
    std::string filter;
    std::optional<std::uint32_t> session;
    std::optional<std::uint64_t> at;
    std::string device;
    std::string explain;
    bool list{false};
    bool json{false};
    ColourChoice colour{ColourChoice::automatic};
};

Result<const check::RuleInfo*> parse_rule(const std::string& id) {
    const check::RuleInfo* rule = check::find_rule(id);
    if (rule == nullptr) {
        return fail(ErrorCode::usage, "no rule \"" + id + "\": vutrace check --list shows them all");
    }
    return rule;
}

Result<check::Selection> parse_selection(const Options& options) {
    check::Selection selection;
    for (const std::string& id : options.rules) {
        const auto rule = parse_rule(id);
        if (!rule) {
            return tl::unexpected(rule.error());
        }
        if (!(*rule)->unseen.empty()) {
            fmt::print(stderr, "vutrace check: warning: {} is not checked: {}\n", (*rule)->id, (*rule)->unseen);
        }
        selection.rules.push_back(*rule);
    }
    if (!options.severity.empty()) {
        const auto least = check::find_severity(options.severity);
        if (!least) {
            return fail(ErrorCode::usage, "no severity \"" + options.severity + "\": error, warn or info");
        }
        selection.least = *least;
    }
    return selection;
}

// Which records match the filter. A finding may point back at any of them, so that all are remembered: a bit for each.
class Matches {
  public:
    explicit Matches(filter::Filter filter) : filter_(std::move(filter)) {}

    void add(const explain::Annotation& annotation) {
        const std::uint64_t first = annotation.record->sequence;
        const std::uint64_t count = trace::sequence_count(*annotation.record);
        by_sequence_.resize(static_cast<std::size_t>(first + count));
        for (std::size_t entry = 0; entry < count; ++entry) {
            by_sequence_[static_cast<std::size_t>(first) + entry] = filter_.matches(annotation, entry);
        }
    }
    [[nodiscard]] bool has(std::uint64_t sequence) const {
        return sequence < by_sequence_.size() && by_sequence_[static_cast<std::size_t>(sequence)];
    }

  private:
    filter::Filter filter_;
    std::vector<bool> by_sequence_;
};

// Collects what the rules find: JSON goes out as it comes, text at the end.
class Findings {
  public:
    Findings(const Options& options, filter::Filter filter) : json_(options.json), text_(use_colour(options.colour)) {
        if (!options.filter.empty()) {
            matches_.emplace(std::move(filter));
        }
    }

    void set_start(std::int64_t time) noexcept { text_.set_start(time); }
    // Is shown, or not, with the next `settle`: whether the record that the rules look at matches is not known yet.
    void add(check::Finding finding) { pending_.push_back(std::move(finding)); }
    // After the rules have seen a record.
    void settle(const explain::Annotation& annotation) {
        if (matches_) {
            matches_->add(annotation);
        }
        settle();
    }
    // After they have seen the end.
    void settle() {
        for (const check::Finding& finding : pending_) {
            if (!matches_ || matches_->has(finding.sequence)) {
                show(finding);
            } else {
                ++left_out_;
            }
        }
        pending_.clear();
    }
    [[nodiscard]] Status flush_if_full() { return output_.flush_if_full(); }
    [[nodiscard]] Status finish() {
        if (!json_) {
            output_.buffer() += text_.text() + counts_.text();
            output_.buffer() += left_out_ == 0 ? "\n" : fmt::format("; the filter leaves out {}\n", left_out_);
        }
        return output_.flush();
    }
    [[nodiscard]] bool serious() const noexcept { return counts_.serious(); }

  private:
    void show(const check::Finding& finding) {
        counts_.add(finding);
        if (json_) {
            render::append_finding_json(output_.buffer(), finding);
        } else {
            text_.add(finding);
        }
    }

    bool json_;
    render::FindingText text_;
    render::FindingCounts counts_;
    Output output_;
    std::optional<Matches> matches_;  // empty: all do
    std::vector<check::Finding> pending_;
    std::uint64_t left_out_{0};
};

// Feeds the checker with what the options select of the trace. One session's findings do not depend on another's.
class Reading {
  public:
    Reading(const Options& options, check::Checker& checker, Findings& findings)
        : options_(options), checker_(checker), findings_(findings) {}

    // Error: peer_closed, system.
    [[nodiscard]] Status run(trace::Reader& reader) {
        Progress progress("checking");
        for (;;) {
            auto record = reader.next();
            if (!record) {
                reading_failed_ = true;
                return tl::unexpected(record.error());
            }
            if (!*record || (options_.at && (*record)->sequence > *options_.at)) {
                break;
            }
            take(**record);
            if (auto status = findings_.flush_if_full(); !status) {
                return status;
            }
            progress.update(reader.position().offset, reader.file_size());
        }
        checker_.finish();
        findings_.settle();
        return {};
    }
    // Whether the trace has what the options name, of which `reader` read up to the last record. Error: usage.
    [[nodiscard]] Status check_names(const trace::Reader& reader) const {
        const std::uint64_t count = reader.position().next_sequence - 1;
        if (options_.at && *options_.at > count) {
            return fail(ErrorCode::usage, fmt::format("there is no record {}: the trace has {}", *options_.at, count));
        }
        return inventory_.check(options_.session, std::nullopt, options_.at ? "up to that record" : "in the trace");
    }
    // Whether an error of `run` is one of the trace, not of the output.
    [[nodiscard]] bool reading_failed() const noexcept { return reading_failed_; }
    [[nodiscard]] std::uint64_t records() const noexcept { return records_; }

  private:
    void take(trace::Record& record) {
        if (records_++ == 0) {
            findings_.set_start(record.time);
        }
        auto* chain = std::get_if<trace::ChainRecord>(&record.body);
        if (chain != nullptr && options_.at) {
            const std::uint64_t wanted = *options_.at - record.sequence + 1;
            chain->entries.resize(std::min<std::uint64_t>(chain->entries.size(), wanted));
        }
        inventory_.add(record.session);
        if (!options_.session || record.session == *options_.session) {
            findings_.settle(checker_.take(record));
        }
    }

    const Options& options_;
    check::Checker& checker_;
    Findings& findings_;
    std::uint64_t records_{0};
    session::Inventory inventory_;
    bool reading_failed_{false};
};

ExitStatus check_trace(const Options& options) {
    const auto selection = parse_selection(options);
    if (!selection) {
        return report(command_name, selection.error());
    }
    auto filter = compile_filter(options.filter);
    if (!filter) {
        return report(command_name, filter.error());
    }
    const auto device = parse_device(options.device);
    if (!device) {
        return report(command_name, device.error());
    }
    auto reader = trace::Reader::open(options.file);
    if (!reader) {
        return report_input(command_name, options.file, reader.error());
    }
    Findings findings(options, std::move(*filter));
    check::Checker checker(
        *selection, [&findings](check::Finding finding) { findings.add(std::move(finding)); }, *device);
    Reading reading(options, checker, findings);
    Status status = reading.run(*reader);
    if (reading.reading_failed()) {
        return report_input(command_name, options.file, status.error());
    }
    const ExitStatus read = report_reading(command_name, reader->problems(), reading.records());
    if (read != ExitStatus::ok) {
        return read;
    }
    if (const Status named = reading.check_names(*reader); status && !named) {
        return report(command_name, named.error());
    }
    if (status) {
        status = findings.finish();
    }
    if (!status && status.error().code != ErrorCode::peer_closed) {
        return report(command_name, status.error());
    }
    return findings.serious() ? ExitStatus::findings : ExitStatus::ok;
}

ExitStatus print_rules(const std::vector<const check::RuleInfo*>& rules, const Options& options) {
    Output output;
    const render::Style style(use_colour(options.colour));
    for (const check::RuleInfo* rule : rules) {
        if (options.json) {
            render::append_rule_json(output.buffer(), *rule);
        } else if (options.list) {
            render::append_rule_line(output.buffer(), *rule, style);
        } else {
            output.buffer() += render::rule_text(*rule, style);
        }
    }
    const Status status = output.flush();
    return status || status.error().code == ErrorCode::peer_closed ? ExitStatus::ok
                                                                   : report(command_name, status.error());
}

ExitStatus list_rules(const Options& options) {
    std::vector<const check::RuleInfo*> rules;
    for (const check::RuleInfo& rule : check::rules()) {
        rules.push_back(&rule);
    }
    return print_rules(rules, options);
}

ExitStatus explain_rule(const Options& options) {
    const auto rule = parse_rule(options.explain);
    return rule ? print_rules({*rule}, options) : report(command_name, rule.error());
}

ExitStatus run(const Options& options) {
    if (options.list) {
        return list_rules(options);
    }
    if (!options.explain.empty()) {
        return explain_rule(options);
    }
    if (options.file.empty()) {
        return report(command_name, Error{ErrorCode::usage, "FILE is required", std::nullopt, 0});
    }
    return check_trace(options);
}

std::function<ExitStatus()> configure(CLI::App& app) {
    auto options = std::make_shared<Options>();
    auto* file = app.add_option("FILE", options->file, "The trace")->type_name("");
    app.add_option("--rule", options->rules, "Only these rules: VU017, or 17")
        ->delimiter(',')
        ->allow_extra_args(false)  // a FILE that follows is not one more rule
        ->type_name("ID");
    app.add_option("--severity", options->severity, "Nothing milder: error, warn or info (the default)")
        ->option_text("error|warn|info");
    add_filter_option(app, options->filter,
                      "Only findings at records that match this expression, such as 'queue == 0'; the rules see all "
                      "records; `help` lists the language and all fields");
    app.add_option("--session", options->session, "Only this session")->type_name("N")->check(whole_number_from(1));
    app.add_option("--at", options->at, "Judge as if the trace ended after this record: who owes whom")
        ->type_name("SEQ")
        ->check(whole_number_from(1));
    app.add_option("--device", options->device,
                   "Take the device for this type (blk, net, fs, …), whatever the messages say")
        ->type_name("NAME");
    auto* explain = app.add_option("--explain", options->explain, "Say what a rule is about; needs no FILE")
                        ->type_name("ID")
                        ->excludes(file);
    app.add_flag("--list", options->list, "List every rule; needs no FILE")->excludes(file)->excludes(explain);
    app.add_flag("--json", options->json, "One JSON object a finding or rule, for programs");
    add_colour_option(app, options->colour);
    return [options] { return run(*options); };
}

}  // namespace

const Command check_command{command_name, "Hold a trace against the rules of vhost-user and virtio",
                            "Examples:\n"
                            "  vutrace check blk.pcap\n"
                            "  vutrace check blk.pcap --severity warn --json | jq -r .rule | sort | uniq -c\n"
                            "  vutrace check blk.pcap --filter 'queue == 0 and record == chain'\n"
                            "  vutrace check blk.pcap --at 120          # who owed whom after record 120\n"
                            "  vutrace check --explain VU017",
                            configure};

}  // namespace vutrace::cli
