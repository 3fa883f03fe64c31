#include "vutrace/check/checker.h"

#include "session_rules.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace vutrace::check {

bool Selection::takes(const RuleInfo& rule) const noexcept {
    // Not by the usual severity: a finding may be milder, so that is for the sink to judge.
    return rules.empty() || std::find(rules.begin(), rules.end(), &rule) != rules.end();
}

Checker::Checker(Selection selection, Sink sink, std::optional<std::uint32_t> device)
    : selection_(std::move(selection)),
      sink_(std::make_shared<Sink>([least = selection_.least, to = std::move(sink)](Finding finding) {
          if (finding.severity >= least) {
              to(std::move(finding));
          }
      })),
      annotator_(device) {}

Checker::Checker(Checker&&) noexcept = default;
Checker& Checker::operator=(Checker&&) noexcept = default;
Checker::~Checker() = default;

// Null for what was judged already.
SessionRules* Checker::rules_of(const trace::Record& record) {
    const std::uint32_t session = record.session;
    if (const auto found = sessions_.find(session); found != sessions_.end()) {
        by_last_record_.splice(by_last_record_.end(), by_last_record_, found->second.turn);
        return found->second.rules.get();
    }
    const auto* begin = std::get_if<trace::SessionRecord>(&record.body);
    if (begin != nullptr && begin->kind == trace::SessionRecord::Kind::opened) {
        judged_.erase(session);
    } else if (judged_.contains(session)) {
        return nullptr;
    }
    if (sessions_.size() >= most_open) {
        give_up(by_last_record_.front(), false);
    }
    by_last_record_.push_back(session);
    OpenSession open{std::make_unique<SessionRules>(selection_, *sink_, session), std::prev(by_last_record_.end())};
    return sessions_.emplace(session, std::move(open)).first->second.rules.get();
}

void Checker::give_up(std::uint32_t session, bool closed) {
    const auto found = sessions_.find(session);
    if (const session::SessionState* state = annotator_.tracker().session(session)) {
        found->second.rules->end({*state, annotator_, last_sequence_, last_time_, closed});
    }
    by_last_record_.erase(found->second.turn);
    sessions_.erase(found);
    judged_.insert(session);
}

const explain::Annotation& Checker::take(const trace::Record& record) {
    const explain::Annotation& annotation = annotator_.annotate(record);
    last_sequence_ = record.sequence + trace::sequence_count(record) - 1;
    last_time_ = trace::time_of(record, trace::sequence_count(record) - 1);
    const session::SessionState* after = annotator_.tracker().session(record.session);
    SessionRules* rules = after == nullptr ? nullptr : rules_of(record);
    if (rules == nullptr) {
        return annotation;
    }
    static const session::DeviceState nothing_said;
    const session::SessionState* before = before_.session(record.session);
    rules->take({record, annotation, before == nullptr ? nothing_said : before->device, *after});
    const auto* session = std::get_if<trace::SessionRecord>(&record.body);
    if (session != nullptr || std::holds_alternative<trace::MessageRecord>(record.body)) {
        before_.apply(record);
    }
    if (session != nullptr && session->kind == trace::SessionRecord::Kind::closed) {
        give_up(record.session, true);
    }
    return annotation;
}

void Checker::finish() {
    for (const auto& [number, open] : sessions_) {
        if (const session::SessionState* state = annotator_.tracker().session(number)) {
            open.rules->end({*state, annotator_, last_sequence_, last_time_, false});
        }
    }
}

}  // namespace vutrace::check
