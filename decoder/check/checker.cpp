#include "vutrace/check/checker.h"

#include "session_rules.h"

#include <algorithm>
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

SessionRules& Checker::rules_of(std::uint32_t session) {
    auto& rules = sessions_[session];
    if (rules == nullptr) {
        rules = std::make_unique<SessionRules>(selection_, *sink_, session);
    }
    return *rules;
}

const explain::Annotation& Checker::take(const trace::Record& record) {
    const explain::Annotation& annotation = annotator_.annotate(record);
    last_sequence_ = record.sequence + trace::sequence_count(record) - 1;
    last_time_ = trace::time_of(record, trace::sequence_count(record) - 1);
    const session::SessionState* after = annotator_.tracker().session(record.session);
    if (after == nullptr) {
        return annotation;
    }
    static const session::DeviceState nothing_said;
    const session::SessionState* before = before_.session(record.session);
    SessionRules& rules = rules_of(record.session);
    rules.take({record, annotation, before == nullptr ? nothing_said : before->device, *after});
    const auto* session = std::get_if<trace::SessionRecord>(&record.body);
    if (session != nullptr && session->kind == trace::SessionRecord::Kind::closed) {
        rules.end({*after, annotator_, record.sequence, record.time, true});
    }
    if (session != nullptr || std::holds_alternative<trace::MessageRecord>(record.body)) {
        before_.apply(record);
    }
    return annotation;
}

void Checker::finish() {
    for (const auto& [number, rules] : sessions_) {
        if (const session::SessionState* state = annotator_.tracker().session(number)) {
            rules->end({*state, annotator_, last_sequence_, last_time_, false});
        }
    }
}

}  // namespace vutrace::check
