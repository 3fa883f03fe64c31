// VU082 and VU090: a notification that the ring asked for came late, or not while the other side went on.
#pragma once

#include "notification_debts.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace vutrace::check {

class NotificationDue final : public Rule {
  public:
    explicit NotificationDue(NotificationDebts::Kind kind) noexcept : kind_(kind), debts_(kind) {}

    void chain(const ChainSight& sight) override;
    void chain_record(const Sight& sight, const trace::ChainRecord& chain) override;
    void other(const Sight& sight) override;
    void message(const MessageSight& sight) override;

  private:
    void tell(const std::optional<NotificationDebt>& debt, std::int64_t now, const char* ended) const;
    NotificationDebts::Kind kind_;
    NotificationDebts debts_;
};

template <NotificationDebts::Kind kind>
std::unique_ptr<Rule> make_notification_due() {
    return std::make_unique<NotificationDue>(kind);
}

}  // namespace vutrace::check
