#include "child_process.h"
#include "commands.h"
#include "demo_roles.h"

#include <vutrace/base/count_text.h>
#include <vutrace/system/endpoint.h>
#include <vutrace/system/shell_word.h>

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace vutrace::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* name = "demo";
constexpr std::uint64_t image_size = 8U << 20U;
constexpr std::chrono::milliseconds patience{60'000};
constexpr std::size_t shown_lines = 12;

struct Options {
    std::string folder;
    DemoRole role;
};

class Demo {
  public:
    Demo(std::string folder, std::string ring) : folder_(std::move(folder)), ring_(std::move(ring)) {}

    Status run() {
        for (const auto step : {&Demo::prepare, &Demo::capture, &Demo::decode, &Demo::replay, &Demo::compare}) {
            if (const auto done = (this->*step)(); !done) {
                return done;
            }
        }
        show_next_steps();
        return {};
    }

  private:
    [[nodiscard]] std::string file(const std::string& leaf) const { return folder_ + "/" + leaf; }

    static Status create_image(const std::string& path) {
        std::ofstream(path).close();
        std::error_code error;
        fs::resize_file(path, image_size, error);
        return error ? fail_errno(fmt::format("cannot create '{}'", path), error.value()) : Status{};
    }

    // Runs a child to its end. Error: what it was, where its status is none of the expected ones.
    static Status run_child(const ChildProcess::Start& start, const char* what) {
        auto child = ChildProcess::start(start);
        if (!child) {
            return tl::unexpected(child.error());
        }
        return expect_success(child->wait(patience), what);
    }

    static Status expect_success(const Result<int>& status, const char* what) {
        if (!status) {
            return tl::unexpected(status.error());
        }
        return *status == 0 ? Status{} : fail(ErrorCode::system, fmt::format("{} ended with status {}", what, *status));
    }

    Status prepare() {
        fmt::print("Everything is kept in {}\n\n", folder_);
        const auto recorded = create_image(file("disk.img"));
        return recorded ? create_image(file("replayed.img")) : recorded;
    }

    Status capture() {
        fmt::print(
            "1. Capture: a driver does 400 block requests on {} rings, a back-end serves them from\n"
            "   disk.img, and `vutrace capture` stands between the two.\n",
            ring_);
        const auto listener = Listener::create(file("back-end.sock"));
        if (!listener) {
            return tl::unexpected(listener.error());
        }
        const int listening = listener->socket().number();
        auto back_end = ChildProcess::start({{"demo", "--role", "back-end", "--listening-socket",
                                              std::to_string(listening), "--image", file("disk.img"), "--ring", ring_},
                                             file("back-end.log"),
                                             listening});
        // A packed ring does not keep what was made available until somebody beside the path has looked.
        const char* const data_path = ring_ == "packed" ? "shadow" : "relay";
        auto capture =
            ChildProcess::start({{"capture", "listen:" + file("front-end.sock"), "connect:" + file("back-end.sock"),
                                  "-w", file("demo.pcap"), "--datapath", data_path, "--once"},
                                 file("capture.log")});
        if (!back_end || !capture) {
            return tl::unexpected(back_end ? capture.error() : back_end.error());
        }
        const auto driven = run_child(
            {{"demo", "--role", "driver", "--socket", file("front-end.sock"), "--ring", ring_}, {}}, "the driver");
        if (!driven) {
            return driven;
        }
        if (const auto captured = expect_success(capture->wait(patience), "vutrace capture"); !captured) {
            return captured;
        }
        fmt::print("   demo.pcap holds the session: {}.\n\n", count_text(fs::file_size(file("demo.pcap")), "byte"));
        return expect_success(back_end->end(patience), "the back-end");
    }

    Status decode() {
        fmt::print("2. Decode: the first lines of `vutrace decode {}`:\n", file("demo.pcap"));
        const auto decoded = run_child({{"decode", file("demo.pcap")}, file("decoded.txt")}, "vutrace decode");
        if (!decoded) {
            return decoded;
        }
        std::ifstream text(file("decoded.txt"));
        std::string line;
        std::size_t count = 0;
        while (std::getline(text, line)) {
            if (count++ < shown_lines) {
                fmt::print("   {}\n", line);
            }
        }
        fmt::print("   ... {} in all, in decoded.txt\n\n", count_text(count, "line"));
        return {};
    }

    Status replay() {
        fmt::print("3. Replay: the same session against a fresh back-end on replayed.img, which is empty again:\n");
        std::error_code error;
        const std::string self = fs::read_symlink("/proc/self/exe", error).string();
        const std::string command =
            fmt::format("exec {} demo --role back-end --socket '{{socket}}' --image {} --ring {}", shell_word(self),
                        shell_word(file("replayed.img")), ring_);
        std::fflush(stdout);
        return run_child(
            {{"replay", file("demo.pcap"), "--timing", "max", "--report", file("report.json"), "--spawn", command}, {}},
            "vutrace replay");
    }

    Status compare() {
        std::ifstream recorded(file("disk.img"), std::ios::binary);
        std::ifstream replayed(file("replayed.img"), std::ios::binary);
        const bool equal = std::equal(std::istreambuf_iterator<char>(recorded), std::istreambuf_iterator<char>(),
                                      std::istreambuf_iterator<char>(replayed), std::istreambuf_iterator<char>());
        if (!equal) {
            return fail(ErrorCode::bad_input, "disk.img and replayed.img differ");
        }
        fmt::print("\n4. Compare: disk.img and replayed.img are equal, all {}.\n", count_text(image_size, "byte"));
        return {};
    }

    void show_next_steps() const {
        fmt::print(
            "\nTry next:\n"
            "  vutrace info {0}\n"
            "  vutrace decode --verbose {0} | less\n"
            "  vutrace decode --json {0} | head\n"
            "  vutrace rings {0} --at 50\n"
            "and with a VM of yours, whose vhost-user socket is then /run/vm.sock:\n"
            "  vutrace capture listen:/run/vm.sock connect:/run/back-end.sock -w session.pcap\n",
            file("demo.pcap"));
    }

    std::string folder_;
    std::string ring_;
};

Result<std::string> create_folder(const std::string& wanted) {
    if (!wanted.empty()) {
        if (::mkdir(wanted.c_str(), 0700) != 0 && errno != EEXIST) {
            return fail_errno(fmt::format("cannot create the folder '{}'", wanted));
        }
        return fs::absolute(wanted).string();
    }
    std::string pattern = (fs::temp_directory_path() / "vutrace-demo-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        return fail_errno("cannot create a temporary folder");
    }
    return pattern;
}

ExitStatus run(const Options& options) {
    if (!options.role.role.empty()) {
        return run_demo_role(options.role);
    }
    // Children share our standard output: what we say must be there before what they say.
    (void)std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const auto folder = create_folder(options.folder);
    if (!folder) {
        return report(name, folder.error());
    }
    const auto done = Demo(*folder, options.role.ring).run();
    if (done) {
        return ExitStatus::ok;
    }
    const ExitStatus status = report(name, done.error());
    fmt::print(stderr, "vutrace demo: logs are in {}\n", *folder);
    return status == ExitStatus::bad_input ? ExitStatus::findings : status;
}

std::function<ExitStatus()> configure(CLI::App& app) {
    const auto options = std::make_shared<Options>();
    app.add_option("-o,--output", options->folder, "Folder for trace, images and logs (default: a new temporary one)")
        ->type_name("DIR");
    app.add_option("--ring", options->role.ring, "Layout of the rings: split (default) or packed")
        ->type_name("LAYOUT")
        ->check(CLI::IsMember({split_ring, packed_ring}));
    // The parts that the demo runs as processes of their own; hidden from --help by the empty group.
    const auto hidden = [&](auto& value, const char* flag, const char* text) {
        return app.add_option(flag, value, text)->group("");
    };
    hidden(options->role.role, "--role", "Run one part only")->check(CLI::IsMember({"back-end", "driver"}));
    hidden(options->role.socket, "--socket", "Socket of the part");
    hidden(options->role.listening_socket, "--listening-socket", "Inherited socket of the back-end");
    hidden(options->role.image, "--image", "Image of the back-end");
    hidden(options->role.recording, "--record", "Trace that the driver writes of itself");
    hidden(options->role.requests, "--requests", "Number of the driver's requests");
    hidden(options->role.seed, "--seed", "Seed of the driver's requests");
    return [options] { return run(*options); };
}

}  // namespace

const Command demo_command{name, "A whole capture, decode and replay on built-in parts, in seconds",
                           "Examples:\n  vutrace demo -o /tmp/demo\n  vutrace demo --ring packed", configure};

}  // namespace vutrace::cli
