// One session of block requests at a given rate through `vutrace capture`, and what its trace holds, as one JSON
// object: what loss_rates.py finds its answer with.
#include "block_session.h"

#include <vutrace/trace/records.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <iterator>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

namespace vutrace::benchmarks {
namespace {

int run(int argument_count, char** arguments) {
    std::string program;
    std::string way{"tap"};
    double seconds{1};
    Workload workload{"", virtio::block::RequestType::IN, 4096, 32};
    CLI::App app("One session of block requests at a given rate");
    app.add_option("VUTRACE", program, "The program")->required();
    app.add_option("--way", way, "Data path mode, with further options of capture")->capture_default_str();
    app.add_option("--rate", workload.rate, "Requests a second; 0: as many as can be")->required();
    app.add_option("--bytes", workload.bytes, "Of each request")->capture_default_str();
    app.add_option("--depth", workload.depth, "Requests in flight, at the most")->capture_default_str();
    app.add_option("--seconds", seconds, "Of the session")->capture_default_str();
    CLI11_PARSE(app, argument_count, arguments);

    std::istringstream words("--datapath " + way);
    BlockSessions sessions(program, false);
    const SessionResult result =
        sessions.run(workload, {std::istream_iterator<std::string>(words), {}}, Seconds(seconds));
    const auto& proofs = result.counts.proofs;
    fmt::print(
        R"({{"rate":{:.1f},"seen":{},"lost":{},"at_least":{},"steps":{},"verified":{},"fell_back":{},"cores":{:.3f}}})"
        "\n",
        result.rate, result.counts.chains, result.counts.lost, result.counts.lost_at_least,
        std::accumulate(proofs.begin(), proofs.end(), std::uint64_t{0}),
        proofs.at(static_cast<std::size_t>(trace::Proof::verified)), result.counts.fell_back, result.capture_cpu);
    return EXIT_SUCCESS;
}

}  // namespace
}  // namespace vutrace::benchmarks

int main(int argument_count, char** arguments) {
    return vutrace::benchmarks::run(argument_count, arguments);
}
