#include "rule.h"

namespace vutrace::check {

Finding Rule::finding(std::uint64_t sequence, std::int64_t time, std::string text) const {
    return {info_, info_->severity, info_->violator, session_, sequence, time, std::nullopt, std::move(text)};
}

Finding Rule::finding(const Sight& sight, std::string text) const {
    Finding made = finding(sight.record.sequence, sight.record.time, std::move(text));
    made.queue = sight.annotation.queue;
    return made;
}

Finding Rule::finding(const ChainSight& sight, std::string text) const {
    Finding made = finding(sight.sequence(), sight.time(), std::move(text));
    made.queue = sight.chain.queue;
    return made;
}

Finding Rule::finding(const MessageSight& sight, std::string text) const {
    Finding made = finding(static_cast<const Sight&>(sight), std::move(text));
    if (made.violator == Violator::either) {
        made.violator = sight.message.sender == Side::front_end ? Violator::front_end : Violator::back_end;
    }
    return made;
}

}  // namespace vutrace::check
