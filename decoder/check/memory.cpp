// C. Memory regions as they are handed over. VU037 to VU041, VU044, VU045; what uses them is in memory_use.cpp.
#include "memory_regions.h"
#include "negotiation.h"

#include <vutrace/base/count_text.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

namespace vutrace::check {
namespace {

using protocol::FrontEndRequest;
using protocol::MemoryRegion;
namespace pf = protocol::protocol_feature;

// Of a region in one of the two address spaces: first and last byte, so that nothing wraps.
struct Span {
    std::uint64_t first;
    std::uint64_t last;
    std::size_t region;
};

Span span_of(std::uint64_t address, std::uint64_t size, std::size_t region) noexcept {
    return {address, size - 1 > UINT64_MAX - address ? UINT64_MAX : address + (size - 1), region};
}

std::string span_text(const Span& span) {
    return fmt::format("0x{:x}-0x{:x}", span.first, span.last);
}

// VU037. For a table by sorting, so that a hostile one of thousands costs little.
class Overlap final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const auto given = given_regions(sight);
        // Xen's regions have no user addresses.
        const bool users = !sight.before.has_protocol_feature(pf::XEN_MMAP);
        find(
            sight, given, "guest", [](const MemoryRegion& region) { return region.guest_address; },
            [](const virtio::Region& region) { return region.guest_address; });
        if (users) {
            find(
                sight, given, "user", [](const MemoryRegion& region) { return region.user_address; },
                [](const virtio::Region& region) { return region.user_address; });
        }
    }

  private:
    template <class OfGiven, class OfKnown>
    void find(const MessageSight& sight, const std::vector<MemoryRegion>& given, std::string_view space,
              OfGiven of_given, OfKnown of_known) const {
        std::vector<Span> spans;
        for (std::size_t i = 0; i < given.size(); ++i) {
            if (given[i].size != 0) {
                spans.push_back(span_of(of_given(given[i]), given[i].size, i));
            }
        }
        if (sight.asks(FrontEndRequest::SET_MEM_TABLE)) {
            find_within(sight, spans, space);
            return;
        }
        for (const session::KnownRegion& known : sight.before.regions()) {
            const Span old = span_of(of_known(known.region), known.region.size, 0);
            if (!spans.empty() && known.region.size != 0 && spans[0].first <= old.last && old.first <= spans[0].last) {
                Rule::report(sight, fmt::format("ADD_MEM_REG adds {} addresses {}, there is {} already", space,
                                                span_text(spans[0]), span_text(old)));
                return;
            }
        }
    }
    void find_within(const MessageSight& sight, std::vector<Span>& spans, std::string_view space) const {
        std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.first < b.first; });
        for (std::size_t i = 1, reach = 0; i < spans.size(); ++i) {
            if (spans[i].first <= spans[reach].last) {
                Rule::report(sight,
                             fmt::format("regions {} and {} overlap in {} addresses: {} and {}", spans[reach].region,
                                         spans[i].region, space, span_text(spans[reach]), span_text(spans[i])));
            }
            reach = spans[i].last > spans[reach].last ? i : reach;
        }
    }
};

constexpr bool wraps(std::uint64_t base, std::uint64_t size) noexcept {
    return size != 0 && size - 1 > UINT64_MAX - base;
}

class RegionSizes final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        for (const MemoryRegion& region : given_regions(sight)) {
            const char* wrong = region.size == 0                           ? "is empty"
                                : wraps(region.guest_address, region.size) ? "ends beyond the guest's address space"
                                : wraps(region.user_address, region.size)  ? "ends beyond the user address space"
                                : wraps(region.mmap_offset, region.size)   ? "ends beyond any file"
                                                                           : nullptr;
            if (wrong != nullptr) {
                report(sight,
                       fmt::format("the region of 0x{:x} bytes at guest address 0x{:x} (user address 0x{:x}, "
                                   "offset 0x{:x}) {}",
                                   region.size, region.guest_address, region.user_address, region.mmap_offset, wrong));
            }
        }
    }
};

// VU039. Where the back-end never said how many it takes, 8 are in order and up to 32 a habit of rust-vmm and crosvm.
class RegionCount final : public RuleOnHistory {
  public:
    void message(const MessageSight& sight) override {
        if (const auto answer = number_of(sight); answer && sight.answers(FrontEndRequest::GET_MAX_MEM_SLOTS)) {
            slots_ = *answer;
        }
        const bool adds = sight.asks(FrontEndRequest::ADD_MEM_REG);
        const bool may_have_asked = adds && !slots_ && !all_seen(sight);
        if (may_have_asked || (!adds && !hands_over_table(sight))) {
            return;
        }
        const std::size_t given = given_regions(sight).size();
        if (!adds && sight.payload.size() >= sizeof(std::uint64_t) && load<std::uint32_t>(sight.payload) == 0) {
            Rule::report(sight, "SET_MEM_TABLE has no region");
        }
        const std::size_t count = adds ? sight.before.regions().size() + given : given;
        const std::uint64_t most = slots_.value_or(usual_regions);
        if (given == 0 || count <= most) {
            return;
        }
        Finding made = finding(sight, fmt::format("{} makes it {}, {}", sight.what.request, count_text(count, "region"),
                                                  slots_ ? fmt::format("GET_MAX_MEM_SLOTS was answered {}", most)
                                                         : fmt::format("back-ends take {} at least", most)));
        made.severity = !slots_ && count <= tolerated_regions ? Severity::info : made.severity;
        report(std::move(made));
    }

  private:
    static constexpr std::uint64_t usual_regions = 8;
    static constexpr std::uint64_t tolerated_regions = 32;
    std::optional<std::uint64_t> slots_;
};

// VU040. The file's size is that of the moment at which the descriptor came.
class FileLength final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (sight.before.has_protocol_feature(pf::XEN_MMAP)) {
            return;  // an offset is a grant's, there is no file
        }
        const auto given = given_regions(sight);
        const auto& descriptors = sight.message.descriptors;
        for (std::size_t i = 0; i < std::min(given.size(), descriptors.size()); ++i) {
            const MemoryRegion& region = given[i];
            const DescriptorDescription& file = descriptors[i].description;
            const bool fits = region.mmap_offset <= file.size && region.size <= file.size - region.mmap_offset;
            if (has_length(file) && !fits && !wraps(region.mmap_offset, region.size)) {
                report(sight, fmt::format("the region at guest address 0x{:x} needs 0x{:x} bytes at offset 0x{:x} of "
                                          "its {}, which has 0x{:x}",
                                          region.guest_address, region.size, region.mmap_offset, name_of(file.kind),
                                          file.size));
            }
        }
    }

  private:
    static bool has_length(const DescriptorDescription& file) noexcept {
        return file.size != 0 && (file.kind == DescriptorKind::memfd || file.kind == DescriptorKind::hugetlbfs ||
                                  file.kind == DescriptorKind::file);
    }
};

// VU041.
class RegionRemoval final : public RuleOnHistory {
  public:
    void message(const MessageSight& sight) override {
        if (sight.asks(FrontEndRequest::REM_MEM_REG)) {
            removal(sight);
        } else if (sight.answers(FrontEndRequest::REM_MEM_REG)) {
            answer(sight);
        }
    }

  private:
    struct Removal {
        bool known{false};  // the region was there
        bool descriptor{false};
    };
    static constexpr std::size_t most_open = 256;  // removals without an answer

    void removal(const MessageSight& sight) {
        const auto region = removed_region(sight);
        if (!region) {
            return;
        }
        const bool known = find_region(sight.before, *region) != nullptr;
        const bool descriptor = !sight.message.descriptors.empty();
        if (!known && all_seen(sight)) {
            Rule::report(sight, fmt::format("REM_MEM_REG names 0x{:x} bytes at guest address 0x{:x} and user address "
                                            "0x{:x}, there is no such region among {}",
                                            region->size, region->guest_address, region->user_address,
                                            sight.before.regions().size()));
        }
        if (descriptor) {
            report_as(Severity::info, finding(sight,
                                              "REM_MEM_REG carries a descriptor, none belongs there: DPDK and "
                                              "rust-vmm refuse it, libvhost-user closes it"));
        }
        if (open_.size() >= most_open) {
            open_.erase(open_.begin());
        }
        open_[sight.record.sequence] = {known, descriptor};
    }
    // A refusal of what is in order is the back-end's fault; of what is not, it is explained.
    void answer(const MessageSight& sight) {
        const auto& request = sight.what.exchange.answered;
        const auto found = request ? open_.find(request->sequence) : open_.end();
        if (found == open_.end()) {
            return;
        }
        const Removal removal = found->second;
        open_.erase(found);
        const auto value = number_of(sight);
        if (!removal.known || !value || *value == 0) {
            return;
        }
        Finding made = finding(
            sight, removal.descriptor
                       ? fmt::format("REM_MEM_REG of record {} was refused (0x{:x}): it carried a descriptor",
                                     request->sequence, *value)
                       : fmt::format("REM_MEM_REG of record {} is refused (0x{:x}), the region is there and, as it has "
                                     "to be, no descriptor came along",
                                     request->sequence, *value));
        made.violator = removal.descriptor ? Violator::front_end : Violator::back_end;
        made.severity = Severity::warning;
        report(std::move(made));
    }

    std::map<std::uint64_t, Removal> open_;  // by the record of the request
};

class SlotsStay final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const auto slots = number_of(sight);
        if (!sight.answers(FrontEndRequest::GET_MAX_MEM_SLOTS) || !slots) {
            return;
        }
        if (sequence_ != 0 && *slots < slots_) {
            report(sight,
                   fmt::format("GET_MAX_MEM_SLOTS is answered {}, in record {} it was {}", *slots, sequence_, slots_));
        }
        slots_ = *slots;
        sequence_ = sight.record.sequence;
    }

  private:
    std::uint64_t slots_{0};
    std::uint64_t sequence_{0};  // of the answer
};

class Padding final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (!sight.asks(FrontEndRequest::SET_MEM_TABLE) && !sight.asks(FrontEndRequest::ADD_MEM_REG) &&
            !sight.asks(FrontEndRequest::REM_MEM_REG)) {
            return;
        }
        for (const protocol::Problem& problem : sight.what.problems) {
            if (problem.kind == protocol::ProblemKind::reserved_field) {
                report(sight, fmt::format("{}: {}", sight.what.request, problem.text));
            }
        }
    }
};

constexpr const char* regions_section = "vhost-user, Memory region description";

constexpr const char* remove_section = "vhost-user, Front-end message types: VHOST_USER_REM_MEM_REG";
constexpr const char* slots_section = "vhost-user, Front-end message types: VHOST_USER_GET_MAX_MEM_SLOTS";

constexpr std::array rows{
    RuleRow{{"VU037", Severity::error, Violator::front_end,
             "Regions overlap neither in guest addresses nor in user addresses.", regions_section,
             "libvhost-user refuses a region that overlaps; others find one of the two, whichever comes first. User "
             "addresses are not compared with XEN_MMAP, which has none.",
             ""},
            make_rule<Overlap>,
            wants_messages},
    RuleRow{{"VU038", Severity::error, Violator::front_end,
             "A region has a size, and none of its ranges goes past 64 bits.", regions_section,
             "Checked for guest addresses, user addresses and the place in the file. rust-vmm and crosvm refuse such a "
             "region; a back-end that does not may be made to read outside its mapping.",
             ""},
            make_rule<RegionSizes>,
            wants_messages},
    RuleRow{{"VU039", Severity::error, Violator::front_end,
             "There is at least one region, and no more than the back-end has slots for.", slots_section,
             "The answer to GET_MAX_MEM_SLOTS counts. Where nobody asked it is 8, as in QEMU, DPDK and VPP; up to 32 "
             "are then a note, because rust-vmm and crosvm take them.",
             ""},
            make_rule<RegionCount>,
            wants_history},
    RuleRow{{"VU040", Severity::error, Violator::front_end, "The file behind a region is long enough for it.",
             regions_section,
             "The back-end is killed by SIGBUS where it touches what is beyond the end of the file. The length is the "
             "one that the file had when its descriptor was recorded; where it has none, or none is known, nothing is "
             "said.",
             ""},
            make_rule<FileLength>,
            wants_messages},
    RuleRow{{"VU041", Severity::error, Violator::front_end, "REM_MEM_REG names a region that is there.", remove_section,
             "Guest address, user address and size must be those of ADD_MEM_REG; the offset does not count. The "
             "request carries no descriptor. Older front-ends attach one, which is a note: libvhost-user closes it, "
             "DPDK and rust-vmm fail, so that a refusal afterwards is a warning about the front-end. Older back-ends "
             "want exactly one: where a removal without a descriptor is refused although the region is there, the "
             "back-end is named.",
             ""},
            make_rule<RegionRemoval>,
            wants_history},
};

constexpr std::array later_rows{
    RuleRow{{"VU044", Severity::error, Violator::back_end, "Later answers to GET_MAX_MEM_SLOTS are not smaller.",
             slots_section, "The front-end may have promised the slots to the guest already.", ""},
            make_rule<SlotsStay>,
            wants_messages},
    RuleRow{{"VU045", Severity::error, Violator::front_end, "Padding in messages about memory regions is zero.",
             regions_section, "rust-vmm and crosvm refuse anything else.", ""},
            make_rule<Padding>,
            wants_messages},
};

}  // namespace

RuleRows memory_rules() noexcept {
    return rows;
}

RuleRows memory_answer_rules() noexcept {
    return later_rows;
}

}  // namespace vutrace::check
