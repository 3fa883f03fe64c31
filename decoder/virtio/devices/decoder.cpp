#include "table.h"

#include <algorithm>

namespace vutrace::virtio {
namespace {

constexpr std::size_t usual_fields = 24;

const std::array tables{
    &network_device, &block_device,  &console_device, &entropy_device,     &scsi_device, &gpu_device,  &input_device,
    &vsock_device,   &crypto_device, &sound_device,   &file_system_device, &i2c_device,  &gpio_device,
};

const DeviceTable* find_device(std::uint32_t type) noexcept {
    const auto* const found =
        std::find_if(tables.begin(), tables.end(), [type](const DeviceTable* row) { return row->type == type; });
    return found == tables.end() ? nullptr : *found;
}

const RequestTable* find_table(const DeviceTable& device, std::string_view role) noexcept {
    const auto found = std::find_if(device.tables.begin(), device.tables.end(), [role](const RequestTable& table) {
        return table.role.empty() || table.role == role;
    });
    return found == device.tables.end() ? nullptr : &*found;
}

// Collects the fields of layouts under a path.
class FieldCollector {
  public:
    void begin(std::uint32_t device) noexcept { device_ = device; }
    void add(const Layout& layout, const std::string& path, bool repeated,
             const std::vector<std::string_view>& selected) {
        for (const FieldInfo& info : layout) {
            add(info, path, repeated, selected);
        }
    }
    std::vector<RequestFieldInfo> take() { return std::move(fields_); }

  private:
    void add(const FieldInfo& info, const std::string& path, bool repeated,
             const std::vector<std::string_view>& selected) {
        if (info.name.empty()) {
            return;  // padding
        }
        const std::string name = path.empty() ? std::string(info.name) : path + "." + std::string(info.name);
        const bool is_list = info.kind == FieldKind::list;
        const bool plain = is_list && info.parts.size() == 1 && info.parts.begin()->name.empty();
        RequestFieldInfo field{device_, name, plain ? info.parts.begin() : &info, repeated || is_list, {}};
        if (info.kind == FieldKind::name) {
            field.names = info.name == type_field().name ? selected : std::vector<std::string_view>();
            for (const ValueName& value : info.values) {
                field.names.push_back(value.name);
            }
        }
        fields_.push_back(std::move(field));
        if (!plain) {
            add(info.parts, name, repeated || is_list, selected);
        }
    }

    std::uint32_t device_{0};
    std::vector<RequestFieldInfo> fields_;
};

void collect(FieldCollector& fields, const RequestTable& table) {
    std::vector<std::string_view> names;
    for (const RequestRow& row : table.rows) {
        names.push_back(row.name);
    }
    const std::string answer(answer_field().name);
    fields.add(common_fields(), {}, false, names);
    fields.add(table.header, {}, false, names);
    fields.add(table.answer_header, {}, false, names);
    fields.add(table.answer_trailer, {}, false, names);
    fields.add(table.more, {}, false, names);
    for (const RequestRow& row : table.rows) {
        fields.add(row.request, {}, false, names);
        fields.add(row.answer, answer, false, names);
    }
}

}  // namespace

std::span<const DeviceTable* const> device_tables() noexcept {
    return tables;
}

void judge(const RequestTable& table, RequestBuilder& out) noexcept {
    const RequestField* status = out.find("status");
    const bool good = status == nullptr || status->number == table.also_good ||
                      (status->number >= table.first_good && status->number <= table.last_good);
    if (!good) {
        out.fail();
    }
}

void decode_trailer(const RequestTable& table, const ChainView& chain, RequestBuilder& out) {
    if (!chain.used || chain.writable_total == 0 || table.answer_trailer.empty()) {
        return;
    }
    std::uint64_t size = 0;
    for (const FieldInfo& info : table.answer_trailer) {
        size += info.size;
    }
    // Whether the last bytes were written is only known where all were.
    const bool written = chain.written.total == chain.writable_total && chain.writable_total >= size;
    if (!written || chain.tail.size() < size) {
        out.lacks("answer", table.answer_trailer.begin()->name, written ? Lack::not_captured : Lack::too_short);
        return;
    }
    const ByteView bytes = chain.tail.last(static_cast<std::size_t>(size));
    const ChainPart part{bytes, size, false};
    (void)LayoutReader(part, "answer", out).read(table.answer_trailer);
    judge(table, out);
}

void decode_answer(const RequestTable& table, const RequestRow* row, const ChainView& chain, bool swapped,
                   RequestBuilder& out) {
    const bool has_body = row != nullptr && !row->answer.empty();
    if (!chain.used || chain.writable_total == 0) {
        return;
    }
    if (!table.answer_header.empty() || has_body) {
        LayoutReader reader(chain.written, "answer", out);
        if (swapped) {
            reader.swap_bytes();
        }
        const bool answered = reader.read(table.answer_header);
        judge(table, out);
        if (answered && has_body && !out.failed()) {
            out.open(answer_field());
            (void)reader.read(row->answer);
            out.close();
        }
    }
}

void decode_by_table(const RequestTable& table, const ChainView& chain, RequestBuilder& out) {
    if (table.by_device && !chain.used) {
        return;  // an empty buffer
    }
    LayoutReader reader(table.by_device ? chain.written : chain.readable, table.by_device ? "event" : "request", out);
    reader.set_rows(table.rows);
    const bool has_selector = std::any_of(table.header.begin(), table.header.end(),
                                          [](const FieldInfo& info) { return info.name == type_field().name; });
    if (!has_selector && !table.rows.empty()) {
        out.add_name(plain_type_field(), 0, table.rows.front().name);
    }
    const bool whole = reader.read(table.header);
    const RequestRow* row = has_selector || table.rows.empty() ? reader.row() : &table.rows.front();
    if (whole && row != nullptr) {
        (void)reader.read(row->request);
    }
    if (!table.by_device) {
        decode_answer(table, row, chain, false, out);
        decode_trailer(table, chain, out);
    }
}

std::optional<DeviceRequest> decode_request(const DeviceContext& device, const ChainView& chain, QueueMemory& memory) {
    const DeviceTable* known = find_device(device.type);
    const RequestTable* table = known == nullptr ? nullptr : find_table(*known, role_of(device, chain.queue).name);
    if (table == nullptr) {
        return std::nullopt;
    }
    const ChainPart& first = table->by_device ? chain.written : chain.readable;
    if (first.bytes.empty()) {
        return std::nullopt;
    }
    RequestBuilder out(usual_fields);
    if (table->decode != nullptr) {
        table->decode(*table, device, chain, memory, out);
    } else {
        decode_by_table(*table, chain, out);
    }
    DeviceRequest request = std::move(out).take();
    return request.fields.empty() ? std::nullopt : std::optional(std::move(request));
}

std::vector<RequestFieldInfo> request_fields() {
    FieldCollector fields;
    for (const DeviceTable* device : tables) {
        fields.begin(device->type);
        for (const RequestTable& table : device->tables) {
            collect(fields, table);
        }
    }
    return fields.take();
}

}  // namespace vutrace::virtio
