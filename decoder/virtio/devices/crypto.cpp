// virtio-crypto: the requests of the data queues and of the control queue, without keys and data.
// Source: virtio specification, "Crypto Device", "Device Operation".
#include "table.h"

namespace vutrace::virtio {
namespace {

using namespace layout;

constexpr std::array statuses{
    ValueName{0, "OK"},      ValueName{1, "ERR"},   ValueName{2, "BADMSG"},       ValueName{3, "NOTSUPP"},
    ValueName{4, "INVSESS"}, ValueName{5, "NOSPC"}, ValueName{6, "KEY_REJECTED"}, ValueName{7, "IPSEC_SA_SOFT_EXPIRY"}};

constexpr FieldInfo algorithm = u32("algo", "number of the algorithm among those of the service");
constexpr FieldInfo session = u64("session_id");
constexpr std::array header{selector(4), algorithm, session, unless_zero(hex("flag", 4)), padding(4)};
constexpr FieldInfo iv = u32("iv_len"), source = u32("src_data_len"), destination = u32("dst_data_len");
// The first part of what is laid out by the kind of operation; what chains of algorithms have behind it is left out.
constexpr std::array cipher{iv, source, destination};
constexpr std::array hash{source, u32("hash_result_len")};
constexpr std::array aead{iv, u32("aad_len"), source, destination};
constexpr std::array asymmetric{source, destination};
constexpr std::array requests{
    RequestRow{0x0000, "CIPHER_ENCRYPT", cipher},
    RequestRow{0x0001, "CIPHER_DECRYPT", cipher},
    RequestRow{0x0100, "HASH", hash},
    RequestRow{0x0200, "MAC", hash},
    RequestRow{0x0300, "AEAD_ENCRYPT", aead},
    RequestRow{0x0301, "AEAD_DECRYPT", aead},
    RequestRow{0x0400, "AKCIPHER_ENCRYPT", asymmetric},
    RequestRow{0x0401, "AKCIPHER_DECRYPT", asymmetric},
    RequestRow{0x0402, "AKCIPHER_SIGN", asymmetric},
    RequestRow{0x0403, "AKCIPHER_VERIFY", asymmetric},
    RequestRow{0x0500, "IPSEC_OUTBOUND"},
    RequestRow{0x0501, "IPSEC_INBOUND"},
};
constexpr std::array trailer{named("status", "status_code", 1, statuses, "the device's answer")};

constexpr std::array control_header{selector(4), algorithm, unless_zero(hex("flag", 4)), padding(4)};
constexpr std::array destroy{session};
constexpr std::array created{session};
constexpr std::array creations{
    RequestRow{0x0002, "CIPHER_CREATE_SESSION", {}, created},   RequestRow{0x0003, "CIPHER_DESTROY_SESSION", destroy},
    RequestRow{0x0102, "HASH_CREATE_SESSION", {}, created},     RequestRow{0x0103, "HASH_DESTROY_SESSION", destroy},
    RequestRow{0x0202, "MAC_CREATE_SESSION", {}, created},      RequestRow{0x0203, "MAC_DESTROY_SESSION", destroy},
    RequestRow{0x0302, "AEAD_CREATE_SESSION", {}, created},     RequestRow{0x0303, "AEAD_DESTROY_SESSION", destroy},
    RequestRow{0x0404, "AKCIPHER_CREATE_SESSION", {}, created}, RequestRow{0x0405, "AKCIPHER_DESTROY_SESSION", destroy},
};
constexpr std::array created_status{padding(8), named("status", "status_code", 4, statuses, "the device's answer")};
constexpr std::array destroyed_status{named("status", "status_code", 1, statuses, "the device's answer")};

// A session that was made is answered with its number first, one that ends with a byte.
void decode_control(const RequestTable& table, const DeviceContext& /*device*/, const ChainView& chain,
                    QueueMemory& /*memory*/, RequestBuilder& out) {
    LayoutReader reader(chain.readable, "request", out);
    reader.set_rows(table.rows);
    const bool whole = reader.read(table.header);
    const RequestRow* row = reader.row();
    if (!whole || row == nullptr) {
        return;
    }
    (void)reader.read(row->request);
    if (!chain.used || chain.writable_total == 0) {
        return;
    }
    const bool creates = !row->answer.empty();
    LayoutReader answer(chain.written, "answer", out);
    (void)answer.read(creates ? Layout(created_status) : Layout(destroyed_status));
    judge(table, out);
    if (creates && answer.ok() && !out.failed()) {
        out.open(answer_field());
        (void)LayoutReader(chain.written, "answer", out).read(row->answer);
        out.close();
    }
}

constexpr std::array queues{
    RequestTable{.role = "control",
                 .header = control_header,
                 .rows = creations,
                 .answer_header = destroyed_status,
                 .decode = decode_control},
    RequestTable{.role = "data", .header = header, .rows = requests, .answer_trailer = trailer},
};

}  // namespace

constinit const DeviceTable crypto_device{20, queues};

}  // namespace vutrace::virtio
