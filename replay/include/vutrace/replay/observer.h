// What an emulated driver did, told to whoever records it. Called on the emulation's thread, at the moment it happens.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/side.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <span>

namespace vutrace::replay {

class Observer {
  public:
    virtual ~Observer() = default;
    // A whole message, or a piece of one from `offset` on; `numbers` are open descriptors that ride on it.
    virtual void message(Channel channel, Side sender, std::uint64_t offset, ByteView bytes,
                         std::span<const int> numbers) = 0;
    virtual void chain(std::uint16_t queue, const trace::RingFields& fields, const trace::ChainEntry& entry) = 0;
};

}  // namespace vutrace::replay
