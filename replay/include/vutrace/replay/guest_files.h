// The files behind the replay's guest memory: one sparse memfd for each recorded file, so that regions that shared a
// file share one again.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/error.h>
#include <vutrace/protocol/header.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace vutrace::replay {

// A new sparse memfd of `size` bytes that can grow but not shrink, so that mapped pages cannot vanish. Error: system.
[[nodiscard]] Result<FileDescriptor> create_memory_file(const std::string& name, std::uint64_t size);

// What a process can address at the most, on any processor (5-level paging of x86-64, Sv57).
inline constexpr std::uint64_t most_addressable_bytes = std::uint64_t{1} << 56U;

// How large the file of a message's descriptor must be for what the front-end's message says about it: 0 where that is
// nothing, UINT64_MAX where offset and size do not fit into 64 bits.
[[nodiscard]] std::uint64_t file_size_asked(const protocol::Header& header, ByteView payload, std::size_t descriptor,
                                            bool xen_mmap);

class GuestFiles {
  public:
    // The file that stands for a recorded descriptor (by device and inode, or by the descriptor's number where those
    // are not known), at least `minimum_size` and at least the recorded size large, of which no more than
    // most_addressable_bytes count. Errors: system; bad_input beyond what a file can be.
    [[nodiscard]] Result<const FileDescriptor*> file_for(const trace::Descriptor& recorded, std::uint64_t minimum_size);

    // The file given out for a recorded descriptor's number before; null where there was none.
    [[nodiscard]] const FileDescriptor* find(std::uint32_t descriptor_id) const noexcept;
    [[nodiscard]] std::size_t count() const noexcept { return files_.size(); }

  private:
    struct File {
        FileDescriptor descriptor;
        std::uint64_t size{0};
    };
    using Key = std::pair<std::uint64_t, std::uint64_t>;  // device and inode; UINT64_MAX and number where not known
    std::map<Key, File> files_;
    std::map<std::uint32_t, Key> keys_;
};

}  // namespace vutrace::replay
