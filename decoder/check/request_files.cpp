// H. Device requests: file systems, networks, i2c. Z. Advice for who records.
#include "request_evidence.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>

#include <fmt/format.h>

#include <utility>

namespace vutrace::check {
namespace {

namespace file_system = virtio::file_system;
namespace network = virtio::network;

// VU110.
class ForgetQueue final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        if (sight.used() || !files_.is_file_system(sight) || !is_walked(sight)) {
            return;
        }
        const auto bytes = readable_bytes<file_system::request_header_size>(sight);
        const auto header = bytes ? file_system::parse_request_header(*bytes) : std::nullopt;
        if (!header || (header->opcode != file_system::FORGET && header->opcode != file_system::BATCH_FORGET) ||
            !is_certain(sight)) {
            return;
        }
        const char* name = header->opcode == file_system::FORGET ? "FORGET" : "BATCH_FORGET";
        if (sight.chain.queue != file_system::high_priority_queue) {
            report(sight, fmt::format("{}: {} on request queue {}", head_of(sight), name, sight.chain.queue));
        }
        if (sight.known.writable_total != 0) {
            report(sight, fmt::format("{}: {} with {} writable bytes, it has no answer", head_of(sight), name,
                                      sight.known.writable_total));
        }
    }

  private:
    FileSystemEvidence files_;
};

// VU111.
class FuseAnswer final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        if (!files_.is_file_system(sight) || !sight.used() || !is_walked(sight)) {
            return;
        }
        const auto asked = readable_bytes<file_system::request_header_size>(sight);
        const auto wrote = written_bytes<file_system::answer_header_size>(sight);
        const auto request = asked ? file_system::parse_request_header(*asked) : std::nullopt;
        const auto answer = wrote ? file_system::parse_answer_header(*wrote) : std::nullopt;
        if (!request || !answer || !file_system::has_answer(request->opcode)) {
            return;
        }
        if (answer->unique != request->unique) {
            tell(sight, *request, fmt::format("unique {} instead of {}", answer->unique, request->unique));
        }
        if (answer->error > 0) {
            tell(sight, *request, fmt::format("error {}, it is 0 or negative", answer->error));
        }
        if (answer->length > sight.known.writable_total || answer->length < file_system::answer_header_size) {
            tell(sight, *request,
                 fmt::format("length {}, with {} writable", answer->length,
                             count_text(sight.known.writable_total, "byte")));
        }
    }

  private:
    void tell(const ChainSight& sight, const file_system::RequestHeader& request, std::string_view what) const {
        report(sight, fmt::format("{}: the answer to FUSE request {} of record {} has {}", head_of(sight),
                                  request.opcode, sight.known.context.available_sequence, what));
    }
    FileSystemEvidence files_;
};

// VU112. A packet over several chains is published at once: a look at the ring never ends inside of one.
class MergedBuffers final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        Queue* queue = sight.used() && is_network(sight) && !network::is_transmit(sight.chain.queue) &&
                               is_walked(sight) && sight.known.readable_total == 0
                           ? queues_.of(sight.chain.queue)
                           : nullptr;
        if (queue == nullptr) {
            return;
        }
        if (!sight.ring.complete) {
            queue->left = 0;
        }
        if (queue->left != 0) {
            --queue->left;
            return;
        }
        const bool merges = sight.before.has_feature(network::MRG_RXBUF);
        const auto header = written_bytes<network::num_buffers_offset + 2>(sight);
        if (!header || (!merges && !sight.before.has_feature(protocol::feature::VERSION_1))) {
            return;
        }
        const std::uint16_t buffers = network::parse_num_buffers(*header).value_or(1);
        if (merges && buffers != 0) {
            queue->left = buffers - 1U;
            queue->first = sight.sequence();
            queue->buffers = buffers;
        } else if (buffers != 1 && !std::exchange(queue->told, true)) {
            Finding made =
                finding(sight, fmt::format("{}: num_buffers is {}, MRG_RXBUF is {}; later ones of this "
                                           "queue are not told",
                                           head_of(sight), buffers, merges ? "negotiated" : "not negotiated"));
            made.severity = merges && delivers_completions(sight.after) ? Severity::error : Severity::info;
            report(std::move(made));
        }
    }
    void chain_record(const Sight& sight, const trace::ChainRecord& chain) override {
        Queue* queue = queues_.find(chain.queue);
        const Ring* ring = sight.rings->find(chain.queue);
        if (queue == nullptr || queue->left == 0 || queue->reported == queue->first || ring == nullptr ||
            !ring->complete || ring->next_used != chain.fields.used_index) {
            return;
        }
        queue->reported = queue->first;
        Finding made = finding(sight, fmt::format("the used index {} was published with {} of the {} of the "
                                                  "packet of record {} still missing",
                                                  chain.fields.used_index, queue->left,
                                                  count_text(queue->buffers, "buffer"), queue->first));
        made.severity = delivers_completions(sight.after) ? Severity::error : Severity::info;
        report(std::move(made));
    }

  private:
    struct Queue {
        std::uint32_t left{0};   // chains that still belong to the packet
        std::uint64_t first{0};  // record of the packet's first chain
        std::uint64_t reported{0};
        std::uint16_t buffers{0};
        bool told{false};
    };
    ByQueue<Queue> queues_;
};

// VU113.
class SentPacket final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        if (sight.used() || !is_network(sight) || !network::is_transmit(sight.chain.queue) || !is_walked(sight)) {
            return;
        }
        if (sight.known.writable_total != 0 && is_certain(sight)) {
            report(sight, fmt::format("{}: {} writable bytes in a packet to send", head_of(sight),
                                      sight.known.writable_total));
        }
        const bool counts =
            sight.before.has_feature(protocol::feature::VERSION_1) || sight.before.has_feature(network::MRG_RXBUF);
        const auto header = readable_bytes<network::num_buffers_offset + 2>(sight);
        bool* said = counts && header && network::parse_num_buffers(*header) != 0 && is_certain(sight)
                         ? said_.of(sight.chain.queue)
                         : nullptr;
        if (said != nullptr && !std::exchange(*said, true)) {
            Finding made = finding(sight, fmt::format("{}: num_buffers is {} in a packet to send; later ones of this "
                                                      "queue are not told",
                                                      head_of(sight), *network::parse_num_buffers(*header)));
            made.severity = Severity::info;
            report(std::move(made));
        }
    }

  private:
    ByQueue<bool> said_;
};

// Advice for who records: what is said of vutrace itself is in docs/architecture.md, and no peer can break it.
constexpr RuleRow advice(const char* id, const char* rule, const char* section, const char* explanation) {
    return {{id, Severity::info, Violator::recorder, rule, section, explanation,
             "It is about programs that record or relay, and no message or ring shows how they read."}};
}

constexpr std::array rows{
    RuleRow{{"VU110", Severity::warning, Violator::driver,
             "FORGET and BATCH_FORGET go over the high-priority queue and have no writable part.", file_system_section,
             "They have no answer: on a request queue they hold up others.", ""},
            make_rule<ForgetQueue>,
            wants_chains},
    RuleRow{{"VU111", Severity::error, Violator::back_end,
             "An answer of a file system repeats `unique`, has an error of 0 or below, and fits into its buffers.",
             file_system_section,
             "Checked where the headers of request and answer were captured and the answer could not have been "
             "overwritten. File systems are known by their FUSE_INIT, or by --device fs.",
             ""},
            make_rule<FuseAnswer>,
            wants_chains},
    RuleRow{{"VU112", Severity::error, Violator::back_end,
             "With MRG_RXBUF, all buffers of a received packet are used together.", network_section,
             "The driver takes num_buffers used elements at once. Seen where capture's look at the ring ends inside a "
             "packet. Without MRG_RXBUF num_buffers is 1; devices that leave it give a note. A note, too, where the "
             "driver may have used the buffer again before it was copied: in every mode but `shadow`.",
             ""},
            make_rule<MergedBuffers>,
            wants_chains | wants_chain_records},
    RuleRow{
        {"VU113", Severity::error, Violator::driver, "A packet to send has num_buffers 0 and no writable part.",
         network_section, "num_buffers that is not 0 is a note, once for each queue: devices do not look at it.", ""},
        make_rule<SentPacket>,
        wants_chains},
    RuleRow{{"VU114", Severity::info, Violator::driver, "i2c transfers linked by FAIL_NEXT belong together.",
             "virtio, I2C Adapter Device", "After a failure the device fails the rest of the group, too.",
             "It says how to read failures, and is no rule that could be broken: followers of a failed transfer are "
             "no errors of their own."}},
    advice("VU115", "A recorder reads a header, then exactly the payload it announces, and never past a message's end.",
           "vhost-user, Communication",
           "One large read returns several messages at once, with the descriptors of a later one: a naive relay kills "
           "a QEMU session that way."),
    advice("VU116", "A recorder expects descriptors with the first byte, and the rest of a message in pieces.",
           "vhost-user, Communication", "libvhost-user writes header and payload of some answers separately."),
    advice("VU117", "A recorder has room for all descriptors of a message.", "vhost-user, Communication",
           "What does not fit is closed by the kernel, and in part leaked. vutrace has room for 253."),
    advice("VU118", "A relay puts its own sockets in place of those of the back-end and gpu channels.",
           "vhost-user, Back-end communication", "Otherwise it is blind there; the trace says so in a note."),
    advice("VU119", "A recorder maps the memory descriptors, some of which share a file or have huge pages.",
           "vhost-user, Memory region description", "It needs no right to trace the peers."),
    advice("VU120", "A recorder treats crypto sessions and rpmb frames as secrets.", "vhost-user, Crypto sessions",
           "They hold keys in clear. vutrace's traces hold guest memory and are readable by their owner only."),
};

}  // namespace

RuleRows request_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
