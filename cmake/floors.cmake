# SPDX-License-Identifier: ISC
# One library per folder below floor 3, one program per process folder.
# gw_library(base SOURCES a.c b.c LIBS libevent::core)
function(gw_library name)
  cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
  add_library(gw_${name} STATIC ${A_SOURCES})
  target_link_libraries(gw_${name} PUBLIC gw_flags ${A_LIBS})
endfunction()

# gw_program(gateway-courier DIR libexec/gateway SOURCES ... LIBS ...)
function(gw_program name)
  cmake_parse_arguments(A "" "DIR" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  target_link_libraries(${name} PRIVATE gw_flags ${A_LIBS})
  install(TARGETS ${name} DESTINATION ${A_DIR})
endfunction()

# gw_test(unit/base/buf SOURCES ... LIBS ...): a Check program run by ctest.
function(gw_test name)
  cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
  string(REPLACE "/" "_" target test_${name})
  add_executable(${target} ${A_SOURCES})
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
  target_link_libraries(${target} PRIVATE gw_flags ${A_LIBS} check subunit
    rt m pthread)
  add_test(NAME ${name} COMMAND ${target})
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "CK_FORK=no")
endfunction()
