#include "commands.h"
#include "memory_range.h"
#include "options.h"
#include "output.h"

#include <vutrace/base/count_text.h>
#include <vutrace/base/hex.h>
#include <vutrace/render/hexdump.h>
#include <vutrace/render/json.h>
#include <vutrace/render/phrases.h>
#include <vutrace/session/timeline.h>
#include <vutrace/system/file_descriptor.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vutrace::cli {
namespace {

constexpr const char* command_name = "memory";
constexpr std::uint64_t most_filled = std::uint64_t{64} << 30U;  // bytes of --fill-unknown that take room

struct Options {
    std::string file;
    std::uint64_t at{0};
    std::string address_text;
    std::string length_text;
    MemoryRange range;
    std::string output;
    std::optional<std::uint32_t> fill;
    std::optional<std::uint32_t> session;
    bool json{false};
};

Status print_hexdump(const session::SparseMemory& memory, const MemoryRange& range) {
    Output output;
    render::Hexdump dump(range.address);
    const Status status = for_each_piece(memory, range, [&](const MemoryPiece& piece) -> Status {
        if (piece.kind == MemoryPiece::Kind::bytes) {
            dump.append(output.buffer(), piece.bytes, *piece.known);
        } else {
            dump.append_run(output.buffer(), piece.length, piece.kind == MemoryPiece::Kind::zeros);
        }
        return output.flush_if_full();
    });
    if (!status) {
        return status;
    }
    dump.finish(output.buffer());
    return output.flush();
}

// The runs of one kind in a piece, each an object.
void append_runs(std::string& out, const MemoryPiece& piece, const char*& separator) {
    const auto append_run = [&](std::uint64_t address, std::uint64_t length, bool known) {
        out += fmt::format(R"({}{{"address":"0x{:x}","length":{},"known":{})", separator, address, length, known);
        separator = ",";
    };
    if (piece.kind != MemoryPiece::Kind::bytes) {
        const bool zeros = piece.kind == MemoryPiece::Kind::zeros;
        append_run(piece.address, piece.length, zeros);
        out += zeros ? R"(,"zeros":true})" : "}";
        return;
    }
    for (std::size_t from = 0; from < piece.bytes.size();) {
        const auto begin = piece.known->begin() + static_cast<std::ptrdiff_t>(from);
        const bool known = *begin;
        const auto size = static_cast<std::size_t>(std::find(begin, piece.known->end(), !known) - begin);
        append_run(piece.address + from, size, known);
        if (known) {
            out += R"(,"bytes":")";
            append_hex(out, piece.bytes.subspan(from, size));
            out += '"';
        }
        out += '}';
        from += size;
    }
}

// Written as it is found, so that any length may be asked for.
Status print_json(const session::SparseMemory& memory, const Options& options, std::uint64_t unknown) {
    Output output;
    output.buffer() = fmt::format(R"({{"at":{},"address":"0x{:x}","length":{},"unknown":{},"runs":[)", options.at,
                                  options.range.address, options.range.length, unknown);
    const char* separator = "";
    const Status status = for_each_piece(memory, options.range, [&](const MemoryPiece& piece) -> Status {
        append_runs(output.buffer(), piece, separator);
        return output.flush_if_full();
    });
    if (!status) {
        return status;
    }
    output.buffer() += "]}\n";
    return output.flush();
}

// Writes the pieces of a range into a file. Zeros become holes where the file can have any.
class PieceWriter {
  public:
    PieceWriter(const FileDescriptor& file, std::byte fill)
        : file_(file), output_(file.number()), fill_(fill), holes_(is_regular(file)) {}

    Status write(const MemoryPiece& piece) {
        if (piece.kind == MemoryPiece::Kind::bytes) {
            for (std::size_t i = 0; i < piece.bytes.size(); ++i) {
                append((*piece.known)[i] ? piece.bytes[i] : fill_);
            }
            return output_.flush_if_full();
        }
        const std::byte value = piece.kind == MemoryPiece::Kind::zeros ? std::byte{0} : fill_;
        if (holes_ && value == std::byte{0}) {
            return leave_hole(piece.length);
        }
        Status status;
        for (std::uint64_t done = 0; status && done < piece.length; ++done) {
            append(value);
            status = output_.flush_if_full();
        }
        return status;
    }
    // The range was `length` bytes: a hole at its end must be told.
    Status finish(std::uint64_t length) {
        Status status = output_.flush();
        if (status && holes_ && ::ftruncate(file_.number(), static_cast<off_t>(length)) != 0) {
            return fail_errno(fmt::format("cannot make the file {} bytes long", length));
        }
        return status;
    }

  private:
    static bool is_regular(const FileDescriptor& file) {
        struct stat status {};
        return ::fstat(file.number(), &status) == 0 && S_ISREG(status.st_mode);
    }
    void append(std::byte value) { output_.buffer().push_back(static_cast<char>(value)); }
    Status leave_hole(std::uint64_t length) {
        Status status = output_.flush();
        if (status && ::lseek(file_.number(), static_cast<off_t>(length), SEEK_CUR) < 0) {
            return fail_errno(fmt::format("cannot leave a hole of {} bytes", length));
        }
        return status;
    }

    const FileDescriptor& file_;
    Output output_;
    std::byte fill_;
    bool holes_;
};

Status write_file(const session::SparseMemory& memory, const Options& options) {
    // A trace's memory is a secret: nobody else may read it.
    const FileDescriptor file(::open(options.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file) {
        return fail_errno("cannot create " + options.output);
    }
    PieceWriter writer(file, std::byte{static_cast<unsigned char>(options.fill.value_or(0))});
    const Status status =
        for_each_piece(memory, options.range, [&](const MemoryPiece& piece) { return writer.write(piece); });
    return status ? writer.finish(options.range.length) : status;
}

// Whether the file that is asked for may be written. Errors: bad_input, usage.
Status check_output(const Options& options, std::uint64_t unknown) {
    if (unknown == 0) {
        return {};
    }
    if (!options.fill) {
        return fail(ErrorCode::bad_input,
                    fmt::format("not in the trace: {} of {}: nothing written (--fill-unknown BYTE writes BYTE "
                                "for them)",
                                unknown, count_text(options.range.length, "byte")));
    }
    if (*options.fill != 0 && unknown > most_filled) {
        return fail(ErrorCode::usage,
                    fmt::format("not in the trace: {}: --fill-unknown {} would write them all, and {} is the "
                                "most (--fill-unknown 0 leaves holes)",
                                count_text(unknown, "byte"), *options.fill, render::size_text(most_filled)));
    }
    return {};
}

ExitStatus show(const session::SparseMemory& memory, const Options& options) {
    const std::uint64_t unknown = count_unknown(memory, options.range);
    Status status;
    if (!options.output.empty()) {
        if (const Status allowed = check_output(options, unknown); !allowed) {
            return report(command_name, allowed.error());
        }
        status = write_file(memory, options);
    } else {
        status = options.json ? print_json(memory, options, unknown) : print_hexdump(memory, options.range);
    }
    if (!status && status.error().code != ErrorCode::peer_closed) {
        return report(command_name, status.error());
    }
    if (unknown == 0) {
        return ExitStatus::ok;
    }
    fmt::print(stderr, "vutrace {}: not in the trace: {} of {}\n", command_name, unknown,
               count_text(options.range.length, "byte"));
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
    options.range = {*address, *length};
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
    app.add_option("--at", options->at, "Show the memory after this record")
        ->required()
        ->type_name("SEQ")
        ->check(whole_number_from(1));
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
    app.add_option("--session", options->session, "The session, where there are several")
        ->type_name("N")
        ->check(whole_number_from(1));
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
