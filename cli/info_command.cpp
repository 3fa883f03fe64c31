#include "commands.h"
#include "filter_option.h"
#include "options.h"
#include "output.h"
#include "progress.h"

#include <vutrace/explain/annotation.h>
#include <vutrace/render/summary.h>
#include <vutrace/trace/reader.h>

#include <memory>
#include <string>

namespace vutrace::cli {
namespace {

constexpr const char* command_name = "info";

struct Options {
    std::string file;
    bool json{false};
    std::string filter;
    ColourChoice colour{ColourChoice::automatic};
};

ExitStatus run(const Options& options) {
    const auto filter = compile_filter(options.filter);
    if (!filter) {
        return report(command_name, filter.error());
    }
    auto reader = trace::Reader::open(options.file);
    if (!reader) {
        return report_input(command_name, options.file, reader.error());
    }
    explain::Annotator annotator;
    render::Summary summary;
    summary.set_filter(options.filter);
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
            const explain::Annotation& annotation = annotator.annotate(**record);
            summary.add(annotation, annotator.tracker(),
                        [&](std::size_t entry) { return filter->matches(annotation, entry); });
            progress.update(reader->position().offset, reader->file_size());
        }
    }
    summary.set_file(options.file, reader->file_size(), reader->problems());
    Output output;
    const auto flush = [&output] { return output.flush_if_full(); };
    Status status = options.json ? render::append_summary_json(output.buffer(), summary, annotator, flush)
                                 : render::append_summary_text(output.buffer(), summary, annotator,
                                                               render::Style(use_colour(options.colour)), flush);
    status = status ? output.flush() : status;
    if (!status && status.error().code != ErrorCode::peer_closed) {
        return report(command_name, status.error());
    }
    return report_reading(command_name, reader->problems(), summary.records_read());
}

std::function<ExitStatus()> configure(CLI::App& app) {
    auto options = std::make_shared<Options>();
    app.add_option("FILE", options->file, "The trace")->required()->type_name("");
    app.add_flag("--json", options->json, "One JSON object, for programs");
    add_filter_option(app, options->filter);
    add_colour_option(app, options->colour);
    return [options] { return run(*options); };
}

}  // namespace

const Command info_command{command_name, "Say what a trace holds",
                           "Examples:\n"
                           "  vutrace info blk.pcap\n"
                           "  vutrace info --filter 'queue == 1' blk.pcap\n"
                           "  vutrace info --json blk.pcap | jq '.sessions[0].features.names'",
                           configure};

}  // namespace vutrace::cli
