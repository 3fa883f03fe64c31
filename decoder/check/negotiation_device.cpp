// B. Negotiation: queues, the back-end's channel, in-flight area, configuration space. VU030 to VU036.
#include "negotiation.h"

#include <vutrace/base/count_text.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace vutrace::check {
namespace {

using protocol::FrontEndRequest;
namespace pf = protocol::protocol_feature;

constexpr std::uint32_t net_device = 1;
constexpr std::uint32_t block_device = 2;

// VU030. The answer counts rings, for network devices pairs of them besides the control queue; back-ends do not agree
// on which, so that where the device is not known the larger number counts.
class QueueCount final : public RuleOnHistory {
  public:
    void message(const MessageSight& sight) override {
        const bool known = protocol_features_known(sight);
        if (sight.asks(FrontEndRequest::GET_QUEUE_NUM) && known && !sight.before.has_protocol_feature(pf::MQ)) {
            Rule::report(sight, fmt::format("GET_QUEUE_NUM comes, MQ (protocol feature 0) is not negotiated: 0x{:x} is",
                                            sight.before.protocol_features()));
        }
        const auto answer = sight.before.queue_count();
        if (!sight.on_main() || !sight.what.asks || !sight.what.queue || !answer || *answer == 0) {
            return;
        }
        const std::uint32_t device = sight.annotation.device;
        const bool pairs = device == net_device || device == 0;
        const std::uint64_t rings = pairs && *answer < most_rings ? 2 * *answer + 1 : *answer;
        if (*sight.what.queue < rings || reported_.size() >= most_reported ||
            !reported_.insert(*sight.what.queue).second) {
            return;
        }
        Rule::report(
            sight,
            fmt::format("{} names queue {}, GET_QUEUE_NUM was answered {}{}", sight.what.request, *sight.what.queue,
                        *answer,
                        pairs ? fmt::format(": at most {}, if it counts pairs", count_text(rings, "ring")) : ""));
    }

  private:
    static constexpr std::uint64_t most_rings = std::uint64_t{1} << 32U;
    static constexpr std::size_t most_reported = 64;  // queues of one session; more add nothing
    std::set<std::uint32_t> reported_;
};

// VU032.
class BackEndChannel final : public RuleOnHistory {
  public:
    void message(const MessageSight& sight) override {
        const bool known = protocol_features_known(sight);
        if (sight.asks(FrontEndRequest::SET_BACKEND_REQ_FD)) {
            given_ = true;
            if (known && !sight.before.has_protocol_feature(pf::BACKEND_REQ)) {
                Rule::report(sight, fmt::format("SET_BACKEND_REQ_FD comes, BACKEND_REQ (protocol feature 5) is not "
                                                "negotiated: 0x{:x} is",
                                                sight.before.protocol_features()));
            }
        }
        if (sight.message.channel == Channel::back_end && sight.what.asks && !given_ && !reported_ && all_seen(sight)) {
            reported_ = true;
            Finding made = finding(sight, fmt::format("{} comes on the back-end's channel before any "
                                                      "SET_BACKEND_REQ_FD",
                                                      sight.what.request));
            made.violator = Violator::back_end;
            report(std::move(made));
        }
    }

  private:
    bool given_{false};
    bool reported_{false};
};

// VU033. Before any message about a ring it is legal, but a trap.
class InflightBeforeRings final : public RuleOnHistory {
  public:
    void message(const MessageSight& sight) override {
        const bool gives = sight.asks(FrontEndRequest::SET_INFLIGHT_FD);
        if (!gives && !sight.asks(FrontEndRequest::GET_INFLIGHT_FD)) {
            return;
        }
        if (const auto started = a_started_queue(sight.before)) {
            Rule::report(sight, fmt::format("{} comes while queue {} is started", sight.what.request, *started));
        } else if (all_seen(sight) && !sight.before.features()) {
            report_as(Severity::warning,
                      finding(sight, fmt::format("{} comes before any SET_FEATURES: the layout of the area depends on "
                                                 "RING_PACKED",
                                                 sight.what.request)));
        } else if (gives && all_seen(sight) && sight.before.queues().empty()) {
            report_as(Severity::info,
                      finding(sight,
                              "SET_INFLIGHT_FD comes before any message about a ring: a back-end that makes "
                              "rings when they are first named, such as DPDK, then tracks nothing in flight"));
        }
    }
};

constexpr std::uint64_t configuration_limit = 256;
constexpr std::uint64_t tolerated_configuration_limit = 4096;  // of rust-vmm and crosvm

class ConfigurationRange final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (!sight.asks(FrontEndRequest::GET_CONFIG) && !sight.asks(FrontEndRequest::SET_CONFIG)) {
            return;
        }
        const auto config = protocol::parse_config(sight.payload);
        const std::uint64_t end = config ? std::uint64_t{config->offset} + config->size : 0;
        if (end <= configuration_limit) {
            return;
        }
        Finding made = finding(sight, fmt::format("{} is about bytes {} to {} of the configuration space, it has {}",
                                                  sight.what.request, config->offset, end - 1, configuration_limit));
        made.severity = end <= tolerated_configuration_limit ? Severity::info : made.severity;
        report(std::move(made));
    }
};

// VU035. Failure is an empty payload; 12 bytes with size 0 from rust-vmm.
class ConfigurationAnswer final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const auto& request = sight.what.exchange.answered;
        if (!sight.answers(FrontEndRequest::GET_CONFIG) || !request) {
            return;
        }
        const auto asked = protocol::parse_config(request->payload);
        const auto answer = protocol::parse_config(sight.payload);
        if (!asked || !answer || (answer->offset == asked->offset && answer->size == asked->size)) {
            return;
        }
        Finding made = finding(sight, fmt::format("GET_CONFIG of record {} asked for {} at {}, the answer has {} "
                                                  "at {}",
                                                  request->sequence, count_text(asked->size, "byte"), asked->offset,
                                                  count_text(answer->size, "byte"), answer->offset));
        made.severity = answer->size == 0 ? Severity::info : made.severity;
        report(std::move(made));
    }
};

// VU036. Values 0 and 1, or the bit flags 1 and 2 of rust-vmm.
class ConfigurationWrite final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const auto config = protocol::parse_config(sight.payload);
        if (!sight.asks(FrontEndRequest::SET_CONFIG) || !config) {
            return;
        }
        if (config->flags > 1) {
            Finding made =
                finding(sight, fmt::format("SET_CONFIG has flags 0x{:x}, 0 and 1 have a meaning", config->flags));
            made.severity = config->flags <= 3 ? Severity::info : made.severity;
            report(std::move(made));
        } else if (config->flags == 0 && sight.annotation.device == block_device && !is_cache_mode(*config)) {
            report(sight, fmt::format("SET_CONFIG writes {} at {} with flags 0: of a block device only the "
                                      "cache mode (1 byte at {}) may be written",
                                      count_text(config->size, "byte"), config->offset, cache_mode));
        }
    }

  private:
    static constexpr std::uint32_t cache_mode = 32;  // `writeback` in the configuration of a block device
    static bool is_cache_mode(const protocol::Config& config) noexcept {
        return config.offset == cache_mode && config.size == 1;
    }
};

constexpr const char* config_section = "vhost-user, Virtio device config space";

constexpr std::array rows{
    RuleRow{{"VU030", Severity::error, Violator::front_end,
             "GET_QUEUE_NUM comes only with MQ, and no ring beyond its answer is used.",
             "vhost-user, Multiple queue support",
             "The answer counts rings, for network devices pairs of rings in DPDK and VPP. Where the device type is "
             "not known it is taken for pairs and a control queue, which misses a ring that is one too many.",
             ""},
            make_rule<QueueCount>,
            wants_history},
    RuleRow{{"VU031", Severity::info, Violator::front_end,
             "QEMU sends messages about the whole device once, for the first queue pair of a network device only.",
             "vhost-user, Multiple queue support",
             "SET_OWNER, RESET_OWNER, SET_MEM_TABLE, SET_LOG_BASE, GET_QUEUE_NUM, NET_SET_MTU, RESET_DEVICE, "
             "ADD_MEM_REG and REM_MEM_REG come once, the others once for each pair. A back-end must not wait for "
             "repeats.",
             "it is a habit: nothing that is missing is at fault"},
            nullptr,
            0},
    RuleRow{{"VU032", Severity::error, Violator::front_end,
             "The back-end's channel is set up by SET_BACKEND_REQ_FD, and only with BACKEND_REQ.",
             "vhost-user, Back-end communication",
             "Where a request of the back-end comes first, the back-end is named.", ""},
            make_rule<BackEndChannel>,
            wants_history},
    RuleRow{{"VU033", Severity::error, Violator::front_end,
             "GET_INFLIGHT_FD and SET_INFLIGHT_FD come before the rings start.", "vhost-user, Inflight I/O tracking",
             "yc-libvhost-server refuses them later: what is in flight already is in no area. They come after "
             "SET_FEATURES, because split and packed rings have different areas: QEMU sends SET_FEATURES once more "
             "for that, and a session without is a warning. SET_INFLIGHT_FD before any message about a ring is legal "
             "and the order of some front-ends on rust-vmm, while QEMU has sent SET_VRING_CALL for every ring by then. "
             "Back-ends on DPDK make a ring when a message first names it and pass over those they do not have, so "
             "that with this order nothing is tracked and requests are lost when they crash: a note, because the "
             "front-end breaks no rule.",
             ""},
            make_rule<InflightBeforeRings>,
            wants_history},
    RuleRow{{"VU034", Severity::error, Violator::front_end,
             "GET_CONFIG and SET_CONFIG stay within the 256 bytes of the configuration space.", config_section,
             "rust-vmm and crosvm take up to 4096 bytes: a note up to there. That the payload has 12 bytes more than "
             "its size field says is VU012.",
             ""},
            make_rule<ConfigurationRange>,
            wants_messages},
    RuleRow{{"VU035", Severity::error, Violator::back_end,
             "The answer to GET_CONFIG repeats offset and size; a failure has no payload.", config_section,
             "rust-vmm answers a failure with 12 bytes and size 0: a note. yc-libvhost-server keeps the size and gives "
             "zeros, which looks like success.",
             ""},
            make_rule<ConfigurationAnswer>,
            wants_messages},
    RuleRow{{"VU036", Severity::error, Violator::front_end,
             "SET_CONFIG has flags 0 or 1, and with 0 writes only what the driver may write.", config_section,
             "1 means migration, which may write every field. rust-vmm and crosvm use bit flags, 1 writable and 2 "
             "migration: 2 and 3 are notes. Which fields may be written is checked for block devices, of which the "
             "driver writes the cache mode only.",
             ""},
            make_rule<ConfigurationWrite>,
            wants_messages},
};

}  // namespace

RuleRows negotiated_device_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
