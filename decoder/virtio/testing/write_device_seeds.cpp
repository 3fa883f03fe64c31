// Writes the samples of all devices as seeds for devices_fuzz: write_device_seeds FOLDER
#include <vutrace/virtio/testing/device_samples.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>

namespace {

using namespace vutrace;

// As devices_fuzz reads it.
Bytes seed_of(const virtio::testing::DeviceSample& sample) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.write(static_cast<std::uint8_t>(sample.device));
    writer.write(static_cast<std::uint8_t>(sample.queue));
    writer.write(std::uint8_t{1});  // used
    writer.write(sample.features);
    writer.write(static_cast<std::uint8_t>(sample.configuration.size()));
    writer.write(static_cast<std::uint16_t>(sample.readable.size()));
    writer.write(ByteView(sample.configuration));
    writer.write(ByteView(sample.readable));
    writer.write(ByteView(sample.written));
    return bytes;
}

void write_seeds(const std::filesystem::path& folder) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    std::size_t count = 0;
    for (const auto& sample : virtio::testing::device_samples()) {
        const Bytes bytes = seed_of(sample);
        std::ofstream file(folder / (std::to_string(sample.device) + "-" + std::to_string(count++)), std::ios::binary);
        file.exceptions(std::ios::failbit | std::ios::badbit);
        file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        file.flush();
    }
    std::printf("%zu seeds in %s\n", count, folder.c_str());
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) {
        std::fprintf(stderr, "usage: write_device_seeds FOLDER\n");
        return 2;
    }
    try {
        write_seeds(arguments[1]);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "write_device_seeds: %s\n", error.what());
        return 4;
    }
    return 0;
}
