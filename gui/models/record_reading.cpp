#include "vutrace/gui/models/record_reading.h"

#include <vutrace/render/json.h>
#include <vutrace/render/text.h>

namespace vutrace::gui {
namespace {

constexpr std::size_t most_bytes_shown = std::size_t{1} << 20U;

// Of a record that is there and was not given.
std::string problem_text(const index::Cursor& cursor, std::uint64_t sequence) {
    const auto problem = cursor.problem_of(sequence);
    return !problem   ? describe(problem.error())
           : *problem ? "!! this record cannot be decoded: " + describe(**problem)
                      : "!! this record cannot be decoded";
}

}  // namespace

RecordDetails read_details(index::Cursor& cursor, std::uint64_t sequence, const session::History* history) {
    RecordDetails read;
    const Status visited = cursor.visit(sequence, sequence, [&](const auto& annotation, std::size_t entry) {
        read.details = render::details_of(annotation, entry, history);
        read.bytes = render::raw_bytes_of(annotation, entry, most_bytes_shown);
        return true;
    });
    if (!visited || read.details.empty()) {
        read.details.resize(1);
        read.details[0].value = visited ? problem_text(cursor, sequence) : describe(visited.error());
        read.details[0].tone = render::Tone::bad;
    }
    return read;
}

std::string read_text(index::Cursor& cursor, const std::vector<std::uint64_t>& sequences, std::int64_t start,
                      RecordText form) {
    std::string out;
    render::TextRenderer text({});
    text.set_start(start);
    for (const std::uint64_t sequence : sequences) {
        (void)cursor.visit(sequence, sequence, [&](const auto& annotation, std::size_t entry) {
            if (form == RecordText::json) {
                render::append_json(out, annotation, entry, {});
            } else {
                text.append(out, annotation, entry);
            }
            return true;
        });
    }
    return out;
}

}  // namespace vutrace::gui
