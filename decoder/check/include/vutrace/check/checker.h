// Holds the records of a trace against the rules.
#pragma once

#include <vutrace/check/finding.h>
#include <vutrace/explain/annotation.h>

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

namespace vutrace::check {

class SessionRules;

struct Selection {
    std::vector<const RuleInfo*> rules;  // empty: all
    Severity least{Severity::info};      // nothing milder
    [[nodiscard]] bool takes(const RuleInfo& rule) const noexcept;
};

// Takes the records of a trace in order. Work for a record is bounded by its size and the number of rules; memory by
// the number of sessions, queues and chains in flight. One thread.
//
// What rules remember of a session goes when it closes: nothing is said of what a trace has of it after that, unless it
// opens again. Of sessions that never close `most_open` are followed at once, far more than one capture can have (each
// needs some descriptors and threads). Beyond that the one that was silent for longest is judged as at the trace's end
// and given up: in a trace of many captures, that is one whose capture ended without a word.
class Checker {
  public:
    using Sink = std::function<void(Finding)>;
    static constexpr std::size_t most_open = 4096;

    // `sink` gets findings as they are made, during `take` and `finish`. `device` as for `explain::Annotator`.
    Checker(Selection selection, Sink sink, std::optional<std::uint32_t> device = std::nullopt);
    Checker(Checker&&) noexcept;
    Checker& operator=(Checker&&) noexcept;
    ~Checker();

    // What the record means, valid until the next call.
    const explain::Annotation& take(const trace::Record& record);
    // The trace ends here, or is to be judged as if it did: who owes whom. Sessions that were closed were judged then.
    void finish();

    [[nodiscard]] const explain::Annotator& annotator() const noexcept { return annotator_; }

  private:
    struct OpenSession {
        std::unique_ptr<SessionRules> rules;
        std::list<std::uint32_t>::iterator turn;  // in `by_last_record_`
    };
    SessionRules* rules_of(const trace::Record& record);
    void give_up(std::uint32_t session, bool closed);

    Selection selection_;
    std::shared_ptr<Sink> sink_;  // where rules keep it: this object moves
    explain::Annotator annotator_;
    session::Tracker before_{session::MemoryTracking::off};  // one record behind, messages and session records only
    std::map<std::uint32_t, OpenSession> sessions_;          // at most `most_open`
    std::list<std::uint32_t> by_last_record_;                // their numbers, the longest silent first
    std::unordered_set<std::uint32_t> judged_;               // closed, or given up
    std::uint64_t last_sequence_{0};
    std::int64_t last_time_{0};
};

}  // namespace vutrace::check
