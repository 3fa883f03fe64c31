// G. The dirty log of a migration.
#include "evidence.h"
#include "rule.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>
#include <vutrace/virtio/dirty_log.h>

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace vutrace::check {
namespace {

using protocol::FrontEndRequest;
using session::DeviceState;
namespace feature = protocol::feature;

constexpr std::uint64_t bytes_of_a_log_byte = 8 * virtio::log_page_size;

std::uint64_t end_of(std::uint64_t address, std::uint64_t size) noexcept {
    return size > UINT64_MAX - address ? UINT64_MAX : address + size;
}

// Behind the last guest address that the log has a bit for.
std::uint64_t covered(const protocol::Log& log) noexcept {
    return log.mmap_size > UINT64_MAX / bytes_of_a_log_byte ? UINT64_MAX : log.mmap_size * bytes_of_a_log_byte;
}

std::uint64_t end_of_memory(const DeviceState& device) noexcept {
    std::uint64_t end = 0;
    for (const session::KnownRegion& known : device.regions()) {
        end = std::max(end, end_of(known.region.guest_address, known.region.size));
    }
    return end;
}

// Where writes to the used ring are logged; 0 where they are not.
std::uint64_t end_of_ring_log(const session::QueueState& queue, const DeviceState& device) noexcept {
    if (!queue.addresses || (queue.addresses->flags & 1U) == 0) {
        return 0;
    }
    const std::uint64_t size = queue.size.value_or(0);
    return end_of(queue.addresses->log, device.has_feature(feature::RING_PACKED) ? 4 : 4 + 8 * size);
}

// VU096
class LogSize final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const DeviceState& device = sight.after.device;
        if (!device.dirty_log()) {
            return;
        }
        const std::uint64_t limit = covered(*device.dirty_log());
        const bool grows = sight.asks(FrontEndRequest::SET_MEM_TABLE) || sight.asks(FrontEndRequest::ADD_MEM_REG);
        const bool new_log = sight.asks(FrontEndRequest::SET_LOG_BASE);
        if (new_log || (grows && device.has_feature(feature::LOG_ALL))) {
            if (const std::uint64_t end = end_of_memory(device); end > limit) {
                report(sight, fmt::format("the dirty log has {}, for addresses below 0x{:x}: guest memory ends at "
                                          "0x{:x}",
                                          count_text(device.dirty_log()->mmap_size, "byte"), limit, end));
            }
        }
        if (sight.asks(FrontEndRequest::SET_VRING_ADDR) && sight.what.queue) {
            const session::QueueState* queue = device.queue(*sight.what.queue);
            if (const std::uint64_t end = queue != nullptr ? end_of_ring_log(*queue, device) : 0; end > limit) {
                report(sight,
                       fmt::format("writes to the used ring of queue {} are logged up to address 0x{:x}, the dirty "
                                   "log has bits for those below 0x{:x}",
                                   *sight.what.queue, end, limit));
            }
        }
    }
};

// VU097
class LogOrder final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (const auto queue = started_queue(sight)) {
            if (std::uint64_t* started = slot_of(started_, *queue)) {
                *started = sight.record.sequence;
            }
        } else if (sight.asks(FrontEndRequest::SET_FEATURES)) {
            check_features(sight);
        } else if (sight.asks(FrontEndRequest::SET_LOG_BASE)) {
            check_second(sight);
            log_ = sight.record.sequence;
        }
    }
    void other(const Sight& sight) override { seen_.other(sight); }

  private:
    void check_features(const MessageSight& sight) const {
        const bool begins =
            sight.after.device.has_feature(feature::LOG_ALL) && !sight.before.has_feature(feature::LOG_ALL);
        if (!begins || log_ != 0 || !seen_.all(sight.after)) {
            return;
        }
        Finding made = finding(sight, "VHOST_F_LOG_ALL is set before any SET_LOG_BASE");
        const auto& queues = sight.before.queues();
        const bool runs =
            std::any_of(queues.begin(), queues.end(), [](const auto& queue) { return queue.second.started; });
        if (!runs) {
            made.severity = Severity::info;
        }
        report(std::move(made));
    }

    // The rings that ran with the log before write to it while it is replaced.
    void check_second(const MessageSight& sight) const {
        if (log_ == 0 || !sight.before.has_feature(feature::LOG_ALL)) {
            return;
        }
        for (const auto& [number, queue] : sight.before.queues()) {
            const auto started = started_.find(number);
            if (queue.started && started != started_.end() && started->second < log_) {
                report_second(sight);
                return;
            }
        }
    }

    void report_second(const MessageSight& sight) const {
        const auto& before = sight.before.dirty_log();
        const auto& after = sight.after.device.dirty_log();
        const bool grows = before && after && after->mmap_size > before->mmap_size;
        Finding made =
            finding(sight, fmt::format("a second SET_LOG_BASE ({}) comes while rings write to the log of record {} "
                                       "({}): a back-end that unmaps the old one first writes to nowhere",
                                       count_text(after ? after->mmap_size : 0, "byte"), log_,
                                       count_text(before ? before->mmap_size : 0, "byte")));
        made.severity = grows ? Severity::info : Severity::warning;
        report(std::move(made));
    }

    MessagesSeen seen_;
    std::uint64_t log_{0};                            // the record of the last SET_LOG_BASE
    std::map<std::uint32_t, std::uint64_t> started_;  // the record that started a queue; bounded: most_queues
};

// VU099
class LogMarks final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const DeviceState& device = sight.after.device;
        if (sight.asks(FrontEndRequest::SET_MEM_TABLE) || sight.asks(FrontEndRequest::ADD_MEM_REG)) {
            end_ = std::max(end_, end_of_memory(device));
        } else if (sight.asks(FrontEndRequest::SET_VRING_ADDR) && sight.what.queue) {
            const session::QueueState* queue = device.queue(*sight.what.queue);
            end_ = std::max(end_, queue != nullptr ? end_of_ring_log(*queue, device) : 0);
        }
    }
    void other(const Sight& sight) override {
        const auto& dirty = sight.annotation.area.dirty;
        if (!dirty || dirty->pages() == 0 || end_ == 0 || reported_) {
            return;
        }
        if (dirty->last_page() > (end_ - 1) / virtio::log_page_size) {
            report(sight, fmt::format("page 0x{:x} is marked in the dirty log: guest memory and logged rings end at "
                                      "address 0x{:x}",
                                      dirty->last_page(), end_));
            reported_ = true;  // the marks stay
        }
    }

  private:
    std::uint64_t end_{0};  // of all memory there ever was
    bool reported_{false};
};

// VU100
class LogAnswer final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (!sight.answers(FrontEndRequest::SET_LOG_BASE) || !sight.whole) {
            return;
        }
        const std::size_t size = sight.payload.size();
        const auto value = load<std::uint64_t>(sight.payload);
        std::string shape = fmt::format("{}, which no known back-end sends", count_text(size, "byte"));
        if (size == 0) {
            shape = "no bytes, as DPDK does";
        } else if (size == 8 && value == 0) {
            shape = "8 bytes of 0, as yc-libvhost-server does";
        } else if (size == 8) {
            shape = fmt::format("8 bytes, 0x{:x}: left over from the request, as libvhost-user and VPP do", value);
        } else if (size == 16) {
            shape = "16 bytes, the request again, as rust-vmm does";
        }
        Finding made = finding(sight, "SET_LOG_BASE is answered with " + shape);
        if (size == 0 || size == 8 || size == 16) {
            made.severity = Severity::info;
        }
        report(std::move(made));
    }
};

constexpr const char* migration_section = "vhost-user, Migration";

constexpr std::array rows{
    RuleRow{
        {"VU096", Severity::error, Violator::front_end,
         "The dirty log has a bit for every page of the guest and of the logged used rings.", migration_section,
         "A page of 4096 bytes has one bit. A back-end that marks what the log has no bit for writes behind it. Looked "
         "at with SET_LOG_BASE, with memory that comes while logging is on, and with SET_VRING_ADDR.",
         ""},
        make_rule<LogSize>,
        wants_messages},
    RuleRow{
        {"VU097", Severity::error, Violator::front_end,
         "Logging begins after SET_LOG_BASE, and the log stays while rings write to it.", migration_section,
         "With VHOST_F_LOG_ALL the back-end marks what it writes. QEMU sets the feature first where it starts a "
         "device during a migration: without a started ring it is a note. A second SET_LOG_BASE under running rings "
         "has crashed back-ends that gave up the old mapping first. QEMU does it where memory grows, which is a note; "
         "of the same size or a smaller one it is a warning.",
         ""},
        make_rule<LogOrder>,
        wants_messages | wants_others},
    RuleRow{{"VU098", Severity::error, Violator::back_end,
             "While VHOST_F_LOG_ALL is negotiated every page that is written is marked.", migration_section,
             "Writes to the used ring are marked at log_guest_addr, and only where SET_VRING_ADDR has bit 0. A missing "
             "mark makes the guest fail on the other host. The log itself is in the trace: see `decode`.",
             "The front-end takes marks out of the log whenever it likes, so that a page without one proves nothing."},
            nullptr,
            0},
    RuleRow{
        {"VU099", Severity::error, Violator::back_end, "Only pages of the guest and of logged rings are marked.",
         migration_section,
         "Shown by a mark behind the end of guest memory, in a log that is larger. That marks are never taken back by "
         "the back-end cannot be told from the front-end taking them. QEMU shares one log between all devices of a "
         "guest: another back-end may have made the mark.",
         ""},
        make_rule<LogMarks>,
        wants_messages | wants_others},
    RuleRow{
        {"VU100", Severity::warning, Violator::back_end,
         "SET_LOG_BASE is answered with 0, 8 or 16 bytes, which say nothing.",
         "vhost-user, Front-end message types: VHOST_USER_SET_LOG_BASE",
         "The specification does not say what the answer holds, and back-ends differ: nothing (DPDK), 8 bytes that "
         "are not 0 (libvhost-user and VPP leave the beginning of the request in it), 8 bytes of 0 "
         "(yc-libvhost-server), the request (rust-vmm). It is no acknowledgement: a front-end that takes the 8 bytes "
         "for one sees a failure. All three sizes are accepted and noted.",
         ""},
        make_rule<LogAnswer>,
        wants_messages},
};

}  // namespace

RuleRows dirty_log_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
