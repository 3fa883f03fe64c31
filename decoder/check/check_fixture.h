// Sessions held against the rules, for the tests of this room.
#pragma once

#include "vutrace/check/checker.h"

#include <vutrace/session/testing/session_builder.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace vutrace::check::test {

using protocol::FrontEndRequest;
using session::testing::BlockSession;
using session::testing::SessionBuilder;

[[nodiscard]] constexpr std::uint64_t bit(unsigned number) noexcept {
    return std::uint64_t{1} << number;
}

// Rules that a session broke in a test that named them, with the severity of their row. One for the whole program:
// each_rule_test.cpp wants every rule in it when all tests have run.
[[nodiscard]] inline std::set<const RuleInfo*>& rules_broken_by_name() {
    static std::set<const RuleInfo*> broken;
    return broken;
}

// What the rules say of the records; of the rules named only, or of all.
[[nodiscard]] inline std::vector<Finding> findings(const std::vector<trace::Record>& records,
                                                   const std::vector<std::string_view>& rules = {}) {
    Selection selection;
    for (const std::string_view id : rules) {
        selection.rules.push_back(find_rule(id));
    }
    std::vector<Finding> found;
    Checker checker(selection, [&found](Finding finding) { found.push_back(std::move(finding)); });
    for (const trace::Record& record : records) {
        checker.take(record);
    }
    checker.finish();
    for (const Finding& finding : found) {
        if (!rules.empty() && finding.severity == finding.rule->severity) {
            rules_broken_by_name().insert(finding.rule);
        }
    }
    return found;
}

// "VU017 @5 error front-end: text", one for each finding.
[[nodiscard]] inline std::vector<std::string> texts(const std::vector<Finding>& found) {
    std::vector<std::string> lines;
    for (const Finding& finding : found) {
        lines.push_back(std::string(finding.rule->id) + " @" + std::to_string(finding.sequence) + " " +
                        std::string(name_of(finding.severity)) + " " + std::string(name_of(finding.violator)) + ": " +
                        finding.text);
    }
    return lines;
}
[[nodiscard]] inline std::vector<std::string> texts(const SessionBuilder& session,
                                                    const std::vector<std::string_view>& rules = {}) {
    return texts(findings(session.records(), rules));
}

[[nodiscard]] inline std::vector<std::string> texts(const std::vector<trace::Record>& records,
                                                    const std::vector<std::string_view>& rules) {
    return texts(findings(records, rules));
}

// How the line of `texts` begins: "VU017 @5 error front-end: ".
[[nodiscard]] inline std::string at(std::string_view rule, std::uint64_t sequence, std::string_view who) {
    return std::string(rule) + " @" + std::to_string(sequence) + " " + std::string(who) + ": ";
}

// The same records, those from number `first` on later by so many nanoseconds.
[[nodiscard]] inline std::vector<trace::Record> later(std::vector<trace::Record> records, std::uint64_t first,
                                                      std::int64_t nanoseconds) {
    for (trace::Record& record : records) {
        record.time += record.sequence >= first ? nanoseconds : 0;
    }
    return records;
}

// A message on the channel on which the back-end asks.
inline std::uint64_t on_back_end_channel(SessionBuilder& session, Side sender, std::uint32_t code, std::uint32_t flags,
                                         ByteView payload, const std::vector<std::uint32_t>& descriptor_ids = {}) {
    trace::MessageRecord record;
    record.channel = Channel::back_end;
    record.sender = sender;
    record.bytes = session::testing::message_bytes(code, flags, payload);
    for (const std::uint32_t id : descriptor_ids) {
        record.descriptors.push_back({id, {}});
    }
    return session.add(std::move(record));
}

// A request of the back-end there.
inline std::uint64_t ask_on_back_end_channel(SessionBuilder& session, std::uint32_t code, ByteView payload = {},
                                             std::uint32_t flags = protocol::version_1) {
    return on_back_end_channel(session, Side::back_end, code, flags, payload);
}

// Ends a session as capture does.
inline std::uint64_t close(SessionBuilder& session) {
    return session.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {{"reason", "closed"}}});
}
inline std::uint64_t close_by(SessionBuilder& session, std::string_view side) {
    return session.add(trace::SessionRecord{trace::SessionRecord::Kind::closed,
                                            {{"side", std::string(side)}, {"reason", std::string(side) + " closed"}}});
}

}  // namespace vutrace::check::test
