#include "make_data_path.h"

#include "background_data_path.h"
#include "data_path_part.h"
#include "off_data_path.h"
#include "tap_threads.h"

#include <fmt/format.h>

#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace vutrace::capture {
namespace {

constexpr std::uint64_t most_queues = 65536;

Result<std::unique_ptr<BackgroundDataPath>> start_thread(const DataPathOptions& options, std::uint32_t session,
                                                         Recorder& recorder, const DataPathPart& part) {
    return BackgroundDataPath::start(
        [&options, session, &recorder, part](EventLoop& loop, const session::DeviceState& state) {
            return make_data_path_part(options, session, recorder, loop, state, part);
        },
        [session, &recorder](const char* what) { report_data_path_failure(recorder, session, what); },
        options.lowest_priority, part.count);
}

// All of them or one.
std::vector<std::unique_ptr<BackgroundDataPath>> start_threads(const DataPathOptions& options, std::uint32_t session,
                                                               Recorder& recorder, unsigned count) {
    std::vector<std::unique_ptr<BackgroundDataPath>> threads;
    DataPathPart part{0, count, TapBudget::allowances(options.budget, std::thread::hardware_concurrency())};
    for (; part.number < count; ++part.number) {
        auto thread = start_thread(options, session, recorder, part);
        if (!thread && count > 1) {
            return start_threads(options, session, recorder, 1);
        }
        if (!thread) {
            report_data_path_failure(recorder, session, describe(thread.error()).c_str());
            return {};
        }
        threads.push_back(std::move(*thread));
    }
    return threads;
}

std::unique_ptr<DataPath> make_threads(const DataPathOptions& options, std::uint32_t session, Recorder& recorder,
                                       const session::DeviceState& state) {
    return std::make_unique<TapThreads>(
        state,
        [wanted = options.threads](std::optional<std::uint64_t> queues) {
            return number_of_threads(wanted, queues, usable_processors());
        },
        [&options, session, &recorder](unsigned count) { return start_threads(options, session, recorder, count); },
        [session, &recorder](const char* text) {
            (void)recorder.record(session,
                                  trace::NoteRecord{trace::NoteRecord::Severity::warning, trace::no_queue, text});
        });
}

}  // namespace

std::unique_ptr<DataPath> make_data_path(const DataPathOptions& options, std::uint32_t session, Recorder& recorder,
                                         EventLoop& loop, const session::DeviceState& state) {
    if (options.mode == DataPathMode::off && options.memory == MemoryMode::none) {
        return std::make_unique<OffDataPath>();
    }
    if (options.mode == DataPathMode::relay || options.mode == DataPathMode::shadow) {
        return DataPath::create(options, session, recorder, loop, state);
    }
    // A snapshot must know of every chain that is recorded, so it does with one thread.
    if (options.mode == DataPathMode::tap && options.memory != MemoryMode::full &&
        number_of_threads(options.threads, most_queues, usable_processors()) > 1) {
        return make_threads(options, session, recorder, state);
    }
    auto background = start_thread(options, session, recorder, {});
    return background ? std::move(*background) : DataPath::create(options, session, recorder, loop, state);
}

void report_data_path_failure(Recorder& recorder, std::uint32_t session, const char* what) {
    (void)recorder.record(session, trace::NoteRecord{trace::NoteRecord::Severity::error, trace::no_queue,
                                                     fmt::format("the data path failed, messages pass on: {}", what)});
}

}  // namespace vutrace::capture
