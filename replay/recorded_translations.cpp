#include "vutrace/replay/recorded_translations.h"

#include <algorithm>
#include <iterator>

namespace vutrace::replay {
namespace {

using virtio::Access;
using Entry = RecordedTranslations::Entry;

// By the rules of virtio::Iotlb: an invalidation may wrap, and one of length 0 at 0 is of the whole address space.
bool covers(const Entry& entry, std::uint64_t address) noexcept {
    if (entry.kind == Entry::Kind::age) {
        return false;
    }
    const bool everything = entry.kind == Entry::Kind::invalidate && entry.message.iova == 0 && entry.message.size == 0;
    return everything || (address >= entry.message.iova && address - entry.message.iova < entry.message.size);
}

bool answers(const Entry& update, Access needed) noexcept {
    return virtio::allows(static_cast<Access>(update.message.permission), needed);
}

struct Answer {
    const Entry* update{nullptr};
    bool aged{false};  // devices may have forgotten it, or ask only after they forgot what is before it
};

// The update by which the address was translated last, or will be next, in the direction of the iterators.
template <class Iterator>
Answer first_answer(Iterator begin, Iterator end, std::uint64_t address, Access needed) noexcept {
    Answer answer;
    std::size_t left = RecordedTranslations::most_scanned;
    for (Iterator it = begin; it != end && left != 0; ++it, --left) {
        answer.aged = answer.aged || it->kind == Entry::Kind::age;
        if (!covers(*it, address)) {
            continue;
        }
        if (it->kind == Entry::Kind::invalidate) {
            break;
        }
        if (answers(*it, needed)) {
            answer.update = &*it;
            break;
        }
    }
    return answer;
}

}  // namespace

void RecordedTranslations::add(const Entry& entry) {
    if (entries_.size() < most_entries) {
        entries_.push_back(entry);
    }
}

void RecordedTranslations::asked(std::uint64_t sequence, const protocol::Iotlb& question) {
    if (questions_.size() < most_questions) {
        questions_[{question.type, page_of(question.iova)}] = sequence;
    }
}

bool RecordedTranslations::was_asked_in_vain(const protocol::Iotlb& question) const {
    const auto asked = questions_.find({question.type, page_of(question.iova)});
    return asked != questions_.end() &&
           (question.type != protocol::Iotlb::miss ||
            find(asked->second, question.iova, static_cast<Access>(question.permission)) == nullptr);
}

const Entry* RecordedTranslations::find(std::uint64_t position, std::uint64_t address, Access needed) const noexcept {
    const auto ahead = std::partition_point(entries_.begin(), entries_.end(),
                                            [&](const Entry& entry) { return entry.sequence <= position; });
    const Answer before = first_answer(std::make_reverse_iterator(ahead), entries_.rend(), address, needed);
    if (before.update != nullptr && !before.aged) {
        return before.update;
    }
    const Answer after = first_answer(ahead, entries_.end(), address, needed);
    return after.update != nullptr && !after.aged ? after.update : before.update;
}

}  // namespace vutrace::replay
