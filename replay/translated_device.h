// A device behind an IOMMU, for tests: asks for each address that it has no translation of, and knows those only that
// it was told.
#pragma once

#include "scripted_back_end.h"

#include <vutrace/protocol/features.h>
#include <vutrace/replay/device_queue.h>
#include <vutrace/replay/guest_files.h>
#include <vutrace/session/device_state.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace vutrace::replay::testing {

// Serves queue 0 of one session: reads what it may, writes a byte of 0 to each buffer that it may write.
class TranslatedDevice {
  public:
    using Iotlb = protocol::Iotlb;

    TranslatedDevice() = default;
    TranslatedDevice(const TranslatedDevice&) = delete;
    TranslatedDevice& operator=(const TranslatedDevice&) = delete;

    bool wants_answers{false};               // to its questions
    std::vector<std::uint64_t> asked_first;  // addresses that it wants to know before anything else
    std::vector<Iotlb> also;                 // sent as they are, before anything else
    std::vector<Iotlb> when_stuck;           // sent as they are, once a chain has to wait

    // What became of it; to be looked at once the session is over.
    std::string read;
    std::uint64_t served{0};
    std::vector<std::uint64_t> answers;  // to questions
    std::uint64_t updates{0};
    std::uint64_t moves{0};  // of its ring

    void operator()(const FileDescriptor& socket) {
        MessageAssembler assembler;
        while (true) {
            std::array entries{pollfd{socket.number(), POLLIN, 0}, pollfd{queue_.kick().number(), POLLIN, 0},
                               pollfd{channel_.number(), POLLIN, 0}};
            (void)::poll(entries.data(), entries.size(), 10'000);
            for (auto message = assembler.receive(socket); !message || *message; message = assembler.receive(socket)) {
                if (!message) {
                    take_answers();
                    return;
                }
                take(socket, **message);
            }
            take_answers();
            (void)take_event(queue_.kick());
            work();
        }
    }

  private:
    using Request = protocol::FrontEndRequest;

    void take(const FileDescriptor& socket, Message& message) {
        std::vector<std::uint32_t> ids;
        for (const FileDescriptor& descriptor : message.descriptors) {
            ids.push_back(next_id_);
            files_[next_id_++] = *descriptor.duplicate();
        }
        const session::Change change = state_.apply(Side::front_end, message.header, message.payload, ids);
        if (change.memory) {
            (void)memory_.update(state_.regions(), [this](std::uint32_t id) { return &files_[id]; });
        }
        if (is(message, Request::SET_VRING_KICK)) {
            queue_.set_kick(std::move(message.descriptors.front()));
        } else if (is(message, Request::SET_VRING_CALL)) {
            queue_.set_call(std::move(message.descriptors.front()));
        } else if (is(message, Request::SET_BACKEND_REQ_FD)) {
            channel_ = std::move(message.descriptors.front());
        }
        starting_ = starting_ || change.queue_started;
        updates += change.translations ? 1U : 0U;
        asked_.clear();
        work();
        if (is(message, Request::GET_VRING_BASE)) {
            reply(socket, message,
                  protocol::serialise(protocol::VringState{0, queue_.stop().value_or(state_.ring_base(0))}));
            forget();
        } else if (message.header.needs_reply()) {
            reply(socket, message, protocol::serialise_u64(0));
        }
    }
    void reply(const FileDescriptor& socket, const Message& message, const Bytes& payload) {
        const protocol::Header header{message.header.request, protocol::version_1 | protocol::reply_flag,
                                      static_cast<std::uint32_t>(payload.size())};
        (void)state_.apply(Side::back_end, header, payload, {});
        (void)send_until(socket, serialise_message(header, payload), {}, Clock::now() + std::chrono::seconds(10));
    }
    // As DPDK does.
    void forget() {
        const Bytes everything = protocol::serialise(Iotlb{0, 0, 0, 0, Iotlb::invalidate});
        (void)state_.apply(Side::front_end, {static_cast<std::uint32_t>(Request::IOTLB_MSG)}, everything, {});
    }
    void take_answers() {
        for (auto message = answers_.receive(channel_); channel_ && message && *message;
             message = answers_.receive(channel_)) {
            answers.push_back(*protocol::parse_u64((*message)->payload));
        }
    }

    void ask(const Iotlb& question) {
        const std::uint32_t flags = protocol::version_1 | (wants_answers ? protocol::need_reply_flag : 0U);
        (void)send_until(channel_, serialise_message({1, flags, 32}, protocol::serialise(question)), {},
                         Clock::now() + std::chrono::seconds(10));
    }
    // Where it leads; asks once, until the next message, where that is not known.
    std::optional<std::uint64_t> translate(std::uint64_t address, std::uint64_t length, virtio::Access needed) {
        const auto space = state_.iova_space();
        const auto found = space ? space->translate_whole(address, length, needed) : std::nullopt;
        if (!found && asked_.insert(address).second) {
            ask({address, 0, 0, static_cast<std::uint8_t>(needed), Iotlb::miss});
        }
        return found;
    }

    void work() {
        if (!channel_ || state_.queue(0) == nullptr || !state_.queue(0)->started) {
            return;
        }
        for (const Iotlb& question : std::exchange(also, {})) {
            ask(question);
        }
        bool ready = true;
        for (const std::uint64_t address : asked_first) {
            ready = translate(address, 1, virtio::Access::read) && ready;
        }
        if (!ready || !start()) {
            return;
        }
        while (pending_ || (pending_ = *queue_.take(chain_))) {
            if (!serve()) {
                for (const Iotlb& question : std::exchange(when_stuck, {})) {
                    ask(question);
                }
                return;
            }
            ++served;
            queue_.give_back(*std::exchange(pending_, std::nullopt), 1);
            (void)queue_.notify();
        }
    }
    // Where it stands, also after its ring went elsewhere.
    bool start() {
        const auto layout = state_.ring(0);
        if (layout && !starting_ && layout_ == layout) {
            return queue_.started();
        }
        if (!layout) {
            const protocol::VringAddress& ring = *state_.queue(0)->addresses;
            for (const std::uint64_t address : {ring.used, ring.available, ring.descriptor}) {
                (void)translate(address, 1, virtio::Access::read);
            }
            return false;
        }
        const std::uint32_t at = queue_.stop().value_or(0);
        const std::uint32_t base = std::exchange(starting_, false) ? state_.ring_base(0) : at;
        moves += layout_ && layout_ != layout ? 1U : 0U;
        layout_ = layout;
        return queue_.start(*layout, state_.has_feature(protocol::feature::RING_EVENT_IDX), base).has_value();
    }
    bool serve() {
        if (chain_.problem == virtio::ChainProblem::indirect_unreadable) {
            const virtio::RingDescriptor& table = chain_.descriptors.back();
            if (!translate(table.address, table.length, virtio::Access::read) || !queue_.walk(*pending_, chain_)) {
                return false;
            }
        }
        std::string bytes;
        std::vector<std::uint64_t> writable;
        for (const virtio::RingDescriptor& descriptor : chain_.descriptors) {
            if ((descriptor.flags & virtio::descriptor_indirect) != 0) {
                continue;
            }
            const bool writes = (descriptor.flags & virtio::descriptor_write) != 0;
            const auto place =
                translate(descriptor.address, descriptor.length, writes ? virtio::Access::write : virtio::Access::read);
            if (!place) {
                return false;
            }
            if (writes) {
                writable.push_back(*place);
                continue;
            }
            std::string part(descriptor.length, '?');
            (void)memory_.read(*place, std::as_writable_bytes(std::span(part)));
            bytes += part;
        }
        for (const std::uint64_t place : writable) {
            (void)memory_.write(place, Bytes(1));
        }
        read += bytes;
        return true;
    }

    session::DeviceState state_;
    MappedMemory memory_;
    std::map<std::uint32_t, FileDescriptor> files_;
    std::uint32_t next_id_{1};
    // Indirect tables, by the translations of the moment.
    struct Tables final : virtio::GuestMemory {
        explicit Tables(const TranslatedDevice& owner) : device(owner) {}
        [[nodiscard]] bool read(std::uint64_t address, MutableByteView out) const noexcept override {
            return virtio::DescriptorMemory(device.memory_, device.state_.iova_space(), virtio::Access::read)
                .read(address, out);
        }
        const TranslatedDevice& device;
    };
    Tables tables_{*this};
    DeviceQueue queue_{memory_, tables_};
    std::optional<virtio::RingLayout> layout_;
    FileDescriptor channel_;
    MessageAssembler answers_;
    std::set<std::uint64_t> asked_;
    virtio::Chain chain_;
    std::optional<TakenChain> pending_;  // waits for translations
    bool starting_{false};
};

}  // namespace vutrace::replay::testing
