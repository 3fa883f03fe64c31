#include "commands.h"
#include "filter_option.h"
#include "options.h"
#include "output.h"
#include "progress.h"

#include <vutrace/explain/annotation.h>
#include <vutrace/render/json.h>
#include <vutrace/render/text.h>
#include <vutrace/session/inventory.h>
#include <vutrace/trace/reader.h>

#include <fmt/format.h>

#include <array>
#include <bitset>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vutrace::cli {
namespace {

constexpr const char* command_name = "decode";
constexpr std::array record_types{trace::RecordType::session, trace::RecordType::message, trace::RecordType::event,
                                  trace::RecordType::chain,   trace::RecordType::memory,  trace::RecordType::gap,
                                  trace::RecordType::note};

struct Options {
    std::string file;
    bool json{false};
    bool raw{false};
    bool verbose{false};
    std::string filter;
    std::vector<std::string> records;
    std::optional<std::uint32_t> queue;
    std::optional<std::uint32_t> session;
    std::optional<std::uint64_t> count;
    std::string device;
    render::TimeFormat time{render::TimeFormat::relative};
    ColourChoice colour{ColourChoice::automatic};
};

// Which records are shown. All are decoded: what is shown depends on what came before.
class Selection {
  public:
    [[nodiscard]] static Result<Selection> make(const Options& options) {
        Selection selection;
        selection.queue_ = options.queue;
        selection.session_ = options.session;
        for (const std::string& name : options.records) {
            bool found = false;
            for (const trace::RecordType type : record_types) {
                if (name == trace::name_of(type)) {
                    selection.types_.set(static_cast<std::size_t>(type));
                    found = true;
                }
            }
            if (!found) {
                return fail(ErrorCode::usage,
                            "no record type \"" + name + "\": session, message, event, chain, memory, gap or note");
            }
        }
        if (options.records.empty()) {
            selection.types_.set();
        }
        return selection;
    }

    [[nodiscard]] bool shows(const explain::Annotation& annotation) const {
        return types_.test(static_cast<std::size_t>(trace::type_of(annotation.record->body))) &&
               (!session_ || annotation.record->session == *session_) && (!queue_ || annotation.queue == queue_);
    }

  private:
    std::bitset<8> types_;
    std::optional<std::uint32_t> queue_;
    std::optional<std::uint32_t> session_;
};

class Decoder {
  public:
    Decoder(const Options& options, Selection selection, filter::Filter filter, std::optional<std::uint32_t> device)
        : options_(options),
          selection_(selection),
          filter_(std::move(filter)),
          annotator_(device),
          text_({options.time, use_colour(options.colour), options.verbose, options.raw}),
          left_(options.count.value_or(UINT64_MAX)) {}

    // Reads and prints to the end, or until enough was printed. Error: peer_closed, system.
    Status run(trace::Reader& reader) {
        Progress progress("reading");
        while (left_ > 0) {
            auto record = reader.next();
            if (!record) {
                reading_failed_ = true;
                return tl::unexpected(record.error());
            }
            if (!*record) {
                at_end_ = true;
                break;
            }
            if (auto status = show(**record); !status) {
                return status;
            }
            progress.update(reader.position().offset, reader.file_size());
        }
        return output_.flush();
    }
    // Whether an error of `run` is one of the trace, not of the output.
    [[nodiscard]] bool reading_failed() const noexcept { return reading_failed_; }
    [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
    // Once the whole trace was read, whether it has what the options name. Error: usage.
    [[nodiscard]] Status check_names() const {
        return at_end_ ? inventory_.check(options_.session, options_.queue, "in the trace") : Status{};
    }

  private:
    Status show(const trace::Record& record) {
        if (records_++ == 0) {
            text_.set_start(record.time);
        }
        const explain::Annotation& annotation = annotator_.annotate(record);
        inventory_.add(record.session, annotation.queue);
        if (!selection_.shows(annotation)) {
            return {};
        }
        const std::uint64_t entries = trace::sequence_count(record);
        for (std::size_t entry = 0; entry < entries && left_ > 0; ++entry) {
            if (!filter_.matches(annotation, entry)) {
                continue;
            }
            --left_;
            if (options_.json) {
                render::append_json(output_.buffer(), annotation, entry, {options_.raw});
            } else {
                text_.append(output_.buffer(), annotation, entry);
            }
        }
        return output_.flush_if_full();
    }

    const Options& options_;
    Selection selection_;
    filter::Filter filter_;
    explain::Annotator annotator_;
    render::TextRenderer text_;
    Output output_;
    session::Inventory inventory_;
    std::uint64_t left_;
    std::uint64_t records_{0};
    bool reading_failed_{false};
    bool at_end_{false};
};

ExitStatus run(const Options& options) {
    const auto selection = Selection::make(options);
    if (!selection) {
        return report(command_name, selection.error());
    }
    const auto filter = compile_filter(options.filter);
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
    Decoder decoder(options, *selection, *filter, *device);
    if (const Status status = decoder.run(*reader); !status) {
        if (decoder.reading_failed()) {
            return report_input(command_name, options.file, status.error());
        }
        return status.error().code == ErrorCode::peer_closed ? ExitStatus::ok : report(command_name, status.error());
    }
    const ExitStatus status = report_reading(command_name, reader->problems(), decoder.records());
    const Status named = decoder.check_names();
    return status != ExitStatus::ok || named ? status : report(command_name, named.error());
}

std::function<ExitStatus()> configure(CLI::App& app) {
    auto options = std::make_shared<Options>();
    app.add_option("FILE", options->file, "The trace")->required()->type_name("");
    app.add_flag("--json", options->json, "One JSON object a line, for programs");
    app.add_flag("--raw", options->raw, "Payloads and captured bytes in hexadecimal too");
    app.add_flag("-v,--verbose", options->verbose, "Every field on a line of its own below its record");
    add_filter_option(app, options->filter);
    app.add_option("--record", options->records,
                   "Only records of these types: session, message, event, chain, memory, gap, note")
        ->delimiter(',')
        ->type_name("TYPE");
    app.add_option("--queue", options->queue, "Only records about this queue")
        ->type_name("N")
        ->check(whole_number_from(0));
    app.add_option("--session", options->session, "Only records of this session")
        ->type_name("N")
        ->check(whole_number_from(1));
    app.add_option("--count", options->count, "Stop after so many lines or objects")
        ->type_name("N")
        ->check(whole_number_from(0));
    app.add_option("--device", options->device,
                   "Take the device for this type (blk, net, fs, …), whatever the messages say")
        ->type_name("NAME");
    app.add_option("--time", options->time,
                   "Seconds since the first record (relative, the default), date and time in UTC, or seconds since the "
                   "line before")
        ->transform(one_of<render::TimeFormat>({{"relative", render::TimeFormat::relative},
                                                {"absolute", render::TimeFormat::absolute},
                                                {"delta", render::TimeFormat::delta}}))
        ->option_text("relative|absolute|delta");
    add_colour_option(app, options->colour);
    return [options] { return run(*options); };
}

}  // namespace

const Command decode_command{command_name, "Print every record of a trace",
                             "Examples:\n"
                             "  vutrace decode blk.pcap | less -R\n"
                             "  vutrace decode --record message --verbose blk.pcap\n"
                             "  vutrace decode --queue 0 --count 20 blk.pcap\n"
                             "  vutrace decode --filter 'state == used and latency > 5ms' blk.pcap\n"
                             "  vutrace decode --filter help\n"
                             "  vutrace decode --json blk.pcap | jq 'select(.record == \"chain\") | .request'",
                             configure};

}  // namespace vutrace::cli
