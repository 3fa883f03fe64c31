// How fast a trace becomes JSON and text, stage by stage, against copying the same bytes, and our JSON writer against
// nlohmann's. VUTRACE_BENCHMARK_TRACE=FILE keeps the trace for decode_against_tshark.py.
#include "render_fixture.h"

#include <vutrace/protocol/payloads.h>
#include <vutrace/render/json.h>
#include <vutrace/render/text.h>
#include <vutrace/trace/reader.h>
#include <vutrace/trace/writer.h>

#include <benchmark/benchmark.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace vutrace {
namespace {

using render::test::TraceBuilder;

constexpr int chain_records = 20000;
constexpr int chains_per_record = 4;  // of which each is made available and used
constexpr std::uint32_t data_length = 4096;

trace::ChainRecord busy_record(int number) {
    trace::ChainRecord record;
    for (int i = 0; i < chains_per_record; ++i) {
        const auto head = static_cast<std::uint16_t>(3 * i);
        trace::ChainEntry entry = render::test::block_write(head, static_cast<std::uint64_t>(number) * 8, 0);
        entry.descriptors[1].length = data_length;
        entry.content.add_literal(Bytes(data_length, std::byte{0x5a}));
        record.entries.push_back(std::move(entry));
        record.entries.push_back(render::test::block_write_done(head, 0));
    }
    return record;
}

// A block device's session: 160,000 chain entries with 4 KiB written by each chain, a kick and a call each record.
std::string make_trace() {
    const char* kept = std::getenv("VUTRACE_BENCHMARK_TRACE");
    const std::string path =
        kept != nullptr
            ? std::string(kept)
            : (std::filesystem::temp_directory_path() / ("vutrace-benchmark-" + std::to_string(::getpid()) + ".pcap"))
                  .string();
    TraceBuilder start;
    start.start_block_device();
    auto writer = trace::Writer::create(path);
    std::int64_t time = render::test::start_time;
    const auto append = [&](const trace::RecordBody& body) {
        time += 1000;
        if (!writer || !writer->append(time, 1, body)) {
            std::fprintf(stderr, "cannot write %s\n", path.c_str());
            std::exit(4);
        }
    };
    for (const trace::Record& record : start.records) {
        append(record.body);
    }
    for (int i = 0; i < chain_records; ++i) {
        append(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
        append(busy_record(i));
        append(trace::EventRecord{trace::EventRecord::Kind::call, 0, 1});
    }
    return path;
}

const std::string& trace_path() {
    static const std::string path = make_trace();
    return path;
}

// Reads the whole trace and gives each record to `visit`; counts objects and bytes for the report.
template <class Visit>
void read_all(benchmark::State& state, Visit visit) {
    std::uint64_t objects = 0;
    for (auto _ : state) {
        auto reader = trace::Reader::open(trace_path());
        if (!reader) {
            state.SkipWithError(describe(reader.error()).c_str());
            return;
        }
        for (;;) {
            const auto record = reader->next();
            if (!record || !*record) {
                break;
            }
            objects += trace::sequence_count(**record);
            visit(**record);
        }
    }
    const auto size = static_cast<std::int64_t>(std::filesystem::file_size(trace_path()));
    state.SetItemsProcessed(static_cast<std::int64_t>(objects));
    state.SetBytesProcessed(state.iterations() * size);
}

void memory_copy(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(std::filesystem::file_size(trace_path()));
    const Bytes from(size, std::byte{1});
    Bytes to(size);
    for (auto _ : state) {
        std::memcpy(to.data(), from.data(), size);
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
}

void read_only(benchmark::State& state) {
    read_all(state, [](const trace::Record& record) { benchmark::DoNotOptimize(record.sequence); });
}

void read_and_annotate(benchmark::State& state) {
    explain::Annotator annotator(virtio::block::device_id);
    read_all(state, [&](const trace::Record& record) { benchmark::DoNotOptimize(annotator.annotate(record)); });
}

void read_to_json(benchmark::State& state) {
    explain::Annotator annotator(virtio::block::device_id);
    std::string out;
    read_all(state, [&](const trace::Record& record) {
        const explain::Annotation& annotation = annotator.annotate(record);
        out.clear();
        for (std::size_t entry = 0; entry < trace::sequence_count(record); ++entry) {
            render::append_json(out, annotation, entry, {});
        }
    });
}

void read_to_text(benchmark::State& state) {
    explain::Annotator annotator(virtio::block::device_id);
    render::TextRenderer text({});
    std::string out;
    read_all(state, [&](const trace::Record& record) {
        const explain::Annotation& annotation = annotator.annotate(record);
        out.clear();
        for (std::size_t entry = 0; entry < trace::sequence_count(record); ++entry) {
            text.append(out, annotation, entry);
        }
    });
}

// The object of one used chain: by our writer, and as a tree of the library that is built (copied) and dumped.
TraceBuilder one_chain() {
    TraceBuilder trace;
    trace.chain(render::test::block_write(3, 2048, data_length));
    trace.chain(render::test::block_write_done(3, 0));
    return trace;
}

void one_object_by_our_writer(benchmark::State& state) {
    const TraceBuilder trace = one_chain();
    explain::Annotator annotator(virtio::block::device_id);
    (void)annotator.annotate(trace.records[0]);
    const explain::Annotation& annotation = annotator.annotate(trace.records[1]);
    std::string out;
    for (auto _ : state) {
        out.clear();
        render::append_json(out, annotation, 0, {});
        benchmark::DoNotOptimize(out);
    }
    state.SetItemsProcessed(state.iterations());
}

void one_object_by_nlohmann(benchmark::State& state) {
    const TraceBuilder trace = one_chain();
    explain::Annotator annotator(virtio::block::device_id);
    (void)annotator.annotate(trace.records[0]);
    std::string line;
    render::append_json(line, annotator.annotate(trace.records[1]), 0, {});
    const auto parsed = nlohmann::ordered_json::parse(line);
    for (auto _ : state) {
        const nlohmann::ordered_json tree = parsed;
        std::string out = tree.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
        benchmark::DoNotOptimize(out);
    }
    state.SetItemsProcessed(state.iterations());
}

BENCHMARK(memory_copy)->Unit(benchmark::kMillisecond);
BENCHMARK(read_only)->Unit(benchmark::kMillisecond);
BENCHMARK(read_and_annotate)->Unit(benchmark::kMillisecond);
BENCHMARK(read_to_json)->Unit(benchmark::kMillisecond);
BENCHMARK(read_to_text)->Unit(benchmark::kMillisecond);
BENCHMARK(one_object_by_our_writer);
BENCHMARK(one_object_by_nlohmann);

}  // namespace
}  // namespace vutrace

int main(int argument_count, char** arguments) {
    benchmark::Initialize(&argument_count, arguments);
    if (benchmark::ReportUnrecognizedArguments(argument_count, arguments)) {
        return 2;
    }
    const std::string path = vutrace::trace_path();
    benchmark::RunSpecifiedBenchmarks();
    if (std::getenv("VUTRACE_BENCHMARK_TRACE") == nullptr) {
        (void)std::remove(path.c_str());
    }
    return 0;
}
