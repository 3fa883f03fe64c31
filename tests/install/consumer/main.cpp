// Uses the decoder's library as somebody else's program would: names a request, opens a trace that is not there.
#include <vutrace/base/error.h>
#include <vutrace/base/side.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/trace/reader.h>

#include <cstdio>

int main() {
    const auto* info = vutrace::protocol::find_request(
        vutrace::Channel::front_end, static_cast<std::uint32_t>(vutrace::protocol::FrontEndRequest::SET_MEM_TABLE));
    if (info == nullptr || info->name != "SET_MEM_TABLE") {
        std::puts("the catalogue does not know SET_MEM_TABLE");
        return 1;
    }
    const auto reader = vutrace::trace::Reader::open("/nonexistent/trace.pcap");
    if (reader) {
        std::puts("a trace that is not there was opened");
        return 1;
    }
    std::printf("%s\n", vutrace::describe(reader.error()).c_str());
    return 0;
}
