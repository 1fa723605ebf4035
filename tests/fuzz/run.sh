#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh PROGRAM SECONDS REPORTDIR: replay the seeds of one fuzz target, then
# let it search; prints "ok NAME" or "fail NAME".
name=$(basename "$1" | sed 's/^fuzz_//')
seeds=$(dirname "$0")/seeds/$name
work=$(mktemp -d)
[ -d "$seeds" ] || seeds=
if "$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$3/crash-$name-" "$work" $seeds \
    >"$3/fuzz-$name.log" 2>&1; then
	echo "ok $name"
else
	echo "fail $name"
fi
rm -rf "$work"
