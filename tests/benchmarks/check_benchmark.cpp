// How fast chains are held against the rules: entries a second, with all rules and with explaining alone.
#include <vutrace/check/checker.h>
#include <vutrace/protocol/features.h>
#include <vutrace/session/testing/session_builder.h>

#include <benchmark/benchmark.h>

#include <cstdint>

namespace vutrace {
namespace {

using session::testing::BlockSession;
using session::testing::SessionBuilder;

constexpr std::uint32_t records = 62500;  // a million chains
constexpr std::uint16_t chains_per_record = 16;
constexpr std::uint32_t data_length = 4096;

// Kick, a record with sixteen writes made available and used, call. Heads and descriptors take turns as in a ring.
class Load {
  public:
    Load() {
        record_.session = 1;
        record_.body = trace::ChainRecord{};
        for (std::uint16_t i = 0; i < chains_per_record; ++i) {
            auto& entries = chains().entries;
            entries.push_back(BlockSession::write_request(static_cast<std::uint16_t>(3 * i), 0, 8, 0x200000,
                                                          Bytes(data_length, std::byte{0x5a})));
        }
        for (std::uint16_t i = 0; i < chains_per_record; ++i) {
            chains().entries.push_back(session::testing::used_entry(static_cast<std::uint16_t>(3 * i), 0,
                                                                    session::testing::literal(Bytes(1))));
        }
    }
    // Gives each record of the load to `take`.
    template <class Take>
    void run(std::uint64_t first_sequence, Take take) {
        std::uint64_t sequence = first_sequence;
        std::uint16_t index = 0;
        std::int64_t time = SessionBuilder::first_time + SessionBuilder::time_step * 1000;
        const auto event = [&](trace::EventRecord::Kind kind) {
            take(trace::Record{sequence++, time += 1000, 1, trace::EventRecord{kind, 0, 1}});
        };
        for (std::uint32_t i = 0; i < records; ++i) {
            event(trace::EventRecord::Kind::kick);
            for (std::uint16_t entry = 0; entry < 2 * chains_per_record; ++entry) {
                chains().entries[entry].index = static_cast<std::uint16_t>(index + entry % chains_per_record);
            }
            index = static_cast<std::uint16_t>(index + chains_per_record);
            chains().fields = {index, 0, 0, index, 0, 0};
            record_.sequence = sequence;
            record_.time = time += 1000;
            sequence += chains().entries.size();
            take(record_);
            event(trace::EventRecord::Kind::call);
        }
    }

  private:
    trace::ChainRecord& chains() { return std::get<trace::ChainRecord>(record_.body); }
    trace::Record record_;
};

constexpr std::int64_t entries = std::int64_t{records} * chains_per_record * 2;

void explain_only(benchmark::State& state) {
    Load load;
    for (auto _ : state) {
        SessionBuilder start;
        BlockSession::start(start);
        explain::Annotator annotator;
        for (const trace::Record& record : start.records()) {
            annotator.annotate(record);
        }
        load.run(start.last_sequence() + 1,
                 [&](const trace::Record& record) { benchmark::DoNotOptimize(annotator.annotate(record)); });
    }
    state.SetItemsProcessed(state.iterations() * entries);
}

void check_all_rules(benchmark::State& state) {
    Load load;
    for (auto _ : state) {
        SessionBuilder start;
        BlockSession::start(start);
        std::size_t findings = 0;
        check::Checker checker({}, [&](const check::Finding&) { ++findings; });
        for (const trace::Record& record : start.records()) {
            checker.take(record);
        }
        load.run(start.last_sequence() + 1, [&](const trace::Record& record) { checker.take(record); });
        checker.finish();
        if (findings != 0) {
            state.SkipWithError("a healthy load has findings");
        }
    }
    state.SetItemsProcessed(state.iterations() * entries);
}

BENCHMARK(explain_only)->Unit(benchmark::kMillisecond);
BENCHMARK(check_all_rules)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vutrace
