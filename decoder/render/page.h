// Labelled lines under titles: what summaries for people are made of.
#pragma once

#include <vutrace/render/style.h>

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace vutrace::render {

class Page {
  public:
    static constexpr std::size_t label_width = 20;

    Page(std::string& out, const Style& style) noexcept : out_(out), style_(style) {}

    void title(std::string_view text) {
        out_ += '\n';
        style_.append(out_, Tone::strong, text);
        out_ += '\n';
    }
    void line(std::string_view label, std::string_view value, Tone tone = Tone::plain) {
        out_ += "  ";
        style_.append(out_, Tone::faint, fmt::format("{:<{}}", label, label_width));
        out_ += "  ";
        style_.append(out_, tone, value);
        out_ += '\n';
    }

  private:
    std::string& out_;
    const Style& style_;
};

}  // namespace vutrace::render
