# SPDX-License-Identifier: ISC
# Dialect, warnings and hardening of every target; GW_WERROR and GW_SANITIZE
# are set by presets, not by packagers.
option(GW_WERROR "Treat warnings as errors" OFF)
set(GW_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined")
option(GW_FUZZ "Build the libFuzzer targets (clang)" OFF)
option(GW_COVERAGE "Instrument for coverage" OFF)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

add_library(gw_flags INTERFACE)
target_compile_definitions(gw_flags INTERFACE _GNU_SOURCE)
target_include_directories(gw_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(gw_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
  -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
  -Wvla -Wcast-qual -Wpointer-arith -Wwrite-strings -Wundef -Wswitch-enum
  -Wnull-dereference -fno-strict-overflow -fno-strict-aliasing
  -fstack-protector-strong)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(gw_flags INTERFACE
    -Wimplicit-fallthrough=5 -Wduplicated-cond -Wduplicated-branches
    -Wlogical-op -fstack-clash-protection -fcf-protection=full
    -ftrivial-auto-var-init=zero)
else()
  target_compile_options(gw_flags INTERFACE
    -Wimplicit-fallthrough -ftrivial-auto-var-init=pattern)
endif()
if(GW_WERROR)
  target_compile_options(gw_flags INTERFACE -Werror)
endif()
if(GW_SANITIZE)
  target_compile_options(gw_flags INTERFACE
    -fsanitize=${GW_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=undefined)
  target_link_options(gw_flags INTERFACE -fsanitize=${GW_SANITIZE})
  target_compile_definitions(gw_flags INTERFACE GW_SANITIZED=1)
else()
  target_compile_options(gw_flags INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
endif()
if(GW_FUZZ)
  target_compile_options(gw_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(GW_COVERAGE)
  target_compile_options(gw_flags INTERFACE --coverage -O0)
  target_link_options(gw_flags INTERFACE --coverage)
endif()
target_link_options(gw_flags INTERFACE
  -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed)
include(CheckPIESupported)
check_pie_supported()
