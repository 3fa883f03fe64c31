#include "filter_option.h"

#include <fmt/format.h>

namespace vutrace::cli {
namespace {

constexpr const char* language =
    R"(A filter is an expression about one record. Its fields are those of `vutrace decode --json`.

  queue == 0   latency > 5ms   request != SET_VRING_KICK      == != < <= > >=
  request in {SET_VRING_KICK, SET_VRING_CALL}                  one of; also `not in`
  seq in 100..200   request.sector in {0, 64..71}              ranges, both ends included
  text contains "late"                                         part of a text or name, in any case
  payload.features has VERSION_1                               flags by name
  has payload   exists problems                                the record has the field
  reply   not need_reply                                       yes/no fields stand alone
  all descriptors.writable   count(fds) > 1                    lists; otherwise any one value is enough
  and or not ( )   or   && || !                                not binds most, then and, then or

Sizes take K, M, G, T, P; durations ns, us, ms, s, min, h; times are like 2026-11-22T17:10:05.1Z. A comparison with
a field that a record has not is false. More: man 7 vutrace-filter

Fields (* can have several values in a record):
)";

std::string help_text() {
    std::string text = language;
    for (const filter::FieldDescription& field : filter::fields()) {
        text += fmt::format("  {:<32} {:<9} {:<15} {}\n", fmt::format("{}{}", field.name, field.repeated ? " *" : ""),
                            field.type, field.records, field.meaning);
    }
    text.pop_back();  // CLI11 ends the line
    return text;
}

}  // namespace

void add_filter_option(CLI::App& app, std::string& expression, const std::string& description) {
    app.add_option("--filter", expression, description)->type_name("EXPR")->each([](const std::string& text) {
        if (text == "help") {
            throw CLI::CallForVersion(help_text(), 0);
        }
    });
}

Result<filter::Filter> compile_filter(const std::string& expression) {
    return filter::Filter::compile(expression).map_error([](Error error) {
        error.offset.reset();  // the caret shows it
        return error;
    });
}

}  // namespace vutrace::cli
