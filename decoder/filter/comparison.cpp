// The part of the parser that reads comparisons and turns them into tests.
#include "operand.h"
#include "parser.h"
#include "suggestion.h"

#include <fmt/format.h>

#include <algorithm>

namespace vutrace::filter {
namespace {

bool is_numeric(FieldType type) {
    return type == FieldType::number || type == FieldType::address || type == FieldType::time ||
           type == FieldType::duration;
}

std::vector<std::string_view> offered(const Names& names) {
    std::vector<std::string_view> texts;
    for (const Name& name : names) {
        texts.push_back(name.text);
    }
    return texts;
}

std::vector<Range> ranges_of(std::string_view sign, std::uint64_t value) {
    if (sign == "<") {
        return value == 0 ? std::vector<Range>() : std::vector<Range>{{0, value - 1}};
    }
    if (sign == "<=") {
        return {{0, value}};
    }
    if (sign == ">") {
        return value == UINT64_MAX ? std::vector<Range>() : std::vector<Range>{{value + 1, UINT64_MAX}};
    }
    if (sign == ">=") {
        return {{value, UINT64_MAX}};
    }
    return {{value, value}};
}

// The names of the test's field that fit, as texts to compare with. False where there are none.
template <class Fits>
bool add_texts(Test& test, Fits fits) {
    const std::size_t before = test.texts.size();
    for (const Name& name : test.row->names) {
        if (fits(name.text)) {
            test.texts.push_back(name.text);
        }
    }
    return test.texts.size() > before;
}

// The kind of test that == is for a field.
Test::Kind kind_of(const FieldRow& row) {
    if (row.names_are_texts) {
        return Test::Kind::text;
    }
    switch (row.type) {
        case FieldType::names:
            return Test::Kind::mask;
        case FieldType::text:
            return Test::Kind::text;
        case FieldType::bytes:
            return Test::Kind::bytes;
        default:
            return Test::Kind::number;
    }
}

std::string_view words_for(FieldType type) {
    switch (type) {
        case FieldType::boolean:
            return "true or false";
        case FieldType::name:
            return "a name";
        case FieldType::names:
            return "a list of names";
        case FieldType::text:
            return "text";
        case FieldType::bytes:
            return "bytes";
        default:
            return "a number";
    }
}

}  // namespace

bool Parser::comparison(Test& test) {
    const FieldRow& row = *test.row;
    const Token& sign = next();
    if (sign.is("has")) {
        return flag(test, sign);
    }
    if (row.type == FieldType::group) {
        return fail(sign, fmt::format("\"{}\" has parts and no value of its own", row.name),
                    row.repeated ? fmt::format("has {0}, or count({0})", row.name) : "compare one of its parts");
    }
    test.kind = kind_of(row);
    if (sign.is("in")) {
        return membership(test);
    }
    if (sign.is("not")) {
        next();
        test.quantifier = Test::Quantifier::none;
        return membership(test);
    }
    if (sign.is("contains")) {
        return containing(test, sign);
    }
    return compare(test, sign.text, sign);
}

bool Parser::compare(Test& test, std::string_view sign, const Token& sign_token) {
    const FieldRow& row = *test.row;
    const bool equality = sign == "==" || sign == "!=";
    if (!equality && !is_numeric(row.type) && !row.has_order) {
        return fail(sign_token, fmt::format("\"{}\" is {}, which has no order", row.name, words_for(row.type)),
                    "==, != or in");
    }
    const Token* value = value_token(test.row, Expectation::What::value);
    if (value == nullptr) {
        return false;
    }
    if (equality) {
        test.quantifier = sign == "!=" ? Test::Quantifier::none : test.quantifier;
        return add_value(test, *value);
    }
    const auto number = ordinal(row, *value);
    if (number) {
        test.ranges = ranges_of(sign, *number);
    }
    return number.has_value();
}

bool Parser::membership(Test& test) {
    expect(Expectation::What::value, test.row);
    if (!take("{")) {
        return set_member(test);
    }
    do {
        if (!set_member(test)) {
            return false;
        }
    } while (take(","));
    return take("}") ||
           fail(now(), now().kind == Token::Kind::end ? "a \"}\" is missing" : "\",\" or \"}\" must stand here");
}

bool Parser::set_member(Test& test) {
    const Token* first = value_token(test.row, Expectation::What::value);
    if (first == nullptr) {
        return false;
    }
    if (!take("..")) {
        return add_value(test, *first);
    }
    const Token* last = value_token(test.row, Expectation::What::value);
    return last != nullptr && add_range(test, *first, *last);
}

bool Parser::add_range(Test& test, const Token& first, const Token& last) {
    if (!is_numeric(test.row->type) && !test.row->has_order) {
        return fail(first, fmt::format("\"{}\" is {}, which has no ranges", test.row->name, words_for(test.row->type)));
    }
    const auto from = ordinal(*test.row, first);
    const auto to = from ? ordinal(*test.row, last) : std::nullopt;
    if (!to) {
        return false;
    }
    if (*to < *from) {
        return fail(last, "the range ends before it begins");
    }
    test.ranges.push_back({*from, *to});
    return true;
}

// A value that can be compared with < and >.
std::optional<std::uint64_t> Parser::ordinal(const FieldRow& row, const Token& value) {
    if (row.type == FieldType::name) {
        const auto values = find_values(row.names, value.text);
        if (values.empty()) {
            never(row, value, row.names);
            return std::nullopt;
        }
        return values.front();
    }
    const NumberOperand operand = parse_number(row, value.text);
    if (!operand.error.empty()) {
        fail(value, fmt::format("\"{}\" {}", value.text, operand.error), operand.hint);
        return std::nullopt;
    }
    return operand.value;
}

bool Parser::add_value(Test& test, const Token& value) {
    const FieldRow& row = *test.row;
    switch (row.type) {
        case FieldType::boolean: {
            const bool yes = equal_any_case(value.text, "true");
            test.ranges.push_back({yes ? 1U : 0U, yes ? 1U : 0U});
            return yes || equal_any_case(value.text, "false") ||
                   fail(value, fmt::format("\"{}\" is either true or false", row.name));
        }
        case FieldType::name:
        case FieldType::names:
            return add_named(test, value);
        case FieldType::text:
            test.texts.push_back(value.text);
            return true;
        case FieldType::bytes: {
            auto digits = parse_bytes(value.text);
            if (!digits) {
                return fail(value, fmt::format("\"{}\" is bytes", row.name), "two hexadecimal digits each");
            }
            test.texts.push_back(std::move(*digits));
            return true;
        }
        default:
            return add_number(test, value);
    }
}

bool Parser::add_named(Test& test, const Token& value) {
    const FieldRow& row = *test.row;
    if (row.names_are_texts) {
        return add_texts(test, [&](std::string_view name) { return equal_any_case(name, value.text); }) ||
               never(row, value, row.names);
    }
    if (row.type == FieldType::name) {
        const auto values = find_values(row.names, value.text);
        for (const std::uint64_t each : values) {
            test.ranges.push_back({each, each});
        }
        return !values.empty() || never(row, value, row.names);
    }
    const DeviceMask mask = find_mask(row.mask_names, value.text);
    test.mask.add(mask);
    return mask.common != 0 || !mask.of_device.empty() || never(row, value, mask_names(row.mask_names));
}

bool Parser::add_number(Test& test, const Token& value) {
    const FieldRow& row = *test.row;
    const NumberOperand operand = parse_number(row, value.text);
    const auto bytes = row.or_bytes ? parse_bytes(value.text) : std::nullopt;
    if (bytes) {
        test.texts.push_back(*bytes);
    }
    if (operand.error.empty()) {
        test.ranges.push_back({operand.value, operand.value});
    }
    if (bytes || operand.error.empty()) {
        return true;
    }
    const char first = value.text.empty() ? '0' : value.text.front();
    const bool is_word = (first < '0' || first > '9') && first != '-';
    if (is_word && !row.names.empty()) {
        return test.ranges.empty() ? use_meaning(test, Test::Kind::text, value)
                                   : fail(value, "numbers and names do not mix in one set");
    }
    if (is_word && row.mask_names != MaskNames::none) {
        return fail(value, fmt::format("\"{}\" {}", value.text, operand.error),
                    fmt::format("did you mean \"{} has {}\"?", row.name, value.text));
    }
    return fail(value, fmt::format("\"{}\" {}", value.text, operand.error), operand.hint);
}

bool Parser::use_meaning(Test& test, Test::Kind kind, const Token& value) {
    const FieldRow& row = *test.row;
    const auto name = std::find_if(row.names.begin(), row.names.end(),
                                   [&](const Name& each) { return equal_any_case(each.text, value.text); });
    if (name == row.names.end()) {
        return never(row, value, row.names);
    }
    test.kind = kind;
    test.texts.push_back(name->text);
    test.row = find_row(row.name + "_meaning");
    return true;
}

bool Parser::containing(Test& test, const Token& sign) {
    const FieldRow& row = *test.row;
    const Token* value = value_token(test.row, Expectation::What::nothing);
    if (value == nullptr) {
        return false;
    }
    switch (row.type) {
        case FieldType::text:
            test.kind = Test::Kind::text_contains;
            test.texts.push_back(lower_case(value->text));
            return true;
        case FieldType::bytes:
            test.kind = Test::Kind::bytes_contain;
            return add_value(test, *value);
        case FieldType::names:
            test.mask = find_mask_containing(row.mask_names, value->text);
            return test.mask.common != 0 || !test.mask.of_device.empty() ||
                   fail(*value, fmt::format("no name of \"{}\" contains \"{}\"", row.name, value->text));
        case FieldType::name:
            break;
        default:
            return fail(sign, fmt::format("\"{}\" is {}: \"contains\" is for text", row.name, words_for(row.type)));
    }
    const std::string wanted = lower_case(value->text);
    const auto fits = [&](std::string_view name) { return lower_case(name).find(wanted) != std::string::npos; };
    if (row.names_are_texts && add_texts(test, fits)) {
        return true;
    }
    for (const Name& name : row.names) {
        if (!row.names_are_texts && !name.alias && fits(name.text)) {
            test.ranges.push_back({name.value, name.value});
        }
    }
    return !test.ranges.empty() ||
           fail(*value, fmt::format("no name of \"{}\" contains \"{}\"", row.name, value->text));
}

bool Parser::flag(Test& test, const Token& sign) {
    const FieldRow& row = *test.row;
    if (row.mask_names == MaskNames::none && !row.masks) {
        return fail(sign, fmt::format("\"{}\" has no flags", row.name));
    }
    const Token* value = value_token(test.row, Expectation::What::flag);
    if (value == nullptr) {
        return false;
    }
    if (row.mask_names == MaskNames::none) {
        return use_meaning(test, Test::Kind::text_word, *value);
    }
    test.row = row.type == FieldType::names ? &row : find_row(row.name + "_names");
    test.kind = Test::Kind::mask;
    constexpr std::uint64_t bits = 64;
    static const FieldRow bit_row{.name = "bit", .type = FieldType::number};
    const NumberOperand bit = parse_number(bit_row, value->text);
    if (bit.error.empty() && bit.value < bits) {
        test.mask.common = std::uint64_t{1} << bit.value;
        return true;
    }
    return add_named(test, *value);
}

const Token* Parser::value_token(const FieldRow* row, Expectation::What what) {
    expect(what, row);
    const Token& token = now();
    if (token.kind == Token::Kind::word || token.kind == Token::Kind::quoted) {
        return &next();
    }
    fail(token, "a value must stand here");
    return nullptr;
}

bool Parser::never(const FieldRow& row, const Token& value, const Names& names) {
    return fail(value, fmt::format("\"{}\" is never \"{}\"", row.name, value.text),
                suggest(value.text, offered(names)));
}

}  // namespace vutrace::filter
