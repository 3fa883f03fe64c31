#include "commands.h"
#include "options.h"
#include "output.h"

#include <vutrace/render/ring_view.h>
#include <vutrace/session/inventory.h>
#include <vutrace/session/timeline.h>

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

namespace vutrace::cli {
namespace {

constexpr const char* command_name = "rings";

struct Options {
    std::string file;
    std::uint64_t at{0};
    std::optional<std::uint32_t> queue;
    std::optional<std::uint32_t> session;
    bool json{false};
    ColourChoice colour{ColourChoice::automatic};
};

Status print(const session::SessionState& state, const Options& options) {
    session::Inventory inventory;
    inventory.add(state);
    if (const Status there = inventory.check(state.number, options.queue, fmt::format("up to record {}", options.at));
        !there) {
        return there;
    }
    const auto rings = render::view_rings(state, options.queue);
    if (rings.empty()) {
        return fail(ErrorCode::usage, fmt::format("session {} had no queue at record {}", state.number, options.at));
    }
    Output output;
    const render::Style style(use_colour(options.colour));
    for (const render::RingView& ring : rings) {
        if (options.json) {
            output.buffer() += render::ring_json(ring) + "\n";
        } else {
            output.buffer() += output.buffer().empty() ? "" : "\n";
            output.buffer() += render::ring_text(ring, style);
        }
    }
    return output.flush();
}

ExitStatus run(const Options& options) {
    return with_state_after(
        {command_name, options.file, options.at, options.session}, [&](const session::SessionState& state) {
            const Status status = print(state, options);
            return status || status.error().code == ErrorCode::peer_closed ? ExitStatus::ok
                                                                           : report(command_name, status.error());
        });
}

std::function<ExitStatus()> configure(CLI::App& app) {
    auto options = std::make_shared<Options>();
    app.add_option("FILE", options->file, "The trace")->required()->type_name("");
    app.add_option("--at", options->at, "Show the rings after this record")
        ->required()
        ->type_name("SEQ")
        ->check(whole_number_from(1));
    app.add_option("--queue", options->queue, "Only this queue")->type_name("N")->check(whole_number_from(0));
    app.add_option("--session", options->session, "The session, where there are several")
        ->type_name("N")
        ->check(whole_number_from(1));
    app.add_flag("--json", options->json, "One JSON object a queue, for programs");
    add_colour_option(app, options->colour);
    return [options] { return run(*options); };
}

}  // namespace

const Command rings_command{command_name, "Show the vrings as they stood after a record",
                            "Examples:\n"
                            "  vutrace rings blk.pcap --at 120\n"
                            "  vutrace rings blk.pcap --at 120 --queue 0 --json | jq '.open'",
                            configure};

}  // namespace vutrace::cli
