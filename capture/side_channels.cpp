#include "side_channels.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/system/unix_socket.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;
using Severity = trace::NoteRecord::Severity;

// A message of the main channel that hands a socket to the back-end.
struct Handover {
    FrontEndRequest request;
    Channel channel;
    const char* name;
};
constexpr std::array handovers{
    Handover{FrontEndRequest::SET_BACKEND_REQ_FD, Channel::back_end, "the back-end channel (SET_BACKEND_REQ_FD)"},
    Handover{FrontEndRequest::GPU_SET_SOCKET, Channel::gpu, "the gpu channel (GPU_SET_SOCKET)"}};

const Handover* find_handover(Side sender, const protocol::Header& header) noexcept {
    if (sender != Side::front_end || header.is_reply()) {
        return nullptr;
    }
    const auto* const found = std::find_if(handovers.begin(), handovers.end(), [&](const Handover& handover) {
        return static_cast<std::uint32_t>(handover.request) == header.request;
    });
    return found == handovers.end() ? nullptr : found;
}

const char* name_of_channel(Channel channel) noexcept {
    const auto* const found = std::find_if(handovers.begin(), handovers.end(),
                                           [&](const Handover& handover) { return handover.channel == channel; });
    return found == handovers.end() ? "a channel" : found->name;
}

int option_of(const FileDescriptor& socket, int option) noexcept {
    int value = -1;
    socklen_t size = sizeof(value);
    return ::getsockopt(socket.number(), SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

Status check_that_it_can_be_followed(const FileDescriptor& socket) {
    if (option_of(socket, SO_TYPE) != SOCK_STREAM || option_of(socket, SO_DOMAIN) != AF_UNIX) {
        return fail(ErrorCode::unsupported, "the descriptor is no stream socket of the UNIX domain");
    }
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    if (::getpeername(socket.number(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        return fail(ErrorCode::unsupported, "the socket is not connected");
    }
    return {};
}

// The back-end shall find the socket as the front-end had made it: blocking or not, and with as much room.
void make_alike(const FileDescriptor& original, const FileDescriptor& ours) noexcept {
    const int flags = ::fcntl(original.number(), F_GETFL);
    if (flags >= 0) {
        (void)::fcntl(ours.number(), F_SETFL, flags);
    }
    for (const int option : {SO_SNDBUF, SO_RCVBUF}) {
        const int half = option_of(original, option) / 2;  // the kernel gives twice what it was told
        if (half > 0) {
            (void)::setsockopt(ours.number(), SOL_SOCKET, option, &half, sizeof(half));
        }
    }
}

}  // namespace

class SideChannels::Connection final : private ChannelObserver {
  public:
    Connection(Channel channel, FileDescriptor front_end, FileDescriptor back_end, EventLoop& loop,
               MessageRecorder& recorder, const Changes& changes)
        : channel_(channel),
          recorder_(recorder),
          changes_(changes),
          relay_(std::move(front_end), std::move(back_end), loop, static_cast<ChannelObserver&>(*this)) {}

    [[nodiscard]] Status start() { return relay_.start(); }
    [[nodiscard]] Channel channel() const noexcept { return channel_; }
    [[nodiscard]] bool over() const noexcept { return relay_.over(); }
    void close() {
        relay_.drain();
        relay_.close();
    }
    void finish() { relay_.finish(); }

  private:
    // What these messages carry is the peers' own: it passes, and none of it is kept.
    void replace_descriptors(Side, const protocol::Header&, const std::vector<FileDescriptor>&,
                             std::vector<int>&) noexcept override {}
    [[nodiscard]] bool holds(Side sender, const protocol::Header& header) noexcept override {
        return changes_.holds(channel_, sender, header);
    }
    [[nodiscard]] Replacement replace(const HeldMessage& message) noexcept override {
        HeldMessage here = message;
        here.channel = channel_;
        return changes_.replace(here);
    }
    void before_last_piece(Side, const protocol::Header&, ByteView) noexcept override {}
    void piece_forwarded(const ForwardedPiece& piece) noexcept override { recorder_.record(channel_, piece); }
    void message_forwarded(Side, const protocol::Header&, ByteView, std::vector<FileDescriptor>&,
                           const std::vector<std::uint32_t>&) noexcept override {}
    void half_closed(const HalfClose& half) noexcept override {
        recorder_.note(Severity::info,
                       fmt::format("{}: the {} {} no more", name_of_channel(channel_), vutrace::name_of(half.side),
                                   half.sends_no_more ? "sends" : "takes"));
    }
    void ended(const ConnectionEnd& end) noexcept override {
        relay_.close();
        relay_.finish();
        recorder_.note(end.reason == "error" ? Severity::error : Severity::info,
                       fmt::format("{} ended: {}{}{} (messages: {})", name_of_channel(channel_), end.reason,
                                   end.detail.empty() ? "" : ": ", end.detail, relay_.messages()));
    }

    const Channel channel_;
    MessageRecorder& recorder_;
    const Changes& changes_;
    ChannelRelay relay_;
};

SideChannels::SideChannels(RelayedChannels which, EventLoop& loop, MessageRecorder& recorder, Changes changes)
    : which_(which), loop_(loop), recorder_(recorder), changes_(std::move(changes)) {}

SideChannels::~SideChannels() = default;

void SideChannels::replace_descriptors(Side sender, const protocol::Header& header,
                                       const std::vector<FileDescriptor>& received, std::vector<int>& numbers) {
    const Handover* const handover = find_handover(sender, header);
    if (handover == nullptr || which_ == RelayedChannels::main) {
        return;
    }
    offer_.reset();
    why_untouched_.clear();
    auto offer = interpose(handover->channel, received);
    if (offer) {
        numbers.front() = offer->given.number();
        offer_ = std::move(*offer);
    } else {
        why_untouched_ = describe(offer.error());
    }
}

void SideChannels::message_forwarded(Side sender, const protocol::Header& header,
                                     const std::vector<FileDescriptor>& descriptors) {
    const Handover* const handover = find_handover(sender, header);
    if (handover == nullptr) {
        return;
    }
    if (!offer_) {
        const std::string why = which_ == RelayedChannels::main ? "as asked for"
                                : descriptors.empty()           ? "it came without a descriptor"
                                                                : std::exchange(why_untouched_, {});
        recorder_.note(
            which_ == RelayedChannels::main ? Severity::info : Severity::warning,
            fmt::format("{} is passed on untouched, its messages are not recorded: {}", handover->name, why));
        return;
    }
    const auto same = [&](const auto& connection) {
        return !connection->over() && connection->channel() == handover->channel;
    };
    const bool another = std::any_of(connections_.begin(), connections_.end(), same);
    recorder_.note(Severity::info, fmt::format("{}: its socket was replaced by one of ours{}", handover->name,
                                               another ? ", the one before is relayed until it ends" : ""));
    connections_.push_back(std::move(offer_->connection));
    offer_.reset();
}

// Everything that can fail comes before the message is forwarded: later the back-end has our socket.
Result<SideChannels::Offer> SideChannels::interpose(Channel channel, const std::vector<FileDescriptor>& received) {
    if (received.size() != 1) {
        return fail(ErrorCode::unsupported, fmt::format("it came with {}", count_text(received.size(), "descriptor")));
    }
    if (auto checked = check_that_it_can_be_followed(received.front()); !checked) {
        return tl::unexpected(checked.error());
    }
    forget_ended();
    if (connections_.size() >= most_channels) {
        return fail(ErrorCode::limit, fmt::format("{} channels are relayed already", most_channels));
    }
    auto front_end = received.front().duplicate();
    if (!front_end) {
        return tl::unexpected(front_end.error());
    }
    auto pair = create_socket_pair();
    if (!pair) {
        return tl::unexpected(pair.error());
    }
    make_alike(received.front(), pair->second);
    auto connection = std::make_unique<Connection>(channel, std::move(*front_end), std::move(pair->first), loop_,
                                                   recorder_, changes_);
    if (auto started = connection->start(); !started) {
        return tl::unexpected(started.error());
    }
    return Offer{std::move(connection), std::move(pair->second)};
}

void SideChannels::forget_ended() {
    std::erase_if(connections_, [](const auto& connection) { return connection->over(); });
}

void SideChannels::close() {
    offer_.reset();
    for (const auto& connection : connections_) {
        if (!connection->over()) {
            connection->close();
        }
    }
}

void SideChannels::finish() {
    for (const auto& connection : connections_) {
        if (!connection->over()) {
            connection->finish();
        }
    }
}

}  // namespace vutrace::capture
