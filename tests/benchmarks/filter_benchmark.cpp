// What a filter costs a record, against what decoding the same records costs: items are entries, on one core.
#include "render_fixture.h"

#include <vutrace/filter/filter.h>
#include <vutrace/render/json.h>

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

namespace vutrace {
namespace {

constexpr int rounds = 1000;

// A session's messages, then chains that are made available and used, with a kick and a call each.
const std::vector<trace::Record>& records() {
    static const std::vector<trace::Record> all = [] {
        render::test::TraceBuilder trace;
        for (int i = 0; i < 10; ++i) {
            trace.start_block_device();
        }
        for (int i = 0; i < rounds; ++i) {
            const auto head = static_cast<std::uint16_t>(3 * (i % 5));
            trace.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
            trace.chain(render::test::block_write(head, static_cast<std::uint64_t>(i) * 8, 4096));
            trace.chain(render::test::block_write_done(head, 0));
            trace.add(trace::EventRecord{trace::EventRecord::Kind::call, 0, 1});
        }
        return std::move(trace.records);
    }();
    return all;
}

const std::vector<explain::Annotation>& annotations() {
    static const std::vector<explain::Annotation> all = [] {
        explain::Annotator annotator(virtio::block::device_id);
        std::vector<explain::Annotation> out;
        for (const trace::Record& record : records()) {
            out.push_back(annotator.annotate(record));
        }
        return out;
    }();
    return all;
}

void evaluate(benchmark::State& state, const char* expression) {
    const auto filter = filter::Filter::compile(expression);
    if (!filter) {
        state.SkipWithError(filter.error().text.c_str());
        return;
    }
    std::int64_t matched = 0;
    for (auto _ : state) {
        for (const explain::Annotation& annotation : annotations()) {
            matched += filter->matches(annotation, 0) ? 1 : 0;
        }
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(annotations().size()));
    state.counters["matched"] = static_cast<double>(matched) / static_cast<double>(state.iterations());
}

// The yardsticks.
void annotate(benchmark::State& state) {
    for (auto _ : state) {
        explain::Annotator annotator(virtio::block::device_id);
        for (const trace::Record& record : records()) {
            benchmark::DoNotOptimize(annotator.annotate(record));
        }
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(records().size()));
}

void annotate_to_json(benchmark::State& state) {
    std::string out;
    for (auto _ : state) {
        explain::Annotator annotator(virtio::block::device_id);
        for (const trace::Record& record : records()) {
            out.clear();
            render::append_json(out, annotator.annotate(record), 0, {});
        }
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(records().size()));
}

void annotate_and_filter(benchmark::State& state) {
    const auto filter = filter::Filter::compile("state == used and latency > 5ms");
    for (auto _ : state) {
        explain::Annotator annotator(virtio::block::device_id);
        for (const trace::Record& record : records()) {
            benchmark::DoNotOptimize(filter->matches(annotator.annotate(record), 0));
        }
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(records().size()));
}

void compile(benchmark::State& state) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(filter::Filter::compile("state == used and (latency > 5ms or problems contains x)"));
    }
}

BENCHMARK(annotate);
BENCHMARK(annotate_to_json);
BENCHMARK(annotate_and_filter);
BENCHMARK_CAPTURE(evaluate, one_number, "queue == 0");
BENCHMARK_CAPTURE(evaluate, chains, "state == used and latency > 5ms");
BENCHMARK_CAPTURE(evaluate, requests, "request in {SET_VRING_KICK, SET_VRING_CALL}");
BENCHMARK_CAPTURE(evaluate, payload, "payload.features has VERSION_1");
BENCHMARK_CAPTURE(evaluate, list, "descriptors.length > 1M");
BENCHMARK_CAPTURE(evaluate, text, "request.id contains disk or problems contains size");
BENCHMARK_CAPTURE(evaluate, long_or,
                  "seq == 1 or seq == 3 or seq == 5 or seq == 7 or seq == 9 or queue > 7 or head == 900 or fd == err");
BENCHMARK(compile);

}  // namespace
}  // namespace vutrace
