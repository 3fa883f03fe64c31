// The parts that lines of `text.h` are made of.
#pragma once

#include <vutrace/explain/annotation.h>
#include <vutrace/render/style.h>
#include <vutrace/render/text.h>

#include <string>

namespace vutrace::render {

// A field's value on a line: number, address, "{a=1 b=2}", shortened bytes.
void append_field_value(std::string& out, const protocol::Field& field);

// All that is known of one entry, a line each, indented.
void append_details(std::string& out, const Style& style, const explain::Annotation& annotation, std::size_t entry);
// Of a chain that no device's decoder made anything of the first bytes as a hexdump, indented.
void append_unknown_request(std::string& out, const Style& style, const explain::Annotation& annotation,
                            std::size_t entry);
// The captured bytes of one entry as a hexdump, indented.
void append_raw(std::string& out, const Style& style, const explain::Annotation& annotation, std::size_t entry);

}  // namespace vutrace::render
