// Marks pages in the front-end's dirty log (SET_LOG_BASE): the back-end's completions reach the driver's used ring
// through us, so that we must say which pages we wrote. Source: QEMU docs/interop/vhost-user.rst, "Migration".
// One thread, the session's.
#pragma once

#include "../guest_mappings.h"

#include <vutrace/protocol/payloads.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/system/mapping.h>

#include <cstdint>

namespace vutrace::capture {

class DirtyLogWriter {
  public:
    // The log from here on; what was there before is let go. Errors: system, limit, unsupported, usage (no
    // log of that size can be).
    [[nodiscard]] Status use(const FileDescriptor& file, const protocol::Log& log);
    void forget() noexcept { mapping_.reset(); }

    // The guest wrote, as far as a migration is concerned, [address, address + length). After the write. What lies
    // beyond the log is left out: the front-end does not look for it.
    void mark(std::uint64_t address, std::uint64_t length) const noexcept;

  private:
    AddressSpaceClaim claim_;
    Mapping mapping_;
};

}  // namespace vutrace::capture
