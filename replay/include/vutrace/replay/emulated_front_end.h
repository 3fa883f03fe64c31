// A front-end built from a recorded one: sends its messages with descriptors of our own in place of the recorded ones,
// and keeps memory and queues as they say.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/replay/connection.h>
#include <vutrace/replay/guest_files.h>
#include <vutrace/replay/mapped_memory.h>
#include <vutrace/replay/memory_restore.h>
#include <vutrace/replay/preview.h>
#include <vutrace/replay/queue_driver.h>
#include <vutrace/replay/translation_service.h>
#include <vutrace/session/device_state.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace vutrace::replay {

// One thread.
class EmulatedFrontEnd {
  public:
    // `recorded` outlives it.
    EmulatedFrontEnd(Connection connection, const RecordedTranslations& recorded, Observer* observer);
    EmulatedFrontEnd(const EmulatedFrontEnd&) = delete;  // queues look at its memory
    EmulatedFrontEnd& operator=(const EmulatedFrontEnd&) = delete;

    // Sends a recorded message of the front-end, or a piece of one. `start` is what the trace holds of the queue that
    // the message starts, and outlives its run; null where it holds nothing. A queue that cannot be set up, and memory
    // that cannot be mapped, go into `problems`; the message is sent all the same, as the recorded front-end did.
    // Errors: peer_closed, timeout, system.
    [[nodiscard]] Status send(const trace::MessageRecord& message, const RecordedStart* start, Deadline deadline,
                              std::vector<std::string>& problems);

    // Takes in a reply: as the trace has it, so that what follows in the trace fits, and as it came.
    void take_reply(const protocol::Header& recorded, ByteView recorded_payload, Message actual);

    // Guest memory as recorded, except where rings and buffers are live.
    void restore(const trace::MemoryRecord& record, std::vector<AddressRange> protected_ranges);

    // The driver of a queue that was started once; null otherwise.
    [[nodiscard]] QueueDriver* queue(std::uint16_t number) noexcept;
    [[nodiscard]] std::map<std::uint16_t, QueueDriver>& queues() noexcept { return queues_; }
    [[nodiscard]] Connection& connection() noexcept { return connection_; }
    // By the addresses that descriptors hold.
    [[nodiscard]] BufferMemory memory() const noexcept { return {memory_, &state_}; }
    [[nodiscard]] TranslationService& translations() noexcept { return translations_; }
    [[nodiscard]] const session::DeviceState& state() const noexcept { return state_; }

  private:
    struct Outgoing;
    [[nodiscard]] Status take_in(Outgoing& outgoing, const RecordedStart* start, std::vector<std::string>& problems);
    [[nodiscard]] Status start_queue(std::uint16_t number, const RecordedStart* start);
    void follow_rings(const protocol::Iotlb& update);
    [[nodiscard]] std::uint16_t used_at_start(const virtio::RingLayout& layout, std::uint32_t base, bool images) const;
    QueueDriver& driver_of(std::uint16_t number);
    [[nodiscard]] Result<FileDescriptor> replace_descriptor(Outgoing& outgoing, std::size_t index);
    [[nodiscard]] Result<FileDescriptor> replace_event(const Outgoing& outgoing, std::size_t index);
    [[nodiscard]] Result<FileDescriptor> replace_by_kind(const Outgoing& outgoing, std::size_t index);

    Connection connection_;
    Observer* observer_;
    session::DeviceState state_;
    GuestFiles files_;
    MappedMemory memory_;
    std::map<std::uint16_t, QueueDriver> queues_;
    std::map<std::uint16_t, const RecordedStart*> starts_;  // of queues behind an IOMMU
    FileDescriptor inflight_file_;                          // as the back-end gave it, to be handed back
    std::optional<protocol::Inflight> inflight_;
    std::vector<FileDescriptor> kept_;  // far ends of sockets and pipes that went out
    TranslationService translations_;
};

}  // namespace vutrace::replay
