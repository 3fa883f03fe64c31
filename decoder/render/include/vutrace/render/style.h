// Colour by meaning. Whether there is colour at all is the program's choice (terminal, NO_COLOR, an option).
#pragma once

#include <string>
#include <string_view>

namespace vutrace::render {

// The last two are trouble, the graver one last.
enum class Tone : unsigned char { plain, faint, strong, name, good, doubtful, bad };

class Style {
  public:
    // `gravest`, where given, becomes `doubtful` or `bad` when text of that tone is written.
    explicit Style(bool colour, Tone* gravest = nullptr) noexcept : colour_(colour), gravest_(gravest) {}

    void append(std::string& out, Tone tone, std::string_view text) const {
        if (gravest_ != nullptr && tone > *gravest_ && tone >= Tone::doubtful) {
            *gravest_ = tone;
        }
        if (!colour_ || tone == Tone::plain || text.empty()) {
            out += text;
            return;
        }
        out += code(tone);
        out += text;
        out += "\x1b[0m";
    }
    [[nodiscard]] std::string paint(Tone tone, std::string_view text) const {
        std::string out;
        append(out, tone, text);
        return out;
    }
    [[nodiscard]] bool colour() const noexcept { return colour_; }

  private:
    // ECMA-48 "Select graphic rendition"; the eight basic colours only, so that every theme stays readable.
    [[nodiscard]] static constexpr std::string_view code(Tone tone) noexcept {
        switch (tone) {
            case Tone::faint:
                return "\x1b[2m";
            case Tone::strong:
                return "\x1b[1m";
            case Tone::name:
                return "\x1b[1;36m";
            case Tone::good:
                return "\x1b[32m";
            case Tone::doubtful:
                return "\x1b[33m";
            case Tone::bad:
                return "\x1b[1;31m";
            case Tone::plain:
                break;
        }
        return "";
    }
    bool colour_{false};
    Tone* gravest_{nullptr};
};

}  // namespace vutrace::render
