// The data path that is not looked at.
#pragma once

#include <vutrace/capture/data_path.h>

namespace vutrace::capture {

class OffDataPath final : public DataPath {
  public:
    void replace_descriptors(Side, const protocol::Header&, const std::vector<FileDescriptor>&,
                             std::vector<int>&) override {}
    void before_reply(const protocol::Header&, ByteView) override {}
    void forwarded(ForwardedMessage, const session::Change&) override {}
    void session_ended() override {}
};

}  // namespace vutrace::capture
