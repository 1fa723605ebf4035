#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# The one package list and docs/DEPENDENCIES.md name the same packages.
set -eu
cd "$(dirname "$0")/../.."
listed=$(grep -v '^#' contrib/packages.txt | awk 'NF { print $2 }' | sort -u)
explained=$(grep -o '`[a-z0-9][a-z0-9.+-]*`' docs/DEPENDENCIES.md |
    tr -d '`' | sort -u)
findings=0
for package in $listed; do
	grep -qx -- "$package" <<<"$explained" || {
		echo "$package: docs/DEPENDENCIES.md gives no reason for it"
		findings=$((findings + 1))
	}
done
for header in $(git grep -hoE '#include <(openssl|event2|seccomp|yaml|sqlite3|magic|utf8proc|clamav)[^>]*>' -- '*.c' '*.h' |
    sed 's/.*<\([a-z0-9]*\).*/\1/' | sort -u); do
	case $header in
	openssl) package=libssl-dev ;;
	event2) package=libevent-dev ;;
	sqlite3) package=libsqlite3-dev ;;
	utf8proc) package=libutf8proc-dev ;;
	clamav) package=libclamav-dev ;;
	*) package=lib$header-dev ;;
	esac
	grep -qx -- "$package" <<<"$listed" || {
		echo "<$header>: $package is not in contrib/packages.txt"
		findings=$((findings + 1))
	}
done
echo "dependencies: $(wc -l <<<"$listed") packages, $findings findings"
[ $findings -eq 0 ]
