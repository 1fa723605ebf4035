#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# Man pages are well-formed mdoc.
set -eu
cd "$(dirname "$0")/../.."
mandoc -Tlint -Wwarning docs/man/*.[1-8]
echo "manpages: $(ls docs/man/*.[1-8] | wc -l) pages, 0 findings"
