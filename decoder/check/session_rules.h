// The rules of one session, each with what it remembers, and who of them sees what.
#pragma once

#include "rule.h"
#include "vutrace/check/checker.h"

#include <memory>
#include <vector>

namespace vutrace::check {

class SessionRules {
  public:
    // `sink` must live as long as this.
    SessionRules(const Selection& selection, const Rule::Sink& sink, std::uint32_t session);

    void take(const Sight& sight);
    // Once: a session that was closed is judged at its closing.
    void end(const EndSight& sight);

  private:
    void take_message(const Sight& sight, const trace::MessageRecord& message);
    void take_chains(const Sight& sight, const trace::ChainRecord& chain);

    std::vector<std::unique_ptr<Rule>> rules_;
    std::vector<Rule*> messages_, cut_messages_, chains_, chain_records_, others_;
    RingWatch rings_;
    bool ended_{false};
};

}  // namespace vutrace::check
