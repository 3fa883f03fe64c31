#include "input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace vutrace::trace {
namespace {

constexpr int milliseconds_between_looks = 50;                // at whether to stop, while a pipe is empty
constexpr std::size_t buffer_size = std::size_t{256} << 10U;  // stays in a second-level cache

class PlainInput final : public Input {
  public:
    PlainInput(FileDescriptor file, bool regular, std::stop_token stop)
        : file_(std::move(file)), regular_(regular), stop_(std::move(stop)) {}

    [[nodiscard]] bool can_seek() const noexcept override { return regular_; }
    [[nodiscard]] std::uint64_t file_size() const noexcept override {
        struct stat now {};
        return regular_ && ::fstat(file_.number(), &now) == 0 ? static_cast<std::uint64_t>(now.st_size) : 0;
    }

  protected:
    std::size_t read_some(MutableByteView out) override {
        while (regular_ || wait_for_bytes()) {
            const ssize_t count = regular_
                                      ? ::pread(file_.number(), out.data(), out.size(), static_cast<off_t>(offset_))
                                      : ::read(file_.number(), out.data(), out.size());
            if (count >= 0) {
                offset_ += static_cast<std::uint64_t>(count);
                return static_cast<std::size_t>(count);
            }
            if (errno != EINTR && errno != EAGAIN) {
                problem_ = fail_errno("cannot read the trace").value();
                return 0;
            }
        }
        return 0;
    }
    void go_to(std::uint64_t offset) override { offset_ = offset; }

  private:
    // For a pipe: until there are some, or its other end was closed, having been open.
    bool wait_for_bytes() {
        const int patience = stop_.stop_possible() ? milliseconds_between_looks : -1;
        pollfd wanted{file_.number(), POLLIN, 0};
        while (!stop_.stop_requested()) {
            const int ready = ::poll(&wanted, 1, patience);
            if (ready > 0) {
                return true;
            }
            if (ready < 0 && errno != EINTR) {
                problem_ = fail_errno("cannot wait for the trace").value();
                return false;
            }
        }
        problem_ = Error{ErrorCode::limit, "stopped while the trace was waited for", std::nullopt, 0};
        return false;
    }

    FileDescriptor file_;
    bool regular_;
    std::stop_token stop_;
    std::uint64_t offset_{0};
};

}  // namespace

// Decompresses on the fly. zstd's window is bounded by its default limit (128 MiB), whatever the file says.
class CompressedInput final : public Input {
  public:
    explicit CompressedInput(std::unique_ptr<Input> source)
        : source_(std::move(source)), stream_(ZSTD_createDStream()) {
        compressed_.resize(ZSTD_DStreamInSize());
    }

    [[nodiscard]] bool can_seek() const noexcept override { return false; }
    [[nodiscard]] std::uint64_t file_size() const noexcept override { return source_->file_size(); }

  protected:
    std::size_t read_some(MutableByteView out) override {
        ZSTD_outBuffer to{out.data(), out.size(), 0};
        while (to.pos == 0 && !problem_) {
            if (from_.pos == from_.size && !holds_output_ && !refill()) {
                return 0;
            }
            const std::size_t left = ZSTD_decompressStream(stream_.get(), &to, &from_);
            if (ZSTD_isError(left) != 0) {
                problem_ = Error{ErrorCode::bad_input, fmt::format("zstd: {}", ZSTD_getErrorName(left)),
                                 consumed_ - (from_.size - from_.pos), 0};
            }
            inside_frame_ = left != 0;
            holds_output_ = inside_frame_ && to.pos == to.size;
        }
        return to.pos;
    }
    void go_to(std::uint64_t /*offset*/) override {}

  private:
    struct Free {
        void operator()(ZSTD_DStream* stream) const noexcept { ZSTD_freeDStream(stream); }
    };

    bool refill() {
        from_ = {compressed_.data(), source_->read(compressed_), 0};
        consumed_ += from_.size;
        if (from_.size == 0) {
            problem_ = source_->problem();
            if (!problem_ && inside_frame_) {
                problem_ = Error{ErrorCode::torn, "the compressed file ends inside a frame",
                                 consumed_ - (from_.size - from_.pos), 0};
            }
        }
        return from_.size != 0;
    }

    std::unique_ptr<Input> source_;
    std::unique_ptr<ZSTD_DStream, Free> stream_;
    Bytes compressed_;
    ZSTD_inBuffer from_{nullptr, 0, 0};
    std::uint64_t consumed_{0};  // bytes of the source up to the end of `from_`
    bool inside_frame_{false};
    bool holds_output_{false};  // there was no room for all that came out
};

namespace {

bool is_compressed(const Input& input, std::string_view path) {
    constexpr std::array magic{std::byte{0x28}, std::byte{0xb5}, std::byte{0x2f}, std::byte{0xfd}};
    const ByteView start = input.start();
    return path.ends_with(".zst") ||
           (start.size() >= magic.size() && std::equal(magic.begin(), magic.end(), start.begin()));
}

}  // namespace

// What glibc calls for the FILE.
struct Cookie {
    static ssize_t read(void* cookie, char* out, std::size_t size) {
        auto* input = static_cast<Input*>(cookie);
        const std::size_t count = input->read(std::as_writable_bytes(std::span(out, size)));
        if (count == 0 && input->problem() && input->problem()->code == ErrorCode::system) {
            errno = input->problem()->errno_value;
            return -1;
        }
        return static_cast<ssize_t>(count);
    }
    static int seek(void* cookie, off64_t* offset, int whence) {
        auto* input = static_cast<Input*>(cookie);
        // SEEK_CUR by nothing is a question. By something, it is how glibc ends a seek whose read fell short.
        const off64_t base = whence == SEEK_CUR ? static_cast<off64_t>(input->position_) : 0;
        off64_t target = 0;
        if (whence == SEEK_END || __builtin_add_overflow(base, *offset, &target) || target < 0) {
            return -1;
        }
        if (target != static_cast<off64_t>(input->position_) || whence == SEEK_SET) {
            if (!input->can_seek()) {
                return -1;
            }
            input->seek(static_cast<std::uint64_t>(target));
        }
        *offset = static_cast<off64_t>(input->position_);
        return 0;
    }
};

Result<std::unique_ptr<Input>> Input::open(const std::string& path, const std::stop_token& stop) {
    FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!file) {
        return fail_errno(fmt::format("cannot open '{}'", path));
    }
    struct stat status {};
    if (::fstat(file.number(), &status) != 0) {
        return fail_errno(fmt::format("cannot look at '{}'", path));
    }
    if (S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return fail_errno(fmt::format("cannot read '{}' as a trace", path));
    }
    const bool regular = S_ISREG(status.st_mode);
    std::unique_ptr<Input> input = std::make_unique<PlainInput>(std::move(file), regular, stop);
    input->read_start();
    const bool compressed = is_compressed(*input, path);
    if (input->problem()) {
        return tl::unexpected(*input->problem());
    }
    if (compressed) {
        input = std::make_unique<CompressedInput>(std::move(input));
        input->read_start();
    }
    return input;
}

std::FILE* Input::stream() {
    const cookie_io_functions_t functions{Cookie::read, nullptr, Cookie::seek, nullptr};
    std::FILE* file = ::fopencookie(this, "rb", functions);
    if (file != nullptr) {
        stream_buffer_.reset(new char[buffer_size]);  // not zeroed: small files must not pay for large ones
        std::setvbuf(file, stream_buffer_.get(), _IOFBF, buffer_size);
    }
    return file;
}

void Input::read_start() {
    while (start_size_ < start_.size()) {
        const std::size_t count = read_some(MutableByteView(start_).subspan(start_size_));
        if (count == 0) {
            break;
        }
        start_size_ += count;
    }
}

std::size_t Input::read(MutableByteView out) {
    std::size_t count = 0;
    if (position_ < start_size_) {
        const ByteView rest = start().subspan(static_cast<std::size_t>(position_));
        count = std::min(rest.size(), out.size());
        std::memcpy(out.data(), rest.data(), count);
    } else {
        count = read_some(out);
    }
    position_ += count;
    return count;
}

void Input::seek(std::uint64_t offset) {
    problem_.reset();
    go_to(std::max<std::uint64_t>(offset, start_size_));
    position_ = offset;
}

}  // namespace vutrace::trace
