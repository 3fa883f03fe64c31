// One device's life over several sessions: a back-end that was restarted and connected to again, a migration from one
// front-end to another.
#pragma once

#include <vutrace/trace/records.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace vutrace::explain {

struct Annotation;

struct Lineage {
    enum class Kind : std::uint8_t {
        reconnect,  // the same front-end with the same guest memory
        migration,  // another front-end that goes on where the first stopped
    };
    Kind kind{Kind::reconnect};
    std::uint32_t continues{0};      // the session before it
    bool resubmits_inflight{false};  // it was given the in-flight buffer of that session
    std::string reason;              // what proves it, for people
};
[[nodiscard]] std::string_view name_of(Lineage::Kind kind) noexcept;  // "reconnect", "migration"

// Takes the records of a trace in order. Memory is bounded by the number of sessions. One thread.
class Lineages {
  public:
    void add(const Annotation& annotation);
    // Looked at to find the one that a session continues.
    static constexpr std::size_t most_sessions_back = 256;
    // Which session another one continues, as far as the records so far prove it; empty where nothing does.
    [[nodiscard]] std::optional<Lineage> of(std::uint32_t session) const;
    // Of records that may have proven something: while it stays the same, so does every answer of `of`.
    [[nodiscard]] std::uint64_t evidence() const noexcept { return evidence_; }

  private:
    using FileIdentity = std::pair<std::uint64_t, std::uint64_t>;  // device, inode
    using Positions = std::map<std::uint32_t, std::uint32_t>;      // by queue
    struct Life {
        std::string endpoints, front_end_process, back_end_process;
        std::uint64_t opened{0};  // sequence numbers
        std::uint64_t closed{0};  // 0: not yet
        std::set<FileIdentity> memory, inflight_made, inflight_given;
        Positions stopped_at;  // GET_VRING_BASE answers
        Positions started_at;  // the first SET_VRING_BASE of each queue
        bool moves{false};     // it was prepared to be migrated: dirty log, device state saved
        bool loads{false};     // device state was loaded into it
    };

    static void take(Life& life, const trace::Record& record, const trace::SessionRecord& session);
    // False where the message is none that proves anything.
    static bool take(Life& life, const Annotation& annotation, const trace::MessageRecord& message);
    [[nodiscard]] static std::optional<Lineage> reconnect(const Life& before, const Life& after);
    [[nodiscard]] static std::optional<Lineage> migration(const Life& before, const Life& after);

    std::map<std::uint32_t, Life> lives_;
    std::uint64_t evidence_{0};
};

}  // namespace vutrace::explain
