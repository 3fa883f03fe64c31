# A room is one static library with its own include folder. It sees the headers of the rooms it
# names in DEPENDS and of no other: including a header of a room that is not named fails to
# compile, which is how the direction of the arrows in docs/architecture.md is kept.
#
#   vutrace_room(NAME [INTERNAL] SOURCES a.cpp ... [DEPENDS room ...] [LIBRARIES target ...]
#       [PRIVATE_LIBRARIES target ...])
#
# An INTERNAL one is not installed: no other program uses it.
function(vutrace_room NAME)
    cmake_parse_arguments(ROOM "INTERNAL" "" "SOURCES;DEPENDS;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
    set(target vutrace-${NAME})
    add_library(${target} STATIC ${ROOM_SOURCES})
    add_library(vutrace::${NAME} ALIAS ${target})
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${NAME} POSITION_INDEPENDENT_CODE ON)
    target_compile_features(${target} PUBLIC cxx_std_20)
    target_include_directories(${target} PUBLIC
        $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
        $<INSTALL_INTERFACE:include>)
    list(TRANSFORM ROOM_DEPENDS PREPEND vutrace::)
    target_link_libraries(${target} PUBLIC ${ROOM_DEPENDS} ${ROOM_LIBRARIES}
        PRIVATE ${ROOM_PRIVATE_LIBRARIES} $<BUILD_INTERFACE:vutrace_warnings>)
    if(NOT ROOM_INTERNAL)
        install(TARGETS ${target} EXPORT vutrace ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
        install(DIRECTORY include/ DESTINATION include)
    endif()
    set_property(GLOBAL APPEND PROPERTY VUTRACE_ROOMS ${NAME})
endfunction()

# One name for several rooms, for users of the installed libraries: vutrace_library(NAME ROOMS room ...)
function(vutrace_library NAME)
    cmake_parse_arguments(LIBRARY "" "" "ROOMS" ${ARGN})
    set(target vutrace-${NAME})
    add_library(${target} INTERFACE)
    add_library(vutrace::${NAME} ALIAS ${target})
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${NAME})
    list(TRANSFORM LIBRARY_ROOMS PREPEND vutrace::)
    target_link_libraries(${target} INTERFACE ${LIBRARY_ROOMS})
    install(TARGETS ${target} EXPORT vutrace)
endfunction()

# A test program of one room: vutrace_test(NAME SOURCES ... DEPENDS room ...). It becomes a CTest entry
# with the label `unit`, and where CI=true a test of it that is skipped fails.
function(vutrace_test NAME)
    cmake_parse_arguments(TEST "" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
    if(NOT BUILD_TESTING)
        return()
    endif()
    list(TRANSFORM TEST_DEPENDS PREPEND vutrace::)
    add_executable(${NAME} ${TEST_SOURCES})
    target_link_libraries(${NAME} PRIVATE ${TEST_DEPENDS} ${TEST_LIBRARIES} vutrace_warnings
        vutrace-skip-is-failure GTest::gmock GTest::gtest_main)
    # Tests are compiled often and run briefly: half of what they cost would be the compiler's own work on them. What
    # they test is built as always.
    target_compile_options(${NAME} PRIVATE $<$<NOT:$<CONFIG:Debug>>:${VUTRACE_TEST_OPTIONS}>)
    set_target_properties(${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    add_test(NAME ${NAME} COMMAND ${NAME})
    set_tests_properties(${NAME} PROPERTIES LABELS unit TIMEOUT 300)
endfunction()

# A libFuzzer program: vutrace_fuzzer(NAME SOURCES ... DEPENDS room ... [LIBRARIES target ...] [SEEDS program]
# [SECONDS n]), built where VUTRACE_FUZZ is on. It becomes a CTest entry with the label `fuzz` that runs for `SECONDS`,
# without it for VUTRACE_FUZZ_SECONDS; what it finds is kept beside it. `SEEDS` is a program that writes the inputs to
# begin with into a folder: those that add to their coverage are kept in another one, from run to run.
function(vutrace_fuzzer NAME)
    cmake_parse_arguments(FUZZER "" "SEEDS;SECONDS" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
    if(NOT VUTRACE_FUZZ)
        return()
    endif()
    set(seconds ${VUTRACE_FUZZ_SECONDS})
    if(FUZZER_SECONDS)
        set(seconds ${FUZZER_SECONDS})
    endif()
    list(TRANSFORM FUZZER_DEPENDS PREPEND vutrace::)
    add_executable(${NAME} ${FUZZER_SOURCES})
    target_link_libraries(${NAME} PRIVATE ${FUZZER_DEPENDS} ${FUZZER_LIBRARIES} vutrace_warnings)
    target_link_options(${NAME} PRIVATE -fsanitize=fuzzer)
    set(folder ${PROJECT_BINARY_DIR}/fuzz)
    set_target_properties(${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${folder})
    add_dependencies(fuzzers ${NAME})
    set(corpus "")
    if(FUZZER_SEEDS)
        add_dependencies(${NAME} ${FUZZER_SEEDS})
        set(corpus ${folder}/${NAME}-corpus ${folder}/${NAME}-seeds)
        file(MAKE_DIRECTORY ${folder}/${NAME}-corpus)
        add_test(NAME ${NAME}_seeds COMMAND ${FUZZER_SEEDS} ${folder}/${NAME}-seeds)
        set_tests_properties(${NAME}_seeds PROPERTIES LABELS fuzz TIMEOUT 60 FIXTURES_SETUP ${NAME}_seeds)
    endif()
    add_test(NAME ${NAME}
        COMMAND ${NAME} -max_total_time=${seconds} -max_len=16384 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
            -artifact_prefix=${folder}/${NAME}- ${corpus})
    math(EXPR longest "${seconds} + 120")
    set_tests_properties(${NAME} PROPERTIES LABELS fuzz TIMEOUT ${longest})
    if(FUZZER_SEEDS)
        set_tests_properties(${NAME} PROPERTIES FIXTURES_REQUIRED ${NAME}_seeds)
    endif()
endfunction()
