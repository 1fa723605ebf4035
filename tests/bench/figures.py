# SPDX-License-Identifier: ISC
"""Each figure: what is moved, by whom, in what order, and what counts."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import content
import disk
import ours
import peers
import signatures
from report import median, percentile
from zones import ZoneError, eicar

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

FULL = {
    "bulk": 2 * GIB, "small": 10_000, "docs": 1_000, "transfers": 1_000,
    "transfers_docs": 500, "by_hand": 10_000, "scan": 1_000, "latency": 100,
    "memory": 20, "large": 10 * GIB, "entries": 1_000_000, "cost": 200,
    "image": 20 * GIB, "signatures": signatures.FULL, "rounds": 3,
}
QUICK = {
    "bulk": 256 * MIB, "small": 1_000, "docs": 100, "transfers": 100,
    "transfers_docs": 50, "by_hand": 500, "scan": 40, "latency": 20,
    "memory": 10, "large": 1 * GIB, "entries": 100_000, "cost": 50,
    "image": 8 * GIB, "signatures": signatures.QUICK, "rounds": 3,
}


class NotMeasured(Exception):
    """A figure cannot be had here; the text says why."""


FAILURES = (NotMeasured, peers.PeerError, ZoneError, disk.DiskError, OSError,
            ValueError, KeyError, subprocess.SubprocessError)


class Context:
    """What the figures share: place, peers, zones, data sets, report."""

    def __init__(self, args, report, base):
        self.args, self.report, self.base = args, report, base
        self.sizes = QUICK if args.quick else FULL
        self.deadline = time.monotonic() + args.minutes * 60
        self.place = disk.Disk(base, "fs", self.sizes["image"])
        self.helpers = pathlib.Path(args.bin).parent / "bench"
        self.pairs, self._ssh, self._signatures = {}, None, None

    def left(self):
        return self.deadline - time.monotonic()

    def note_rounds(self, keys, done):
        """Fewer rounds than there should be: the figure says so."""
        if done < self.sizes["rounds"]:
            for key in keys:
                self.report.add_note(key, f"only {done} of "
                                     f"{self.sizes['rounds']} rounds in the "
                                     "time")

    def patience(self):
        """Seconds that one transfer may take: a hang must end in time."""
        return max(60, min(600, self.left() + 60))

    def say(self, text):
        seconds = self.args.minutes * 60 - self.left()
        print(f"[{seconds:5.0f} s] {text}", file=sys.stderr, flush=True)

    # -- shared things, made when first needed --------------------------------

    @property
    def ssh(self):
        if self._ssh is None:
            self._ssh = peers.Ssh(self.base).start()
            self.report.raw["ssh_cipher"] = self._ssh.cipher()
        return self._ssh

    def signatures(self):
        """The large set; made once and kept in the bench's folder."""
        if self._signatures is None:
            folder = self.base / (
                "signatures-quick" if self.args.quick else "signatures")
            self.say("signatures")
            facts = signatures.make(folder, self.sizes["signatures"])
            self.report.raw["signatures"] = facts
            self._signatures = folder
        return self._signatures

    def small_signatures(self):
        """EICAR alone: for what is to be scanned, but not slowly."""
        folder = self.base / "signatures-eicar"
        folder.mkdir(exist_ok=True)
        body = eicar()[:-1].hex()
        (folder / "eicar.ndb").write_text(
            f"Eicar-Test-Signature:0:*:{body}\n")
        folder.chmod(0o755)
        return folder

    def no_signatures(self):
        folder = self.base / "signatures-none"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        return folder

    def pair(self, name, flows, signature_dir, is_bench, place=None):
        """A running pair of zones, started when first asked for."""
        if name not in self.pairs:
            self.say(f"zones {name}")
            made = ours.Pair(name, place or self.place, self.args.bin, flows,
                             signature_dir, is_bench)
            self.pairs[name] = made
            made.open()
        return self.pairs[name]

    def null_pair(self):
        return self.pair("null", ["null"], self.no_signatures(), True)

    def scan_pair(self):
        return self.pair("scan", ["text-batch", "documents"],
                         self.signatures(), False)

    def close_pair(self, name):
        made = self.pairs.pop(name, None)
        if made:
            made.close()

    def master(self, name, make):
        """A data set, made once; peers read it, ours get copies of it."""
        path = self.place.path / "masters" / name
        if not path.exists():
            self.say(f"data {name}")
            path.parent.mkdir(exist_ok=True)
            make(path)
        return path

    def close(self):
        for name in list(self.pairs):
            self.close_pair(name)
        if self._ssh:
            self._ssh.stop()


# -- taking turns -------------------------------------------------------------


class Runner:
    """One way to move a master: run(source) gives seconds and where."""

    def __init__(self, label, run, clean=None):
        self.label, self.run, self.clean = label, run, clean
        self.seconds, self.error = [], None
        self.facts = dict       # gives more to say about the runner

    def turn(self, ctx, source, expected, counts):
        """One measured turn; what arrived is compared with the master."""
        seconds, where = self.run(source)
        if content.digest(where) != expected:
            raise NotMeasured(f"{self.label}: what arrived differs")
        remove(where)
        if self.clean:
            self.clean()
        ctx.place.sync()
        if counts:
            self.seconds.append(round(seconds, 4))


def alternate(ctx, name, keys, master, runners):
    """
    Warm up, then rounds in which each runner has one turn, in an order that
    turns round.  A runner that fails is left out from there on, so that the
    others' values are kept; the failure is raised at the end.
    """
    rounds = ctx.sizes["rounds"]
    for number in range(rounds + 1):
        begin = ctx.left()
        source = master(number) if callable(master) else master
        expected = content.digest(source)
        for runner in runners if number % 2 == 0 else reversed(runners):
            if runner.error:
                continue
            try:
                runner.turn(ctx, source, expected, number > 0)
            except FAILURES as error:
                runner.error = error
                ctx.say(f"{name}: {runner.label} failed: {error}")
        ctx.say(f"{name} " + ("warm" if number == 0 else f"round {number}: ")
                + ", ".join(f"{r.label} {r.seconds[-1]:.2f} s"
                            for r in runners if r.seconds))
        if number > 0 and ctx.left() < begin - ctx.left():
            break       # no time for another one like it
    times = {r.label: median(r.seconds) for r in runners if r.seconds}
    ctx.report.raw[name] = {
        r.label: {"seconds": r.seconds, "median_s": times[r.label],
                  **r.facts()}
        for r in runners if r.seconds}
    for runner in runners:
        if runner.error:
            raise NotMeasured(f"{runner.label}: {runner.error}")
    ctx.note_rounds(keys, number)
    return times


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def rsync_runner(ctx):
    def run(source):
        target = arrival(ctx, source)
        return ctx.ssh.rsync(source, target), target
    return Runner("rsync_fsync", run)


def scp_runner(ctx):
    def run(source):
        target = arrival(ctx, source)
        return ctx.ssh.scp(source, target), target
    return Runner("scp_sync", run)


def arrival(ctx, source):
    folder = ctx.place.path / "arrived"
    folder.mkdir(exist_ok=True)
    ctx.place.sync()
    return folder / source.name


def ours_runner(ctx, get_pair, flow):
    """get_pair starts the zones at the first turn."""
    def run(source):
        made = get_pair()
        prepared = made.prepare(flow, source)
        ctx.place.sync()
        before, parts = made.cpu(), made.cpu_by_process()
        result = made.send(flow, prepared, ctx.patience())
        spent.append(round(made.cpu() - before, 3))
        after = made.cpu_by_process()
        where.append({name: round(after[name] - parts.get(name, 0), 2)
                      for name in sorted(after)})
        return result

    spent, where = [], []
    runner = Runner("ours", run, lambda: get_pair().settle())
    runner.facts = lambda: {"cpu_s": spent[1:],
                            "cpu_s_by_process_of_last": where[-1:]}
    return runner


# -- speed --------------------------------------------------------------------


def bulk(ctx):
    size = ctx.sizes["bulk"]
    master = ctx.master("bulk.bin",
                        lambda path: content.random_file(path, size, 1))
    try:
        times = alternate(ctx, "bulk", MEASURES["bulk"][1], master,
                          [rsync_runner(ctx), scp_runner(ctx),
                           ours_runner(ctx, ctx.null_pair, "null")])
    finally:
        master.unlink()
    raw = ctx.report.raw["bulk"]
    raw["bytes"] = size
    for label, seconds in times.items():
        raw[label]["mb_per_s"] = round(size / seconds / 1e6, 1)
    ctx.report.put("bulk_vs_rsync_fsync",
                   times["rsync_fsync"] / times["ours"])
    ctx.report.put("bulk_vs_scp", times["scp_sync"] / times["ours"])


def file_set(ctx, name, key, count, size):
    """A folder of equal files as one transfer, against rsync --fsync."""
    master = ctx.master(
        name, lambda path: content.random_files(path, count, size, 2))
    times = alternate(ctx, name, (key,), master,
                      [rsync_runner(ctx),
                       ours_runner(ctx, ctx.null_pair, "null")])
    for label, seconds in times.items():
        ctx.report.raw[name][label]["files_per_s"] = round(count / seconds, 1)
    ctx.report.raw[name]["files"] = count
    ctx.report.raw[name]["scan_batch"] = ours.FLOWS["null"][2]
    ctx.report.put(key, times["rsync_fsync"] / times["ours"])


def small(ctx):
    file_set(ctx, "small", "small_vs_rsync_fsync", ctx.sizes["small"],
             4 * KIB)


def docs(ctx):
    file_set(ctx, "docs", "docs_vs_rsync_fsync", ctx.sizes["docs"],
             100 * KIB)


def burst(ctx, made, flow, count, size, seed):
    """count files, each a transfer of its own; seconds until the last."""
    folder = ctx.place.path / "burst"
    content.random_files(folder, count, size, seed)
    prepared = []
    for path in sorted(folder.iterdir()):
        unique = path.with_name(f"{seed}-{path.name}")
        path.rename(unique)
        ours.give(unique, os.stat(made.drop_folder(flow)))
        prepared.append(unique)
    ctx.place.sync()
    seconds, delivered = made.send(flow, prepared, ctx.patience())
    for path in delivered:
        if path.stat().st_size != size:
            raise NotMeasured(f"{path.name} arrived with another size")
        path.unlink()
    folder.rmdir()
    return seconds


def separate(ctx, name, key, count, size):
    made = ctx.null_pair()
    times = []
    for number in range(ctx.sizes["rounds"] + 1):
        seconds = burst(ctx, made, "null", count, size,
                        f"{name}-{number}")
        made.settle()
        if number > 0:
            times.append(round(seconds, 4))
    ctx.say(f"{name} {times}")
    ctx.report.raw[name] = {"transfers": count, "seconds": times,
                            "median_s": median(times)}
    ctx.report.put(key, count / median(times))


def transfers(ctx):
    separate(ctx, "transfers", "small_transfers_per_s",
             ctx.sizes["transfers"], 4 * KIB)
    separate(ctx, "transfers_docs", "docs_transfers_per_s",
             ctx.sizes["transfers_docs"], 100 * KIB)


def latency(ctx):
    """One text at a time; the gateway rests in between."""
    made = ctx.pair("text", ["text"], ctx.small_signatures(), False)
    count, rounds = ctx.sizes["latency"], ctx.sizes["rounds"]
    folder = ctx.place.path / "latency"
    content.text_files(folder, count * rounds + 10, 100 * KIB, 3)
    all_ms = []
    for path in sorted(folder.iterdir()):
        prepared = made.prepare("text", path)
        time.sleep(0.1)
        seconds, where = made.send("text", prepared, 60)
        where.unlink()
        all_ms.append(round(seconds * 1000, 2))
    shutil.rmtree(folder)
    all_ms = all_ms[10:]        # warm-up
    parts = [all_ms[i * count:(i + 1) * count] for i in range(rounds)]
    p50 = [median(part) for part in parts]
    ctx.say(f"latency p50 {p50}")
    ctx.report.raw["latency"] = {
        "ms": all_ms, "p50_of_rounds": p50, "measured_by":
        "rename into the drop folder until inotify reports the name in "
        "the mailbox"}
    ctx.report.put("latency_ms_p50", median(p50))
    ctx.report.put("latency_ms_p99", percentile(all_ms, 99))
    ctx.close_pair("text")


# -- scanning -----------------------------------------------------------------


def by_hand(ctx):
    """Text that nobody has seen before, scanned in both zones."""
    count = ctx.sizes["by_hand"]
    clamd = peers.Clamd(ctx.base, ctx.signatures()).start()

    def master(number):
        return ctx.master(
            f"text-{number}",
            lambda path: content.text_files(path, count, 4 * KIB,
                                            f"by-hand {number}"))

    def run(source):
        target = arrival(ctx, source)
        seconds = (clamd.scan(source) + ctx.ssh.rsync(source, target)
                   + clamd.scan(target))
        return seconds, target

    try:
        times = alternate(ctx, "by_hand", ("small_vs_by_hand",), master,
                          [Runner("by_hand", run),
                           ours_runner(ctx, ctx.scan_pair, "text-batch")])
    finally:
        clamd.stop()
    raw = ctx.report.raw["by_hand"]
    for label, seconds in times.items():
        raw[label]["files_per_s"] = round(count / seconds, 1)
    raw["files"] = count
    raw["scan_batch"] = ours.FLOWS["text-batch"][2]
    ctx.report.put("small_vs_by_hand", times["by_hand"] / times["ours"])


def scan_cpu(ctx):
    """Processor time alone: nobody's waiting counts."""
    count = ctx.sizes["scan"]
    master = ctx.master(
        "documents",
        lambda path: content.documents(path, count, 100 * KIB, 5))
    warm = ctx.master(
        "documents-warm",
        lambda path: content.documents(path, 20, 100 * KIB, 6))
    library_cpu(ctx, warm)
    made = ctx.scan_pair()
    gateway_cpu(ctx, made, warm)
    found = {"libclamav": [], "ours": []}
    for number in range(ctx.sizes["rounds"]):
        begin = ctx.left()
        found["libclamav"].append(library_cpu(ctx, master))
        found["ours"].append(gateway_cpu(ctx, made, master))
        ctx.say(f"scan_cpu round {number + 1} "
                + " ".join(f"{k} {v[-1]:.1f} s" for k, v in found.items()))
        if ctx.left() < begin - ctx.left():
            break       # no time for another one like it
    ctx.note_rounds(("scan_cpu_vs_libclamav",), number + 1)
    ctx.report.raw["scan_cpu"] = {
        **{label: {"cpu_s": values, "median_s": median(values)}
           for label, values in found.items()},
        "documents": count, "scan_batch": ours.FLOWS["documents"][2],
        "measured_by": made.groups["internet"].method,
        "cache_of_clean_verdicts": "none in this version"}
    ctx.report.put("scan_cpu_vs_libclamav",
                   median(found["ours"]) / median(found["libclamav"]),
                   "without a cache of verdicts, which this version lacks")


def library_cpu(ctx, folder):
    """libclamav's own time for scanning a folder twice."""
    names = "\n".join(str(path) for path in sorted(folder.iterdir()))
    tmp = pathlib.Path("/dev/shm" if os.access("/dev/shm", os.W_OK)
                       else ctx.base) / f"sekisho-bench-{os.getpid()}"
    tmp.mkdir(exist_ok=True)
    try:
        done = subprocess.run(
            [str(ctx.helpers / "clam_cpu"), str(ctx.signatures()), str(tmp),
             "2"], input=names.encode() + b"\n", capture_output=True,
            check=False)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    if done.returncode != 0:
        raise NotMeasured("clam_cpu: " + done.stderr.decode().strip()
                          + done.stdout.decode().strip())
    facts = json.loads(done.stdout)
    if facts["alerts"]:
        raise NotMeasured(f"{facts['alerts']} false alarms of the set")
    return facts["cpu_s"]


def gateway_cpu(ctx, made, folder):
    """Both gateways' time from the drop until they are at rest again."""
    prepared = made.prepare("documents", folder)
    ctx.place.sync()
    before = made.cpu()
    _, where = made.send("documents", prepared, ctx.patience())
    time.sleep(2)       # acknowledgements, erasing
    spent = made.cpu() - before
    if content.digest(where) != content.digest(folder):
        raise NotMeasured("documents: what arrived differs")
    remove(where)
    return round(spent, 3)


# -- memory and catalogue -----------------------------------------------------


def peak(watch):
    """Largest sum of any zone, and which processes made it up."""
    if watch.error:
        raise NotMeasured("smaps_rollup may not be read: "
                          f"{watch.error} (needs root)")
    if watch.samples == 0:
        raise NotMeasured("no sample of memory was taken")
    zone, (found, total) = max(watch.peaks.items(),
                               key=lambda item: item[1][1])
    return total, {"zone": zone, "samples": watch.samples,
                   "processes": {k: round(v, 2) for k, v in found.items()},
                   "zones": {k: round(v[1], 2)
                             for k, v in watch.peaks.items()}}


def one_mib(ctx, made, key):
    """Transfers of 1 MiB one after the other, memory watched."""
    for warm in (True, False):
        with made.watch_memory() as watch:
            for number in range(5 if warm else ctx.sizes["memory"]):
                burst(ctx, made, "null", 1, MIB, f"{key}-{warm}-{number}")
                time.sleep(0.2)
    total, facts = peak(watch)
    ctx.report.raw[key] = facts
    ctx.report.put(key, total)


def memory(ctx):
    made = ctx.null_pair()
    refill(ctx, made, 1000)
    one_mib(ctx, made, "pss_mib_zone")


def refill(ctx, made, count):
    """Stop both zones, add entries to their catalogues, start again."""
    if getattr(made, "entries", 0) >= count:
        return
    ctx.say(f"zones {made.name}: {count} catalogue entries")
    made.stop()
    made.fill(ctx.helpers / "fill_catalog", count, "null")
    made.entries = count
    made.start()
    made.wait_up()


def memory_large(ctx):
    """One very large file, on a disk with room for its four copies."""
    size = ctx.sizes["large"]
    wanted = int(4.4 * size) + 2 * GIB
    ctx.close_pair("null")
    place = disk.Disk(ctx.base, "large", wanted).open()
    try:
        note = ""
        while place.free() < 4.2 * size and size > 256 * MIB:
            size //= 2
            note = "the disk had no room for more"
        made = ctx.pair("large", ["null"], ctx.no_signatures(), True, place)
        source = place.path / "prepared" / "large.bin"
        content.random_file(source, size, 4)
        place.sync()
        ours.give(source, os.stat(made.drop_folder("null")))
        with made.watch_memory() as watch:
            seconds, where = made.send("null", source, ctx.patience())
        if where.stat().st_size != size:
            raise NotMeasured("the large file arrived with another size")
        total, facts = peak(watch)
        ctx.report.raw["pss_mib_zone_10gib"] = {
            **facts, "bytes": size, "seconds": round(seconds, 2),
            "file_system": place.facts}
        if size != 10 * GIB:
            note = f"with {size / GIB:g} GiB instead of 10; {note}"
        ctx.report.put("pss_mib_zone_10gib", total, note.strip("; "))
    finally:
        ctx.close_pair("large")
        place.close()


def catalogue(ctx):
    """Two pairs side by side, one with few entries, one with very many."""
    entries = ctx.sizes["entries"]
    few = ctx.null_pair()
    refill(ctx, few, 1000)
    many = ctx.pair("many", ["null"], ctx.no_signatures(), True)
    refill(ctx, many, entries)
    note = "" if entries == 1_000_000 else f"with {entries} entries"
    cost(ctx, few, many, note)
    restart(ctx, many, note)
    ctx.report.add_note("pss_mib_zone_1e6", note)
    one_mib(ctx, many, "pss_mib_zone_1e6")
    ctx.close_pair("many")


def cost(ctx, few, many, note):
    count = ctx.sizes["cost"]
    times = {"1e3": [], "1e6": []}
    cpu = {"1e3": [], "1e6": []}
    for number in range(ctx.sizes["rounds"] + 3):
        turns = [("1e3", few), ("1e6", many)]
        for label, made in turns if number % 2 else reversed(turns):
            before = made.cpu()
            seconds = burst(ctx, made, "null", count, 4 * KIB,
                            f"cost-{label}-{number}")
            if number > 0:
                times[label].append(round(seconds / count * 1000, 3))
                cpu[label].append(round(
                    (made.cpu() - before) / count * 1000, 3))
    ctx.report.raw["cost"] = {
        label: {"ms_per_transfer": times[label],
                "cpu_ms_per_transfer": cpu[label]} for label in times}
    ctx.say(f"cost {times}")
    ctx.report.put("cost_1e6_vs_1e3",
                   median(times["1e6"]) / median(times["1e3"]), note)


def restart(ctx, made, note):
    """From the start of gatewayd until it has accepted a file."""
    found = []
    for number in range(ctx.sizes["rounds"] + 1):
        made.stop([made.low])
        start_ms = time.time() * 1000
        made.start([made.low])
        accepted_ms = first_accepted(ctx, made, number, start_ms, 120)
        if number > 0:
            found.append(round((accepted_ms - start_ms) / 1000, 3))
        made.wait_up()
    ctx.say(f"restart {found}")
    ctx.report.raw["restart"] = {
        "seconds": found, "measured_by": "start of gatewayd until the time "
        "of acceptance, in its log, of the first of several files that are "
        "dropped one after the other as soon as it answers"}
    ctx.report.put("restart_s_1e6", median(found), note)


def first_accepted(ctx, made, number, start_ms, timeout):
    """
    Files dropped before the folder is watched are left alone for seconds,
    in case somebody still writes them: so drop another one each time.
    """
    folder = made.drop_folder("null")
    deadline = time.monotonic() + timeout
    count = 0
    while time.monotonic() < deadline:
        path = ctx.place.path / f"restart-{number}-{count}.bin"
        content.write(path, os.urandom(4096))
        ours.give(path, os.stat(folder))
        os.rename(path, folder / path.name)
        count += 1
        for _ in range(10):
            rows = made.low.transfers("--side", "low", "--limit",
                                      str(count))
            times = [row["accepted_ms"] for row in rows
                     if row.get("accepted_ms", 0) >= start_ms]
            if times:
                return min(times)
            time.sleep(0.02)
    raise NotMeasured("nothing was accepted after the restart\n"
                      + made.story())


# Name -> function and the keys it gives, in the order in which they run.
MEASURES = {
    "latency": (latency, ("latency_ms_p50", "latency_ms_p99")),
    "bulk": (bulk, ("bulk_vs_rsync_fsync", "bulk_vs_scp")),
    "small": (small, ("small_vs_rsync_fsync",)),
    "docs": (docs, ("docs_vs_rsync_fsync",)),
    "transfers": (transfers, ("small_transfers_per_s",
                              "docs_transfers_per_s")),
    "memory": (memory, ("pss_mib_zone",)),
    "catalogue": (catalogue, ("cost_1e6_vs_1e3", "pss_mib_zone_1e6",
                              "restart_s_1e6")),
    "memory_large": (memory_large, ("pss_mib_zone_10gib",)),
    "by_hand": (by_hand, ("small_vs_by_hand",)),
    "scan_cpu": (scan_cpu, ("scan_cpu_vs_libclamav",)),
}
