#include "vutrace/gui/models/picked_rows.h"

#include <algorithm>

namespace vutrace::gui {

void PickedRows::normalise() {
    std::sort(places.begin(), places.end());
    std::vector<std::pair<std::uint64_t, std::uint64_t>> merged;
    for (const auto& [first, last] : places) {
        if (!merged.empty() && first <= merged.back().second + 1) {
            merged.back().second = std::max(merged.back().second, last);
        } else {
            merged.emplace_back(first, last);
        }
    }
    places = std::move(merged);
}

std::uint64_t PickedRows::count() const noexcept {
    std::uint64_t count = 0;
    for (const auto& [first, last] : places) {
        count += last - first + 1;
    }
    return count;
}

void PickedRows::for_each(const std::function<bool(std::uint64_t, std::uint64_t)>& visit) const {
    for (const auto& [first, last] : places) {
        if (!filtered) {
            if (!visit(first + 1, last + 1)) {
                return;
            }
            continue;
        }
        std::uint64_t begin = 0;  // of the stretch; 0: none yet
        std::uint64_t end = 0;
        for (std::uint64_t place = first; place <= last; ++place) {
            const std::uint64_t row = filtered->at(place);
            if (begin != 0 && row == end + 1) {
                end = row;
                continue;
            }
            if (begin != 0 && !visit(begin, end)) {
                return;
            }
            begin = end = row;
        }
        if (begin != 0 && !visit(begin, end)) {
            return;
        }
    }
}

}  // namespace vutrace::gui
