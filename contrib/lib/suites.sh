# SPDX-License-Identifier: ISC
# Sourced by contrib/check: one function per suite.  Each adds to passed,
# failed and skipped; what a test prints goes to build/report/NAME.log and is
# shown when the test fails.
suites_names() {
	echo lint unit hardening asan system fuzz
}

# run_case NAME COMMAND...: exit 0 passed, 77 skipped, else failed.
run_case() {
	name=$1
	shift
	case_log=$report/$(echo "$name" | tr / -).log
	"$@" >"$case_log" 2>&1
	case $? in
	0) passed=$((passed + 1)); echo "ok   $name"
	   # Cases of a program that could not be tried here.
	   grep '^skipped ' "$case_log" | sed "s|^skipped |skip $name: |"
	   skipped=$((skipped + $(grep -c '^skipped ' "$case_log"))) ;;
	77) skipped=$((skipped + 1))
	    echo "skip $name: $(tail -n 1 "$case_log")" ;;
	*) failed=$((failed + 1)); echo "FAIL $name"
	   tail -n 60 "$case_log" | sed 's/^/     /' ;;
	esac
}

suite_lint() {
	for script in tests/lint/*.sh; do
		case $script in
		*/hardening.sh) continue ;; # needs built programs
		esac
		run_case "lint/$(basename "$script" .sh)" bash "$script"
	done
}

# Check's own summary lines tell how many cases each program ran.
count_checks() {
	awk '/^[0-9]+%: Checks: / {
		gsub(",", ""); n += $3; f += $5 + $7
	} END { print n - f, f + 0 }' "$1"
}

run_ctest() {
	preset=$1
	build_preset "$preset"
	ctest_log=$report/ctest-$preset.log
	ctest --test-dir "build/$preset" -j 2 --timeout 300 --verbose \
	    >"$ctest_log" 2>&1
	status=$?
	sed 's/^[0-9]*: //' "$ctest_log" >"$ctest_log.plain"
	# shellcheck disable=SC2046
	set -- $(count_checks "$ctest_log.plain")
	passed=$((passed + $1))
	failed=$((failed + $2))
	echo "$preset: $1 checks passed, $2 failed"
	if [ $status -ne 0 ]; then
		[ "$2" -gt 0 ] || failed=$((failed + 1)) # died, or timed out
		grep -E ':[FE]:|Failed  |\*\*\*' "$ctest_log.plain" |
		    head -n 40
	fi
}

suite_unit() {
	run_ctest dev
}

suite_asan() {
	run_ctest asan
}

suite_hardening() {
	build_preset release
	run_case hardening bash tests/lint/hardening.sh build/release/bin
}

# As root the system suite acts as other people too, who must be able to walk
# to the programs: where they cannot (a clone below a private folder), it runs
# from a readable copy.  Prints the folder to run in.
other_user='setpriv --reuid 64999 --regid 64999 --clear-groups'
system_tree() {
	if [ "$(id -u)" != 0 ] ||
	    $other_user test -x "$top/build/dev/bin/gatewayd" 2>/dev/null; then
		echo "$top"
		return
	fi
	copy=$(mktemp -d /var/tmp/sekisho-check-XXXXXX)
	mkdir -p "$copy/build/dev"
	cp -r "$top/contrib" "$top/docs" "$top/tests" "$copy"
	cp -r "$top/build/dev/bin" "$copy/build/dev"
	[ ! -d "$top/build/dev/hostile" ] ||
	    cp -r "$top/build/dev/hostile" "$copy/build/dev"
	chmod -R a+rX "$copy"
	echo "$copy"
}

# The system suite with real daemons; as root once more as an ordinary user.
suite_system() {
	build_preset dev
	tree=$(system_tree)
	for script in tests/system/*.py; do
		# installing starts from the sources, in place
		from=$tree
		[ "$script" != tests/system/install.py ] || from=$top
		run_case "system/$(basename "$script" .py)" \
		    python3 "$from/$script" --bin "$from/build/dev/bin"
	done
	[ "$(id -u)" = 0 ] || return 0
	for script in tests/system/*.py; do
		run_case "system-user/$(basename "$script" .py)" \
		    $other_user env HOME=/nonexistent \
		    python3 "$tree/$script" --bin "$tree/build/dev/bin"
	done
	[ "$tree" = "$top" ] || rm -rf "$tree"
}

suite_fuzz() {
	build_preset fuzz fuzz_all
	count=$(ls build/fuzz/fuzz | grep -c '^fuzz_') || return
	each=$((fuzz_seconds * 2 / count))
	[ $each -ge 1 ] || each=1
	# shellcheck disable=SC2012
	ls build/fuzz/fuzz/fuzz_* | xargs -P 2 -I{} sh tests/fuzz/run.sh {} \
	    "$each" "$report" >"$report/fuzz.list"
	while read -r verdict name; do
		if [ "$verdict" = ok ]; then
			passed=$((passed + 1))
		else
			failed=$((failed + 1))
			echo "FAIL fuzz/$name"
			tail -n 30 "$report/fuzz-$name.log" | sed 's/^/     /'
		fi
	done <"$report/fuzz.list"
	echo "fuzz: $count targets, $each s each"
}
