# Every folder under src/ is one library, and one unit-test executable when it has *_test.cpp files beside the code.
#
#   hearth_room(NAME [HOT | HOT_FILES file...] [DEPS target...] [PRIVATE target...] [TEST_DEPS target...] [PRECOMPILE header...]
#              [PRECOMPILE_FLAGS flag...])
#
# makes hearth_NAME from the folder's *.cpp, links DEPS publicly (those are the room's doors: what its headers may
# include) and PRIVATE for its .cpp files only. `./dev tidy` checks the includes against the doors.

set(HEARTH_WARNINGS -Wall -Wextra -Wpedantic -Werror=return-type -Wno-missing-field-initializers
    -Wno-missing-designated-field-initializers
    -Wno-deprecated-declarations)  # libstdc++ 12 warns about its own std::stable_sort

# Optimising is most of what a file costs to compile, and coroutines that carry strings make a lot to optimise. So only
# rooms and files whose processor time is in every call's way are HOT; all others say what happens between two waits, and take a
# third less to compile. Tests are not optimised at all (docs/adr/0006).
set(HEARTH_LEAN_FLAGS -O1 -mllvm -inline-threshold=25)
set(HEARTH_TEST_FLAGS -O0)
if(HEARTH_SANITIZE)
  set(HEARTH_TEST_FLAGS -O1)  # what a .pch was made with must be what it is used with
endif()
function(hearth_lean TARGET)
  target_compile_options(${TARGET} PRIVATE ${HEARTH_LEAN_FLAGS})
endfunction()

add_library(hearth_options INTERFACE)
target_include_directories(hearth_options INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/generated)
target_link_libraries(hearth_options INTERFACE Threads::Threads)
if(HEARTH_SANITIZE)
  target_compile_options(hearth_options INTERFACE -fsanitize=${HEARTH_SANITIZE} -fno-omit-frame-pointer -O1
                         -gline-tables-only)  # enough for a report's stack; whole debug information doubles the build
  target_link_options(hearth_options INTERFACE -fsanitize=${HEARTH_SANITIZE})
endif()
if(HEARTH_FUZZERS)
  # Coverage of every room, not of the target's own file alone, is what leads libFuzzer on.
  target_compile_options(hearth_options INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(hearth_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(HEARTH_COVERAGE)
  target_compile_options(hearth_options INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(hearth_options INTERFACE -fprofile-instr-generate)
endif()

# A report ends the test: UBSan alone would only print it.
set(HEARTH_TEST_ENVIRONMENT
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/cmake/tsan-suppressions.txt)

function(hearth_room NAME)
  cmake_parse_arguments(ARG "HOT" "" "HOT_FILES;DEPS;PRIVATE;TEST_DEPS;PRECOMPILE;PRECOMPILE_FLAGS" ${ARGN})
  file(GLOB_RECURSE SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  # A folder below that has a CMakeLists.txt of its own is a room of its own.
  file(GLOB_RECURSE INNER_ROOMS ${CMAKE_CURRENT_SOURCE_DIR}/CMakeLists.txt)
  list(REMOVE_ITEM INNER_ROOMS ${CMAKE_CURRENT_SOURCE_DIR}/CMakeLists.txt)
  foreach(INNER_ROOM ${INNER_ROOMS})
    get_filename_component(INNER_ROOM ${INNER_ROOM} DIRECTORY)
    list(FILTER SOURCES EXCLUDE REGEX "^${INNER_ROOM}/")
  endforeach()
  set(TESTS ${SOURCES})
  list(FILTER TESTS INCLUDE REGEX "_test\\.cpp$")
  list(FILTER SOURCES EXCLUDE REGEX "_test\\.cpp$")
  if(SOURCES)
    add_library(hearth_${NAME} STATIC ${SOURCES})
    target_link_libraries(hearth_${NAME} PUBLIC hearth_options ${ARG_DEPS} PRIVATE ${ARG_PRIVATE})
    target_compile_options(hearth_${NAME} PRIVATE ${HEARTH_WARNINGS})
    if(ARG_HOT_FILES)
      set(LEAN_FILES ${SOURCES})
      list(TRANSFORM ARG_HOT_FILES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
      list(REMOVE_ITEM LEAN_FILES ${ARG_HOT_FILES})
      set_source_files_properties(${LEAN_FILES} PROPERTIES COMPILE_OPTIONS "${HEARTH_LEAN_FLAGS}")
    elseif(NOT ARG_HOT)
      hearth_lean(hearth_${NAME})
    endif()
    if(ARG_PRECOMPILE)
      hearth_precompile_room(hearth_${NAME} HEADERS ${ARG_PRECOMPILE} FLAGS ${ARG_PRECOMPILE_FLAGS})
    else()
      hearth_precompile(hearth_${NAME} precompiled)
    endif()
  else()
    add_library(hearth_${NAME} INTERFACE)
    target_link_libraries(hearth_${NAME} INTERFACE hearth_options ${ARG_DEPS})
  endif()
  if(TESTS)
    add_executable(test_${NAME} ${TESTS})
    target_link_libraries(test_${NAME} PRIVATE hearth_${NAME} ${ARG_PRIVATE} ${ARG_TEST_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
    target_compile_options(test_${NAME} PRIVATE ${HEARTH_WARNINGS} ${HEARTH_TEST_FLAGS})
    hearth_precompile(test_${NAME} precompiled_test)
    add_test(NAME ${NAME} COMMAND test_${NAME})
    set_tests_properties(${NAME} PROPERTIES ENVIRONMENT "${HEARTH_TEST_ENVIRONMENT}")
  endif()
endfunction()
