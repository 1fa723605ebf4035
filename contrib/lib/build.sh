# SPDX-License-Identifier: ISC
# Sourced.  build_preset NAME [TARGET...]: configure once, build; the output
# goes to a file and is shown only when the build fails.
build_preset() {
	preset=$1
	shift
	log=$top/build/$preset.log
	mkdir -p "$top/build"
	[ -f "$top/build/$preset/build.ninja" ] ||
	    echo "building ($preset), the first time takes a few minutes" >&2
	(cd "$top" && cmake --preset "$preset" &&
	    cmake --build --preset "$preset" --target "${@:-all}") \
	    >"$log" 2>&1 || {
		tail -n 40 "$log" >&2
		echo "the build failed; the whole output is in $log" >&2
		exit 1
	}
}
