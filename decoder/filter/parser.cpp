#include "parser.h"

#include "suggestion.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vutrace::filter {
namespace {

std::vector<std::string_view> field_names() {
    std::vector<std::string_view> names;
    for (const FieldRow& row : field_rows()) {
        names.push_back(row.name);
    }
    return names;
}

Node combined(Node::Kind kind, std::vector<Node> children) {
    if (children.size() == 1) {
        return std::move(children.front());
    }
    Node node;
    node.kind = kind;
    node.children = std::move(children);
    return node;
}

bool is_comparison(const Token& token) {
    constexpr std::array<std::string_view, 9> signs{"==", "!=", "<", "<=", ">", ">=", "in", "contains", "has"};
    return std::any_of(signs.begin(), signs.end(), [&](std::string_view sign) { return token.is(sign); });
}

}  // namespace

std::optional<Node> Parser::parse() {
    auto node = expression(0);
    if (!node) {
        return std::nullopt;
    }
    if (now().kind != Token::Kind::end) {
        fail(now(), now().is(")") ? "this \")\" closes nothing" : "\"and\" or \"or\" must stand before this");
        return std::nullopt;
    }
    return node;
}

std::optional<Node> Parser::expression(std::size_t depth) {
    std::vector<Node> children;
    do {
        auto child = conjunction(depth);
        if (!child) {
            return std::nullopt;
        }
        children.push_back(std::move(*child));
    } while (take("or"));
    return combined(Node::Kind::any_of, std::move(children));
}

std::optional<Node> Parser::conjunction(std::size_t depth) {
    std::vector<Node> children;
    do {
        auto child = negation(depth);
        if (!child) {
            return std::nullopt;
        }
        children.push_back(std::move(*child));
    } while (take("and"));
    return combined(Node::Kind::all_of, std::move(children));
}

std::optional<Node> Parser::negation(std::size_t depth) {
    expect(Expectation::What::term);
    bool negated = false;
    while (take("not")) {
        negated = !negated;
        expect(Expectation::What::term);
    }
    auto node = primary(depth);
    if (node) {
        node->negated = node->negated != negated;
        expect(expectation_.what == Expectation::What::comparison ? Expectation::What::comparison
                                                                  : Expectation::What::connective,
               expectation_.row);
    }
    return node;
}

std::optional<Node> Parser::primary(std::size_t depth) {
    if (take("(")) {
        return parenthesis(depth);
    }
    if (take("has") || take("exists")) {
        return presence();
    }
    if (now().is("count") && at_ + 1 < tokens_.size() && tokens_[at_ + 1].is("(")) {
        return count();
    }
    return field_test(take("all") ? Test::Quantifier::all : Test::Quantifier::any);
}

std::optional<Node> Parser::parenthesis(std::size_t depth) {
    const Token& open = tokens_[at_ - 1];
    if (depth == max_depth) {
        fail(open, fmt::format("more than {} parentheses inside each other", max_depth));
        return std::nullopt;
    }
    auto node = expression(depth + 1);
    if (!node) {
        return std::nullopt;
    }
    if (!take(")")) {
        fail(now(),
             now().kind == Token::Kind::end ? "a \")\" is missing" : "\"and\", \"or\" or \")\" must stand before this");
        return std::nullopt;
    }
    return node;
}

std::optional<Node> Parser::presence() {
    expect(Expectation::What::field);
    Node node;
    node.test.kind = Test::Kind::present;
    node.test.row = field();
    return node.test.row == nullptr ? std::nullopt : std::optional(std::move(node));
}

std::optional<Node> Parser::count() {
    static const FieldRow amount{.name = "count", .type = FieldType::number};
    next();
    next();
    expect(Expectation::What::field);
    const Token& name = now();
    const FieldRow* row = field();
    if (row == nullptr) {
        return std::nullopt;
    }
    if (!row->repeated) {
        fail(name, fmt::format("\"{}\" is no list", row->name), "there is nothing to count");
        return std::nullopt;
    }
    if (!take(")")) {
        fail(now(), "a \")\" is missing");
        return std::nullopt;
    }
    expect(Expectation::What::comparison, &amount);
    Node node;
    node.test.row = &amount;
    if (!is_comparison(now()) || !comparison(node.test)) {
        if (problem_.text.empty()) {
            fail(now(), "a count must be compared", "such as count(fds) > 1");
        }
        return std::nullopt;
    }
    node.test.order_ranges();
    node.test.kind = Test::Kind::count;
    node.test.row = row;
    return node;
}

std::optional<Node> Parser::field_test(Test::Quantifier quantifier) {
    const Token& name = now();
    expect(Expectation::What::field);
    Node node;
    node.test.row = field();
    node.test.quantifier = quantifier;
    if (node.test.row == nullptr) {
        return std::nullopt;
    }
    expect(Expectation::What::comparison, node.test.row);
    const bool negated_set = now().is("not") && at_ + 1 < tokens_.size() && tokens_[at_ + 1].is("in");
    const bool compared = is_comparison(now()) || negated_set;
    if (!(compared ? comparison(node.test) : bare(node.test, name))) {
        return std::nullopt;
    }
    node.test.order_ranges();
    return node;
}

const FieldRow* Parser::field() {
    const Token& token = now();
    if (token.kind != Token::Kind::word) {
        fail(token,
             token.kind == Token::Kind::quoted ? "a field must stand here, without quotes" : "a field must stand here");
        return nullptr;
    }
    next();
    if (const FieldRow* row = find_row(token.text)) {
        return row;
    }
    if (token.text.size() > attribute_prefix.size() && token.text.starts_with(attribute_prefix)) {
        return &rows_.emplace_back(attribute_row(token.text.substr(attribute_prefix.size())));
    }
    const std::string near = nearest(token.text, field_names());
    fail(token, fmt::format("no field \"{}\"", token.text),
         near.empty() ? "" : fmt::format("did you mean \"{}\"?", near));
    return nullptr;
}

// A field on its own: yes or no.
bool Parser::bare(Test& test, const Token& name) {
    const FieldRow& row = *test.row;
    if (row.type == FieldType::boolean) {
        test.kind = Test::Kind::number;
        test.ranges = {{1, 1}};
        return true;
    }
    const bool ends = now().kind == Token::Kind::end || now().is("and") || now().is("or") || now().is(")");
    return ends ? fail(name, fmt::format("\"{}\" must be compared", row.name),
                       fmt::format("or did you mean \"has {}\"?", row.name))
                : fail(now(), fmt::format("a comparison must stand here, after \"{}\"", row.name),
                       "==, !=, <, <=, >, >=, in, contains or has");
}

bool Parser::take(std::string_view what) {
    if (!now().is(what)) {
        return false;
    }
    next();
    return true;
}

void Parser::expect(Expectation::What what, const FieldRow* row) {
    expectation_ = now().kind == Token::Kind::end ? Expectation{what, row} : Expectation{};
}

bool Parser::fail(const Token& where, std::string text, std::string hint) {
    problem_ = {std::move(text), where.offset, where.length, std::move(hint)};
    return false;
}

}  // namespace vutrace::filter
