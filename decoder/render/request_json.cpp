#include "json_writer.h"
#include "requests.h"

#include <string>

namespace vutrace::render {
namespace {

class RequestWriter {
  public:
    RequestWriter(JsonWriter& json, const std::vector<virtio::RequestField>& fields) noexcept
        : json_(json), fields_(fields) {}

    void object(std::size_t first, std::size_t last) {
        json_.begin_object();
        (void)virtio::any_field(fields_, first, last, [this](const virtio::RequestField& field, std::size_t at) {
            json_.key(field.info->name);
            value(field, at);
            companion(field);
            return false;
        });
        json_.end_object();
    }

  private:
    void value(const virtio::RequestField& field, std::size_t at) {
        switch (field.info->kind) {
            case virtio::FieldKind::number:
                return json_.number(field.number);
            case virtio::FieldKind::hex:
            case virtio::FieldKind::flags:
                return json_.hex(field.number);
            case virtio::FieldKind::name:
                return json_.text(field.name);
            case virtio::FieldKind::boolean:
                return json_.boolean(field.number != 0);
            case virtio::FieldKind::text:
                return json_.text(field.text);
            case virtio::FieldKind::bytes:
                return json_.bytes(as_bytes(field.text));
            case virtio::FieldKind::group:
                return object(at + 1, at + 1 + field.inside);
            case virtio::FieldKind::list:
                return array(at + 1, at + 1 + field.inside);
        }
    }
    void array(std::size_t first, std::size_t last) {
        json_.begin_array();
        (void)virtio::any_field(fields_, first, last, [this](const virtio::RequestField& field, std::size_t at) {
            value(field, at);
            return false;
        });
        json_.end_array();
    }
    // A name's value as a number; the names of the bits that are set.
    void companion(const virtio::RequestField& field) {
        if (!field.info->code.empty()) {
            json_.key(field.info->code).number(field.number);
        } else if (field.info->kind == virtio::FieldKind::flags && !field.text.empty()) {
            json_.foreign_key(std::string(field.info->name) + "_meaning").text(field.text);
        }
    }

    JsonWriter& json_;
    const std::vector<virtio::RequestField>& fields_;
};

}  // namespace

void write_request(JsonWriter& json, const virtio::DeviceRequest& request) {
    RequestWriter(json, request.fields).object(0, request.fields.size());
}

}  // namespace vutrace::render
