// What the in-flight area and the dirty log say, as JSON and as text.
#pragma once

#include "json_writer.h"

#include <vutrace/explain/shared_areas.h>

#include <string>
#include <utility>
#include <vector>

namespace vutrace::render {

// Members of the record's object; nothing where it is about other memory.
void write_shared_area(JsonWriter& json, const explain::SharedAreaAnnotation& area);

// For the record's line: "queue 0: 3 in flight"; empty where there is nothing to say.
[[nodiscard]] std::string shared_area_text(const explain::SharedAreaAnnotation& area);

// Label and text of each line below it, where everything is asked for. Their number is bounded.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> shared_area_lines(
    const explain::SharedAreaAnnotation& area);

}  // namespace vutrace::render
