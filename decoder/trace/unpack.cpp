#include "unpack.h"

#include "framing.h"

#include <fmt/format.h>
#include <pcap/pcap.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace vutrace::trace {
namespace {

constexpr std::uint64_t least_room = std::uint64_t{1} << 20U;
constexpr std::uint64_t most_kept_free = std::uint64_t{1} << 30U;
constexpr std::uint64_t share_kept_free = 20;  // one in so many of the disk's bytes

struct ClosePcap {
    void operator()(pcap_t* pcap) const noexcept { pcap_close(pcap); }
};

Status write_all(const FileDescriptor& file, ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(file.number(), bytes.data(), bytes.size());
        if (count > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(count));
        } else if (count == 0 || errno != EINTR) {
            return fail_errno("cannot write the decompressed trace to a temporary file (TMPDIR chooses where)");
        }
    }
    return {};
}

// The disk that holds the copy is others', too.
Status expect_room(const FileDescriptor& file, const std::optional<std::uint64_t>& wanted_free) {
    struct statvfs disk {};
    if (::fstatvfs(file.number(), &disk) != 0) {
        return fail_errno("cannot see how much room the temporary file has");
    }
    const std::uint64_t unit = disk.f_frsize;
    const std::uint64_t free = disk.f_bavail * unit;
    const std::uint64_t keep = wanted_free.value_or(std::min(most_kept_free, disk.f_blocks * unit / share_kept_free));
    if (free >= keep && free - keep >= least_room) {
        return {};
    }
    return fail(
        ErrorCode::limit,
        fmt::format("no room for the decompressed trace: {} MiB of the disk of temporary files stay free (TMPDIR "
                    "chooses another one)",
                    keep >> 20U));
}

// Before its bytes are copied: a device or a pipe may never end.
Status expect_capture(const Input& source, const std::string& path) {
    constexpr std::size_t magic_size = 4;
    using Magic = std::array<unsigned char, magic_size>;
    // Microseconds and nanoseconds in both orders of bytes, and pcapng: what libpcap reads.
    constexpr std::array<Magic, 5> magics{{{0xd4, 0xc3, 0xb2, 0xa1},
                                           {0xa1, 0xb2, 0xc3, 0xd4},
                                           {0x4d, 0x3c, 0xb2, 0xa1},
                                           {0xa1, 0xb2, 0x3c, 0x4d},
                                           {0x0a, 0x0d, 0x0d, 0x0a}}};
    const ByteView start = source.start();
    if (start.size() < magic_size || source.problem() ||
        std::any_of(magics.begin(), magics.end(),
                    [&](const Magic& magic) { return std::memcmp(start.data(), magic.data(), magic_size) == 0; })) {
        return {};
    }
    return fail(
        ErrorCode::bad_input,
        fmt::format("'{}' is not a trace: it begins neither as a pcap file nor as one compressed with zstd", path), 0);
}

}  // namespace

// Gives what its source gives, once it is in the copy.
class CopiedInput final : public Input {
  public:
    CopiedInput(std::unique_ptr<Input> source, const FileDescriptor& to, const Unpacking& how)
        : source_(std::move(source)), to_(to), how_(how) {}

    [[nodiscard]] std::uint64_t copied() const noexcept { return done_; }
    [[nodiscard]] bool can_seek() const noexcept override { return false; }
    [[nodiscard]] std::uint64_t file_size() const noexcept override { return source_->file_size(); }

  protected:
    std::size_t read_some(MutableByteView out) override {
        if (how_.stop.stop_requested()) {
            problem_ = Error{ErrorCode::limit, "stopped while the trace was unpacked", std::nullopt, 0};
            return 0;
        }
        const std::size_t count = source_->read(out);
        problem_ = source_->problem();
        Status copied = count == 0 ? Status() : expect_room(to_, how_.keep_free);
        if (copied) {
            copied = write_all(to_, out.first(count));
        }
        if (!copied) {
            problem_ = copied.error();
            return 0;
        }
        done_ += count;
        if (how_.progress) {
            // How far the source's own file was read is not known: an estimate of the ratio is not worth having.
            how_.progress(done_, source_->file_size());
        }
        return count;
    }
    void go_to(std::uint64_t /*offset*/) override {}

  private:
    std::unique_ptr<Input> source_;
    const FileDescriptor& to_;
    const Unpacking& how_;
    std::uint64_t done_{0};
};

namespace {

// As far as there are packets. Why not further, where they are no trace's any more.
std::optional<Error> walk(Input& input) {
    std::FILE* const stream = input.stream();
    if (stream == nullptr) {
        return Error{ErrorCode::limit, "no memory to decompress the trace", std::nullopt, 0};
    }
    std::array<char, PCAP_ERRBUF_SIZE> text{};
    const std::unique_ptr<pcap_t, ClosePcap> pcap(
        pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, text.data()));
    if (!pcap) {
        std::fclose(stream);
        return std::nullopt;  // a reader of the copy says why
    }
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    std::uint64_t behind_record = 0;  // or the file's header
    std::uint64_t foreign = 0;
    while (pcap_datalink(pcap.get()) == link_type && pcap_next_ex(pcap.get(), &header, &data) == 1) {
        if (parse_prefix({reinterpret_cast<const std::byte*>(data), header->caplen})) {
            foreign = 0;
            behind_record = static_cast<std::uint64_t>(::ftello(stream));
        } else if ((foreign += packet_header_size + header->caplen) > most_bytes_without_a_record) {
            return Error{behind_record == 0 ? ErrorCode::bad_input : ErrorCode::torn,
                         fmt::format("{} MiB that hold no record of vutrace", most_bytes_without_a_record >> 20U),
                         std::max<std::uint64_t>(behind_record, file_header_size), 0};
        }
    }
    return std::nullopt;
}

}  // namespace

Result<std::optional<Error>> unpack(std::unique_ptr<Input> source, const FileDescriptor& to, const Unpacking& how) {
    if (Status checked = expect_capture(*source, how.path); !checked) {
        return tl::unexpected(checked.error());
    }
    CopiedInput input(std::move(source), to, how);
    std::optional<Error> end = walk(input);
    if (end && end->code == ErrorCode::bad_input) {
        end->text = fmt::format("'{}' is not a trace: behind its header are {}", how.path, end->text);
        return tl::unexpected(*end);
    }
    if (end && end->code == ErrorCode::torn) {
        end->text = fmt::format("here begin {}, and the rest was not unpacked (zstd -d unpacks all of it)", end->text);
        if (::ftruncate(to.number(), static_cast<off_t>(*end->offset)) != 0) {
            return fail_errno("cannot cut the decompressed trace off behind its last record");
        }
        return end;
    }
    if (!end) {
        end = input.problem();
    }
    if (end && end->code == ErrorCode::bad_input && input.copied() == 0) {
        end->text = fmt::format("'{}' is not a trace: {}", how.path, end->text);
        return tl::unexpected(*end);
    }
    if (end && (end->code == ErrorCode::system || end->code == ErrorCode::limit)) {
        return tl::unexpected(*end);
    }
    return end;
}

}  // namespace vutrace::trace
