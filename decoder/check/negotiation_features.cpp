// B. Negotiation: what is offered, what is taken, and what depends on it. VU017 to VU024.
#include "negotiation.h"

#include <fmt/format.h>

#include <array>

namespace vutrace::check {
namespace {

using protocol::FrontEndRequest;
namespace pf = protocol::protocol_feature;

class FeaturesOffered final : public RuleOnHistory {
  public:
    void message(const MessageSight& sight) override {
        const auto taken = number_of(sight);
        if (!sight.asks(FrontEndRequest::SET_FEATURES) || !taken) {
            return;
        }
        const auto offered = sight.before.offered_features();
        if (!offered) {
            if (all_seen(sight)) {
                report_as(Severity::warning,
                          finding(sight, fmt::format("SET_FEATURES 0x{:x} comes before any answer to GET_FEATURES: "
                                                     "nothing was offered",
                                                     *taken)));
            }
        } else if (const std::uint64_t extra = *taken & ~*offered; extra != 0) {
            Rule::report(sight, fmt::format("SET_FEATURES 0x{:x} takes what was not offered: {} (offered: 0x{:x})",
                                            *taken, feature_list(extra, sight.annotation.device), *offered));
        }
    }
};

class ProtocolFeaturesOffered final : public RuleOnHistory {
  public:
    void message(const MessageSight& sight) override {
        if (sight.answers(FrontEndRequest::GET_FEATURES)) {
            answered_ = true;
            offered_ |= number_of(sight).value_or(0);
        }
        const bool about_them =
            sight.asks(FrontEndRequest::GET_PROTOCOL_FEATURES) || sight.asks(FrontEndRequest::SET_PROTOCOL_FEATURES);
        if (!about_them || protocol::has(offered_, protocol::feature::PROTOCOL_FEATURES) || !all_seen(sight)) {
            return;
        }
        Rule::report(sight, answered_
                                ? fmt::format("{} comes although PROTOCOL_FEATURES (bit 30) was not offered: 0x{:x}",
                                              sight.what.request, offered_)
                                : fmt::format("{} comes before any answer to GET_FEATURES: PROTOCOL_FEATURES (bit "
                                              "30) was not offered",
                                              sight.what.request));
    }

  private:
    bool answered_{false};
    std::uint64_t offered_{0};
};

class ProtocolFeaturesTaken final : public RuleOnHistory {
  public:
    void message(const MessageSight& sight) override {
        const auto taken = number_of(sight);
        if (!sight.asks(FrontEndRequest::SET_PROTOCOL_FEATURES) || !taken || *taken == 0) {
            return;
        }
        const auto offered = sight.before.offered_protocol_features();
        if (!offered) {
            if (all_seen(sight)) {
                Rule::report(sight, fmt::format("SET_PROTOCOL_FEATURES 0x{:x} ({}) comes without any answer to "
                                                "GET_PROTOCOL_FEATURES: nothing was offered",
                                                *taken, protocol_feature_list(*taken)));
            }
        } else if (const std::uint64_t extra = *taken & ~*offered; extra != 0) {
            Rule::report(sight,
                         fmt::format("SET_PROTOCOL_FEATURES 0x{:x} takes what was not offered: {} (offered: 0x{:x})",
                                     *taken, protocol_feature_list(extra), *offered));
        }
    }
};

// VU020. MQ, BACKEND_REQ, INBAND_NOTIFICATIONS and PROTOCOL_FEATURES have rules of their own.
class GatedRequests final : public RuleOnHistory {
  public:
    void message(const MessageSight& sight) override {
        const bool known = protocol_features_known(sight);
        if (!sight.what.asks || sight.what.info == nullptr) {
            return;
        }
        const protocol::RequestInfo& info = *sight.what.info;
        if (info.protocol_feature && known && !has_own_rule(*info.protocol_feature) &&
            !negotiated(sight.before, *info.protocol_feature)) {
            report_missing(sight, *info.protocol_feature);
        }
        if (info.virtio_feature == protocol::feature::ACCESS_PLATFORM && (sight.before.features() || all_seen(sight)) &&
            !sight.before.has_feature(protocol::feature::ACCESS_PLATFORM)) {
            Rule::report(sight, fmt::format("{} comes, ACCESS_PLATFORM is not negotiated", sight.what.request));
        }
    }

  private:
    static constexpr bool has_own_rule(unsigned number) noexcept {
        return number == pf::MQ || number == pf::BACKEND_REQ || number == pf::INBAND_NOTIFICATIONS;
    }
    // SHMEM was bit 20 and 21 in rust-vmm and in branches of QEMU.
    static bool negotiated(const session::DeviceState& state, unsigned number) noexcept {
        return state.has_protocol_feature(number) ||
               (number == pf::SHMEM && (state.has_protocol_feature(pf::GET_VRING_BASE_INFLIGHT) ||
                                        state.has_protocol_feature(pf::GPA_ADDRESSES)));
    }
    void report_missing(const MessageSight& sight, unsigned number) const {
        // rust-vmm serves the first without its bit, crosvm the second.
        const bool tolerated = number == pf::DEVICE_STATE || sight.asks(FrontEndRequest::GET_SHMEM_CONFIG);
        Finding made = finding(
            sight, fmt::format("{} comes, {} (protocol feature {}) is not negotiated: 0x{:x} is", sight.what.request,
                               protocol_feature_list(bit(number)), number, sight.before.protocol_features()));
        made.severity = tolerated ? Severity::info : made.severity;
        report(std::move(made));
    }
};

// VU021. QEMU enables the rings of network devices while it creates the device, before the guest chose features.
class EnableNeedsProtocolFeatures final : public RuleOnHistory {
  public:
    void message(const MessageSight& sight) override {
        if (!sight.asks(FrontEndRequest::SET_VRING_ENABLE) ||
            sight.before.has_feature(protocol::feature::PROTOCOL_FEATURES)) {
            return;
        }
        if (const auto features = sight.before.features()) {
            Rule::report(sight,
                         fmt::format("SET_VRING_ENABLE comes, SET_FEATURES 0x{:x} did not take PROTOCOL_FEATURES "
                                     "(bit 30)",
                                     *features));
        } else if (all_seen(sight) && !noted_) {
            noted_ = true;
            report_as(Severity::info, finding(sight, "SET_VRING_ENABLE comes before any SET_FEATURES"));
        }
    }

  private:
    bool noted_{false};  // a habit is worth saying once
};

struct Dependency {
    unsigned number;
    std::uint64_t needs;
};
constexpr std::array dependencies{
    Dependency{pf::BACKEND_SEND_FD, bit(pf::BACKEND_REQ)},
    Dependency{pf::HOST_NOTIFIER, bit(pf::BACKEND_REQ)},
    Dependency{pf::INBAND_NOTIFICATIONS, bit(pf::BACKEND_REQ) | bit(pf::REPLY_ACK)},
    Dependency{pf::GET_VRING_BASE_INFLIGHT, bit(pf::INFLIGHT_SHMFD)},
    Dependency{pf::GET_VRING_BASE_SKIP_DRAIN, bit(pf::GET_VRING_BASE_INFLIGHT) | bit(pf::INFLIGHT_SHMFD)},
};

class ProtocolFeaturesComplete final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const auto taken = number_of(sight);
        if (!sight.asks(FrontEndRequest::SET_PROTOCOL_FEATURES) || !taken) {
            return;
        }
        for (const Dependency& row : dependencies) {
            const std::uint64_t missing = row.needs & ~*taken;
            if (!protocol::has(*taken, row.number) || missing == 0) {
                continue;
            }
            Finding made =
                finding(sight, fmt::format("SET_PROTOCOL_FEATURES 0x{:x} takes {} without {}", *taken,
                                           protocol_feature_list(bit(row.number)), protocol_feature_list(missing)));
            // Older rust-vmm means SHMEM by this bit.
            made.severity = row.number == pf::GET_VRING_BASE_INFLIGHT ? Severity::info : made.severity;
            report(std::move(made));
        }
    }
};

// A note: QEMU does so since the bit exists.
std::optional<std::string> postcopy_with_memory_slots(const MessageSight& sight) {
    const bool postcopy = sight.asks(FrontEndRequest::POSTCOPY_ADVISE) ||
                          sight.asks(FrontEndRequest::POSTCOPY_LISTEN) || sight.asks(FrontEndRequest::POSTCOPY_END);
    if (!postcopy || !sight.before.has_protocol_feature(pf::CONFIGURE_MEM_SLOTS)) {
        return std::nullopt;
    }
    return fmt::format("{} comes, CONFIGURE_MEM_SLOTS is negotiated", sight.what.request);
}

std::optional<std::string> table_with_memory_slots(const MessageSight& sight) {
    // The front-end's acknowledgement in postcopy has the same number.
    const bool acknowledges = sight.message.descriptors.empty() && sight.payload.size() <= sizeof(std::uint64_t);
    if (!sight.asks(FrontEndRequest::SET_MEM_TABLE) || acknowledges ||
        !sight.before.has_protocol_feature(pf::CONFIGURE_MEM_SLOTS)) {
        return std::nullopt;
    }
    return "SET_MEM_TABLE comes, CONFIGURE_MEM_SLOTS is negotiated: ADD_MEM_REG and REM_MEM_REG take its place";
}

constexpr const char* features_section = "vhost-user, Feature negotiation";
constexpr const char* protocol_features_section = "vhost-user, Protocol features";

constexpr std::array rows{
    RuleRow{{"VU017", Severity::error, Violator::front_end, "SET_FEATURES takes only what GET_FEATURES offered.",
             features_section,
             "The last answer to GET_FEATURES counts. DPDK and yc-libvhost-server refuse anything else; others run a "
             "device with a feature that they do not have. Bit 30 must be offered, too.",
             ""},
            make_rule<FeaturesOffered>,
            wants_history},
    RuleRow{{"VU018", Severity::error, Violator::front_end,
             "GET_PROTOCOL_FEATURES and SET_PROTOCOL_FEATURES come only after bit 30 was offered.", features_section,
             "Without VHOST_USER_F_PROTOCOL_FEATURES in an answer to GET_FEATURES the back-end may not know these "
             "requests. They need not wait for SET_FEATURES.",
             ""},
            make_rule<ProtocolFeaturesOffered>,
            wants_history},
    RuleRow{{"VU019", Severity::error, Violator::front_end,
             "SET_PROTOCOL_FEATURES takes only what GET_PROTOCOL_FEATURES offered.", protocol_features_section,
             "DPDK and yc-libvhost-server refuse the rest. A front-end that never asked with GET_PROTOCOL_FEATURES "
             "cannot know what it may take; taking nothing (0) is in order.",
             ""},
            make_rule<ProtocolFeaturesTaken>,
            wants_history},
    RuleRow{
        {"VU020", Severity::error, Violator::either,
         "A request that belongs to a feature comes only where that feature is negotiated.", protocol_features_section,
         "rust-vmm refuses such requests, others treat them as unknown or serve them. SHMEM counts as negotiated "
         "by any of the bits 20, 21 and 22 that it had over time. rust-vmm serves DEVICE_STATE requests and "
         "crosvm GET_SHMEM_CONFIG without their bits: notes only. GET_QUEUE_NUM, SET_BACKEND_REQ_FD, "
         "SET_VRING_ENABLE and in-band notifications have rules of their own.",
         ""},
        make_rule<GatedRequests>,
        wants_history},
    RuleRow{{"VU021", Severity::error, Violator::front_end,
             "SET_VRING_ENABLE comes only where SET_FEATURES took bit 30.", "vhost-user, Ring states",
             "Without it rings are enabled from the start; rust-vmm and crosvm refuse the request. QEMU sends it "
             "while it creates a network device, before any SET_FEATURES: a note, once in a session.",
             ""},
            make_rule<EnableNeedsProtocolFeatures>,
            wants_history},
    RuleRow{{"VU022", Severity::warning, Violator::front_end,
             "Protocol features that need others are negotiated together with them.", protocol_features_section,
             "BACKEND_SEND_FD and HOST_NOTIFIER need BACKEND_REQ; INBAND_NOTIFICATIONS needs BACKEND_REQ and "
             "REPLY_ACK; GET_VRING_BASE_INFLIGHT needs INFLIGHT_SHMFD, and GET_VRING_BASE_SKIP_DRAIN both. Where the "
             "back-end offers one without the other it is at fault as well. Bit 20 alone is a note: older rust-vmm "
             "means SHMEM by it.",
             ""},
            make_rule<ProtocolFeaturesComplete>,
            wants_messages},
    RuleRow{
        {"VU023", Severity::info, Violator::front_end, "Postcopy is not used where CONFIGURE_MEM_SLOTS is negotiated.",
         "vhost-user, Front-end message types: VHOST_USER_POSTCOPY_ADVISE",
         "So says the newest text; older ones allowed it, QEMU and libvhost-user do it. It is therefore reported "
         "as a note.",
         ""},
        make_rule<MessageRule<postcopy_with_memory_slots>>,
        wants_messages},
    RuleRow{{"VU024", Severity::warning, Violator::front_end,
             "With CONFIGURE_MEM_SLOTS memory is handed over by ADD_MEM_REG, not by SET_MEM_TABLE.",
             "vhost-user, Front-end message types: VHOST_USER_ADD_MEM_REG",
             "Back-ends accept both as a rule. A table replaces all regions that were added one by one.", ""},
            make_rule<MessageRule<table_with_memory_slots>>,
            wants_messages},
};

}  // namespace

RuleRows negotiated_feature_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
