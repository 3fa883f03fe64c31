// B. Negotiation: what comes first, and what stays as it is. VU025 to VU029.
#include "negotiation.h"

#include <fmt/format.h>

#include <array>

namespace vutrace::check {
namespace {

using protocol::FrontEndRequest;
namespace vf = protocol::feature;

// VU025. A reset of the device gives the ownership back.
class OwnerOnce final : public RuleOnHistory {
  public:
    void message(const MessageSight& sight) override {
        if (sight.asks(FrontEndRequest::SET_OWNER)) {
            if (owner_ != 0) {
                Rule::report(sight, fmt::format("SET_OWNER comes again, the first was record {}", owner_));
            }
            owner_ = sight.record.sequence;
        } else if (resets_device(sight)) {
            owner_ = 0;
            early_reported_ = true;  // whether a new owner is due after a reset is not said anywhere
        } else if (sets_up(sight) && owner_ == 0 && !early_reported_ && all_seen(sight)) {
            early_reported_ = true;
            Rule::report(sight, fmt::format("{} comes before any SET_OWNER", sight.what.request));
        }
    }

  private:
    static bool sets_up(const MessageSight& sight) noexcept {
        return sight.asks(FrontEndRequest::SET_MEM_TABLE) || sight.asks(FrontEndRequest::ADD_MEM_REG) ||
               sight.asks(FrontEndRequest::SET_VRING_NUM) || sight.asks(FrontEndRequest::SET_VRING_ADDR);
    }
    std::uint64_t owner_{0};  // record of SET_OWNER
    bool early_reported_{false};
};

class FeaturesBeforeRings final : public RuleOnHistory {
  public:
    void message(const MessageSight& sight) override {
        const bool starts = sight.asks(FrontEndRequest::SET_VRING_KICK) || sight.asks(FrontEndRequest::VRING_KICK);
        if (starts && !reported_ && !sight.before.features() && all_seen(sight)) {
            reported_ = true;
            Rule::report(sight, fmt::format("{} comes before any SET_FEATURES", sight.what.request));
        }
    }

  private:
    bool reported_{false};
};

std::optional<std::string> features_changed(const MessageSight& sight) {
    const auto taken = number_of(sight);
    const auto before = sight.before.features();
    const auto started = a_started_queue(sight.before);
    if (!sight.asks(FrontEndRequest::SET_FEATURES) || !taken || !before || !started) {
        return std::nullopt;
    }
    const std::uint64_t changed = (*taken ^ *before) & ~bit(vf::LOG_ALL);
    if (changed == 0) {
        return std::nullopt;
    }
    return fmt::format("SET_FEATURES 0x{:x} changes {} (before: 0x{:x}) while queue {} is started", *taken,
                       feature_list(changed, sight.annotation.device), *before, *started);
}

// VU028. Applications on DPDK change what they offer before the front-end chose.
class OfferStays final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const auto offered = number_of(sight);
        if (!sight.answers(FrontEndRequest::GET_FEATURES) || !offered) {
            return;
        }
        if (sequence_ != 0 && *offered != offered_) {
            Finding made = finding(sight, fmt::format("GET_FEATURES is answered 0x{:x}, in record {} it was 0x{:x}: "
                                                      "{} changed",
                                                      *offered, sequence_, offered_,
                                                      feature_list(*offered ^ offered_, sight.annotation.device)));
            made.severity = sight.before.features() ? made.severity : Severity::info;
            report(std::move(made));
        }
        offered_ = *offered;
        sequence_ = sight.record.sequence;
    }

  private:
    std::uint64_t offered_{0};
    std::uint64_t sequence_{0};  // of the answer
};

// A virtio feature and others of which it needs one. Several rows of one bit: it needs one of each.
struct Dependency {
    std::uint32_t device;  // 0: every device
    unsigned number;
    std::uint64_t one_of;
};
constexpr std::uint32_t net = 1;
constexpr std::uint32_t crypto = 20;
constexpr unsigned HOST_ECN = 13;
constexpr unsigned CTRL_VQ = 17;
constexpr std::array dependencies{
    Dependency{0, vf::RING_PACKED, bit(vf::VERSION_1)},
    Dependency{net, 7, bit(1)},                    // GUEST_TSO4: GUEST_CSUM
    Dependency{net, 8, bit(1)},                    // GUEST_TSO6: GUEST_CSUM
    Dependency{net, 9, bit(7) | bit(8)},           // GUEST_ECN: GUEST_TSO4 or GUEST_TSO6
    Dependency{net, 10, bit(1)},                   // GUEST_UFO: GUEST_CSUM
    Dependency{net, 11, bit(0)},                   // HOST_TSO4: CSUM
    Dependency{net, 12, bit(0)},                   // HOST_TSO6: CSUM
    Dependency{net, HOST_ECN, bit(11) | bit(12)},  // HOST_TSO4 or HOST_TSO6
    Dependency{net, 14, bit(0)},                   // HOST_UFO: CSUM
    Dependency{net, 18, bit(CTRL_VQ)},             // CTRL_RX
    Dependency{net, 19, bit(CTRL_VQ)},             // CTRL_VLAN
    Dependency{net, 21, bit(CTRL_VQ)},             // GUEST_ANNOUNCE
    Dependency{net, 22, bit(CTRL_VQ)},             // MQ
    Dependency{net, 23, bit(CTRL_VQ)},             // CTRL_MAC_ADDR
    Dependency{net, 51, bit(CTRL_VQ)},             // HASH_TUNNEL
    Dependency{net, 51, bit(57) | bit(60)},        // HASH_TUNNEL: HASH_REPORT or RSS
    Dependency{net, 52, bit(CTRL_VQ)},             // VQ_NOTF_COAL
    Dependency{net, 53, bit(CTRL_VQ)},             // NOTF_COAL
    Dependency{net, 54, bit(1)},                   // GUEST_USO4: GUEST_CSUM
    Dependency{net, 55, bit(1)},                   // GUEST_USO6: GUEST_CSUM
    Dependency{net, 56, bit(0)},                   // HOST_USO: CSUM
    Dependency{net, 60, bit(CTRL_VQ)},             // RSS
    Dependency{net, 61, bit(11) | bit(12)},        // RSC_EXT: HOST_TSO4 or HOST_TSO6
    Dependency{crypto, 1, bit(0)},                 // stateless modes: REVISION_1
    Dependency{crypto, 2, bit(0)},
    Dependency{crypto, 3, bit(0)},
    Dependency{crypto, 4, bit(0)},
    Dependency{crypto, 5, bit(0)},
};

class FeaturesComplete final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const auto taken = number_of(sight);
        if (!sight.asks(FrontEndRequest::SET_FEATURES) || !taken || taken == reported_) {
            return;
        }
        const std::uint32_t device = sight.annotation.device;
        for (const Dependency& row : dependencies) {
            if ((row.device != 0 && row.device != device) || !protocol::has(*taken, row.number) ||
                (*taken & row.one_of) != 0) {
                continue;
            }
            reported_ = *taken;
            const auto needed = protocol::feature_names(row.one_of, device);
            Finding made =
                finding(sight, fmt::format("SET_FEATURES 0x{:x} takes {} without {}", *taken,
                                           feature_list(bit(row.number), device), fmt::join(needed, " or ")));
            const auto offered = sight.before.offered_features();
            const bool as_offered = offered && protocol::has(*offered, row.number) && (*offered & row.one_of) == 0;
            if (as_offered) {
                made.violator = Violator::back_end;
                made.text += ", as the back-end offers it";
            }
            // QEMU serves the control queue itself and does not tell the back-end of it. DPDK's network device without
            // segmentation takes HOST_TSO4 and HOST_TSO6 out of its offer and leaves HOST_ECN; Linux takes it.
            const bool known = row.one_of == bit(CTRL_VQ) || (as_offered && row.number == HOST_ECN);
            made.severity = device == net && known ? Severity::info : made.severity;
            report(std::move(made));
        }
    }

  private:
    std::optional<std::uint64_t> reported_;  // QEMU sends the same features twice at each start
};

constexpr std::array rows{
    RuleRow{{"VU025", Severity::warning, Violator::front_end,
             "SET_OWNER comes once in a connection, before memory and rings are set up.",
             "vhost-user, Front-end message types: VHOST_USER_SET_OWNER",
             "rust-vmm refuses a second one. Negotiation may come before it, as in QEMU; DPDK, VPP, Snabb and OpenVMM "
             "do not care. After a reset of the device it may come again.",
             ""},
            make_rule<OwnerOnce>,
            wants_history},
    RuleRow{{"VU026", Severity::error, Violator::front_end, "SET_FEATURES comes before the first ring is started.",
             "vhost-user, Ring states",
             "Without it the back-end knows neither the layout of rings nor whether they begin disabled.", ""},
            make_rule<FeaturesBeforeRings>,
            wants_history},
    RuleRow{{"VU027", Severity::error, Violator::front_end,
             "While a ring is started, SET_FEATURES changes nothing but LOG_ALL.",
             "vhost-user, Front-end message types: VHOST_USER_SET_FEATURES",
             "DPDK and yc-libvhost-server refuse it; others go on with a ring whose layout or header is another in the "
             "middle of its entries. The same features again are in order, and so is LOG_ALL, which migration "
             "switches. A ring is started from its kick descriptor to the answer to GET_VRING_BASE.",
             ""},
            make_rule<MessageRule<features_changed>>,
            wants_messages},
    RuleRow{{"VU028", Severity::warning, Violator::back_end,
             "Every answer to GET_FEATURES in a connection is the same.", "vhost-user, Feature negotiation",
             "QEMU asks several times and takes any answer for the truth. A change before the first SET_FEATURES is a "
             "note: applications on DPDK switch features off while they start.",
             ""},
            make_rule<OfferStays>,
            wants_messages},
    RuleRow{{"VU029", Severity::error, Violator::either,
             "A virtio feature is taken only together with those it requires.", "virtio, Feature Bits; Device Types",
             "RING_PACKED requires VERSION_1; network and crypto devices have dependencies of their own, checked where "
             "the device type is known (see --device). That a network device takes what requires CTRL_VQ without "
             "CTRL_VQ is a note: QEMU serves the control queue itself. So is HOST_ECN without HOST_TSO4 or HOST_TSO6 "
             "where it was offered so: DPDK does, and Linux takes it. The driver chooses, the front-end passes on: the "
             "trace shows the front-end; the back-end is named where its offer lacks the other feature.",
             ""},
            make_rule<FeaturesComplete>,
            wants_messages},
};

}  // namespace

RuleRows negotiation_order_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
