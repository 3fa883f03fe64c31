// The guest's memory of one epoch, mapped read-only (mode `shadow`: writable). Immutable and shared: chains in flight
// keep the mappings they were found with, whatever the front-end does to its table meanwhile.
#pragma once

#include <vutrace/session/device_state.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/system/mapping.h>
#include <vutrace/virtio/guest_memory.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace vutrace::capture {

// A share of the process's address space. Regions may be of any size, also over sparse files, and there may be many
// (chains in flight keep those of their time): all together must leave room for everything else, or a hostile front-end
// could make every allocation of every session fail.
class AddressSpaceClaim {
  public:
    static constexpr std::uint64_t most_bytes = std::uint64_t{48} << 40U;  // of the 128 TiB that x86-64 gives a process
    static constexpr std::uint64_t most_mappings = 16384;                  // of 65530, Linux's vm.max_map_count

    AddressSpaceClaim() noexcept = default;
    AddressSpaceClaim(AddressSpaceClaim&& from) noexcept
        : bytes_(std::exchange(from.bytes_, 0)), mappings_(std::exchange(from.mappings_, 0)) {}
    AddressSpaceClaim& operator=(AddressSpaceClaim&& from) noexcept {
        std::swap(bytes_, from.bytes_);
        std::swap(mappings_, from.mappings_);
        return *this;
    }
    AddressSpaceClaim(const AddressSpaceClaim&) = delete;
    AddressSpaceClaim& operator=(const AddressSpaceClaim&) = delete;
    ~AddressSpaceClaim();

    // For one mapping. Any thread. Error: limit, where that much is not left.
    [[nodiscard]] static Result<AddressSpaceClaim> create(std::uint64_t bytes);

  private:
    explicit AddressSpaceClaim(std::uint64_t bytes) noexcept : bytes_(bytes), mappings_(1) {}
    std::uint64_t bytes_{0};
    std::uint64_t mappings_{0};
};

// One of the descriptors that all sessions together may keep: a quarter of what the process may open. A descriptor that
// the process cannot receive any more is lost to its session.
class DescriptorClaim {
  public:
    DescriptorClaim() noexcept = default;
    DescriptorClaim(DescriptorClaim&& from) noexcept : count_(std::exchange(from.count_, 0)) {}
    DescriptorClaim& operator=(DescriptorClaim&& from) noexcept {
        std::swap(count_, from.count_);
        return *this;
    }
    DescriptorClaim(const DescriptorClaim&) = delete;
    DescriptorClaim& operator=(const DescriptorClaim&) = delete;
    ~DescriptorClaim();

    // Any thread. Error: limit, where none is left.
    [[nodiscard]] static Result<DescriptorClaim> create();

  private:
    std::uint64_t count_{0};
};

struct MappedRegion {
    virtio::Region region;
    std::uint32_t descriptor_id{0};
    FileDescriptor file;  // only where files are kept
    DescriptorClaim file_claim;
    AddressSpaceClaim mapping_claim;
    Mapping mapping;  // none where the file could not be mapped, or must not be
    bool writable{false};
};

class GuestMappings final : public virtio::GuestMemory {
  public:
    // What came with the message that changed the table. Both may be null (REM_MEM_REG without a descriptor).
    struct Received {
        std::vector<FileDescriptor>* descriptors{nullptr};  // those that are used are moved out
        const std::vector<std::uint32_t>* ids{nullptr};
    };
    struct Built;
    struct Use {
        bool map{true};          // for taps
        bool keep_files{false};  // for snapshots; otherwise a file is closed once it is mapped
        bool writable{false};    // for shadow rings; a region whose file cannot be written is mapped read-only
    };

    // The next epoch: regions that stayed keep their mapping, new ones get the descriptor with their id. A region that
    // cannot be mapped is there and unreadable: see `problems`.
    [[nodiscard]] static Built next(const GuestMappings* previous, const std::vector<session::KnownRegion>& regions,
                                    Received received, Use use);

    // As GuestMemory: a buffer may cross into an adjacent region. Faults come back as false.
    [[nodiscard]] bool read(std::uint64_t address, MutableByteView out) const noexcept override;
    // Where [address, address + length) is in memory: only for guarded access. Null where no single region holds it.
    [[nodiscard]] const std::byte* find(std::uint64_t address, std::uint64_t length) const noexcept;
    // The same to be written to; null also where the region is mapped read-only.
    [[nodiscard]] std::byte* find_writable(std::uint64_t address, std::uint64_t length) const noexcept;

    [[nodiscard]] const std::vector<std::shared_ptr<const MappedRegion>>& regions() const noexcept { return regions_; }

  private:
    [[nodiscard]] const MappedRegion* holder_of(std::uint64_t address, std::uint64_t length) const noexcept;

    std::vector<std::shared_ptr<const MappedRegion>> regions_;
};

struct GuestMappings::Built {
    std::shared_ptr<const GuestMappings> mappings;
    std::vector<std::string> problems;  // one sentence each
};

}  // namespace vutrace::capture
