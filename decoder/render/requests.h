// A device's request as JSON and text, whatever device it is.
#pragma once

#include <vutrace/render/style.h>
#include <vutrace/virtio/devices/request.h>

#include <cstddef>
#include <string>
#include <vector>

namespace vutrace::render {

class JsonWriter;

// The object `request`.
void write_request(JsonWriter& json, const virtio::DeviceRequest& request);

// "OUT sector=2048 length=4096 OK" on a line; a status that is an error is marked.
void append_request(std::string& out, const Style& style, const virtio::DeviceRequest& request);

// Each field on a line of its own.
struct RequestLine {
    std::string name;
    std::string value;  // empty for groups
    std::size_t depth{0};
};
[[nodiscard]] std::vector<RequestLine> request_lines(const virtio::DeviceRequest& request);

}  // namespace vutrace::render
