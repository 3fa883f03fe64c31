#include "make_data_path.h"

#include "background_data_path.h"
#include "off_data_path.h"

#include <fmt/format.h>

#include <utility>

namespace vutrace::capture {

std::unique_ptr<DataPath> make_data_path(const DataPathOptions& options, std::uint32_t session, Recorder& recorder,
                                         EventLoop& loop, const session::DeviceState& state) {
    if (options.mode == DataPathMode::off && options.memory == MemoryMode::none) {
        return std::make_unique<OffDataPath>();
    }
    if (options.mode == DataPathMode::relay || options.mode == DataPathMode::shadow) {
        return DataPath::create(options, session, recorder, loop, state);
    }
    auto background = BackgroundDataPath::start(
        [&options, session, &recorder](EventLoop& own_loop, const session::DeviceState& own_state) {
            return DataPath::create(options, session, recorder, own_loop, own_state);
        },
        [session, &recorder](const char* what) { report_data_path_failure(recorder, session, what); },
        options.lowest_priority);
    return background ? std::move(*background) : DataPath::create(options, session, recorder, loop, state);
}

void report_data_path_failure(Recorder& recorder, std::uint32_t session, const char* what) {
    (void)recorder.record(session, trace::NoteRecord{trace::NoteRecord::Severity::error, trace::no_queue,
                                                     fmt::format("the data path failed, messages pass on: {}", what)});
}

}  // namespace vutrace::capture
