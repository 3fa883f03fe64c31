#include "session_rules.h"

namespace vutrace::check {

SessionRules::SessionRules(const Selection& selection, const Rule::Sink& sink, std::uint32_t session) {
    for (const RuleRows section : all_rows()) {
        for (const RuleRow& row : section) {
            if (row.make == nullptr || !selection.takes(row.info)) {
                continue;
            }
            const auto& rule = rules_.emplace_back(row.make());
            rule->bind(row.info, sink, session);
            for (auto [wanted, list] : {std::pair(wants_messages, &messages_),
                                        {wants_chains, &chains_},
                                        {wants_chain_records, &chain_records_},
                                        {wants_others, &others_}}) {
                if ((row.wants & wanted) != 0) {
                    list->push_back(rule.get());
                }
            }
        }
    }
}

void SessionRules::take(const Sight& sight) {
    if (const auto* message = std::get_if<trace::MessageRecord>(&sight.record.body)) {
        take_message(sight, *message);
    } else if (const auto* chain = std::get_if<trace::ChainRecord>(&sight.record.body)) {
        take_chains(sight, *chain);
    } else {
        for (Rule* rule : others_) {
            rule->other(sight);
        }
    }
}

void SessionRules::take_message(const Sight& sight, const trace::MessageRecord& message) {
    const explain::MessageAnnotation& what = sight.annotation.message;
    if (!what.header || message.offset != 0) {
        for (Rule* rule : others_) {
            rule->other(sight);
        }
        return;
    }
    const MessageSight seen{sight, message, what, *what.header, what.payload, what.whole};
    for (Rule* rule : messages_) {
        rule->message(seen);
    }
}

void SessionRules::take_chains(const Sight& sight, const trace::ChainRecord& chain) {
    for (std::size_t i = 0; i < chain.entries.size() && !chains_.empty(); ++i) {
        const ChainSight seen{sight, chain, chain.entries[i], sight.annotation.entries[i], i};
        for (Rule* rule : chains_) {
            rule->chain(seen);
        }
    }
    for (Rule* rule : chain_records_) {
        rule->chain_record(sight, chain);
    }
}

void SessionRules::end(const EndSight& sight) {
    if (ended_) {
        return;
    }
    ended_ = sight.closed;
    for (const auto& rule : rules_) {
        rule->end(sight);
    }
}

}  // namespace vutrace::check
