# One library hearth_api_NAME per models/NAME.json: types.h, errors.h, service.h and tables.cpp made by codegen/ from the official
# model of the pinned botocore (HEARTH_PYTHON must be able to import it, or AWS_MODELS_DIR points at its data folder).

set(HEARTH_PYTHON python3 CACHE STRING "Python that can import the pinned botocore")
file(GLOB HEARTH_CODEGEN_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/codegen/*.py)
file(GLOB HEARTH_OVERLAYS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/models/*.json)

set(HEARTH_API_LIBRARIES)
foreach(OVERLAY ${HEARTH_OVERLAYS})
  get_filename_component(SERVICE ${OVERLAY} NAME_WE)
  string(REPLACE "-" "_" NAMESPACE ${SERVICE})
  set(OUT ${CMAKE_BINARY_DIR}/generated/api/${NAMESPACE})
  set(MADE ${OUT}/types.h ${OUT}/errors.h ${OUT}/service.h ${OUT}/operations.inc ${OUT}/tables.cpp)
  add_custom_command(
    OUTPUT ${OUT}/generated.stamp
    BYPRODUCTS ${MADE}
    COMMAND ${HEARTH_PYTHON} -m codegen generate --overlay ${OVERLAY} --out ${OUT}
    DEPENDS ${OVERLAY} ${HEARTH_CODEGEN_SOURCES}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    COMMENT "generating api/${NAMESPACE}")
  add_custom_target(generate_api_${NAMESPACE} DEPENDS ${OUT}/generated.stamp)
  add_library(hearth_api_${NAMESPACE} STATIC ${OUT}/tables.cpp)
  add_dependencies(hearth_api_${NAMESPACE} generate_api_${NAMESPACE})
  target_link_libraries(hearth_api_${NAMESPACE} PUBLIC hearth_options hearth_base)
  list(APPEND HEARTH_API_LIBRARIES hearth_api_${NAMESPACE})
endforeach()
