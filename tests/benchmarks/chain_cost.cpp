// What one chain, made available and used, costs the thread that records it, in each ring layout and mode, beside a
// copy of the chain's bytes; and what it takes in the trace. Driver and device are on the same thread and not measured.
//
//   chain_cost [--traces=FOLDER] [OPTION OF Google Benchmark ...]
//
// With --traces each case leaves its trace there, without the payload. chain_instructions.py runs it under callgrind.
#include "need.h"
#include "packed_ring_tap.h"
#include "record_queue.h"
#include "shadow/packed_shadow_rings.h"
#include "shadow/shadow_queue.h"
#include "shadow/split_shadow_rings.h"
#include "split_ring_tap.h"
#include "testing/packed_ring_pair.h"
#include "testing/packed_shadow_device.h"
#include "testing/ring_pair.h"
#include "testing/shadow_device.h"

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace vutrace::benchmarks {
namespace {

using capture::testing::PackedRingPair;
using capture::testing::PackedShadowDevice;
using capture::testing::RingPair;
using capture::testing::ShadowDevice;

constexpr std::uint32_t ring_size = 256;
constexpr std::uint16_t batch = 32;  // as testpmd's bursts
constexpr std::uint64_t place_bytes = 8192;
constexpr std::int64_t rounds = 4000;
std::string traces;  // folder; empty: none

struct Shape {
    const char* name;
    std::vector<std::uint32_t> readable;
    std::vector<std::uint32_t> writable;

    [[nodiscard]] std::vector<RingPair::Buffer> buffers(std::uint16_t place) const {
        std::vector<RingPair::Buffer> all;
        std::uint64_t at = RingPair::buffers + place * place_bytes;
        for (const bool write : {false, true}) {
            for (const std::uint32_t length : write ? writable : readable) {
                all.push_back({at, length, write});
                at += length;
            }
        }
        return all;
    }
    [[nodiscard]] std::uint32_t written() const { return std::accumulate(writable.begin(), writable.end(), 0U); }
    [[nodiscard]] std::uint32_t bytes() const { return std::accumulate(readable.begin(), readable.end(), written()); }
};

const std::array<Shape, 4> shapes{{{"frame-64", {76}, {}},
                                   {"frame-1514", {1526}, {}},
                                   {"block-write-4k", {16, 4096}, {1}},
                                   {"block-read-4k", {16}, {4096, 1}}}};

// Encodes as the session's thread does; what the recorder's thread does is not measured.
class EncodingRecorder final : public capture::Recorder {
  public:
    explicit EncodingRecorder(const std::string& path) : writer_(need(trace::Writer::create(path))) {}

    bool record(std::uint32_t session, const trace::RecordBody& body) noexcept override {
        return queue_.push(session, body) != capture::RecordQueue::Outcome::dropped;
    }
    void lost(std::uint32_t session, const trace::GapRecord& gap) noexcept override {
        (void)queue_.push_loss(session, gap);
        lost_ = true;
    }
    [[nodiscard]] Counters counters() const noexcept override { return {}; }
    [[nodiscard]] std::size_t largest_record() const noexcept override { return queue_.largest_record(); }
    [[nodiscard]] std::size_t free_bytes() const noexcept override { return queue_.free_bytes(); }
    [[nodiscard]] Status finish() override { return writer_.flush(); }

    void drain() {
        need(queue_.drain([this](const capture::RecordQueue::Entry& entry) {
            return writer_.append(entry.time, entry.session, entry.type, entry.body);
        }));
    }
    [[nodiscard]] bool lost() const noexcept { return lost_; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return writer_.bytes_written(); }

  private:
    capture::RecordQueue queue_{64U << 20U};
    trace::Writer writer_;
    bool lost_{false};
};

// A queue between its peers: what they do, and a look of ours.
class Queue {
  public:
    virtual ~Queue() = default;
    Queue() = default;
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;
    virtual void offer(std::uint16_t id, const std::vector<RingPair::Buffer>& chain) = 0;
    virtual void use(std::uint16_t id, std::uint32_t length, std::size_t slots) = 0;
    virtual void look() = 0;
    [[nodiscard]] virtual RingPair& memory() = 0;
};

template <class Ring>
std::shared_ptr<const capture::GuestMappings> map(const Ring& ring, bool writable) {
    std::vector<FileDescriptor> files;
    files.push_back(ring.file());
    const std::vector<std::uint32_t> ids{1};
    return capture::GuestMappings::next(nullptr, {ring.region(1)}, {&files, &ids},
                                        {.map = true, .keep_files = false, .writable = writable})
        .mappings;
}

template <class Options>
Options options(capture::MemoryMode memory) {
    Options options;
    options.session = 1;
    options.memory = memory;
    return options;
}

// Ids tell chains apart; a split ring's are their heads, with room for three descriptors each.
void offer_chain(RingPair& ring, std::uint16_t id, const std::vector<RingPair::Buffer>& chain) {
    ring.describe_chain(id, chain);
    ring.offer(id);
}
void offer_chain(PackedRingPair& ring, std::uint16_t id, const std::vector<RingPair::Buffer>& chain) {
    ring.offer(id, chain);
}
void use_chain(RingPair& ring, std::uint16_t id, std::uint32_t length, std::size_t /*slots*/) {
    ring.use(id, length);
}
void use_chain(PackedRingPair& ring, std::uint16_t id, std::uint32_t length, std::size_t slots) {
    ring.use(id, length, static_cast<std::uint32_t>(slots));
}
void use_chain(ShadowDevice& device, std::uint16_t id, std::uint32_t length, std::size_t /*slots*/) {
    device.use(id, length);
}
void use_chain(PackedShadowDevice& device, std::uint16_t id, std::uint32_t length, std::size_t slots) {
    device.use(id, length, static_cast<std::uint32_t>(slots));
}

template <class Pair, class Tap>
class TappedQueue final : public Queue {
  public:
    TappedQueue(capture::Recorder& recorder, capture::MemoryMode memory)
        : tap_(options<capture::RingTapOptions>(memory), recorder) {
        (void)tap_.place(ring_.layout(), map(ring_, false));
        tap_.start(base);
    }
    void offer(std::uint16_t id, const std::vector<RingPair::Buffer>& chain) override { offer_chain(ring_, id, chain); }
    void use(std::uint16_t id, std::uint32_t length, std::size_t slots) override {
        use_chain(ring_, id, length, slots);
    }
    void look() override { (void)tap_.scan(); }
    [[nodiscard]] RingPair& memory() override { return ring_; }

  private:
    static constexpr std::uint32_t base = std::is_same_v<Pair, PackedRingPair> ? virtio::PackedBase::fresh : 0;

    Pair ring_{ring_size};
    Tap tap_;
};

template <class Pair, class Rings, class Device>
class ShadowedQueue final : public Queue {
  public:
    ShadowedQueue(capture::Recorder& recorder, capture::MemoryMode memory) {
        (void)rings_.place(ring_.layout(), map(ring_, true));
        need(rings_.begin_after({0, base, std::nullopt, {}}));
        queue_.emplace(options<capture::ShadowQueue::Options>(memory), recorder, rings_);
    }
    void offer(std::uint16_t id, const std::vector<RingPair::Buffer>& chain) override { offer_chain(ring_, id, chain); }
    void use(std::uint16_t id, std::uint32_t length, std::size_t slots) override {
        use_chain(device_, id, length, slots);
    }
    void look() override { (void)queue_->serve(); }
    [[nodiscard]] RingPair& memory() override { return ring_; }

  private:
    static constexpr bool packed = std::is_same_v<Pair, PackedRingPair>;
    static constexpr std::uint32_t base = packed ? virtio::PackedBase::fresh : 0;
    static Device make_device(const capture::ShadowMemory& memory) {
        if constexpr (packed) {
            return Device(memory, ring_size, {});
        } else {
            return Device(memory.file(), 0, ring_size);
        }
    }
    static Rings make_rings(const capture::ShadowMemory& memory, const capture::DirtyLogWriter& log) {
        if constexpr (packed) {
            return Rings(memory.parts(0), log, false);
        } else {
            return Rings(memory.parts(0), log, {});
        }
    }

    Pair ring_{ring_size};
    capture::ShadowMemory shadow_{need(capture::ShadowMemory::create(1))};
    capture::DirtyLogWriter log_;
    Rings rings_{make_rings(shadow_, log_)};
    Device device_{make_device(shadow_)};
    std::optional<capture::ShadowQueue> queue_;
};

// What no recording can be cheaper than.
class CopiedQueue final : public Queue {
  public:
    CopiedQueue(capture::Recorder& /*recorder*/, capture::MemoryMode /*memory*/) : copies_(64U << 20U) {}
    void offer(std::uint16_t /*id*/, const std::vector<RingPair::Buffer>& chain) override {
        readable_.push_back(&chain);
    }
    void use(std::uint16_t /*id*/, std::uint32_t /*length*/, std::size_t /*slots*/) override {
        writable_.push_back(readable_[writable_.size()]);
    }
    void look() override {
        const bool used = !writable_.empty();
        copy(used ? writable_ : readable_, used);
        if (used) {
            writable_.clear();
            readable_.clear();
        }
    }
    [[nodiscard]] RingPair& memory() override { return ring_; }

  private:
    using Chains = std::vector<const std::vector<RingPair::Buffer>*>;
    void copy(const Chains& chains, bool writable) {
        for (const auto* const chain : chains) {
            for (const RingPair::Buffer& buffer : *chain) {
                if (buffer.writable == writable) {
                    at_ = at_ + buffer.length > copies_.size() ? 0 : at_;
                    ring_.read(buffer.address, MutableByteView(copies_).subspan(at_, buffer.length));
                    at_ += buffer.length;
                }
            }
        }
    }

    RingPair ring_{ring_size};
    Bytes copies_;
    std::size_t at_{0};
    Chains readable_, writable_;
};

// By its name callgrind counts what is inside and nothing else.
[[gnu::noinline]] void look_at_queue(Queue& queue) {
    queue.look();
    benchmark::ClobberMemory();  // a jump as the last thing would be no call to count in
}

double timed_look(Queue& queue) {
    const auto before = std::chrono::steady_clock::now();
    look_at_queue(queue);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
}

template <class Kind>
void measure(benchmark::State& state, const std::string& name, const Shape& shape) {
    const bool keep = !traces.empty();
    EncodingRecorder recorder(keep ? traces + "/" + name + ".pcap" : "/dev/null");
    Kind queue(recorder, keep ? capture::MemoryMode::rings : capture::MemoryMode::buffers);
    std::vector<std::vector<RingPair::Buffer>> chains;
    std::mt19937_64 random(1);
    for (std::uint16_t place = 0; place < batch; ++place) {
        chains.push_back(shape.buffers(place));
        for (std::uint64_t at = 0; at < place_bytes; at += sizeof(std::uint64_t)) {
            queue.memory().template put<std::uint64_t>(RingPair::buffers + place * place_bytes + at, random());
        }
    }
    double sum = 0;
    for (auto _ : state) {
        for (std::uint16_t i = 0; i < batch; ++i) {
            queue.offer(static_cast<std::uint16_t>(3 * i), chains[i]);
        }
        double seconds = timed_look(queue);
        for (std::uint16_t i = 0; i < batch; ++i) {
            queue.use(static_cast<std::uint16_t>(3 * i), shape.written(), chains[i].size());
        }
        seconds += timed_look(queue);
        state.SetIterationTime(seconds);
        sum += seconds;
        recorder.drain();
    }
    need(recorder.finish());
    if (recorder.lost()) {
        state.SkipWithError("chains were lost");
    }
    const double count = static_cast<double>(state.iterations()) * batch;
    state.counters["ns/chain"] = sum * 1e9 / count;
    state.counters["payload"] = static_cast<double>(shape.bytes());
    state.counters["trace"] = static_cast<double>(recorder.bytes()) / count;
}

template <class Kind>
void register_kind(std::string_view kind) {
    for (const Shape& shape : shapes) {
        const std::string name = std::string(shape.name) + "-" + std::string(kind);
        benchmark::RegisterBenchmark(name.c_str(),
                                     [name, &shape](benchmark::State& state) { measure<Kind>(state, name, shape); })
            ->UseManualTime()
            ->Iterations(rounds)
            ->Unit(benchmark::kMicrosecond);
    }
}

}  // namespace
}  // namespace vutrace::benchmarks

int main(int count, char** arguments) {
    using namespace vutrace;
    using namespace vutrace::benchmarks;
    constexpr std::string_view option = "--traces=";
    if (count > 1 && std::string_view(arguments[1]).starts_with(option)) {
        traces = arguments[1] + option.size();
        std::swap(arguments[0], arguments[1]);
        --count;
        ++arguments;
    }
    register_kind<CopiedQueue>("copy");
    register_kind<TappedQueue<RingPair, capture::SplitRingTap>>("split-tap");
    register_kind<TappedQueue<PackedRingPair, capture::PackedRingTap>>("packed-tap");
    register_kind<ShadowedQueue<RingPair, capture::SplitShadowRings, ShadowDevice>>("split-shadow");
    register_kind<ShadowedQueue<PackedRingPair, capture::PackedShadowRings, PackedShadowDevice>>("packed-shadow");
    benchmark::Initialize(&count, arguments);
    if (benchmark::ReportUnrecognizedArguments(count, arguments)) {
        return EXIT_FAILURE;
    }
    benchmark::RunSpecifiedBenchmarks();
    return EXIT_SUCCESS;
}
