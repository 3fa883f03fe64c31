// Notifications that were asked for in the ring and not sent, as far as a trace shows it. Shared by the rules on
// notifications and by the verdicts on stalls.
//
// What makes it hard: the fields of a record are read some time after the ring moved, so the side that asks may have
// changed its mind in between, and what waits is then found without a notification. A debt is therefore only believed
// when it lasts: while nothing happens on the queue that would show that the other side is awake.
#pragma once

#include "ring_evidence.h"

#include <cstdint>
#include <optional>

namespace vutrace::check {

struct NotificationDebt {
    std::uint64_t sequence{0};  // the entry that made it necessary
    std::int64_t time{0};
    std::uint16_t queue{0};
    std::uint16_t index{0};  // of the ring, after the entry
    std::uint16_t event{0};  // event index that asked for it; with EVENT_IDX
    bool by_event_index{false};
    bool sure{false};  // capture sees each notification; otherwise (`tap`) this one may have been missed
    bool packed{false};
};

// Of one session. Feed it every record that the rule sees. What it gives back is a debt that ended only after
// `patience`: the other side went on, but late.
class NotificationDebts {
  public:
    enum class Kind : std::uint8_t { kick, call };
    static constexpr std::int64_t patience = second;

    explicit NotificationDebts(Kind kind) noexcept : kind_(kind) {}

    std::optional<NotificationDebt> chain(const ChainSight& sight);
    void chain_record(const Sight& sight, const trace::ChainRecord& chain);
    std::optional<NotificationDebt> other(const Sight& sight);
    std::optional<NotificationDebt> message(const MessageSight& sight);

    // Not paid so far; null where there is none.
    [[nodiscard]] const NotificationDebt* find(std::uint16_t queue) const noexcept;
    // "available event 5 asked for a kick beyond index 5", "the flags ask for kicks"
    [[nodiscard]] static std::string reason(const NotificationDebt& debt, Kind kind);

  private:
    struct Queue {
        // Of the record that is being read: all that was found in one look at the ring.
        std::optional<std::uint64_t> first_sequence;
        std::optional<std::uint16_t> first_index;
        std::uint64_t last_sequence{0};
        std::uint64_t moved_sequence{0};  // the last entry that may have to be notified
        std::int64_t moved_time{0};
        std::uint64_t since{0};  // a notification after this record serves for all of its entries
        // The end of the record before it. No notification is as early as the first record of a trace.
        std::uint64_t looked_before{1};
        std::optional<NotificationDebt> debt;
    };
    void look(const Sight& sight, const trace::ChainRecord& chain, Queue& queue) const;
    [[nodiscard]] bool watched(const Sight& sight, std::uint16_t queue, const Ring& ring) const noexcept;
    [[nodiscard]] bool asked(const Sight& sight, const Ring& ring, const trace::RingFields& fields,
                             const Queue& queue) const noexcept;
    [[nodiscard]] std::uint64_t since(const ChainSight& sight, const Queue& queue) const noexcept;
    [[nodiscard]] std::uint16_t next_index(const Ring& ring) const noexcept;
    static std::optional<NotificationDebt> settle(Queue* queue, std::int64_t now);

    Kind kind_;
    std::map<std::uint16_t, Queue> queues_;
};

}  // namespace vutrace::check
