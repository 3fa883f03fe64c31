// Holds the records of a trace against the rules.
#pragma once

#include <vutrace/check/finding.h>
#include <vutrace/explain/annotation.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
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
class Checker {
  public:
    using Sink = std::function<void(Finding)>;

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
    SessionRules& rules_of(std::uint32_t session);

    Selection selection_;
    std::shared_ptr<Sink> sink_;  // where rules keep it: this object moves
    explain::Annotator annotator_;
    session::Tracker before_{session::MemoryTracking::off};  // one record behind, messages and session records only
    std::map<std::uint32_t, std::unique_ptr<SessionRules>> sessions_;
    std::uint64_t last_sequence_{0};
    std::int64_t last_time_{0};
};

}  // namespace vutrace::check
