#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Does floors.sh see what it claims to see?  One small tree per rule: the
# given file must give the given finding, a correct tree none.
set -eu

lint=$(cd "$(dirname "$0")" && pwd)/floors.sh
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
checks=0
failed=0

# try FILE WANT: content on stdin (a pipe would count in a subshell); WANT is
# a part of the one finding, or "none".
try() {
	rm -rf "${dir:?}"/*
	mkdir -p "$dir/$(dirname "$1")"
	cat >"$dir/$1"
	out=$("$lint" "$dir") && status=0 || status=$?
	checks=$((checks + 1))
	case $2 in
	none) want="floors: 1 files, 0 findings" ;;
	*) want=$2 ;;
	esac
	if ! echo "$out" | grep -qF -- "$want" ||
	    { [ "$2" = none ] && [ "$status" -ne 0 ]; } ||
	    { [ "$2" != none ] && [ "$status" -ne 1 ]; }; then
		echo "$1: wanted: $want; got ($status): $out"
		failed=$((failed + 1))
	fi
}

# source_with FILE WANT INCLUDE: a file with this one include.
source_with() {
	case $1 in
	scanners/clam/*) licence='GPL-2.0-only WITH x' ;;
	*) licence=ISC ;;
	esac
	try "$1" "$2" <<E2
/* SPDX-License-Identifier: $licence */
#include $3
E2
}

source_with base/a.c none '"base/b.h"'
source_with base/a.c "base may not include proto" '"proto/x/b.h"'
source_with proto/x/a.c none '"base/b.h"'
source_with proto/x/a.c none '"proto/y/b.h"'
source_with proto/x/a.c "proto may not include policy" '"policy/table.h"'
source_with policy/a.c "policy may not include proto" '"proto/x/b.h"'
source_with policy/a.c "policy may not include gatewayd" '"gatewayd/x/b.h"'
source_with scanners/x/a.c none '"policy/table.h"'
source_with scanners/x/a.c "scanners may not include gatewayctl" \
    '"gatewayctl/b.h"'
source_with scanners/confirm/a.c "share no code" '"scanners/sanitize/b.h"'
source_with scanners/sanitize/a.c "share no code" '"scanners/confirm/b.h"'
source_with scanners/confirm/a.c none '"scanners/worker/b.h"'
source_with gatewayctl/a.c none '"proto/x/b.h"'
source_with gatewayd/x/a.c none '"gatewayd/x/b.h"'
source_with gatewayd/x/a.c none '"scanners/x/b.h"'
source_with gatewayd/x/a.c "process x includes process y" '"gatewayd/y/b.h"'
source_with gatewayd/x/a.c "gatewayd may not include tests" '"tests/b.h"'
source_with tests/a.c none '"gatewayd/x/b.h"'
source_with base/a.c "own includes start at the root" '"b.h"'
source_with base/a.c "no such floor" '"lib/b.h"'

source_with base/sha256.c none '<openssl/evp.h>'
source_with base/a.c "<openssl/evp.h>: only in" '<openssl/evp.h>'
source_with proto/crypto/a.c none '<openssl/evp.h>'
source_with gatewayd/link/a.c none '<openssl/ssl.h>'
source_with gatewayd/keys/a.c "<openssl/evp.h>: only in" '<openssl/evp.h>'
source_with base/ev.c none '<event2/event.h>'
source_with gatewayd/link/a.c "<event2/event.h>: only in" '<event2/event.h>'
source_with base/sandbox.c none '<seccomp.h>'
source_with base/proc.c "<seccomp.h>: only in" '<seccomp.h>'
source_with policy/load_tree.c none '<yaml.h>'
source_with policy/table.c "<yaml.h>: only in" '<yaml.h>'
source_with gatewayd/spool/a.c none '<sqlite3.h>'
source_with gatewayd/keys/a.c "<sqlite3.h>: only in" '<sqlite3.h>'
source_with scanners/clam/a.c none '<clamav.h>'
source_with scanners/dlp/a.c "<clamav.h>: only in" '<clamav.h>'
source_with scanners/identify/a.c none '<magic.h>'
source_with scanners/dlp/a.c "<magic.h>: only in" '<magic.h>'
source_with base/a.c "<check.h>: only in" '<check.h>'
source_with tests/a.c none '<check.h>'

try base/a.c "a.c:1: no SPDX line" <<'E2'
#include <stdio.h>
E2
# What links libclamav has its licence, and nothing else has.
gpl='/* SPDX-License-Identifier: GPL-2.0-only WITH x */'
try tests/bench/clam_cpu.c none <<E2
$gpl
E2
try tests/bench/other.c "other.c:1: no SPDX line" <<E2
$gpl
E2
try scanners/clam/a.c "a.c:1: no SPDX line" <<'E2'
/* SPDX-License-Identifier: ISC */
E2
try base/a.c "empty file" </dev/null
try base/a.h none <<'E2'
/* SPDX-License-Identifier: ISC */
#ifndef BASE_A_H
#define BASE_A_H
int a_b(void);
#endif
E2
try proto/x/a_b.h "guard should read #ifndef PROTO_X_A_B_H" <<'E2'
/* SPDX-License-Identifier: ISC */
#ifndef PROTO_A_B_H
#define PROTO_X_A_B_H
#endif
E2
try base/a.h "guard should read #define BASE_A_H" <<'E2'
/* SPDX-License-Identifier: ISC */
#ifndef BASE_A_H
#define BASE_B_H
#endif
E2
try base/a.h "no header guard" <<'E2'
/* SPDX-License-Identifier: ISC */
int a_b(void);
E2

# function_in FILE WANT TYPE NAME
function_in() {
	try "$1" "$2" <<E2
/* SPDX-License-Identifier: ISC */
$3
$4(void)
{
}
E2
}

function_in base/foo.c none void foo_run
function_in base/foo.c none void foo
function_in base/foo.c none "static void" run
function_in base/foo.c "run: exported by base/foo.c" void run
function_in base/foo.c "foobar: exported" "struct x *" foobar
function_in base/foo_rows.c none void foo_run
function_in base/foo_rows.c none int foo_rows_run
function_in policy/foo.c none "enum gw_err" policy_run
function_in gatewayd/x/main.c none int main
function_in gatewayd/x/foo.c "y_run: exported" int y_run
function_in tests/foo.c none int anything

echo "floors_selftest: $checks checks, $failed failed"
[ "$failed" -eq 0 ]
