#include "notification_due.h"

#include <fmt/format.h>

#include <utility>

namespace vutrace::check {

void NotificationDue::chain(const ChainSight& sight) {
    tell(debts_.chain(sight), sight.time(),
         kind_ == NotificationDebts::Kind::kick ? "the device went on" : "the driver went on");
}

void NotificationDue::chain_record(const Sight& sight, const trace::ChainRecord& chain) {
    debts_.chain_record(sight, chain);
}

void NotificationDue::other(const Sight& sight) {
    tell(debts_.other(sight), sight.record.time,
         kind_ == NotificationDebts::Kind::kick ? "the next kick came" : "the next call came");
}

void NotificationDue::message(const MessageSight& sight) {
    tell(debts_.message(sight), sight.record.time, "the queue was stopped or set up anew");
}

void NotificationDue::tell(const std::optional<NotificationDebt>& debt, std::int64_t now, const char* ended) const {
    if (!debt || !debt->sure) {
        return;
    }
    const char* missed =
        kind_ == NotificationDebts::Kind::kick ? "the driver does not kick" : "the device does not call";
    Finding made = finding(debt->sequence, debt->time,
                           fmt::format("{}, but {}: {} after {}", NotificationDebts::reason(*debt, kind_), missed,
                                       ended, duration(now - debt->time)));
    made.queue = debt->queue;
    report(std::move(made));
}

}  // namespace vutrace::check
