#include "vutrace/replay/block_workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <random>

namespace vutrace::replay {
namespace {

namespace block = virtio::block;

constexpr std::uint64_t minimum_sectors = 2048;
constexpr std::uint64_t stripes = 64;      // requests in flight never share one, so that each has one right answer
constexpr std::uint64_t max_sectors = 16;  // per request

// How often each type occurs, out of 100.
struct Share {
    block::RequestType type;
    unsigned percent;
    unsigned feature;  // bit that the driver must have; 0: none
};
constexpr std::array shares{
    Share{block::RequestType::OUT, 45, 0},          Share{block::RequestType::IN, 40, 0},
    Share{block::RequestType::FLUSH, 5, 9},         Share{block::RequestType::GET_ID, 2, 0},
    Share{block::RequestType::WRITE_ZEROES, 8, 14},
};

class Workload {
  public:
    Workload(BlockDriver& driver, const BlockWorkloadOptions& options)
        : driver_(driver), options_(options), random_(options.seed), stripe_sectors_(driver.sectors() / stripes) {
        for (std::uint64_t stripe = 0; stripe < stripes; ++stripe) {
            free_stripes_.push_back(stripe);
        }
    }

    Result<BlockWorkloadReport> run() {
        while (report_.completed < options_.requests) {
            if (const auto filled = submit_some(); !filled) {
                return tl::unexpected(filled.error());
            }
            const auto results = driver_.wait();
            if (!results) {
                return tl::unexpected(results.error());
            }
            std::for_each(results->begin(), results->end(), [this](const BlockResult& result) { check(result); });
        }
        return report_;
    }

  private:
    struct Pending {
        block::RequestType type{};
        std::uint64_t stripe{0};
        std::uint64_t sector{0};
        Bytes data;
    };

    std::uint64_t pick(std::uint64_t bound) { return random_() % bound; }

    block::RequestType pick_type() {
        auto left = static_cast<unsigned>(pick(100));
        for (const Share& share : shares) {
            if (left < share.percent) {
                const bool possible = share.feature == 0 || ((driver_.features() >> share.feature) & 1U) != 0;
                return possible ? share.type : block::RequestType::IN;
            }
            left -= share.percent;
        }
        return block::RequestType::IN;
    }

    Status submit_some() {
        if (options_.one_burst_at_a_time && driver_.in_flight() != 0) {
            return {};
        }
        std::uint64_t burst = 1 + pick(8);
        while (burst-- != 0 && submitted_ < options_.requests && !free_stripes_.empty()) {
            const auto queue = static_cast<std::uint16_t>(pick(options_.queue_count));
            if (!driver_.can_submit(queue)) {
                break;
            }
            if (const auto done = submit_one(queue); !done) {
                return done;
            }
        }
        return {};
    }

    Status submit_one(std::uint16_t queue) {
        Pending pending;
        pending.type = pick_type();
        const std::size_t place = pick(free_stripes_.size());
        pending.stripe = free_stripes_[place];
        free_stripes_.erase(free_stripes_.begin() + static_cast<std::ptrdiff_t>(place));
        const std::uint64_t count = 1 + pick(std::min(max_sectors, stripe_sectors_));
        pending.sector = pending.stripe * stripe_sectors_ + pick(stripe_sectors_ - count + 1);
        BlockRequest request{static_cast<std::uint32_t>(pending.type), pending.sector, {}, 0, submitted_};
        const std::size_t bytes = count * block::sector_size;
        fill_data(pending, request, bytes);
        ++submitted_;
        const auto& kept = pending_.emplace(request.token, std::move(pending)).first->second;
        request.data = kept.data;
        return driver_.submit(queue, request);
    }

    void fill_data(Pending& pending, BlockRequest& request, std::size_t bytes) {
        switch (pending.type) {
            case block::RequestType::OUT:
                pending.data.resize(bytes);
                std::generate(pending.data.begin(), pending.data.end(),
                              [this] { return static_cast<std::byte>(random_() & 0xffU); });
                report_.bytes_written += bytes;
                break;
            case block::RequestType::WRITE_ZEROES:
                pending.data.resize(16);
                store<std::uint64_t>(pending.data, 0, pending.sector);
                store<std::uint32_t>(pending.data, 8, static_cast<std::uint32_t>(bytes / block::sector_size));
                request.sector = 0;
                break;
            case block::RequestType::IN:
                request.read_length = static_cast<std::uint32_t>(bytes);
                report_.bytes_read += bytes;
                break;
            case block::RequestType::GET_ID:
                request.read_length = 20;
                [[fallthrough]];
            default:
                request.sector = 0;
        }
    }

    void check(const BlockResult& result) {
        const auto found = pending_.find(result.token);
        const Pending& pending = found->second;
        ++report_.completed;
        report_.refused += result.status == block::status_ok ? 0U : 1U;
        const std::uint64_t offset = pending.sector * block::sector_size;
        if (pending.type == block::RequestType::OUT) {
            write_model(offset, pending.data);
        } else if (pending.type == block::RequestType::WRITE_ZEROES) {
            write_model(offset, Bytes(load<std::uint32_t>(pending.data, 8) * std::size_t{block::sector_size}));
        } else if (pending.type == block::RequestType::IN) {
            report_.mismatches += result.data == read_model(offset, result.data.size()) ? 0U : 1U;
        }
        free_stripes_.push_back(pending.stripe);
        pending_.erase(found);
    }

    void write_model(std::uint64_t offset, const Bytes& data) {
        for (std::size_t at = 0; at < data.size(); at += block::sector_size) {
            std::memcpy(model_[offset + at].data(), data.data() + at, block::sector_size);
        }
    }

    Bytes read_model(std::uint64_t offset, std::size_t size) {
        Bytes data(size);
        for (std::size_t at = 0; at < size; at += block::sector_size) {
            std::memcpy(data.data() + at, model_[offset + at].data(), block::sector_size);
        }
        return data;
    }

    BlockDriver& driver_;
    BlockWorkloadOptions options_;
    std::mt19937_64 random_;
    std::uint64_t stripe_sectors_;
    std::uint64_t submitted_{0};
    std::vector<std::uint64_t> free_stripes_;
    std::map<std::uint64_t, Pending> pending_;                                  // by token
    std::map<std::uint64_t, std::array<std::byte, block::sector_size>> model_;  // sectors written, by byte offset
    BlockWorkloadReport report_;
};

}  // namespace

Result<BlockWorkloadReport> run_block_workload(BlockDriver& driver, const BlockWorkloadOptions& options) {
    if (driver.sectors() < minimum_sectors) {
        return fail(ErrorCode::unsupported,
                    fmt::format("the image has {} sectors, at least {} are needed", driver.sectors(), minimum_sectors));
    }
    return Workload(driver, options).run();
}

}  // namespace vutrace::replay
