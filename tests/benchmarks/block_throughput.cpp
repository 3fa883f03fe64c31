// What each data path mode costs a block workload: the emulated driver against qemu-storage-daemon, without a capture
// and through `vutrace capture`. A pair is one session without and one with, in alternating order, and gives one ratio;
// the table shows the median of many. Pairs that others disturbed are repeated, as long as that is reasonable.
#include "block_session.h"
#include "other_load.h"
#include "paired_ratios.h"
#include "physical_limits.h"

#include <vutrace/trace/records.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace vutrace::benchmarks {
namespace {

using virtio::block::RequestType;

constexpr std::array workloads{Workload{"read 4 KiB, depth 1", RequestType::IN, 4096, 1},
                               Workload{"read 4 KiB, depth 32", RequestType::IN, 4096, 32},
                               Workload{"write 4 KiB, depth 32", RequestType::OUT, 4096, 32},
                               Workload{"read 128 KiB, depth 8", RequestType::IN, 131072, 8},
                               Workload{"write 128 KiB, depth 8", RequestType::OUT, 131072, 8}};

struct Options {
    std::string vutrace;
    std::vector<std::string> ways{"off", "tap", "tap --budget 100", "relay", "shadow"};
    std::vector<std::size_t> rows{0, 1, 2, 3, 4};
    std::size_t pairs{9};
    double seconds{0.4};
    double most_others{0.15};  // cores
    double patience{60};       // seconds, of the whole run
    bool above_others{false};
};

// One way in one row.
struct Cell {
    std::vector<double> plain;   // requests a second
    std::vector<double> ratios;  // to plain, one a pair
    std::vector<double> cpu;     // cores
    std::vector<double> others;  // cores that others used, the larger value of each pair
    std::size_t repeated{0};     // pairs that were thrown away because of others
    std::size_t disturbed{0};    // pairs that count although others disturbed them
    TraceCounts counts;
};

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream stream(text);
    return {std::istream_iterator<std::string>(stream), {}};
}

void wait_for_quiet(Options& options) {
    for (; options.patience > 0; options.patience -= 0.05) {
        const OtherLoad others({});
        ::usleep(50'000);
        if (others.cores() < options.most_others) {
            return;
        }
    }
}

void add_pair(BlockSessions& sessions, Options& options, const Workload& workload, const std::string& way, Cell& cell) {
    const Seconds time(options.seconds);
    const std::vector<std::string> with_capture = words_of("--datapath " + way);
    const bool plain_first = (cell.ratios.size() + cell.repeated) % 2 == 0;
    wait_for_quiet(options);
    const SessionResult first = sessions.run(workload, plain_first ? std::vector<std::string>{} : with_capture, time);
    const SessionResult second = sessions.run(workload, plain_first ? with_capture : std::vector<std::string>{}, time);
    const SessionResult& plain = plain_first ? first : second;
    const SessionResult& captured = plain_first ? second : first;
    const double others = std::max(first.other_load, second.other_load);
    if (others >= options.most_others && !options.above_others) {
        if (cell.repeated < options.pairs) {
            ++cell.repeated;
            return;
        }
        ++cell.disturbed;
    }
    cell.plain.push_back(plain.rate);
    cell.ratios.push_back(captured.rate / plain.rate);
    cell.cpu.push_back(captured.capture_cpu);
    cell.others.push_back(others);
    cell.counts += captured.counts;
}

void print_cell(const std::string& way, const Cell& cell) {
    const MedianInterval ratio = median_interval(cell.ratios);
    fmt::print("  {:<16} {:.3f} ({:.3f} to {:.3f}), plain {:.0f}/s; {:.3f} cores; others {:.2f}, {} disturbed\n", way,
               ratio.median, ratio.low, ratio.high, median_interval(cell.plain).median,
               median_interval(cell.cpu).median, median_interval(cell.others).median, cell.disturbed);
    if (const TraceCounts& counts = cell.counts; counts.chains + counts.lost != 0) {
        fmt::print("                   chains {}, lost {}{}; steps:", counts.chains,
                   counts.lost_at_least ? "at least " : "", counts.lost);
        for (std::size_t proof = counts.proofs.size(); proof-- > 0;) {
            fmt::print(" {} {}", trace::name_of(static_cast<trace::Proof>(proof)), counts.proofs.at(proof));
        }
        fmt::print("\n");
    }
    (void)std::fflush(stdout);
}

void run_row(BlockSessions& sessions, Options& options, const Workload& workload) {
    fmt::print("{}\n", workload.name);
    std::map<std::string, Cell> cells;
    for (std::size_t pair = 0; pair < options.pairs;) {
        bool all = true;
        for (const std::string& way : options.ways) {
            Cell& cell = cells[way];
            if (cell.ratios.size() == pair) {
                add_pair(sessions, options, workload, way, cell);
            }
            all = all && cell.ratios.size() > pair;
        }
        pair += all ? 1 : 0;
    }
    for (const std::string& way : options.ways) {
        print_cell(way, cells.at(way));
    }
}

int run(int argument_count, char** arguments) {
    Options options;
    CLI::App app("What each data path mode costs a block workload");
    app.add_option("VUTRACE", options.vutrace, "The program")->required();
    app.add_option("--way", options.ways,
                   "A data path mode to measure against no capture, with further options of capture")
        ->capture_default_str();
    app.add_option("--row", options.rows, "Workloads to run, counted from 0")
        ->check(CLI::Range(std::size_t{0}, workloads.size() - 1));
    app.add_option("--pairs", options.pairs, "Ratios for each cell")->capture_default_str();
    app.add_option("--others", options.most_others, "Cores that others may use during a pair that counts")
        ->capture_default_str();
    app.add_option("--patience", options.patience, "Seconds to wait for others, all together")->capture_default_str();
    app.add_option("--seconds", options.seconds, "Of each turn")->capture_default_str();
    app.add_flag(
        "--above-others", options.above_others,
        "Run everything with real-time priorities, so that other load gets only what is left (needs root); takes "
        "every pair");
    CLI11_PARSE(app, argument_count, arguments);

    if (options.above_others) {
        options.patience = 0;
    }
    print_physical_limits();
    fmt::print("to plain: median of {} pairs of {} s, and between which values the true one is with 95 %\n",
               options.pairs, options.seconds);
    BlockSessions sessions(options.vutrace, options.above_others);
    for (const std::size_t row : options.rows) {
        run_row(sessions, options, workloads.at(row));
    }
    return EXIT_SUCCESS;
}

}  // namespace
}  // namespace vutrace::benchmarks

int main(int argument_count, char** arguments) {
    return vutrace::benchmarks::run(argument_count, arguments);
}
