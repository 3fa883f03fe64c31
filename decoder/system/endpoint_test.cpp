#include "vutrace/system/endpoint.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace vutrace {
namespace {

std::string fresh_path(const char* name) {
    return (std::filesystem::temp_directory_path() / (std::string(name) + std::to_string(::getpid()))).string();
}

TEST(Endpoint, ReadsTheThreeFormsAndABarePath) {
    EXPECT_EQ(parse_endpoint("listen:/a", Endpoint::Kind::connect), (Endpoint{Endpoint::Kind::listen, "/a", -1}));
    EXPECT_EQ(parse_endpoint("connect:/a", Endpoint::Kind::listen), (Endpoint{Endpoint::Kind::connect, "/a", -1}));
    EXPECT_EQ(parse_endpoint("fd:7", Endpoint::Kind::listen), (Endpoint{Endpoint::Kind::inherited, "", 7}));
    EXPECT_EQ(parse_endpoint("/a", Endpoint::Kind::connect), (Endpoint{Endpoint::Kind::connect, "/a", -1}));
    for (const char* bad : {"", "listen:", "connect:", "fd:", "fd:x", "fd:-1", "fd:3x"}) {
        EXPECT_FALSE(parse_endpoint(bad, Endpoint::Kind::listen)) << bad;
    }
}

TEST(Endpoint, RefusesASchemeThatItDoesNotKnow) {
    for (const char* unknown : {"foo:/x", "unix:/run/a.sock", "tcp:localhost:80", "a:b", ":x", "Listen:/a"}) {
        const auto endpoint = parse_endpoint(unknown, Endpoint::Kind::listen);
        ASSERT_FALSE(endpoint) << unknown;
        EXPECT_EQ(endpoint.error().code, ErrorCode::usage);
        EXPECT_NE(endpoint.error().text.find("listen, connect, fd"), std::string::npos) << endpoint.error().text;
    }
    for (const char* path : {"./a:b", "/a:b", "run/a:b", "listen:a:b", "connect:foo:/x"}) {
        EXPECT_TRUE(parse_endpoint(path, Endpoint::Kind::listen)) << path;
    }
}

TEST(Endpoint, IsTheSameSocketByWhateverPath) {
    namespace fs = std::filesystem;
    const fs::path folder = fresh_path("vutrace-same-");
    fs::create_directories(folder / "real");
    fs::create_directory_symlink("real", folder / "link");
    fs::create_symlink("socket", folder / "real/other");  // to what is still to be created
    fs::create_symlink("other", folder / "real/another");
    fs::create_symlink("round", folder / "real/round");
    const auto listen = [&](const char* path) {
        return Endpoint{Endpoint::Kind::listen, (folder / path).string(), -1};
    };
    const Endpoint socket = listen("real/socket");
    for (const char* same : {"real/socket", "link/socket", "real/../link/socket", "real/other", "link/another"}) {
        EXPECT_TRUE(is_same_socket(socket, listen(same))) << same;
    }
    for (const char* different : {"socket", "real/sockets", "real/round"}) {
        EXPECT_FALSE(is_same_socket(socket, listen(different))) << different;
    }
    fs::remove_all(folder);
}

TEST(Listener, CreatesAPrivateSocketAndRemovesItAgain) {
    const std::string path = fresh_path("vutrace-listener-");
    {
        const auto listener = Listener::create(path);
        ASSERT_TRUE(listener) << describe(listener.error());
        struct stat status {};
        ASSERT_EQ(::stat(path.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0600U);
        EXPECT_FALSE(Listener::create(path)) << "somebody listens there";
        EXPECT_TRUE(connect_to(path));
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Listener, TakesOverASocketFileThatNobodyAnswers) {
    const std::string path = fresh_path("vutrace-stale-");
    {
        auto first = Listener::create(path);
        ASSERT_TRUE(first);
        std::filesystem::rename(path, path + ".kept");
    }
    std::filesystem::rename(path + ".kept", path);
    EXPECT_TRUE(Listener::create(path));
}

TEST(Listener, RefusesAPathThatIsNoSocketOrTooLong) {
    EXPECT_FALSE(Listener::create("/etc/passwd"));
    EXPECT_FALSE(Listener::create(std::string(200, 'x')));
}

TEST(AdoptSocket, RefusesWhatIsNoSocket) {
    EXPECT_FALSE(adopt_socket(1000));
}

}  // namespace
}  // namespace vutrace
