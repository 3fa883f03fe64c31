// How the requests of a device are written down, and what turns bytes into fields by it.
#pragma once

#include "layout.h"

#include <vutrace/virtio/devices/decoder.h>

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace vutrace::virtio {

// One request or event.
struct RequestRow {
    std::uint64_t code;
    std::string_view name;
    Layout request{};  // behind the header
    Layout answer{};   // behind the answer's header, where the device did what it was asked for
};

class RequestBuilder;

// The requests of the queues with one role. What stands where: header, then what the row says; of the answer header,
// what the row says, and trailer, the last bytes that the device wrote.
struct RequestTable {
    std::string_view role{};  // of the queues; empty: all of them
    bool by_device{false};    // the device writes what `header` and the rows' `request` describe
    Layout header{};          // a `selector` in it chooses the row; without one the first row is meant
    std::span<const RequestRow> rows{};
    Layout answer_header{};
    Layout answer_trailer{};
    // Values of the answer's field `status` that are no error.
    std::uint64_t first_good{0}, last_good{0}, also_good{UINT64_MAX};
    // Instead of what this table says: where requests have a shape of their own. `rows` and layouts are then only what
    // `request_fields` and samples take from it.
    using Decode = void (*)(const RequestTable& table, const DeviceContext& device, const ChainView& chain,
                            QueueMemory& memory, RequestBuilder& out);
    Decode decode{nullptr};
    Layout more{};  // fields that `decode` adds, at the top
};

struct DeviceTable {
    std::uint32_t type;
    std::span<const RequestTable> tables;
};
[[nodiscard]] std::span<const DeviceTable* const> device_tables() noexcept;

// One for each file of this folder.
extern const DeviceTable network_device, block_device, console_device, entropy_device, scsi_device, gpu_device,
    input_device, vsock_device, crypto_device, sound_device, file_system_device, i2c_device, gpio_device;

// Why a field that should be there is not.
enum class Lack : std::uint8_t { not_captured, too_short, shortened };

// Puts fields together, one after the other.
class RequestBuilder {
  public:
    explicit RequestBuilder(std::size_t expected) { request_.fields.reserve(expected); }

    RequestField& add(const FieldInfo& info, std::uint64_t number = 0);
    void add_name(const FieldInfo& info, std::uint64_t number, std::string_view name);
    void add_named(const FieldInfo& info, std::uint64_t number);  // by `info.values`
    // What follows is inside of it until `close`.
    void open(const FieldInfo& info);
    void close() noexcept;

    void fail() noexcept { request_.failed = true; }
    [[nodiscard]] bool failed() const noexcept { return request_.failed; }
    // A part of the chain ends before a field: told at the end, once for each part.
    void lacks(std::string_view part, std::string_view field, Lack why);
    // The newest field of that name, null where there is none.
    [[nodiscard]] const RequestField* find(std::string_view name) const noexcept;
    [[nodiscard]] bool full() const noexcept;

    [[nodiscard]] DeviceRequest take() &&;

  private:
    struct Missing {
        std::string_view part, field;
        Lack why;
    };
    DeviceRequest request_;
    std::vector<std::size_t> open_;
    std::vector<Missing> missing_;
};

// Reads a part of a chain from its start, field by field. The first field that is not there makes it fail for good.
class LayoutReader {
  public:
    // `name` is what the part is called where something lacks: "request", "answer".
    LayoutReader(const ChainPart& part, std::string_view name, RequestBuilder& out) noexcept
        : part_(part), name_(name), out_(out) {}

    // All integers of the other byte order from here on.
    void swap_bytes() noexcept { swapped_ = true; }
    void set_rows(std::span<const RequestRow> rows) noexcept { rows_ = rows; }

    // False where a field was not there; those before it were added.
    bool read(const Layout& layout);
    bool skip(std::uint64_t size, std::string_view field);
    // The next bytes without going on: fewer where they are not there. Tells nobody.
    [[nodiscard]] ByteView peek(std::size_t size) const noexcept;

    [[nodiscard]] bool ok() const noexcept { return !failed_; }
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
    // Bytes of the part behind what was read, captured or not.
    [[nodiscard]] std::uint64_t remaining() const noexcept;
    // The row that a `selector` chose; null before one, and where its value is in none.
    [[nodiscard]] const RequestRow* row() const noexcept { return row_; }

  private:
    bool read_field(const FieldInfo& info);
    bool read_integer(const FieldInfo& info);
    bool read_text(const FieldInfo& info);
    bool read_list(const FieldInfo& info);
    void select(const FieldInfo& info, std::uint64_t code);
    [[nodiscard]] std::optional<std::uint64_t> size_of(const FieldInfo& info) const noexcept;
    [[nodiscard]] std::optional<ByteView> take(std::uint64_t size, std::string_view field);

    const ChainPart& part_;
    std::string_view name_;
    RequestBuilder& out_;
    std::span<const RequestRow> rows_;
    const RequestRow* row_{nullptr};
    std::uint64_t offset_{0};
    bool swapped_{false};
    bool in_list_{false};  // of plain values, which have no names
    bool failed_{false};
};

// The fields that every device has.
[[nodiscard]] const FieldInfo& type_field() noexcept;        // with its code
[[nodiscard]] const FieldInfo& plain_type_field() noexcept;  // of what has no code
[[nodiscard]] const FieldInfo& answer_field() noexcept;      // the group of what the device wrote
[[nodiscard]] const FieldInfo& element_field() noexcept;     // of a list of groups
[[nodiscard]] const Layout& common_fields() noexcept;

// What `RequestTable` says, for those that have no `decode`, and for parts of those that have.
void decode_by_table(const RequestTable& table, const ChainView& chain, RequestBuilder& out);
// The answer's parts of it: header and what `row` (may be null) is answered with; the last bytes.
void decode_answer(const RequestTable& table, const RequestRow* row, const ChainView& chain, bool swapped,
                   RequestBuilder& out);
void decode_trailer(const RequestTable& table, const ChainView& chain, RequestBuilder& out);
// `status` as this table judges it.
void judge(const RequestTable& table, RequestBuilder& out) noexcept;

[[nodiscard]] const RequestRow* find_row(std::span<const RequestRow> rows, std::uint64_t code) noexcept;
[[nodiscard]] std::string_view find_name(std::span<const ValueName> values, std::uint64_t value) noexcept;

}  // namespace vutrace::virtio
