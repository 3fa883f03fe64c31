#include "commands.h"
#include "filter_option.h"
#include "options.h"
#include "output.h"
#include "progress.h"

#include <vutrace/explain/annotation.h>
#include <vutrace/render/statistics.h>
#include <vutrace/trace/reader.h>

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>

namespace vutrace::cli {
namespace {

constexpr const char* command_name = "stats";

struct Options {
    std::string file;
    bool json{false};
    std::string filter;
    std::string device;
    ColourChoice colour{ColourChoice::automatic};
};

ExitStatus print(const Options& options, const statistics::Statistics& statistics) {
    const bool anything = std::any_of(statistics.sessions().begin(), statistics.sessions().end(),
                                      [](const auto& session) { return !session.second.queues.empty(); });
    if (!anything && !options.json) {
        fmt::print(stderr,
                   "vutrace stats: nothing happened on any queue in this trace; `vutrace info` says what it holds\n");
    }
    Output output;
    const auto flush = [&output] { return output.flush_if_full(); };
    Status status = options.json ? render::append_statistics_json(output.buffer(), statistics, flush)
                                 : render::append_statistics_text(output.buffer(), statistics,
                                                                  render::Style(use_colour(options.colour)), flush);
    status = status ? output.flush() : status;
    if (!status && status.error().code != ErrorCode::peer_closed) {
        return report(command_name, status.error());
    }
    return ExitStatus::ok;
}

ExitStatus run(const Options& options) {
    const auto filter = compile_filter(options.filter);
    const auto device = parse_device(options.device);
    if (!filter || !device) {
        return report(command_name, filter ? device.error() : filter.error());
    }
    auto reader = trace::Reader::open(options.file);
    if (!reader) {
        return report_input(command_name, options.file, reader.error());
    }
    explain::Annotator annotator(*device);
    statistics::Statistics statistics;
    std::uint64_t records = 0;
    {
        Progress progress("reading");
        for (;;) {
            auto record = reader->next();
            if (!record) {
                return report_input(command_name, options.file, record.error());
            }
            if (!*record) {
                break;
            }
            records += trace::sequence_count(**record);
            const explain::Annotation& annotation = annotator.annotate(**record);
            statistics.add(annotation, annotator.tracker(),
                           [&](std::size_t entry) { return filter->matches(annotation, entry); });
            progress.update(reader->position().offset, reader->file_size());
        }
    }
    statistics.finish();
    const ExitStatus printed = print(options, statistics);
    const ExitStatus read = report_reading(command_name, reader->problems(), records);
    return printed == ExitStatus::ok ? read : printed;
}

std::function<ExitStatus()> configure(CLI::App& app) {
    auto options = std::make_shared<Options>();
    app.add_option("FILE", options->file, "The trace")->required()->type_name("");
    app.add_flag("--json", options->json, "One JSON object, for programs; times in nanoseconds");
    app.add_option("--device", options->device,
                   "Take the device for this type (blk, net, fs, …), whatever the messages say")
        ->type_name("NAME");
    add_filter_option(app, options->filter,
                      "Count only the chains and notifications that match this expression, such as 'queue == 0 and "
                      "time > 5s'; `help` lists the language and all fields");
    add_colour_option(app, options->colour);
    return [options] { return run(*options); };
}

}  // namespace

const Command stats_command{
    command_name, "Count what happened on the queues: latency, throughput, notifications",
    "Examples:\n"
    "  vutrace stats blk.pcap\n"
    "  vutrace stats --filter 'queue == 1 and used_length > 4096' blk.pcap\n"
    "  vutrace stats --json blk.pcap | jq '.sessions[0].queues[0].latency.p99'\n"
    "\n"
    "Times are those at which capture saw something: with --datapath relay when it happened,\n"
    "with tap when it looked, with shadow when it passed it on, so that its own work is part of\n"
    "the time. A percentile is at most 3.2 % too high.",
    configure};

}  // namespace vutrace::cli
