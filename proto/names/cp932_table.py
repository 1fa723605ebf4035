#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Write cp932_table.inc: Microsoft's code page 932 without its user-defined
rows 0xF0-0xF9, which are computed.  Run by hand; the test compares the
table with the C library's iconv."""

LEADS = [*range(0x81, 0xA0), *range(0xE0, 0xF0), *range(0xFA, 0xFD)]
TRAILS = [*range(0x40, 0x7F), *range(0x80, 0xFD)]


def decode(lead, trail):
    try:
        return ord(bytes([lead, trail]).decode("cp932"))
    except UnicodeDecodeError:
        return 0


values = [decode(lead, trail) for lead in LEADS for trail in TRAILS]
with open("cp932_table.inc", "w", encoding="ascii") as out:
    out.write("/* SPDX-License-Identifier: ISC */\n")
    out.write("/* Made by cp932_table.py: 50 rows of 188; 0 is unused. */\n")
    for i in range(0, len(values), 10):
        row = ", ".join(f"0x{v:04x}" for v in values[i:i + 10])
        out.write(f"{row},\n")
