// The files behind the replay's guest memory: one sparse memfd for each recorded file, so that regions that shared a
// file share one again.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace vutrace::replay {

// A new sparse memfd of `size` bytes that can grow but not shrink, so that mapped pages cannot vanish. Error: system.
[[nodiscard]] Result<FileDescriptor> create_memory_file(const std::string& name, std::uint64_t size);

class GuestFiles {
  public:
    // The file that stands for a recorded descriptor (by device and inode, or by the descriptor's number where those
    // are not known), at least `minimum_size` and at least the recorded size large. Error: system.
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
