// Test double: keeps every record in memory.
#pragma once

#include <vutrace/capture/recorder.h>

#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace vutrace::capture::testing {

class FakeRecorder final : public Recorder {
  public:
    bool record(std::uint32_t /*session*/, const trace::RecordBody& body) noexcept override {
        const std::lock_guard lock(mutex_);
        if (keep_) {
            bodies_.push_back(body);
        }
        count(body);
        return true;
    }
    void lost(std::uint32_t session, const trace::GapRecord& gap) noexcept override { (void)record(session, gap); }
    Counters counters() const noexcept override {
        const std::lock_guard lock(mutex_);
        Counters counters;
        counters.recording = recording_;
        return counters;
    }
    std::size_t largest_record() const noexcept override { return largest_; }
    std::size_t free_bytes() const noexcept override {
        const std::lock_guard lock(mutex_);
        return free_;
    }
    Status finish() override { return {}; }

    void set_largest_record(std::size_t bytes) { largest_ = bytes; }
    void set_free_bytes(std::size_t bytes) {
        const std::lock_guard lock(mutex_);
        free_ = bytes;
    }
    void set_recording(bool recording) {
        const std::lock_guard lock(mutex_);
        recording_ = recording;
    }
    void count_only() { keep_ = false; }

    template <class T>
    [[nodiscard]] std::vector<T> all() const {
        const std::lock_guard lock(mutex_);
        std::vector<T> found;
        for (const trace::RecordBody& body : bodies_) {
            if (const T* record = std::get_if<T>(&body)) {
                found.push_back(*record);
            }
        }
        return found;
    }
    [[nodiscard]] std::vector<trace::ChainEntry> entries() const {
        std::vector<trace::ChainEntry> found;
        for (const auto& record : all<trace::ChainRecord>()) {
            found.insert(found.end(), record.entries.begin(), record.entries.end());
        }
        return found;
    }
    struct Counts {
        std::uint64_t offers{0};
        std::uint64_t completions{0};
        std::uint64_t verified{0};
        std::uint64_t chains_lost{0};
        std::uint64_t completions_lost{0};
        std::uint64_t kicks{0};
        std::uint64_t calls{0};
        std::uint64_t notes{0};
    };
    [[nodiscard]] Counts counts() const {
        const std::lock_guard lock(mutex_);
        return counts_;
    }
    void clear() {
        const std::lock_guard lock(mutex_);
        bodies_.clear();
        counts_ = {};
    }

  private:
    void count(const trace::RecordBody& body) {
        if (const auto* chains = std::get_if<trace::ChainRecord>(&body)) {
            for (const auto& entry : chains->entries) {
                const bool offer = entry.state == trace::ChainEntry::State::available;
                ++(offer ? counts_.offers : counts_.completions);
                counts_.verified += entry.proof == trace::Proof::verified ? 1U : 0U;
            }
        } else if (const auto* gap = std::get_if<trace::GapRecord>(&body)) {
            counts_.chains_lost += gap->chains;
            counts_.completions_lost += gap->records;
        } else if (const auto* event = std::get_if<trace::EventRecord>(&body)) {
            (event->kind == trace::EventRecord::Kind::kick ? counts_.kicks : counts_.calls) += event->count;
        } else if (std::holds_alternative<trace::NoteRecord>(body)) {
            ++counts_.notes;
        }
    }

    mutable std::mutex mutex_;
    bool keep_{true};
    bool recording_{true};
    std::size_t largest_{8U << 20U};
    std::size_t free_{64U << 20U};
    std::vector<trace::RecordBody> bodies_;
    Counts counts_;
};

// What is recorded of a content as text; '?' where bytes are missing.
[[nodiscard]] inline std::string text_of(const trace::Content& content) {
    std::string text(content.size(), '?');
    (void)content.read(0, std::as_writable_bytes(std::span(text)));
    return text;
}

}  // namespace vutrace::capture::testing
