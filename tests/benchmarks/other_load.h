// How much of the machine others use while something is measured: what the processors did not idle away, less what the
// processes that belong to the measurement used.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <vector>

namespace vutrace::benchmarks {

class OtherLoad {
  public:
    explicit OtherLoad(std::vector<pid_t> ours);  // this process is one of them anyway

    // In cores, since the object was made. What the host took away (steal) counts too.
    [[nodiscard]] double cores() const;

  private:
    struct Sample {
        std::chrono::duration<double> busy{0};
        std::chrono::duration<double> ours{0};
        std::chrono::steady_clock::time_point at;
    };
    [[nodiscard]] Sample take() const;

    std::vector<pid_t> ours_;
    Sample begin_;
};

}  // namespace vutrace::benchmarks
