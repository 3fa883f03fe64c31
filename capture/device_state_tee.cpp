#include "device_state_tee.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/system/pipe.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <utility>

namespace vutrace::capture {
namespace {

using Severity = trace::NoteRecord::Severity;

constexpr std::size_t piece_size = std::size_t{64} << 10U;  // what one record holds at the most
constexpr int pieces_per_turn = 16;                         // then the session's other descriptors are served

bool gives_device_state(const protocol::Header& header) noexcept {
    return header.request == static_cast<std::uint32_t>(protocol::FrontEndRequest::SET_DEVICE_STATE_FD);
}

// The status flags of a pipe's end that can be followed.
Result<int> flags_of_pipe(const FileDescriptor& end) {
    struct stat status {};
    if (::fstat(end.number(), &status) != 0) {
        return fail_errno("the descriptor cannot be asked what it is");
    }
    const int flags = ::fcntl(end.number(), F_GETFL);
    const int mode = flags & O_ACCMODE;
    if (!S_ISFIFO(status.st_mode) || flags < 0 || (mode != O_RDONLY && mode != O_WRONLY)) {
        return fail(ErrorCode::unsupported, "the descriptor is no end of a pipe");
    }
    return flags;
}

int waiting_in(const FileDescriptor& pipe) noexcept {
    int bytes = 0;
    return ::ioctl(pipe.number(), FIONREAD, &bytes) == 0 ? std::max(bytes, 0) : 0;
}

// splice and tee count pages, and never wait with this flag, whatever O_NONBLOCK of the peers' own pipe says.
constexpr unsigned never_wait = SPLICE_F_NONBLOCK;

}  // namespace

// One pipe's content on its way. Ended where the sender closed its end and all was passed on, or the receiver its own.
class DeviceStateTee::Transfer {
  public:
    Transfer(Side from, FileDescriptor source, FileDescriptor sink, Pipe copies, EventLoop& loop,
             MessageRecorder& recorder)
        : from_(from),
          source_(std::move(source)),
          sink_(std::move(sink)),
          copies_(std::move(copies)),
          loop_(loop),
          recorder_(recorder),
          piece_(piece_size) {}
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    ~Transfer() { stop(); }

    [[nodiscard]] Status start() {
        if (auto watched = loop_.add(source_, EPOLLIN, [this](std::uint32_t) { serve(); }); !watched) {
            return watched;
        }
        return loop_.add(sink_, 0, [this](std::uint32_t events) { serve_sink(events); });  // EPOLLERR comes unasked
    }
    [[nodiscard]] bool over() const noexcept { return !source_; }

    // The rest is for the time after the session, without the loop.

    // Room in the sink for all that waits: two pipes hold more than the one that the peers believe in. Both count
    // pages, however little is in each. As far as the system lets us.
    void make_room() noexcept {
        const int held = ::fcntl(source_.number(), F_GETPIPE_SZ);
        const int room = ::fcntl(sink_.number(), F_GETPIPE_SZ);
        if (held > 0 && room > 0 && held <= INT_MAX - room) {
            (void)::fcntl(sink_.number(), F_SETPIPE_SZ, held + room);
        }
    }
    // True where something went through, or the receiver took of what it had.
    bool go_on() {
        const std::uint64_t before = bytes_;
        const int unread = std::exchange(unread_, waiting_in(sink_));
        const bool was_read = unread_ < unread;
        blocked_ = false;
        pass_a_turn();
        unread_ = waiting_in(sink_);
        return was_read || bytes_ != before;
    }
    // What is waited for: as long as there is no room, not the source, whose end would be reported without end.
    [[nodiscard]] std::array<pollfd, 2> waits_for() const noexcept {
        return {pollfd{blocked_ ? -1 : source_.number(), POLLIN, 0},
                pollfd{sink_.number(), static_cast<short>(blocked_ ? POLLOUT : 0), 0}};
    }
    void receiver_closed() { end("the receiver closed its end"); }
    void cut_off() {
        const int waiting = waiting_in(source_);
        const char* const why =
            waiting != 0 ? "its receiver took nothing more" : "its sender neither went on nor closed its end";
        recorder_.lost({trace::no_queue, 0, 0, static_cast<std::uint64_t>(waiting),
                        fmt::format("a device's state was cut off after the session: {}", why)});
        end(fmt::format("cut off after the session, with {} left that did not get passed on: {}",
                        count_text(static_cast<std::uint64_t>(waiting), "byte"), why),
            Severity::warning);
    }

  private:
    void serve() {
        pass_a_turn();
        if (!over()) {
            update_interest();
        }
    }

    void pass_a_turn() {
        for (int i = 0; i < pieces_per_turn && !over() && pass_a_piece(); ++i) {
        }
    }

    void serve_sink(std::uint32_t events) {
        if ((events & EPOLLERR) != 0) {
            receiver_closed();
            return;
        }
        blocked_ = false;
        serve();
    }

    // False where there is nothing to pass on now, or no room for it. A copy is made first, because what was spliced is
    // gone; of it, what was passed on is recorded.
    bool pass_a_piece() {
        const ssize_t copied = ::tee(source_.number(), copies_.write.number(), piece_size, never_wait);
        if (copied == 0) {
            end("");
            return false;
        }
        if (copied < 0) {
            return errno == EINTR || give_up_unless_waiting("read");
        }
        const ssize_t passed =
            ::splice(source_.number(), nullptr, sink_.number(), nullptr, static_cast<std::size_t>(copied), never_wait);
        const int why = errno;
        record(static_cast<std::size_t>(copied), passed < 0 ? 0 : static_cast<std::size_t>(passed));
        if (passed < 0 && why == EPIPE) {
            receiver_closed();
            return false;
        }
        errno = why;
        if (passed < 0 && why != EINTR) {
            blocked_ = why == EAGAIN;
            return give_up_unless_waiting("written to");
        }
        return true;
    }

    bool give_up_unless_waiting(const char* done) {
        if (errno != EAGAIN) {
            end(describe(fail_errno(fmt::format("it cannot be {} any more", done)).value()));
        }
        return false;
    }

    // Takes `copied` bytes out of the pipe of copies, of which the first `passed` went on.
    void record(std::size_t copied, std::size_t passed) {
        std::size_t taken = 0;
        while (taken < copied) {
            const ssize_t got = ::read(copies_.read.number(), piece_.data() + taken, copied - taken);
            if (got <= 0) {
                break;  // nothing can be in the way: the bytes are there
            }
            taken += static_cast<std::size_t>(got);
        }
        if (passed != 0) {
            trace::MemoryRecord memory{
                trace::MemoryRecord::Part::device_state, trace::Proof::verified, trace::no_queue, bytes_, {}};
            memory.content.add_compacted(ByteView(piece_).first(std::min(passed, taken)));
            recorder_.record(memory);
            bytes_ += passed;
        }
    }

    // While the sink is full its room is waited for, and the source is not asked: it would say at once that it has
    // more.
    void update_interest() {
        if (blocked_ == waits_for_room_) {
            return;
        }
        waits_for_room_ = blocked_;
        (void)loop_.modify(source_, blocked_ ? std::uint32_t{EPOLLONESHOT} : std::uint32_t{EPOLLIN});
        (void)loop_.modify(sink_, blocked_ ? std::uint32_t{EPOLLOUT} : 0);
    }

    void end(const std::string& why, Severity severity = Severity::info) {
        recorder_.note(severity,
                       fmt::format("the device's state: {} went from the {} to the {}{}{}", count_text(bytes_, "byte"),
                                   name_of(from_), name_of(other(from_)), why.empty() ? "" : "; ", why));
        stop();
    }

    void stop() noexcept {
        for (FileDescriptor* const end : {&source_, &sink_}) {
            if (*end) {
                loop_.remove(*end);
                end->reset();
            }
        }
    }

    const Side from_;
    FileDescriptor source_;
    FileDescriptor sink_;
    Pipe copies_;
    EventLoop& loop_;
    MessageRecorder& recorder_;
    Bytes piece_;
    std::uint64_t bytes_{0};  // passed on so far
    bool blocked_{false};
    bool waits_for_room_{false};
    int unread_{0};  // in the sink, at the last look after the session
};

DeviceStateTee::DeviceStateTee(DeviceStatePipes which, EventLoop& loop, MessageRecorder& recorder,
                               std::chrono::milliseconds patience)
    : which_(which), patience_(patience), loop_(loop), recorder_(recorder) {}

DeviceStateTee::~DeviceStateTee() = default;

void DeviceStateTee::replace_descriptors(Side sender, const protocol::Header& header,
                                         const std::vector<FileDescriptor>& received, std::vector<int>& numbers) {
    if (!gives_device_state(header) || which_ == DeviceStatePipes::pass || received.empty()) {
        return;
    }
    offer_.reset();
    why_untouched_.clear();
    auto offer = interpose(sender, received);
    if (offer) {
        numbers.front() = offer->given.number();
        offer_ = std::move(*offer);
    } else {
        why_untouched_ = describe(offer.error());
    }
}

void DeviceStateTee::message_forwarded(Side sender, const protocol::Header& header,
                                       const std::vector<FileDescriptor>& descriptors) {
    if (!gives_device_state(header) || descriptors.empty()) {
        return;
    }
    if (offer_) {
        recorder_.note(Severity::info, fmt::format("the pipe of the device's state that the {} gives was replaced by "
                                                   "one of ours: what goes through it is recorded",
                                                   name_of(sender)));
        transfers_.push_back(std::move(offer_->transfer));
        offer_.reset();
        return;
    }
    const bool asked = which_ == DeviceStatePipes::tee;
    recorder_.note(asked ? Severity::warning : Severity::info,
                   fmt::format("the pipe of the device's state that the {} gives is passed on untouched: what goes "
                               "through it is not recorded{}{}",
                               name_of(sender), asked ? ": " : " (--device-state tee does)", why_untouched_));
}

// Everything that can fail comes before the message is forwarded: later the receiver has our pipe.
Result<DeviceStateTee::Offer> DeviceStateTee::interpose(Side sender, const std::vector<FileDescriptor>& received) {
    if (received.size() != 1) {
        return fail(ErrorCode::unsupported, fmt::format("it came with {}", count_text(received.size(), "descriptor")));
    }
    const auto flags = flags_of_pipe(received.front());
    if (!flags) {
        return tl::unexpected(flags.error());
    }
    std::erase_if(transfers_, [](const auto& transfer) { return transfer->over(); });
    if (transfers_.size() >= most_pipes) {
        return fail(ErrorCode::limit, fmt::format("{} pipes are followed already", most_pipes));
    }
    auto theirs = received.front().duplicate();
    auto ours = create_pipe();
    auto copies = create_pipe(O_NONBLOCK);
    if (!theirs || !ours || !copies) {
        return tl::unexpected(!theirs ? theirs.error() : !ours ? ours.error() : copies.error());
    }
    // The receiver shall find the pipe as the sender had made it.
    (void)::fcntl(ours->write.number(), F_SETPIPE_SZ, ::fcntl(received.front().number(), F_GETPIPE_SZ));
    const bool receiver_writes = (*flags & O_ACCMODE) == O_WRONLY;
    FileDescriptor given = std::move(receiver_writes ? ours->write : ours->read);
    (void)::fcntl(given.number(), F_SETFL, *flags);
    auto& kept = receiver_writes ? ours->read : ours->write;
    auto transfer = std::make_unique<Transfer>(
        receiver_writes ? other(sender) : sender, std::move(receiver_writes ? kept : *theirs),
        std::move(receiver_writes ? *theirs : kept), std::move(*copies), loop_, recorder_);
    if (auto started = transfer->start(); !started) {
        return tl::unexpected(started.error());
    }
    // A receiver that closes its end makes splice raise it; the thread is the session's own.
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    (void)::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    return Offer{std::move(transfer), std::move(given)};
}

bool DeviceStateTee::is_passing_on() const noexcept {
    return std::any_of(transfers_.begin(), transfers_.end(), [](const auto& transfer) { return !transfer->over(); });
}

void DeviceStateTee::close() {
    using Clock = std::chrono::steady_clock;
    offer_.reset();
    std::erase_if(transfers_, [](const auto& transfer) { return transfer->over(); });
    for (const auto& transfer : transfers_) {
        transfer->make_room();
    }
    auto until = Clock::now() + patience_;
    do {
        for (const auto& transfer : transfers_) {
            if (transfer->go_on()) {
                until = Clock::now() + patience_;
            }
        }
        std::erase_if(transfers_, [](const auto& transfer) { return transfer->over(); });
    } while (!transfers_.empty() && wait(until));
    for (const auto& transfer : transfers_) {
        transfer->cut_off();
    }
    transfers_.clear();
}

// Until there is something to do for one of the transfers, or to look whether the receivers read. False once it is
// late.
bool DeviceStateTee::wait(std::chrono::steady_clock::time_point until) {
    using std::chrono::milliseconds;
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    if (left <= milliseconds::zero()) {
        return false;
    }
    std::vector<pollfd> waiting;
    for (const auto& transfer : transfers_) {
        const auto ends = transfer->waits_for();
        waiting.insert(waiting.end(), ends.begin(), ends.end());
    }
    const auto soon = std::min(left, patience_ / 4 + milliseconds{1});
    const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(soon.count()));
    for (std::size_t i = 0; ready > 0 && i < transfers_.size(); ++i) {
        if ((waiting[2 * i + 1].revents & POLLERR) != 0) {
            transfers_[i]->receiver_closed();
        }
    }
    return true;
}

}  // namespace vutrace::capture
