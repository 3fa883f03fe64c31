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
                                        {wants_cut_messages, &cut_messages_},
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

void SessionRules::take(const Sight& record_sight) {
    Sight sight = record_sight;
    sight.rings = &rings_;
    const trace::Record& record = sight.record;
    if (const auto* message = std::get_if<trace::MessageRecord>(&record.body)) {
        take_message(sight, *message);
        rings_.message(record, sight.annotation.message, sight.after.device);
        return;
    }
    if (const auto* chain = std::get_if<trace::ChainRecord>(&record.body)) {
        take_chains(sight, *chain);
        return;
    }
    for (Rule* rule : others_) {
        rule->other(sight);
    }
    if (const auto* event = std::get_if<trace::EventRecord>(&record.body)) {
        rings_.event(record, *event);
    } else if (const auto* gap = std::get_if<trace::GapRecord>(&record.body)) {
        rings_.gap(*gap);
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
    for (Rule* rule : message.incomplete ? cut_messages_ : messages_) {
        rule->message(seen);
    }
}

void SessionRules::take_chains(const Sight& sight, const trace::ChainRecord& chain) {
    static const Ring nothing_seen;
    for (std::size_t i = 0; i < chain.entries.size(); ++i) {
        const Ring* ring = rings_.find(chain.queue);
        const ChainSight seen{
            sight, chain, chain.entries[i], sight.annotation.entries[i], ring == nullptr ? nothing_seen : *ring, i};
        for (Rule* rule : chains_) {
            rule->chain(seen);
        }
        rings_.entry(sight.record, chain, i);
    }
    for (Rule* rule : chain_records_) {
        rule->chain_record(sight, chain);
    }
    rings_.record_done(chain);
}

void SessionRules::end(const EndSight& end_sight) {
    if (ended_) {
        return;
    }
    ended_ = end_sight.closed;
    EndSight sight = end_sight;
    sight.rings = &rings_;
    for (const auto& rule : rules_) {
        rule->end(sight);
    }
}

}  // namespace vutrace::check
