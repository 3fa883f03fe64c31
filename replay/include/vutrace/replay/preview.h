// One pass over a trace before it is replayed: which session, what its recorder could not vouch for, and the rings as
// they stood when each queue was started (recorded after the message that starts it, needed before).
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/replay/recorded_translations.h>
#include <vutrace/trace/reader.h>
#include <vutrace/virtio/ring_layout.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace vutrace::replay {

// Called now and then with bytes done and bytes in all; may be empty.
using Progress = std::function<void(std::uint64_t, std::uint64_t)>;

// Where a ring behind an IOMMU turned out to be once its translations had come.
struct RingPlacement {
    std::uint64_t since{0};     // the record that invalidated the place before; 0 for the first
    virtio::RingLayout layout;  // guest physical
};

// What the trace tells of the rings of a queue after the message that starts it, as far as it tells.
struct RecordedStart {
    static constexpr std::size_t most_placements = 4096;  // later ones are not kept

    std::vector<trace::MemoryRecord> images;
    std::vector<RingPlacement> placements;  // in order; empty without an IOMMU
};

struct TracePreview {
    std::uint32_t session{0};
    std::uint64_t messages{0};
    std::array<std::uint64_t, 4> available_by_proof{};  // indexed by trace::Proof
    std::array<std::uint64_t, 4> used_by_proof{};
    std::uint64_t readable_bytes_missing{0};  // of available chains: the device gets what the memory happens to hold
    std::uint64_t chains_lost{0};             // by gap records
    std::uint64_t records_lost{0};
    bool lost_at_least{false};     // of both: may have been more
    std::uint32_t device_type{0};  // virtio number, 0 where the messages do not prove it
    trace::ReadProblems problems;
    std::map<std::uint64_t, RecordedStart> starts;  // by the number of the SET_VRING_KICK (or the like)
    RecordedTranslations translations;              // empty without an IOMMU
};

// `session` empty: the first one with a message. Errors: those of trace::Reader; bad_input where no session of the
// trace has one, or where it has memory that no machine could address; usage where it does not have that session (the
// text says which it has).
[[nodiscard]] Result<TracePreview> preview_trace(const std::string& path, std::optional<std::uint32_t> session,
                                                 const Progress& progress = {});

// What a replay of it will lack, one line each, for people; empty where nothing is amiss.
[[nodiscard]] std::vector<std::string> describe_doubts(const TracePreview& preview);

}  // namespace vutrace::replay
