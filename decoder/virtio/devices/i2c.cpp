// virtio-i2c. Source: virtio specification, "I2C Adapter Device".
#include "table.h"

namespace vutrace::virtio {
namespace {

using namespace layout;

constexpr std::uint64_t M_RD = 2;
constexpr std::array transfer_flags{ValueName{1, "FAIL_NEXT"}, ValueName{M_RD, "M_RD"}};
constexpr std::array statuses{ValueName{0, "OK"}, ValueName{1, "ERR"}};

constexpr FieldInfo address{
    .name = "address", .kind = FieldKind::hex, .form = Form::halved, .size = 2, .meaning = "of the target, 7 bits"};
constexpr std::array header{address, padding(2), flags("flags", 4, transfer_flags)};
constexpr FieldInfo length = u64("length", "bytes of data");
constexpr std::array more{length};
constexpr std::array trailer{named("status", "status_code", 1, statuses, "the device's answer")};
constexpr std::array rows{RequestRow{0, "READ"}, RequestRow{1, "WRITE"}};

void decode_transfer(const RequestTable& table, const DeviceContext& /*device*/, const ChainView& chain,
                     QueueMemory& /*memory*/, RequestBuilder& out) {
    LayoutReader reader(chain.readable, "request", out);
    constexpr std::size_t flags_at = 4;
    const ByteView start = reader.peek(flags_at + 4);
    const bool reads = (load<std::uint32_t>(start, flags_at) & M_RD) != 0;
    if (start.size() == flags_at + 4) {
        out.add_name(plain_type_field(), 0, table.rows[reads ? 0 : 1].name);
    }
    if (reader.read(table.header)) {
        const std::uint64_t room = chain.writable_total - (chain.writable_total == 0 ? 0 : 1);
        (void)out.add(length, reads ? room : reader.remaining());
    }
    decode_trailer(table, chain, out);
}

constexpr std::array queues{
    RequestTable{.header = header, .rows = rows, .answer_trailer = trailer, .decode = decode_transfer, .more = more}};

}  // namespace

constinit const DeviceTable i2c_device{34, queues};

}  // namespace vutrace::virtio
