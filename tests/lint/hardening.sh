#!/bin/sh
# SPDX-License-Identifier: ISC
#
# hardening.sh BINDIR: every ELF program below BINDIR must have been built
# with the flags of cmake/flags.cmake.  Looks at the result, since a flag
# that a toolchain ignores, or a packager replaces, leaves no other trace.
#
# Prints findings as FILE: text, then one line with the counts; exits 1 when
# there are findings or no programs.
set -eu
LC_ALL=C
export LC_ALL

if [ $# -ne 1 ] || [ ! -d "$1" ]; then
	echo "usage: hardening.sh BINDIR" >&2
	exit 1
fi

list=$(mktemp)
trap 'rm -f "$list"' EXIT
find "$1" -type f -perm -u+x | sort >"$list"

programs=0
findings=0

finding() {
	echo "$file: $1"
	findings=$((findings + 1))
}

while IFS= read -r file; do
	header=$(readelf -hW "$file" 2>/dev/null) || continue
	programs=$((programs + 1))
	segments=$(readelf -lW "$file")
	dynamic=$(readelf -dW "$file")
	symbols=$(readelf --dyn-syms -W "$file")

	case $header in
	*"Type:"*DYN*) ;;
	*) finding "not position independent" ;;
	esac
	case $segments in
	*GNU_RELRO*) ;;
	*) finding "no RELRO segment" ;;
	esac
	echo "$dynamic" | grep -Eq 'BIND_NOW|FLAGS.* NOW' ||
	    finding "symbols are not bound at start (-z now)"
	echo "$segments" | grep -q 'GNU_STACK .* RW  *0x' ||
	    finding "stack is executable or unmarked"
	echo "$segments" | grep -q 'LOAD .* RWE ' &&
	    finding "a segment is writable and executable"
	# Without -z separate-code the headers lie in an executable page.
	echo "$segments" |
	    grep -Eq 'LOAD +0x0+ 0x[0-9a-f]+ 0x[0-9a-f]+ 0x[0-9a-f]+ 0x[0-9a-f]+ R E ' &&
	    finding "code is not separate from headers (-z separate-code)"
	echo "$dynamic" | grep -Eq '\((RPATH|RUNPATH)\)' &&
	    finding "has an RPATH"
	echo "$dynamic" | grep -Eq '\(TEXTREL\)' &&
	    finding "relocates its code"
	echo "$symbols" | grep -q '__stack_chk_fail' ||
	    finding "no stack protector"
	echo "$symbols" | grep -Eq ' __[a-z]+_chk(@| |$)' ||
	    finding "no fortified call"
done <"$list"

echo "hardening: $programs programs, $findings findings"
[ "$findings" -eq 0 ] && [ "$programs" -gt 0 ]
