// The name that somebody may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vutrace::filter {

// The candidate nearest to `word`, in any case: one that ends in ".word", or else the fewest letters added, left out,
// changed or swapped, as long as that is no more than a third of them. Empty where none is near.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates);

// "did you mean \"NEAREST\"?", or where none is near and there are few: "one of A, B, C". May be empty.
[[nodiscard]] std::string suggest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace vutrace::filter
