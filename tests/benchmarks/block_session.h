// Short sessions of a block workload: a storage daemon that stays, and for each session a driver of its own and, on
// the way between them, a fresh `vutrace capture` whose trace is counted and thrown away. So no session pays for what
// another left to be written, and no trace outgrows the memory it is in.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/virtio/devices/block.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace vutrace::benchmarks {

using Seconds = std::chrono::duration<double>;

struct Workload {
    const char* name;
    virtio::block::RequestType type;
    std::uint32_t bytes;  // of each request
    std::size_t depth;    // requests in flight, at the most
    double rate{0};       // requests a second, evenly; 0: as many as the depth allows
};

// What a trace says about its chains. Steps are offers and completions, so two for each chain that was seen whole.
struct TraceCounts {
    std::uint64_t chains{0};                // seen when they were made available
    std::uint64_t lost{0};                  // by the `gap` records
    bool lost_at_least{false};              // may have been more
    bool fell_back{false};                  // from shadow rings to the queue's own
    std::array<std::uint64_t, 4> proofs{};  // steps, by trace::Proof

    TraceCounts& operator+=(const TraceCounts& more) noexcept;
};

struct SessionResult {
    double rate{0};         // requests a second
    double other_load{0};   // cores that others used meanwhile
    double capture_cpu{0};  // cores that the capture process used from its start to its end; 0 without one
    TraceCounts counts;
};

// Ends the program with a message where anything fails: a benchmark has nobody to return an error to.
class BlockSessions {
  public:
    // `above_others`: peers and capture run with real-time priorities, so that other load on the machine gets only what
    // they leave. The capture is below the peers, as it is with SCHED_IDLE where there is no other load.
    BlockSessions(std::string vutrace, bool above_others);
    BlockSessions(const BlockSessions&) = delete;
    BlockSessions& operator=(const BlockSessions&) = delete;
    ~BlockSessions();

    // `capture_options` empty: no capture. The rate is of `time` after a short warm-up.
    [[nodiscard]] SessionResult run(const Workload& workload, const std::vector<std::string>& capture_options,
                                    Seconds time);

  private:
    std::string vutrace_;
    bool above_others_;
    std::string folder_;
    int daemon_{-1};
    std::mt19937_64 random_{1};
    Bytes data_;
};

}  // namespace vutrace::benchmarks
