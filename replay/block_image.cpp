#include "vutrace/replay/block_backend.h"

#include <vutrace/virtio/devices/block.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

namespace vutrace::replay {
namespace {

namespace block = virtio::block;
using Pieces = std::vector<MutableByteView>;

constexpr std::uint8_t status_io_error = 1;
constexpr std::uint8_t status_unsupported = 2;
constexpr std::size_t id_size = 20;
constexpr std::size_t segment_size = 16;
constexpr std::size_t max_segments = 256;
constexpr std::uint32_t segment_unmap = 1;

std::uint64_t total_size(const Pieces& pieces) {
    std::uint64_t total = 0;
    for (const MutableByteView piece : pieces) {
        total += piece.size();
    }
    return total;
}

// Copies from the front of the pieces and takes off what was copied. False where they hold too little.
bool take_front(Pieces& pieces, MutableByteView out) {
    if (total_size(pieces) < out.size()) {
        return false;
    }
    while (!out.empty()) {
        const std::size_t size = std::min(out.size(), pieces.front().size());
        std::memcpy(out.data(), pieces.front().data(), size);
        out = out.subspan(size);
        pieces.front() = pieces.front().subspan(size);
        if (pieces.front().empty()) {
            pieces.erase(pieces.begin());
        }
    }
    return true;
}

// Reads from the file, or writes to it, all bytes of all pieces.
template <class Transfer>
bool transfer_all(const Pieces& pieces, std::uint64_t offset, Transfer transfer) {
    for (MutableByteView piece : pieces) {
        while (!piece.empty()) {
            const ssize_t count = transfer(piece, static_cast<off_t>(offset));
            if (count < 0 && errno == EINTR) {
                continue;
            }
            if (count <= 0) {
                return false;
            }
            piece = piece.subspan(static_cast<std::size_t>(count));
            offset += static_cast<std::uint64_t>(count);
        }
    }
    return true;
}

}  // namespace

struct BlockImage::Request {
    std::uint32_t type{0};
    std::uint64_t sector{0};
    Pieces readable;  // behind the header
    Pieces writable;  // before the status
    bool fills_data{false};
};

struct BlockImage::OperationRow {
    block::RequestType type;
    Operation run;
};

const BlockImage::OperationRow* BlockImage::find_operation(std::uint32_t type) noexcept {
    static constexpr std::array rows{
        OperationRow{block::RequestType::IN, &BlockImage::read_data},
        OperationRow{block::RequestType::OUT, &BlockImage::write_data},
        OperationRow{block::RequestType::FLUSH, &BlockImage::flush},
        OperationRow{block::RequestType::GET_ID, &BlockImage::get_id},
        OperationRow{block::RequestType::DISCARD, &BlockImage::discard},
        OperationRow{block::RequestType::WRITE_ZEROES, &BlockImage::write_zeroes},
    };
    const auto* const row = std::find_if(rows.begin(), rows.end(), [type](const OperationRow& candidate) {
        return static_cast<std::uint32_t>(candidate.type) == type;
    });
    return row == rows.end() ? nullptr : row;
}

Result<BlockImage> BlockImage::open(const BlockBackendOptions& options) {
    BlockImage image;
    const int flags = (options.read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC;
    image.file_ = FileDescriptor(::open(options.image.c_str(), flags));
    struct stat status {};
    if (!image.file_ || ::fstat(image.file_.number(), &status) != 0) {
        return fail_errno(fmt::format("cannot open the image '{}'", options.image));
    }
    image.sectors_ = static_cast<std::uint64_t>(status.st_size) / block::sector_size;
    image.read_only_ = options.read_only;
    image.serial_ = options.serial.substr(0, id_size);
    return image;
}

std::uint32_t BlockImage::serve(Pieces readable, Pieces writable) {
    std::array<std::byte, block::request_header_size> header{};
    if (writable.empty() || !take_front(readable, header)) {
        return 0;
    }
    std::byte& status = writable.back().back();
    writable.back() = writable.back().first(writable.back().size() - 1);
    if (writable.back().empty()) {
        writable.pop_back();
    }
    Request request{load<std::uint32_t>(header), load<std::uint64_t>(header, 8), std::move(readable),
                    std::move(writable)};
    const OperationRow* row = find_operation(request.type);
    const std::uint8_t outcome = row == nullptr ? status_unsupported : (this->*row->run)(request);
    status = std::byte{outcome};
    const std::uint64_t written = request.fills_data && outcome == block::status_ok ? total_size(request.writable) : 0;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(written, std::numeric_limits<std::uint32_t>::max() - 1)) +
           1;
}

bool BlockImage::in_range(std::uint64_t sector, std::uint64_t bytes) const noexcept {
    return bytes % block::sector_size == 0 && sector <= sectors_ && bytes / block::sector_size <= sectors_ - sector;
}

std::uint8_t BlockImage::read_data(Request& request) {
    if (!in_range(request.sector, total_size(request.writable))) {
        return status_io_error;
    }
    request.fills_data = true;
    const bool done = transfer_all(request.writable, request.sector * block::sector_size,
                                   [this](MutableByteView piece, off_t offset) {
                                       return ::pread(file_.number(), piece.data(), piece.size(), offset);
                                   });
    return done ? block::status_ok : status_io_error;
}

std::uint8_t BlockImage::write_data(Request& request) {
    if (read_only_ || !in_range(request.sector, total_size(request.readable))) {
        return status_io_error;
    }
    const bool done = transfer_all(request.readable, request.sector * block::sector_size,
                                   [this](MutableByteView piece, off_t offset) {
                                       return ::pwrite(file_.number(), piece.data(), piece.size(), offset);
                                   });
    return done ? block::status_ok : status_io_error;
}

std::uint8_t BlockImage::flush(Request& /*request*/) {
    return ::fdatasync(file_.number()) == 0 ? block::status_ok : status_io_error;
}

std::uint8_t BlockImage::get_id(Request& request) {
    std::array<std::byte, id_size> id{};
    std::memcpy(id.data(), serial_.data(), serial_.size());
    std::size_t done = 0;
    for (const MutableByteView piece : request.writable) {
        const std::size_t size = std::min(piece.size(), id_size - done);
        std::memcpy(piece.data(), id.data() + done, size);
        done += size;
    }
    request.fills_data = done == id_size && total_size(request.writable) == id_size;
    return done == id_size ? block::status_ok : status_io_error;
}

std::uint8_t BlockImage::discard(Request& request) {
    return punch_segments(request, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0);
}

std::uint8_t BlockImage::write_zeroes(Request& request) {
    return punch_segments(request, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, segment_unmap);
}

std::uint8_t BlockImage::punch_segments(Request& request, int mode, std::uint32_t allowed_flags) {
    const std::uint64_t bytes = total_size(request.readable);
    if (read_only_ || bytes == 0 || bytes % segment_size != 0 || bytes / segment_size > max_segments) {
        return status_io_error;
    }
    std::array<std::byte, segment_size> segment{};
    while (take_front(request.readable, segment)) {
        const auto sector = load<std::uint64_t>(segment);
        const std::uint64_t length = std::uint64_t{load<std::uint32_t>(segment, 8)} * block::sector_size;
        if ((load<std::uint32_t>(segment, 12) & ~allowed_flags) != 0) {
            return status_unsupported;
        }
        if (!in_range(sector, length)) {
            return status_io_error;
        }
        if (length != 0 && ::fallocate(file_.number(), mode, static_cast<off_t>(sector * block::sector_size),
                                       static_cast<off_t>(length)) != 0) {
            return status_io_error;
        }
    }
    return block::status_ok;
}

}  // namespace vutrace::replay
