#include "parser.h"

#include <vutrace/filter/filter.h>

#include <algorithm>
#include <array>

namespace vutrace::filter {
namespace {

using What = Expectation::What;

void add_fields(std::vector<Completion>& out) {
    for (const FieldRow& row : field_rows()) {
        out.push_back({row.name, row.meaning});
    }
}

void add_names(std::vector<Completion>& out, const Names& names) {
    for (const Name& name : names) {
        if (!name.alias) {
            out.push_back({name.text, name.meaning});
        }
    }
}

void add_values(std::vector<Completion>& out, const FieldRow& row) {
    if (row.type == FieldType::boolean) {
        out.push_back({"true", ""});
        out.push_back({"false", ""});
    }
    add_names(out, row.type == FieldType::names ? mask_names(row.mask_names) : row.names);
}

void add_comparisons(std::vector<Completion>& out, const FieldRow& row) {
    const bool is_name = row.type == FieldType::name || row.type == FieldType::names;
    const bool is_text = row.type == FieldType::text || row.type == FieldType::bytes;
    const bool is_yes_or_no = row.type == FieldType::boolean;
    if (row.type == FieldType::group) {
        return;
    }
    out.push_back({"==", "equal"});
    out.push_back({"!=", "other than"});
    if (row.has_order || (!is_name && !is_text && !is_yes_or_no)) {
        out.push_back({"<", "less than"});
        out.push_back({"<=", "at most"});
        out.push_back({">", "more than"});
        out.push_back({">=", "at least"});
    }
    if (!is_yes_or_no) {
        out.push_back({"in", "one of { … }, or from .. to"});
    }
    if (is_name || is_text) {
        out.push_back({"contains", "a part of it, in any case"});
    }
    if (row.masks || row.mask_names != MaskNames::none) {
        out.push_back({"has", "a flag by name"});
    }
}

void add_connectives(std::vector<Completion>& out) {
    out.push_back({"and", "both"});
    out.push_back({"or", "one of both"});
}

std::vector<Completion> candidates_for(const Expectation& expectation) {
    std::vector<Completion> out;
    switch (expectation.what) {
        case What::nothing:
            break;
        case What::term:
            add_fields(out);
            out.push_back({"not", "the opposite"});
            out.push_back({"has", "a field is there"});
            out.push_back({"all", "every value of a list"});
            out.push_back({"count", "count(FIELD): how many values a list has"});
            break;
        case What::field:
            add_fields(out);
            break;
        case What::comparison:
            add_comparisons(out, *expectation.row);
            if (expectation.row->type == FieldType::boolean) {
                add_connectives(out);
            }
            break;
        case What::value:
            add_values(out, *expectation.row);
            break;
        case What::flag:
            add_names(out, expectation.row->mask_names != MaskNames::none ? mask_names(expectation.row->mask_names)
                                                                          : expectation.row->names);
            break;
        case What::connective:
            add_connectives(out);
            break;
    }
    return out;
}

bool begins_any_case(std::string_view text, std::string_view start) {
    return text.size() >= start.size() && equal_any_case(text.substr(0, start.size()), start);
}

// The last part of a dotted name begins so, or the last parts, where the start has dots itself. Those of a part in the
// middle are offered once that is there.
bool has_part(std::string_view text, std::string_view start) {
    for (std::size_t dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.', dot + 1)) {
        const std::string_view rest = text.substr(dot + 1);
        if (begins_any_case(rest, start) && rest.find('.', start.size()) == std::string_view::npos) {
            return true;
        }
    }
    return false;
}

}  // namespace

Completions completions(std::string_view text, std::size_t cursor) {
    text = text.substr(0, std::min({cursor, text.size(), max_length}));
    Completions out{text.size(), {}};
    Tokens tokens = split(text);
    if (tokens.failed) {
        return out;
    }
    std::string begun;
    if (tokens.list.size() > 1) {
        const Token& last = tokens.list[tokens.list.size() - 2];
        if (last.kind == Token::Kind::word && last.end() == text.size()) {
            begun = last.text;
            out.begin = last.offset;
            tokens.list.erase(tokens.list.end() - 2);
        }
    }
    std::deque<FieldRow> rows;
    Parser parser(tokens, rows);
    (void)parser.parse();
    std::vector<Completion> all = candidates_for(parser.expectation());
    std::stable_partition(all.begin(), all.end(),
                          [&](const Completion& candidate) { return begins_any_case(candidate.text, begun); });
    for (Completion& candidate : all) {
        if (begins_any_case(candidate.text, begun) || has_part(candidate.text, begun)) {
            out.candidates.push_back(std::move(candidate));
        }
    }
    return out;
}

}  // namespace vutrace::filter
