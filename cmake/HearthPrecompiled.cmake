# Precompiled headers for all rooms: precompiled.h, and precompiled_test.h for unit tests.
#
#   hearth_precompile(TARGET precompiled|precompiled_test)
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

function(hearth_make_precompiled NAME)
  set(PCH ${CMAKE_BINARY_DIR}/${NAME}.pch)
  set(DEFINITIONS $<TARGET_PROPERTY:hearth_base,COMPILE_DEFINITIONS>)
  set(MORE_FLAGS)
  if(NAME STREQUAL precompiled_test)
    set(MORE_FLAGS -DGTEST_HAS_PTHREAD=1)  # as GTest::gtest has it
  endif()
  set(COMPILE ${CMAKE_CXX_COMPILER} ${HEARTH_PCH_FLAGS} -std=c++2b -w "$<$<BOOL:${DEFINITIONS}>:-D$<JOIN:${DEFINITIONS},$<SEMICOLON>-D>>"
              ${MORE_FLAGS} -I${CMAKE_SOURCE_DIR}/src -I${CMAKE_BINARY_DIR}/generated -x c++-header ${CMAKE_SOURCE_DIR}/cmake/${NAME}.h)
  add_custom_command(
    OUTPUT ${PCH} ${PCH}.sum
    COMMAND ${COMPILE} -fpch-instantiate-templates -o ${PCH} -MD -MF ${PCH}.d -MT ${PCH}
    COMMAND ${COMPILE} -E -P -dD -o ${PCH}.text
    COMMAND sha256sum < ${PCH}.text > ${PCH}.sum
    COMMAND ${CMAKE_COMMAND} -E rm ${PCH}.text
    DEPFILE ${PCH}.d DEPENDS ${CMAKE_SOURCE_DIR}/cmake/${NAME}.h
    COMMENT "Precompiling ${NAME}.h" VERBATIM COMMAND_EXPAND_LISTS)
  add_custom_target(hearth_${NAME} DEPENDS ${PCH} ${PCH}.sum)
endfunction()

function(hearth_precompile TARGET NAME)
  if(NOT HEARTH_PRECOMPILED)
    return()
  endif()
  if(NOT TARGET hearth_${NAME})
    hearth_make_precompiled(${NAME})
  endif()
  add_dependencies(${TARGET} hearth_${NAME})
  target_compile_options(${TARGET} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:SHELL:-include-pch ${CMAKE_BINARY_DIR}/${NAME}.pch>)
endfunction()
