// Writes the scenarios as seeds for session_fuzz: write_seeds FOLDER
#include "scenarios.h"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>

namespace {

void write_seeds(const std::filesystem::path& folder) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    const auto scenarios = vutrace::fuzz::scenarios();
    for (const auto& scenario : scenarios) {
        const vutrace::Bytes bytes = session_bytes(scenario.session);
        std::ofstream file(folder / scenario.name, std::ios::binary);
        file.exceptions(std::ios::failbit | std::ios::badbit);
        file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        file.flush();
    }
    std::printf("%zu seeds in %s\n", scenarios.size(), folder.c_str());
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) {
        std::fprintf(stderr, "usage: write_seeds FOLDER\n");
        return 2;
    }
    try {
        write_seeds(arguments[1]);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "write_seeds: %s\n", error.what());
        return 4;
    }
    return 0;
}
