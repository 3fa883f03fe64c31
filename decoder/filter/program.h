// A compiled expression: tests that each say where to go on, so that evaluation is one loop without a stack.
#pragma once

#include "field_table.h"
#include "test.h"

#include <cstdint>
#include <deque>
#include <vector>

namespace vutrace::filter {

inline constexpr std::uint32_t accepted = UINT32_MAX;
inline constexpr std::uint32_t rejected = UINT32_MAX - 1;

struct Instruction {
    Test test;
    // Numbers of instructions, `accepted` or `rejected`. Always lower than the instruction's own, so that evaluation
    // ends.
    std::uint32_t if_true{accepted};
    std::uint32_t if_false{rejected};
};

struct Program {
    std::vector<Instruction> instructions;
    std::uint32_t entry{accepted};
    RecordKinds explained{0};       // in these an outcome takes what the annotation explains
    Range rows{0, UINT64_MAX};      // nothing outside matches
    std::deque<FieldRow> own_rows;  // of attributes, which are not in the table
};

}  // namespace vutrace::filter
