// The state after a record as rows of tables. All texts are those of the other commands (render).
#pragma once

#include <vutrace/gui/models/snapshot_table.h>
#include <vutrace/render/state_view.h>
#include <vutrace/session/history.h>

#include <QStringList>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace vutrace::gui {

using StatePointer = std::shared_ptr<const render::StateView>;  // never null here

[[nodiscard]] QStringList feature_titles();
inline constexpr int feature_name_column = 2;
inline constexpr int feature_offered_column = 3;
inline constexpr int feature_accepted_column = 4;
// Virtio features first, then those of the protocol.
[[nodiscard]] TableRows feature_rows(const StatePointer& view);
// "8 accepted, 21 offered and not accepted"; what is wrong is named first.
[[nodiscard]] QString feature_summary(const render::StateView& view);

[[nodiscard]] QStringList region_titles();
// Regions, each followed by what lies in it; at the end what lies in none. Keys count as MemoryMap does.
[[nodiscard]] TableRows region_rows(const StatePointer& view);

[[nodiscard]] QStringList queue_titles();
[[nodiscard]] TableRows queue_rows(const StatePointer& view);

[[nodiscard]] QStringList open_titles();
[[nodiscard]] TableRows open_rows(const StatePointer& view);

[[nodiscard]] QStringList descriptor_titles();
// Every descriptor that was passed in the session up to the record, those that are in use first.
[[nodiscard]] TableRows descriptor_rows(const std::shared_ptr<const session::History>& history, std::uint32_t session,
                                        std::uint64_t sequence);

[[nodiscard]] QStringList ring_titles();
// The descriptors of a ring that are known, with the indirect tables of open chains below them; keys are their slots.
[[nodiscard]] TableRows ring_rows(const std::shared_ptr<const render::RingView>& ring);

// Which epoch of its session the record is in, with the records that begin it and the next one.
struct EpochPlace {
    std::size_t number{0}, count{0};             // from 1; 0: before the first
    std::uint64_t first{0}, before{0}, next{0};  // records; 0 where there is none
};
[[nodiscard]] EpochPlace epoch_at(const session::History& history, std::uint32_t session, std::uint64_t sequence);

}  // namespace vutrace::gui
