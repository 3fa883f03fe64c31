// How fast traces are written and read, beside a copy of the same bytes in the same run. The file is in /dev/shm, so
// that the disk is not what is measured.
//   build/release/benchmarks/trace_benchmark
#include <vutrace/trace/encode.h>
#include <vutrace/trace/reader.h>
#include <vutrace/trace/writer.h>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace vutrace::trace {
namespace {

constexpr std::size_t file_bytes = std::size_t{64} << 20U;  // more than caches hold

std::string file_name() {
    return "/dev/shm/vutrace-benchmark-" + std::to_string(::getpid());
}

// One entry each way of a chain of three descriptors that carries `payload` bytes to the device.
ChainRecord chain_record(std::size_t payload, std::size_t chains) {
    Bytes bytes(payload, std::byte{0x5a});
    ChainEntry available;
    available.proof = Proof::verified;
    available.descriptors = {{0x1000, 16, 1, 1}, {0x2000, 4096, 1, 2}, {0x3000, 1, 2, 0}};
    available.content.add_literal(bytes);
    ChainEntry used;
    used.state = ChainEntry::State::used;
    used.proof = Proof::verified;
    used.used_length = 1;
    used.content.add_literal(ByteView(bytes).first(1));
    ChainRecord record;
    for (std::size_t i = 0; i < chains; ++i) {
        record.entries.push_back(available);
        record.entries.push_back(used);
    }
    return record;
}

// Arguments: bytes of payload, chains in a record.
RecordBody body_of(const benchmark::State& state) {
    return chain_record(static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
}

std::size_t records_in_file(const RecordBody& body) {
    return file_bytes / (encoded_size(body) + 48);
}

bool write_file(const RecordBody& body, std::size_t records) {
    auto writer = Writer::create(file_name());
    for (std::size_t i = 0; writer && i < records; ++i) {
        if (!writer->append(static_cast<std::int64_t>(i), 1, body)) {
            return false;
        }
    }
    return writer && writer->flush();
}

void count(benchmark::State& state, const RecordBody& body, std::size_t records) {
    const auto in_all = static_cast<std::int64_t>(records) * static_cast<std::int64_t>(state.iterations());
    state.SetItemsProcessed(in_all);
    state.SetBytesProcessed(in_all * static_cast<std::int64_t>(encoded_size(body)));
}

void encode_and_write(benchmark::State& state) {
    const RecordBody body = body_of(state);
    const std::size_t records = records_in_file(body);
    for (auto _ : state) {
        if (!write_file(body, records)) {
            state.SkipWithError("cannot write");
        }
    }
    count(state, body, records);
    ::unlink(file_name().c_str());
}

void read(benchmark::State& state) {
    const RecordBody body = body_of(state);
    const std::size_t records = records_in_file(body);
    if (!write_file(body, records)) {
        state.SkipWithError("cannot write");
    }
    for (auto _ : state) {
        auto reader = Reader::open(file_name());
        std::size_t found = 0;
        while (reader && reader->next().value()) {
            ++found;
        }
        if (found != records) {
            state.SkipWithError("records are missing");
        }
    }
    count(state, body, records);
    ::unlink(file_name().c_str());
}

// The same bytes from memory to memory, one piece after another through a buffer of that size.
void copy(benchmark::State& state) {
    const RecordBody body = body_of(state);
    const std::size_t size = encoded_size(body);
    const std::size_t records = records_in_file(body);
    const Bytes source(size * records, std::byte{1});
    Bytes target(size * records);
    for (auto _ : state) {
        for (std::size_t i = 0; i < records; ++i) {
            std::memcpy(target.data() + i * size, source.data() + i * size, size);
        }
        benchmark::DoNotOptimize(target.data());
        benchmark::ClobberMemory();
    }
    count(state, body, records);
}

void sizes(benchmark::internal::Benchmark* benchmark) {
    benchmark->ArgNames({"payload", "chains"})->Args({16, 1})->Args({16, 16})->Args({4096, 16})->Args({65536, 1});
    benchmark->Unit(benchmark::kMillisecond);
}

BENCHMARK(copy)->Apply(sizes);
BENCHMARK(encode_and_write)->Apply(sizes);
BENCHMARK(read)->Apply(sizes);

}  // namespace
}  // namespace vutrace::trace
