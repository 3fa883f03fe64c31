#include "commands.h"
#include "options.h"
#include "output.h"

#include <vutrace/base/hex.h>
#include <vutrace/render/hexdump.h>
#include <vutrace/render/json.h>
#include <vutrace/render/phrases.h>
#include <vutrace/session/timeline.h>
#include <vutrace/system/file_descriptor.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vutrace::cli {
namespace {

constexpr const char* command_name = "memory";
constexpr std::size_t piece_size = 65536;

struct Options {
    std::string file;
    std::uint64_t at{0};
    std::string address_text;
    std::string length_text;
    std::uint64_t address{0};
    std::uint64_t length{0};
    std::string output;
    std::optional<std::uint32_t> fill;
    std::optional<std::uint32_t> session;
    bool json{false};
};

// Goes through the range in pieces; `visit(address, bytes, known)` gives a Status.
template <class Visit>
Status for_each_piece(const session::SparseMemory& memory, const Options& options, Visit visit) {
    Bytes bytes;
    std::vector<bool> known;
    for (std::uint64_t done = 0; done < options.length;) {
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(piece_size, options.length - done));
        bytes.assign(size, std::byte{0});
        known.assign(size, false);
        memory.read_known(options.address + done, bytes, known);
        if (Status status = visit(options.address + done, bytes, known); !status) {
            return status;
        }
        done += size;
    }
    return {};
}

Result<std::uint64_t> count_unknown(const session::SparseMemory& memory, const Options& options) {
    std::uint64_t unknown = 0;
    const Status status =
        for_each_piece(memory, options, [&](std::uint64_t, const Bytes&, const std::vector<bool>& known) -> Status {
            unknown += static_cast<std::uint64_t>(std::count(known.begin(), known.end(), false));
            return {};
        });
    return status ? Result<std::uint64_t>(unknown) : tl::unexpected(status.error());
}

Status print_hexdump(const session::SparseMemory& memory, const Options& options) {
    Output output;
    render::Hexdump dump(options.address);
    const Status status = for_each_piece(
        memory, options, [&](std::uint64_t, const Bytes& bytes, const std::vector<bool>& known) -> Status {
            dump.append(output.buffer(), bytes, known);
            return output.flush_if_full();
        });
    if (!status) {
        return status;
    }
    dump.finish(output.buffer());
    return output.flush();
}

// Runs of known and unknown bytes, in order; written as they are found, so that any length may be asked for.
Status print_json(const session::SparseMemory& memory, const Options& options, std::uint64_t unknown) {
    Output output;
    output.buffer() = fmt::format(R"({{"at":{},"address":"0x{:x}","length":{},"unknown":{},"runs":[)", options.at,
                                  options.address, options.length, unknown);
    const char* separator = "";
    const Status status = for_each_piece(
        memory, options, [&](std::uint64_t address, const Bytes& bytes, const std::vector<bool>& known) -> Status {
            for (std::size_t from = 0; from < bytes.size();) {
                const auto begin = known.begin() + static_cast<std::ptrdiff_t>(from);
                const auto end = std::find(begin, known.end(), !*begin);
                const auto size = static_cast<std::size_t>(end - begin);
                output.buffer() += fmt::format(R"({}{{"address":"0x{:x}","length":{},"known":{})", separator,
                                               address + from, size, static_cast<bool>(*begin));
                if (*begin) {
                    output.buffer() += R"(,"bytes":")";
                    append_hex(output.buffer(), ByteView(bytes).subspan(from, size));
                    output.buffer() += '"';
                }
                output.buffer() += '}';
                separator = ",";
                from += size;
            }
            return output.flush_if_full();
        });
    if (!status) {
        return status;
    }
    output.buffer() += "]}\n";
    return output.flush();
}

Status write_file(const session::SparseMemory& memory, const Options& options) {
    // A trace's memory is a secret: nobody else may read it.
    FileDescriptor file(::open(options.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file) {
        return fail_errno("cannot create " + options.output);
    }
    Output output(file.number());
    const std::byte fill{static_cast<unsigned char>(options.fill.value_or(0))};
    const Status status =
        for_each_piece(memory, options, [&](std::uint64_t, Bytes& bytes, const std::vector<bool>& known) -> Status {
            for (std::size_t i = 0; i < bytes.size(); ++i) {
                bytes[i] = known[i] ? bytes[i] : fill;
            }
            const auto* text = reinterpret_cast<const char*>(bytes.data());
            output.buffer().append(text, bytes.size());
            return output.flush_if_full();
        });
    return status ? output.flush() : status;
}

ExitStatus show(const session::SparseMemory& memory, const Options& options) {
    const auto unknown = count_unknown(memory, options);
    if (!unknown) {
        return report(command_name, unknown.error());
    }
    Status status;
    if (options.output.empty()) {
        status = options.json ? print_json(memory, options, *unknown) : print_hexdump(memory, options);
    } else if (*unknown != 0 && !options.fill) {
        return report(command_name,
                      Error{ErrorCode::bad_input,
                            fmt::format("{} of {} bytes are not in the trace: nothing written (--fill-unknown BYTE "
                                        "writes BYTE for them)",
                                        *unknown, options.length),
                            std::nullopt, 0});
    } else {
        status = write_file(memory, options);
    }
    if (!status && status.error().code != ErrorCode::peer_closed) {
        return report(command_name, status.error());
    }
    if (*unknown == 0) {
        return ExitStatus::ok;
    }
    fmt::print(stderr, "vutrace {}: {} of {} bytes are not in the trace\n", command_name, *unknown, options.length);
    return ExitStatus::findings;
}

Status parse(Options& options) {
    const auto address = parse_number(options.address_text);
    if (!address) {
        return tl::unexpected(address.error());
    }
    const auto length = parse_size(options.length_text);
    if (!length) {
        return tl::unexpected(length.error());
    }
    if (*length == 0 || *length - 1 > UINT64_MAX - *address) {
        return fail(ErrorCode::usage, "the range must hold at least one byte and end below 2^64");
    }
    options.address = *address;
    options.length = *length;
    return keep_input(options.file, options.output);
}

ExitStatus run(Options& options) {
    if (const Status status = parse(options); !status) {
        return report(command_name, status.error());
    }
    return with_state_after({command_name, options.file, options.at, options.session},
                            [&](const session::SessionState& state) { return show(state.memory, options); });
}

std::function<ExitStatus()> configure(CLI::App& app) {
    auto options = std::make_shared<Options>();
    app.add_option("FILE", options->file, "The trace")->required()->type_name("");
    app.add_option("--at", options->at, "Show the memory after this record")->required()->type_name("SEQ");
    app.add_option("--address", options->address_text, "Guest physical address, decimal or 0x…")
        ->required()
        ->type_name("GPA");
    app.add_option("--length", options->length_text, "Bytes; k, M, G and T are powers of 1024")
        ->required()
        ->type_name("N");
    auto* file = app.add_option("-o,--output", options->output, "Write the bytes to this file")->option_text("OUT");
    app.add_option("--fill-unknown", options->fill, "With -o: write this byte (0-255) for what is not in the trace")
        ->check(CLI::Range(0, 255))
        ->needs(file)
        ->option_text("BYTE");
    app.add_option("--session", options->session, "The session, where there are several")->type_name("N");
    app.add_flag("--json", options->json, "One JSON object with runs of known and unknown bytes; not with -o")
        ->excludes(file)
        ->option_text(" ");
    return [options] { return run(*options); };
}

}  // namespace

const Command memory_command{
    command_name, "Show guest memory as it stood after a record",
    "Examples:\n"
    "  vutrace memory blk.pcap --at 120 --address 0x1000 --length 4k\n"
    "  vutrace memory blk.pcap --at 120 --address 0x1000 --length 4k -o page.bin --fill-unknown 0",
    configure};

}  // namespace vutrace::cli
