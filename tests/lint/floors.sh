#!/bin/sh
# SPDX-License-Identifier: ISC
#
# floors.sh [ROOT]: what the compiler does not check about our own sources.
#
#  1 include only to the left: base <- proto, policy <- scanners, gatewayctl
#    <- gatewayd <- tests, contrib; own includes start at the root
#  2 process folders below gatewayd/ never include each other; neither do
#    scanners/confirm and scanners/sanitize, which may share no code
#  3 proto and policy never include each other
#  4 a third-party library is included in its own place only
#  5 an SPDX line on top; header guards that spell the path
#  6 foo.c exports foo_*: the stem, its first part (sandbox_calls.c:
#    sandbox_), or the name of the folder (policy/load.c: policy_)
#
# Prints findings as FILE:LINE: text, then one line with the counts; exits 1
# when there are findings.
set -eu
LC_ALL=C
export LC_ALL

cd "${1:-$(dirname "$0")/../..}"

# FUNCTION FILE REASON: names that rule 6 lets pass.
exceptions=$(cat <<'EOF'
EOF
)

folders=
for f in base proto policy scanners gatewayctl gatewayd tests contrib; do
	[ -d "$f" ] && folders="$folders $f"
done
list=$(mktemp)
trap 'rm -f "$list"' EXIT
# shellcheck disable=SC2086 # the folder names have no spaces
find $folders -type f \( -name '*.c' -o -name '*.h' \) \
    ! -path '*/corpus/*' | sort >"$list"

awk -v list="$list" -v exceptions="$exceptions" '
function finding(text) {
	printf "%s:%d: %s\n", file, nr, text
	findings++
}

# Left to right; two folders of one floor do not know each other.
function floor_of(top) {
	return top in floors ? floors[top] : -1
}

# Second level of a path: the process or scanner a file belongs to.
function part_of(path,    n, parts) {
	n = split(path, parts, "/")
	return n > 2 ? parts[2] : ""
}

function top_of(path) {
	return substr(path, 1, index(path, "/") - 1)
}

function check_own(path,    from, to, a, b) {
	if (index(path, "/") == 0) {
		finding("\"" path "\": own includes start at the root")
		return
	}
	from = top_of(file)
	to = top_of(path)
	if (floor_of(to) < 0) {
		finding("\"" path "\": no such floor")
		return
	}
	if (from != to && floor_of(to) >= floor_of(from))
		finding("\"" path "\": " from " may not include " to)
	if (from != to)
		return
	a = part_of(file)
	b = part_of(path)
	if (from == "gatewayd" && a != b)
		finding("\"" path "\": process " a " includes process " b)
	if (from == "scanners" && (a == "confirm" && b == "sanitize" ||
	    a == "sanitize" && b == "confirm"))
		finding("\"" path "\": " a " and " b " share no code")
}

# Tests may look at a library directly, to compare with what we make of it.
function check_system(path,    i) {
	if (top_of(file) == "tests")
		return
	for (i = 1; i <= libraries; i++) {
		if (path ~ header[i]) {
			if (file !~ place[i])
				finding("<" path ">: only in " place[i])
			return
		}
	}
}

function library(h, p) {
	libraries++
	header[libraries] = h
	place[libraries] = p
}

function guard_of(path) {
	path = toupper(path)
	gsub(/[^A-Z0-9]/, "_", path)
	return path
}

function starts(text, with) {
	return substr(text, 1, length(with)) == with
}

function check_name(name,    stem, first, folder, n, parts) {
	n = split(file, parts, "/")
	folder = n > 1 ? parts[n - 1] : ""
	stem = parts[n]
	sub(/\.c$/, "", stem)
	first = stem
	sub(/_.*/, "", first)
	# peer.c may export peers_*, what it says of all peers
	if (name == "main" || name == stem || starts(name, stem "_") ||
	    starts(name, stem "s_") ||
	    starts(name, first "_") || starts(name, folder "_") ||
	    (name SUBSEP file) in excepted)
		return
	finding(name ": exported by " file ", should start with " stem "_")
}

function check_line(line,    path) {
	licence = file ~ /^(scanners\/clam\/|tests\/bench\/clam_cpu[.]c$)/ ? \
	    "GPL-2.0-only WITH" : "ISC"
	if (nr == 1 && index(line, "SPDX-License-Identifier: " licence) == 0)
		finding("no SPDX line")
	if (line ~ /^#[ \t]*include[ \t]*"/) {
		path = line
		sub(/^[^"]*"/, "", path)
		sub(/".*/, "", path)
		check_own(path)
	} else if (line ~ /^#[ \t]*include[ \t]*</) {
		path = line
		sub(/^[^<]*</, "", path)
		sub(/>.*/, "", path)
		check_system(path)
	}
	if (is_header && line ~ /^#/ && directives < 2) {
		directives++
		want = (directives == 1 ? "#ifndef " : "#define ") \
		    guard_of(file)
		if (line != want)
			finding("guard should read " want)
	}
	# KNF: the name of a defined function starts its line, its type and
	# "static" stand on the line before.
	if (!is_header && has_names && line ~ /^[a-z_][a-z0-9_]*\(/ &&
	    before ~ /[A-Za-z0-9_*)]$/ && before !~ /static/) {
		path = line
		sub(/\(.*/, "", path)
		check_name(path)
	}
	before = line
}

BEGIN {
	floors["base"] = 0
	floors["proto"] = floors["policy"] = 1
	floors["scanners"] = floors["gatewayctl"] = 2
	floors["gatewayd"] = 3
	floors["tests"] = floors["contrib"] = 4

	library("^openssl/", \
	    "^(proto/crypto/|gatewayd/link/|base/sha256[.]c$)")
	library("^(event2?/|event[.]h$)", "^base/ev[.]c$")
	library("^seccomp[.]h$", "^base/sandbox[.]c$")
	library("^yaml[.]h$", "^policy/load[a-z_]*[.][ch]$")
	library("^sqlite3", "^gatewayd/spool/")
	library("^clamav", "^scanners/clam/")
	library("^magic[.]h$", "^scanners/identify/")
	library("^curl/", "^gatewayd/link/")
	library("^(isa-l|erasure_code)", "^gatewayd/link/")
	library("^(zlib|archive|libxml/|jpeglib|png|tiff|webp|qpdf)", \
	    "^scanners/")
	library("^(check|subunit)[.]h$", "^tests/")

	rows = split(exceptions, row, "\n")
	for (i = 1; i <= rows; i++) {
		if (split(row[i], word, " ") >= 3)
			excepted[word[1], word[2]] = 1
	}

	while ((getline file < list) > 0) {
		files++
		nr = 0
		before = ""
		directives = 0
		is_header = file ~ /\.h$/
		has_names = floor_of(top_of(file)) < floors["tests"]
		while ((getline line < file) > 0) {
			nr++
			check_line(line)
		}
		close(file)
		if (nr == 0)
			finding("empty file")
		if (is_header && directives < 2)
			finding("no header guard")
	}
	printf "floors: %d files, %d findings\n", files, findings
	exit findings > 0 || files == 0
}
'
