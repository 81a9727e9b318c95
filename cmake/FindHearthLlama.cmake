# The prebuilt libllama that tools/deps/llama.sh unpacked. HEARTH_DEPS (cache or environment) says where.
#
# Makes the imported targets
#   llama::ggml_base  the GGUF file format and tensor types (what llm/convert needs)
#   llama::llama      the engine (what llm/infer needs)
#   llama::common     its chat template renderer
# and hearth_llama_runtime(), which puts every library the engine loads into ${CMAKE_BINARY_DIR}/lib.

set(HEARTH_LLAMA_VERSION 3.22.1)
if(NOT HEARTH_DEPS)
  if(DEFINED ENV{HEARTH_DEPS})
    set(HEARTH_DEPS $ENV{HEARTH_DEPS})
  elseif(DEFINED ENV{XDG_CACHE_HOME})
    set(HEARTH_DEPS $ENV{XDG_CACHE_HOME}/cloudhearth/deps)
  else()
    set(HEARTH_DEPS $ENV{HOME}/.cache/cloudhearth/deps)
  endif()
endif()
set(HEARTH_LLAMA_ROOT ${HEARTH_DEPS}/llama-${HEARTH_LLAMA_VERSION})

file(GLOB HEARTH_LLAMA_LIBRARY ${HEARTH_LLAMA_ROOT}/lib/libllama.*.so)
file(GLOB HEARTH_GGML_LIBRARY ${HEARTH_LLAMA_ROOT}/lib/libggml.*.so)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(HearthLlama
  REQUIRED_VARS HEARTH_LLAMA_LIBRARY HEARTH_GGML_LIBRARY
  FAIL_MESSAGE "libllama is not in ${HEARTH_LLAMA_ROOT}: run tools/deps/llama.sh (./dev setup does)")

if(HearthLlama_FOUND AND NOT TARGET llama::llama)
  function(hearth_llama_library TARGET FILE)
    add_library(${TARGET} SHARED IMPORTED GLOBAL)
    set_target_properties(${TARGET} PROPERTIES
      IMPORTED_LOCATION ${FILE}
      INTERFACE_INCLUDE_DIRECTORIES ${HEARTH_LLAMA_ROOT}/include)
  endfunction()
  hearth_llama_library(llama::ggml_base ${HEARTH_LLAMA_ROOT}/lib/libggml-base.so)
  hearth_llama_library(llama::ggml ${HEARTH_GGML_LIBRARY})
  hearth_llama_library(llama::llama ${HEARTH_LLAMA_LIBRARY})
  hearth_llama_library(llama::common ${HEARTH_LLAMA_ROOT}/lib/libllama-common.so)
  target_link_libraries(llama::ggml INTERFACE llama::ggml_base)
  target_link_libraries(llama::llama INTERFACE llama::ggml llama::ggml_base)
  target_link_libraries(llama::common INTERFACE llama::llama)

  # The libraries find each other by $ORIGIN, and libggml picks the CPU variant beside it: one folder holds them all, so
  # that a build folder alone is enough to run (an instance sees nothing else).
  function(hearth_llama_runtime)
    file(GLOB HEARTH_LLAMA_RUNTIME ${HEARTH_LLAMA_ROOT}/lib/*.so)
    add_custom_command(
      OUTPUT ${CMAKE_BINARY_DIR}/lib/llama.stamp
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/lib
      COMMAND ${CMAKE_COMMAND} -E copy_if_different ${HEARTH_LLAMA_RUNTIME} ${CMAKE_BINARY_DIR}/lib
      COMMAND ${CMAKE_COMMAND} -E touch ${CMAKE_BINARY_DIR}/lib/llama.stamp
      DEPENDS ${HEARTH_LLAMA_RUNTIME}
      COMMENT "copying libllama beside the binaries")
    add_custom_target(hearth_llama_libraries DEPENDS ${CMAKE_BINARY_DIR}/lib/llama.stamp)
  endfunction()
endif()
