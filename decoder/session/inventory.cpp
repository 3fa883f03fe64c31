#include "vutrace/session/inventory.h"

#include "vutrace/session/timeline.h"

#include <vutrace/trace/records.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace vutrace::session {
namespace {

constexpr std::size_t shown_ranges = 16;

}  // namespace

void Inventory::add(std::uint32_t session, std::optional<std::uint32_t> queue) {
    std::set<std::uint32_t>& queues = queues_[session];
    if (queue) {
        queues.insert(*queue);
    }
}

void Inventory::add(const SessionState& state) {
    add(state.number);
    for (const auto& [number, setup] : state.device.queues()) {
        add(state.number, number);
    }
    for (const auto& [number, progress] : state.queues) {
        if (number != trace::no_queue) {
            add(state.number, number);
        }
    }
}

Status Inventory::check(std::optional<std::uint32_t> session, std::optional<std::uint32_t> queue,
                        std::string_view where) const {
    const std::string place(where);
    if (session && !queues_.contains(*session)) {
        std::set<std::uint32_t> sessions;
        std::transform(queues_.begin(), queues_.end(), std::inserter(sessions, sessions.end()),
                       [](const auto& entry) { return entry.first; });
        sessions.erase(0);
        return fail(ErrorCode::usage, "no session " + std::to_string(*session) + ' ' + place +
                                          ": the sessions there are " + list_numbers(sessions));
    }
    if (!queue) {
        return {};
    }
    std::set<std::uint32_t> queues;
    for (const auto& [number, its_queues] : queues_) {
        if (!session || *session == number) {
            queues.insert(its_queues.begin(), its_queues.end());
        }
    }
    if (queues.contains(*queue)) {
        return {};
    }
    const std::string of_session = session ? " of session " + std::to_string(*session) : "";
    return fail(ErrorCode::usage, "no queue " + std::to_string(*queue) + of_session + ' ' + place +
                                      ": the queues there are " + list_numbers(queues));
}

std::string list_numbers(const std::set<std::uint32_t>& numbers) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
    for (const std::uint32_t number : numbers) {
        if (!ranges.empty() && ranges.back().second + 1 == number) {
            ranges.back().second = number;
        } else {
            ranges.emplace_back(number, number);
        }
    }
    std::string text = ranges.empty() ? "none" : "";
    for (std::size_t i = 0; i < std::min(ranges.size(), shown_ranges); ++i) {
        const auto [first, last] = ranges[i];
        text += i == 0 ? "" : ", ";
        text += std::to_string(first) + (first == last ? "" : '-' + std::to_string(last));
    }
    if (ranges.size() > shown_ranges) {
        text += " and " + std::to_string(ranges.size() - shown_ranges) + " more ranges";
    }
    return text;
}

}  // namespace vutrace::session
