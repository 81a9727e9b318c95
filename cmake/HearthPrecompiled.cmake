# Precompiled headers for all rooms: precompiled.h, and precompiled_test.h for unit tests.
#
#   hearth_precompile(TARGET precompiled|precompiled_test)
#   hearth_precompile_room(TARGET HEADERS header... [FLAGS flag...])
#
# CMake's own target_precompile_headers would put the .pch through ccache, and a .pch knows the folder it was made in:
# a second clone would get the first one's. So it is made here, without ccache, beside a sum of what it contains, and
# ccache takes that sum for the file (CCACHE_PCH_EXTSUM in CMakePresets.json): hits across clones stay.
option(HEARTH_PRECOMPILED "Parse common headers once per build" ON)
if(HEARTH_COVERAGE)
  set(HEARTH_PRECOMPILED OFF)  # its mapping wants every header in every file
endif()

# The flags of a room; a .pch can only be used with the ones it was made with.
string(TOUPPER "${CMAKE_BUILD_TYPE}" BUILD_TYPE)
separate_arguments(HEARTH_PCH_FLAGS UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${BUILD_TYPE}}")
if(HEARTH_SANITIZE)
  list(APPEND HEARTH_PCH_FLAGS -fsanitize=${HEARTH_SANITIZE} -fno-omit-frame-pointer -O1)
endif()
if(HEARTH_FUZZERS)
  list(APPEND HEARTH_PCH_FLAGS -fsanitize=fuzzer-no-link)
endif()

# hearth_make_precompiled(NAME HEADER [BASE pch] [DEPENDS target...] [FLAGS flag...]): ${CMAKE_BINARY_DIR}/NAME.pch, and
# the target hearth_NAME that makes it.
function(hearth_make_precompiled NAME HEADER)
  cmake_parse_arguments(ARG "" "BASE" "DEPENDS;FLAGS" ${ARGN})
  set(PCH ${CMAKE_BINARY_DIR}/${NAME}.pch)
  set(DEFINITIONS $<TARGET_PROPERTY:hearth_base,COMPILE_DEFINITIONS>)
  set(COMPILE ${CMAKE_CXX_COMPILER} ${HEARTH_PCH_FLAGS} -std=c++2b -w "$<$<BOOL:${DEFINITIONS}>:-D$<JOIN:${DEFINITIONS},$<SEMICOLON>-D>>"
              ${ARG_FLAGS} -I${CMAKE_SOURCE_DIR}/src -I${CMAKE_BINARY_DIR}/generated)
  set(BASE)
  if(ARG_BASE)
    set(BASE -include-pch ${ARG_BASE})
  endif()
  # The sum is of what the header says with all it includes, and of what it builds on.
  add_custom_command(
    OUTPUT ${PCH} ${PCH}.sum
    COMMAND ${COMPILE} ${BASE} -x c++-header ${HEADER} -fpch-instantiate-templates -o ${PCH} -MD -MF ${PCH}.d -MT ${PCH}
    COMMAND ${COMPILE} -x c++-header ${HEADER} -E -P -dD -o ${PCH}.text
    COMMAND sha256sum < ${PCH}.text > ${PCH}.sum
    COMMAND ${CMAKE_COMMAND} -E rm ${PCH}.text
    DEPFILE ${PCH}.d DEPENDS ${HEADER} ${ARG_BASE} ${ARG_DEPENDS}
    COMMENT "Precompiling ${NAME}.h" VERBATIM COMMAND_EXPAND_LISTS)
  add_custom_target(hearth_${NAME} DEPENDS ${PCH} ${PCH}.sum)
endfunction()

# Makes the common header NAME, unless a room before has.
function(hearth_need_precompiled NAME)
  if(TARGET hearth_${NAME})
    return()
  endif()
  set(FLAGS)
  if(NAME STREQUAL precompiled_test)
    set(FLAGS -DGTEST_HAS_PTHREAD=1 ${HEARTH_TEST_FLAGS})  # as GTest::gtest and the tests have it
  endif()
  hearth_make_precompiled(${NAME} ${CMAKE_SOURCE_DIR}/cmake/${NAME}.h FLAGS ${FLAGS})
endfunction()

function(hearth_use_precompiled TARGET NAME)
  add_dependencies(${TARGET} hearth_${NAME})
  target_compile_options(${TARGET} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:SHELL:-include-pch ${CMAKE_BINARY_DIR}/${NAME}.pch>)
endfunction()

function(hearth_precompile TARGET NAME)
  if(NOT HEARTH_PRECOMPILED)
    return()
  endif()
  hearth_need_precompiled(${NAME})
  hearth_use_precompiled(${TARGET} ${NAME})
endfunction()

# A room's own: precompiled.h, and then the headers that most of the room's files include. FLAGS find them, where the
# common flags do not.
function(hearth_precompile_room TARGET)
  cmake_parse_arguments(ARG "" "" "HEADERS;FLAGS" ${ARGN})
  if(NOT HEARTH_PRECOMPILED)
    return()
  endif()
  hearth_need_precompiled(precompiled)
  set(NAME precompiled_${TARGET})
  list(TRANSFORM ARG_HEADERS REPLACE "(.+)" "#include \"\\1\"" OUTPUT_VARIABLE INCLUDES)
  list(JOIN INCLUDES "\n" INCLUDES)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/${NAME}.h @ONLY CONTENT "#pragma once\n#include \"${CMAKE_SOURCE_DIR}/cmake/precompiled.h\"\n@INCLUDES@\n")
  # Generated headers have to be there; everything that a room is built on makes them.
  get_target_property(LIBRARIES ${TARGET} LINK_LIBRARIES)
  list(FILTER LIBRARIES INCLUDE REGEX "^hearth_api_")
  list(TRANSFORM LIBRARIES REPLACE "^hearth_api_" "generate_api_")
  hearth_make_precompiled(${NAME} ${CMAKE_BINARY_DIR}/generated/${NAME}.h BASE ${CMAKE_BINARY_DIR}/precompiled.pch
                          DEPENDS hearth_precompiled ${LIBRARIES} FLAGS ${ARG_FLAGS})
  hearth_use_precompiled(${TARGET} ${NAME})
endfunction()
