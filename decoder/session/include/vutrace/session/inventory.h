// Which sessions a trace has, and which queues each: for whoever is asked for one that it lacks. One thread.
#pragma once

#include <vutrace/base/error.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace vutrace::session {

struct SessionState;

class Inventory {
  public:
    // A record of that session, about that queue where it is about one. Session 0 is the trace itself.
    void add(std::uint32_t session, std::optional<std::uint32_t> queue = std::nullopt);
    // A session with all queues that its messages or chains told of.
    void add(const SessionState& state);

    // What is asked for, where it is there. Error: usage, with what there is instead. `where` is the part of the trace
    // that was looked at, as in "no session 9 in the trace".
    [[nodiscard]] Status check(std::optional<std::uint32_t> session, std::optional<std::uint32_t> queue,
                               std::string_view where) const;

  private:
    std::map<std::uint32_t, std::set<std::uint32_t>> queues_;  // by session
};

// "0-3, 7"; "none" of no number. Bounded: of many ranges the first, and how many more there are.
[[nodiscard]] std::string list_numbers(const std::set<std::uint32_t>& numbers);

}  // namespace vutrace::session
