# SPDX-License-Identifier: ISC
"""The bench's own parts: what they make is fit to be measured with.

Nothing here asks how fast anything is.
"""
import argparse
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "contrib" / "lib")]
import content  # noqa: E402
import meter  # noqa: E402
import ours  # noqa: E402
import report  # noqa: E402
import signatures  # noqa: E402

KEYS = """bulk_vs_rsync_fsync bulk_vs_scp small_transfers_per_s
    small_vs_rsync_fsync docs_vs_rsync_fsync small_vs_by_hand
    scan_cpu_vs_libclamav latency_ms_p50 latency_ms_p99 pss_mib_zone
    pss_mib_zone_10gib pss_mib_zone_1e6 restart_s_1e6
    cost_1e6_vs_1e3""".split()


def equal(got, expected, what):
    if got != expected:
        raise AssertionError(f"{what}: got {got!r}, expected {expected!r}")


def test_numbers(_tmp, _bench):
    equal(report.median([3, 1, 10]), 3, "median of three")
    equal(report.median([9, 10, 100, 1000]), 55, "median is numeric")
    equal(report.percentile(range(1, 101), 99), 99, "p99 of 100")
    equal(report.percentile([5], 99), 5, "p99 of one")
    figure = report.BY_KEY["bulk_vs_scp"]
    equal([report.is_met(figure, v) for v in (0.99, 1.0, None)],
          [False, True, None], "at least")
    figure = report.BY_KEY["latency_ms_p50"]
    equal([report.is_met(figure, v) for v in (50, 50.1)], [True, False],
          "at most")


def test_report(tmp, _bench):
    out = report.Report(tmp / "out.json", True)
    for key in KEYS:
        out.put(key, 0.001)
    out.fail("bulk", ("bulk_vs_rsync_fsync",), "later failures keep values")
    out.fail("none", ("docs_transfers_per_s",), "reason\nmore")
    out.write()
    found = json.loads((tmp / "out.json").read_text())
    for key in KEYS:
        equal(found[key], 0.001, key)
    equal(found["figures"]["bulk_vs_scp"]["met"], False, "missed ratio")
    equal(found["docs_transfers_per_s"], None, "not measured")
    lines = "\n".join(out.table())
    for word in ("MISSED", "not measured", "none was not measured: reason"):
        assert word in lines, word


def test_content_is_the_same(tmp, _bench):
    makers = {
        "text": lambda p: content.text_files(p, 5, 4096, "a"),
        "random": lambda p: content.random_files(p, 5, 4096, "a"),
        "documents": lambda p: content.documents(p, 4, 100 * 1024, "a"),
        "file": lambda p: content.random_file(p, 3_000_001, 1),
    }
    for name, make in makers.items():
        for turn in "12":
            make(tmp / f"{name}{turn}")
        equal(content.digest(tmp / f"{name}1"),
              content.digest(tmp / f"{name}2"), name)
    equal((tmp / "file1").stat().st_size, 3_000_001, "size")
    for path in (tmp / "text1").iterdir():
        equal(path.stat().st_size, 4096, "size of text")
        path.read_text("utf-8")


def test_documents(tmp, _bench):
    content.documents(tmp / "d", 4, 100 * 1024, 1)
    for path in sorted((tmp / "d").iterdir()):
        size = path.stat().st_size
        assert 95_000 < size < 107_000, f"{path.name} has {size} bytes"
        if path.suffix == ".docx":
            with zipfile.ZipFile(path) as docx:
                equal(docx.testzip(), None, "damaged member")
                assert len(docx.namelist()) == 13, docx.namelist()
            continue
        data = path.read_bytes()
        start = int(re.search(rb"startxref\n(\d+)", data)[1])
        assert data[start:].startswith(b"xref\n"), "place of the table"
        places = re.findall(rb"(\d{10}) 00000 n ", data)
        for number, place in enumerate(places, 1):
            at = int(place)
            want = b"%d 0 obj\n" % number
            equal(data[at:at + len(want)], want, "place of an object")


def test_signatures(tmp, bench):
    sizes = {"ldb": 300, "ndb": 300, "hdb": 50, "hsb": 50}
    signatures.make(tmp / "s", sizes)
    again = tmp / "again"
    signatures.make(again, sizes)
    for kind in sizes:
        equal((tmp / "s" / f"bench.{kind}").read_bytes(),
              (again / f"bench.{kind}").read_bytes(), kind)
    content.documents(tmp / "d", 2, 100 * 1024, 1)
    content.text_files(tmp / "t", 2, 4096, 1)
    names = "".join(f"{path}\n" for folder in "dt"
                    for path in (tmp / folder).iterdir())
    done = subprocess.run(
        [bench / "clam_cpu", tmp / "s", tmp, "3"], input=names.encode(),
        capture_output=True, check=True)
    found = json.loads(done.stdout)
    equal({k: found[k] for k in ("signatures", "files", "alerts", "errors")},
          {"signatures": 700, "files": 12, "alerts": 0, "errors": 0},
          "libclamav")


def test_fill_catalog(tmp, bench):
    for side, state, steps, bodies in (("low", 8, 5, 2), ("high", 16, 7, 0)):
        folder = tmp / side
        folder.mkdir()
        subprocess.run([bench / "fill_catalog", folder, "1500", side,
                        "null", "I"], check=True, capture_output=True)
        with sqlite3.connect(folder / "catalog.db") as database:
            def one(sql):
                return database.execute(sql).fetchone()
            equal(one("SELECT count(*),count(DISTINCT id),min(state),"
                      "max(state),count(DISTINCT number) FROM transfer"),
                  (1500, 1500, state, state, 1500), "transfers")
            equal(one("SELECT count(*) FROM step"), (1500 * steps,), "steps")
            equal(one("SELECT count(*) FROM body"), (1500 * bodies,),
                  "bodies")
            equal(one("SELECT transfers FROM gate"), (1500,), "counter")
            equal(one("SELECT count(*) FROM transfer WHERE task!=0 OR "
                      "notice!=0"), (0,), "work left")


def test_mailbox(tmp, _bench):
    (tmp / "before").touch()
    box = meter.Mailbox(tmp)
    (tmp / ".partial").touch()
    threading.Timer(0.05, lambda: (tmp / ".partial").rename(
        tmp / "whole")).start()
    box.wait(["before", "whole"], 30)
    try:
        box.wait(["never"], 0.1)
        raise AssertionError("waited for nothing")
    except TimeoutError:
        pass
    box.close()


def burn(seconds):
    """A child that uses processor time and ends."""
    code = (f"import time\nend = time.process_time() + {seconds}\n"
            "while time.process_time() < end: pass")
    return subprocess.Popen([sys.executable, "-c", code])


def test_group_counts_ended_processes(_tmp, _bench):
    group = meter.Group("selftest")
    group.root = os.getpid()
    try:
        before = group.cpu()
        with group:
            child = burn(0.3)
        child.wait()
        assert group.cpu() - before >= 0.25, group.method
    finally:
        group.close()


def test_memory_of_a_process(_tmp, _bench):
    group = meter.Group("selftest")
    group.close()       # from here on it is a process tree
    idle = "import sys\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", idle],
                          stdin=subprocess.PIPE) as child:
        group.root = child.pid
        with meter.MemoryWatch({"one": group}, 0.02) as watch:
            deadline = time.monotonic() + 30
            while watch.peaks["one"][1] == 0 and not watch.error:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        child.stdin.close()
    equal(watch.error, None, "error")


def test_configuration(tmp, _bench):
    class Place:
        path = tmp
    pair = ours.Pair("x", Place, tmp, list(ours.FLOWS), tmp / "sig", True)
    pair.dir.mkdir()
    pair._configure()
    low = (pair.low.dir / "gateway.yaml").read_text()
    high = (pair.high.dir / "gateway.yaml").read_text()
    ports = [set(re.findall(r'(listen|connect): "([\d.:]+)"', text))
             for text in (low, high)]
    equal({(("listen" if a == "connect" else "connect"), b)
           for a, b in ports[0]}, ports[1], "addresses of both zones")
    for flow in ours.FLOWS:
        equal((pair.low.dir / "flows" / f"{flow}.yaml").read_text(),
              (pair.high.dir / "flows" / f"{flow}.yaml").read_text(), flow)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", required=True, type=pathlib.Path,
                        help="folder of clam_cpu and fill_catalog")
    bench = parser.parse_args().bench.resolve()
    tests = [(name, test) for name, test in globals().items()
             if name.startswith("test_")]
    failed = 0
    for name, test in tests:
        with tempfile.TemporaryDirectory(prefix="sekisho-bench-") as tmp:
            try:
                test(pathlib.Path(tmp), bench)
                print(f"ok {name}")
            except Exception as error:  # the next test runs all the same
                failed += 1
                print(f"FAILED {name}: {type(error).__name__}: {error}")
    print(f"{100 * (len(tests) - failed) // len(tests)}%: Checks: "
          f"{len(tests)}, Failures: {failed}, Errors: 0")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
