# SPDX-License-Identifier: ISC
"""What was measured, held against what is demanded: JSON and a table."""
import json
import os
import platform
import statistics
import subprocess
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    key: str
    op: str             # ">=", "<=", or "" where nothing is demanded
    limit: float | None
    unit: str
    text: str


FIGURES = (
    Figure("bulk_vs_rsync_fsync", ">=", 1.0, "x",
           "one 2 GiB file, goodput against rsync --fsync -e ssh"),
    Figure("bulk_vs_scp", ">=", 1.0, "x",
           "one 2 GiB file, goodput against scp, then sync"),
    Figure("small_vs_rsync_fsync", ">=", 2.5, "x",
           "10,000 x 4 KiB in one transfer against rsync --fsync -e ssh"),
    Figure("docs_vs_rsync_fsync", ">=", 2.0, "x",
           "1,000 x 100 KiB in one transfer against rsync --fsync -e ssh"),
    Figure("small_transfers_per_s", "", None, "/s",
           "files of 4 KiB, each a transfer of its own"),
    Figure("docs_transfers_per_s", "", None, "/s",
           "files of 100 KiB, each a transfer of its own"),
    Figure("small_vs_by_hand", ">=", 1.5, "x",
           "10,000 x 4 KiB text scanned on both sides, against clamdscan, "
           "rsync --fsync, clamdscan"),
    Figure("scan_cpu_vs_libclamav", "<=", 1.25, "x",
           "1,000 documents, processor time against libclamav scanning "
           "them twice"),
    Figure("latency_ms_p50", "<=", 50, "ms",
           "one 100 KiB text, idle gateway, drop to mailbox, median"),
    Figure("latency_ms_p99", "<=", 150, "ms",
           "the same, 99th percentile"),
    Figure("pss_mib_zone", "<=", 64, "MiB",
           "memory of one zone, 1 MiB transfers, 1,000 entries"),
    Figure("pss_mib_zone_10gib", "<=", 64, "MiB",
           "memory of one zone, a 10 GiB file"),
    Figure("pss_mib_zone_1e6", "<=", 64, "MiB",
           "memory of one zone, 1 MiB transfers, 1,000,000 entries"),
    Figure("restart_s_1e6", "<=", 5, "s",
           "start with 1,000,000 entries until a file is accepted"),
    Figure("cost_1e6_vs_1e3", "<=", 1.25, "x",
           "time per transfer at 1,000,000 entries against 1,000"),
)
BY_KEY = {figure.key: figure for figure in FIGURES}


def median(values):
    return statistics.median(values)


def percentile(values, share):
    """Nearest rank: the smallest value that share of all do not exceed."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * share // 100))
    return ordered[int(rank) - 1]


def is_met(figure, value):
    """True, False, or None where there is no threshold or no value."""
    if not figure.op or value is None:
        return None
    return value >= figure.limit if figure.op == ">=" else (
        value <= figure.limit)


class Report:
    """Collects figures; the file is written anew with each of them."""

    def __init__(self, path, is_quick):
        self.path = path
        self.start = time.time()
        self.is_quick = is_quick
        self.values, self.notes, self.errors = {}, {}, {}
        self.raw, self.facts = {}, {}
        self.wanted = set()

    def put(self, key, value, note=""):
        self.values[key] = None if value is None else round(value, 3)
        self.add_note(key, note)

    def add_note(self, key, note):
        """Something that a reader of the figure must know."""
        if note:
            former = self.notes.get(key)
            self.notes[key] = f"{former}; {note}" if former else note

    def fail(self, name, keys, error):
        """A figure could not be measured; its keys stay null."""
        self.errors[name] = str(error)
        for key in keys:
            self.values.setdefault(key, None)

    def json(self):
        figures = {}
        for figure in FIGURES:
            if figure.key not in self.values:
                continue
            value = self.values[figure.key]
            figures[figure.key] = {
                "value": value, "unit": figure.unit, "text": figure.text,
                "threshold": f"{figure.op} {figure.limit}"
                if figure.op else None,
                "met": is_met(figure, value)}
            if figure.key in self.notes:
                figures[figure.key]["note"] = self.notes[figure.key]
        return {
            "bench": "sekisho", "quick": self.is_quick,
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                     time.gmtime(self.start)),
            "seconds": round(time.time() - self.start, 1),
            **{key: self.values.get(key) for key in BY_KEY
               if key in self.values},
            "figures": figures, "raw": self.raw, "errors": self.errors,
            **self.facts}

    def write(self):
        if not self.path:
            return
        partial = f"{self.path}.partial"
        with open(partial, "w", encoding="utf-8") as out:
            json.dump(self.json(), out, indent=1, ensure_ascii=False)
            out.write("\n")
        os.replace(partial, self.path)

    def table(self):
        """Lines for people: figure, what came out, what is demanded."""
        marks = {True: "met", False: "MISSED", None: ""}
        rows = [("figure", "value", "demanded", "", "what")]
        for figure in FIGURES:
            if figure.key not in self.values:
                continue
            value = self.values[figure.key]
            shown = "not measured" if value is None else (
                f"{value:.2f} {figure.unit}")
            wanted = f"{figure.op} {figure.limit:g} {figure.unit}" \
                if figure.op else "-"
            rows.append((figure.key, shown, wanted,
                         marks[is_met(figure, value)], figure.text))
        sizes = [max(len(row[i]) for row in rows) for i in range(4)]
        for row in rows:
            yield "  ".join([row[0].ljust(sizes[0]), row[1].rjust(sizes[1]),
                             row[2].rjust(sizes[2]), row[3].ljust(sizes[3]),
                             row[4]]).rstrip()
        for key, note in self.notes.items():
            yield f"  {key}: {note}"
        for name, error in self.errors.items():
            yield f"  {name} was not measured: {error.splitlines()[0]}"


# -- the machine --------------------------------------------------------------


def first_line(*argv):
    """First line that a program prints about itself."""
    try:
        done = subprocess.run(argv, capture_output=True, check=False)
    except OSError:
        return "absent"
    text = (done.stdout or done.stderr).decode("utf-8", "replace")
    return text.splitlines()[0].strip() if text else "unknown"


def read_value(path, key):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    return "unknown"


def machine():
    return {
        "cpu": read_value("/proc/cpuinfo", "model name"),
        "cpus": len(os.sched_getaffinity(0)),
        "memory": read_value("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(), "arch": platform.machine(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME"),
        "as_root": os.geteuid() == 0,
        "load_average_at_start": os.getloadavg(),
        "rsync": first_line("rsync", "--version"),
        "ssh": first_line("ssh", "-V"),
        "clamd": first_line("clamd", "--version"),
        "python": platform.python_version(),
    }


def commit(top):
    return first_line("git", "-C", str(top), "describe", "--always",
                      "--dirty")
