# libtorch as tools/deps/torch.sh unpacked it. HEARTH_DEPS (cache or environment) says where.
#
# Makes the imported target torch::cpu, and hearth_torch_runtime(), which puts the libraries it loads into
# ${CMAKE_BINARY_DIR}/lib, so that a build folder alone is enough to run (an instance sees nothing else).

set(HEARTH_TORCH_VERSION 2.15.0)
if(NOT HEARTH_DEPS)
  if(DEFINED ENV{HEARTH_DEPS})
    set(HEARTH_DEPS $ENV{HEARTH_DEPS})
  elseif(DEFINED ENV{XDG_CACHE_HOME})
    set(HEARTH_DEPS $ENV{XDG_CACHE_HOME}/cloudhearth/deps)
  else()
    set(HEARTH_DEPS $ENV{HOME}/.cache/cloudhearth/deps)
  endif()
endif()
set(HEARTH_TORCH_ROOT ${HEARTH_DEPS}/torch-${HEARTH_TORCH_VERSION})

find_file(HEARTH_TORCH_LIBRARY libtorch_cpu.so PATHS ${HEARTH_TORCH_ROOT}/lib NO_DEFAULT_PATH)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(HearthTorch
  REQUIRED_VARS HEARTH_TORCH_LIBRARY
  FAIL_MESSAGE "libtorch is not in ${HEARTH_TORCH_ROOT}: run tools/deps/torch.sh (./dev setup does)")

if(HearthTorch_FOUND AND NOT TARGET torch::cpu)
  add_library(torch::c10 SHARED IMPORTED GLOBAL)
  set_target_properties(torch::c10 PROPERTIES IMPORTED_LOCATION ${HEARTH_TORCH_ROOT}/lib/libc10.so)
  add_library(torch::cpu SHARED IMPORTED GLOBAL)
  # After the system's folders: the wheel carries headers of other projects too, {fmt}'s among them, without libraries.
  set_target_properties(torch::cpu PROPERTIES
    IMPORTED_LOCATION ${HEARTH_TORCH_LIBRARY}
    INTERFACE_COMPILE_OPTIONS "SHELL:-idirafter ${HEARTH_TORCH_ROOT}/include")
  target_link_libraries(torch::cpu INTERFACE torch::c10)
  # The libraries libtorch_cpu itself needs lie beside it.
  target_link_options(torch::cpu INTERFACE -Wl,-rpath-link,${HEARTH_TORCH_ROOT}/lib)

  function(hearth_torch_runtime)
    file(GLOB HEARTH_TORCH_RUNTIME ${HEARTH_TORCH_ROOT}/lib/*.so*)
    add_custom_command(
      OUTPUT ${CMAKE_BINARY_DIR}/lib/torch.stamp
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/lib
      # 450 MB: linked where both folders lie on one file system.
      COMMAND ln -f ${HEARTH_TORCH_RUNTIME} ${CMAKE_BINARY_DIR}/lib 2>/dev/null || cp -f ${HEARTH_TORCH_RUNTIME} ${CMAKE_BINARY_DIR}/lib
      COMMAND ${CMAKE_COMMAND} -E touch ${CMAKE_BINARY_DIR}/lib/torch.stamp
      DEPENDS ${HEARTH_TORCH_RUNTIME}
      COMMENT "copying libtorch beside the binaries")
    add_custom_target(hearth_torch_libraries DEPENDS ${CMAKE_BINARY_DIR}/lib/torch.stamp)
  endfunction()
endif()
