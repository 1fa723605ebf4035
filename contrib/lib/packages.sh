# SPDX-License-Identifier: ISC
# Sourced.  packages_need SECTION...: install what is missing of those
# sections of contrib/packages.txt, as root or through sudo -n; otherwise
# print the one line to run and exit 2.
packages_list() {
	for section in "$@"; do
		sed -n "s/^$section //p" "$top/contrib/packages.txt"
	done
}

packages_missing() {
	for package in $(packages_list "$@"); do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
		    grep -q '^install ok installed$' || echo "$package"
	done
}

packages_need() {
	missing=$(packages_missing "$@" | tr '\n' ' ')
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" = 0 ]; then
		as_root=
	elif sudo -n true 2>/dev/null; then
		as_root='sudo -n'
	else
		echo "Packages are missing. Have an administrator run:" >&2
		echo "  apt-get install --no-install-recommends $missing" >&2
		exit 2
	fi
	echo "installing: $missing" >&2
	# shellcheck disable=SC2086
	{ $as_root apt-get update -q &&
	    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
	        --no-install-recommends $missing; } >&2 || {
		echo "apt-get failed; see its message above." >&2
		exit 2
	}
}
