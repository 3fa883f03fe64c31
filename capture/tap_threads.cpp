#include "tap_threads.h"

#include "data_path_part.h"

#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>

#include <sched.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;
using Clock = BackgroundDataPath::Clock;

enum class Subject : std::uint8_t { other, memory, queue, eventfd };

Subject subject_of(Side sender, const protocol::Header& header) noexcept {
    if (sender != Side::front_end) {
        return Subject::other;
    }
    switch (static_cast<FrontEndRequest>(header.request)) {
        case FrontEndRequest::SET_MEM_TABLE:
        case FrontEndRequest::ADD_MEM_REG:
            return Subject::memory;
        case FrontEndRequest::SET_VRING_NUM:
        case FrontEndRequest::SET_VRING_ADDR:
        case FrontEndRequest::SET_VRING_BASE:
        case FrontEndRequest::SET_VRING_ENABLE:
            return Subject::queue;
        case FrontEndRequest::SET_VRING_KICK:
        case FrontEndRequest::SET_VRING_CALL:
        case FrontEndRequest::SET_VRING_ERR:
            return Subject::eventfd;
        default:
            return Subject::other;
    }
}

// Some are there and closed already: nobody but the peers has a use for them.
bool carries(const ForwardedMessage& message) {
    return message.descriptors != nullptr &&
           std::any_of(message.descriptors->begin(), message.descriptors->end(),
                       [](const FileDescriptor& descriptor) { return static_cast<bool>(descriptor); });
}

// Who gets the descriptors of a message.
unsigned owner_of(Subject subject, ByteView payload, unsigned threads) {
    if (subject != Subject::eventfd || threads == 0) {
        return 0;
    }
    const auto eventfd = protocol::parse_vring_descriptor(payload);
    return eventfd ? DataPathPart::owner_of(eventfd->queue(), threads) : 0;
}

}  // namespace

unsigned usable_processors() {
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof(set), &set) == 0) {
        return static_cast<unsigned>(CPU_COUNT(&set));
    }
    return std::max(std::thread::hardware_concurrency(), 1U);  // more than a cpu_set_t holds
}

unsigned number_of_threads(unsigned wanted, std::optional<std::uint64_t> queues, unsigned processors) {
    // Without a number there is one queue, or one pair: only a back-end that says so has more.
    const std::uint64_t pairs =
        (std::clamp<std::uint64_t>(queues.value_or(2), 1, 2 * TapThreads::most_threads) + 1) / 2;
    if (wanted != 0) {
        const auto most = queues ? static_cast<unsigned>(pairs) : TapThreads::most_threads;
        return std::min({wanted, most, TapThreads::most_threads});
    }
    const unsigned most = std::clamp(processors / 2, 1U, TapThreads::most_by_themselves);
    return std::min(most, static_cast<unsigned>(pairs));
}

TapThreads::TapThreads(const session::DeviceState& state, Number number, Start start, Note note)
    : state_(state), number_(std::move(number)), start_(std::move(start)), note_(std::move(note)) {}

// All threads take in all translations, whosever queue they are for.
void TapThreads::before_translation(const protocol::Header& header) {
    early_translations_ += begun_ ? 0 : 1;
    for (const auto& thread : threads_) {
        thread->before_translation(header);
    }
}

void TapThreads::before_reply(const protocol::Header& header, ByteView payload) {
    if (header.request == static_cast<std::uint32_t>(FrontEndRequest::IOTLB_MSG)) {
        return before_translation(header);
    }
    // Of the replies that are waited for all begin with the queue's number.
    const auto answer = protocol::parse_vring_state(payload);
    if (answer && !threads_.empty()) {
        const unsigned owner = DataPathPart::owner_of(answer->index, static_cast<unsigned>(threads_.size()));
        threads_[owner]->before_reply(header, payload);
    }
}

void TapThreads::release_memory() {
    for (const auto& thread : threads_) {
        thread->begin_to_release_memory();
    }
    const auto until = Clock::now() + BackgroundDataPath::release_patience;
    for (const auto& thread : threads_) {
        thread->wait_until_released(until);
    }
}

void TapThreads::session_ended() {
    for (const auto& thread : threads_) {
        thread->begin_to_end_session();
    }
    const auto until = Clock::now() + BackgroundDataPath::patience;
    for (const auto& thread : threads_) {
        thread->wait_until_ended(until);
    }
}

void TapThreads::forwarded(ForwardedMessage message, const session::Change& /*change*/) {
    if (!begun_) {
        const bool full = early_.size() >= most_early_messages || early_bytes_ >= most_early_bytes;
        if (subject_of(message.sender, message.header) == Subject::other && !full && !carries(message)) {
            return keep(message);
        }
        begin();
    }
    hand_out(message);
}

void TapThreads::keep(const ForwardedMessage& message) {
    early_.push_back({message.sender, message.header, {message.payload.begin(), message.payload.end()}});
    early_bytes_ += message.payload.size();
}

void TapThreads::begin() {
    begun_ = true;
    threads_ = start_(number_(state_.queue_count()));
    for (const auto& thread : threads_) {
        for (std::size_t i = 0; i < early_translations_; ++i) {
            thread->before_translation({});
        }
    }
    for (const EarlyMessage& early : std::exchange(early_, {})) {
        ForwardedMessage message{early.sender, early.header, early.payload, nullptr, nullptr};
        hand_out(message);
    }
}

void TapThreads::hand_out(ForwardedMessage& message) {
    const Subject subject = subject_of(message.sender, message.header);
    const auto count = static_cast<unsigned>(threads_.size());
    const unsigned owner = owner_of(subject, message.payload, count);
    for (unsigned i = count; i-- > 0;) {  // the first at the end: it takes what is left
        ForwardedMessage own = message;
        std::vector<FileDescriptor> descriptors;
        if (message.descriptors != nullptr) {
            if (i == owner) {
                descriptors = std::exchange(*message.descriptors, {});
            } else if (subject == Subject::memory) {
                descriptors = duplicates(*message.descriptors);
            }
            own.descriptors = &descriptors;
        }
        threads_[i]->forwarded(own, {});
    }
}

std::vector<FileDescriptor> TapThreads::duplicates(const std::vector<FileDescriptor>& descriptors) {
    std::vector<FileDescriptor> all;
    for (const FileDescriptor& descriptor : descriptors) {
        auto duplicate = descriptor ? descriptor.duplicate() : Result<FileDescriptor>(FileDescriptor{});
        if (!duplicate) {
            note_(
                "a thread of the tap gets no descriptor of a memory region: what happens there on its queues is not "
                "recorded");
        }
        all.push_back(duplicate ? std::move(*duplicate) : FileDescriptor{});
    }
    return all;
}

}  // namespace vutrace::capture
