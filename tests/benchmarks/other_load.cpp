#include "other_load.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>

namespace vutrace::benchmarks {
namespace {

using Seconds = std::chrono::duration<double>;

Seconds from_ticks(double ticks) {
    return Seconds(ticks / static_cast<double>(::sysconf(_SC_CLK_TCK)));
}

// Of all processors together; proc(5) has the fields.
Seconds idle_time() {
    std::ifstream file("/proc/stat");
    std::string name;
    double user = 0;
    double nice = 0;
    double system = 0;
    double idle = 0;
    double io_wait = 0;
    file >> name >> user >> nice >> system >> idle >> io_wait;
    return from_ticks(idle + io_wait);
}

Seconds used_by(pid_t process) {
    std::ifstream file(fmt::format("/proc/{}/stat", process));
    std::string line;
    std::getline(file, line);
    const auto name_end = line.rfind(')');
    if (name_end == std::string::npos) {
        return Seconds{0};
    }
    constexpr std::size_t user_field = 11;  // counted from 0 behind the name
    std::istringstream fields(line.substr(name_end + 1));
    const std::vector<std::string> words{std::istream_iterator<std::string>(fields), {}};
    return words.size() > user_field + 1 ? from_ticks(std::stod(words[user_field]) + std::stod(words[user_field + 1]))
                                         : Seconds{0};
}

}  // namespace

OtherLoad::OtherLoad(std::vector<pid_t> ours) : ours_(std::move(ours)) {
    ours_.push_back(::getpid());
    begin_ = take();
}

OtherLoad::Sample OtherLoad::take() const {
    Sample sample;
    sample.at = std::chrono::steady_clock::now();
    sample.busy = -idle_time();
    for (const pid_t process : ours_) {
        sample.ours += used_by(process);
    }
    return sample;
}

double OtherLoad::cores() const {
    const Sample end = take();
    const Seconds elapsed = end.at - begin_.at;
    const auto processors = static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN));
    const Seconds busy = elapsed * processors + end.busy - begin_.busy;
    return (busy - (end.ours - begin_.ours)) / elapsed;
}

}  // namespace vutrace::benchmarks
