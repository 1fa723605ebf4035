# SPDX-License-Identifier: ISC
"""Two paired zones on this machine, with real files crossing both ways."""
import argparse
import csv
import hashlib
import json
import os
import pathlib
import shutil
import sys
import time
import unicodedata

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from zones import (TOP, Zone, ZoneError, demo_signatures, eicar, main_guard,
                   pair, wait_for)

EXAMPLE = TOP / "contrib" / "policies" / "example"
ZONES = ("internet", "lgwan")
DONE_LOW = {"confirmed", "erased", "rejected", "quarantined", "held",
            "waiting", "damaged", "poison", "expired", "revoked"}
CROSSED = {"confirmed", "unconfirmed", "erased"}
OUTCOMES = {"delivered": "delivered", "erased": "delivered", "held": "held",
            "waiting": "held", "poison": "held", "quarantined": "quarantined",
            "rejected": "rejected", "expired": "rejected",
            "revoked": "rejected", "withdrawn": "rejected"}
TEXT_SUFFIXES = {b".txt", b".csv", b".tsv", b".log"}
WAVE = 200          # files of a batch that are under way at once


def arguments():
    parser = argparse.ArgumentParser(
        prog="contrib/quickstart",
        description="Make two zones here, pair them, and move files.")
    parser.add_argument("--bin", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--once", action="store_true",
                        help="stop both gateways at the end")
    parser.add_argument("--dir", help="where the zones live (default: "
                        "/var/tmp/sekisho-quickstart-USER)")
    parser.add_argument("--batch", metavar="DIR",
                        help="move every file below DIR instead of samples")
    parser.add_argument("--json", metavar="FILE",
                        help="with --batch: one object per file and line")
    parser.add_argument("--from", dest="source", choices=ZONES,
                        default="internet")
    parser.add_argument("--to", choices=ZONES, default=None)
    parser.add_argument("--timeout", type=int, default=3600, metavar="S",
                        help="seconds a batch may take (default 3600)")
    args = parser.parse_args()
    if bool(args.batch) != bool(args.json):
        parser.error("--batch DIR and --json FILE go together")
    if args.to is None:
        args.to = "lgwan" if args.source == "internet" else "internet"
    if args.to == args.source:
        parser.error("--from and --to must be different zones")
    if args.batch and not os.path.isdir(args.batch):
        parser.error(f"{args.batch} is not a folder")
    return args


# -- the two zones ----------------------------------------------------------------


def make_zones(args):
    """Fresh folders, configuration, running daemons, exchanged cards."""
    user = os.environ.get("USER") or str(os.geteuid())
    base = pathlib.Path(args.dir or f"/var/tmp/sekisho-quickstart-{user}")
    base = base.absolute()
    marker = base / ".sekisho-quickstart"
    if base.exists() and any(base.iterdir()):
        if not marker.exists():
            raise ZoneError(f"{base} exists and was not made by quickstart; "
                            "choose another folder with --dir")
        stop_leftovers(base)
        shutil.rmtree(base)
    base.mkdir(parents=True, exist_ok=True)
    os.chmod(base, 0o755)
    marker.touch()
    signatures, is_real = demo_signatures(base / "signatures")
    zones = {name: Zone(name, base / name, args.bin) for name in ZONES}
    for name, zone in zones.items():
        zone.configure(EXAMPLE / name,
                       {"submitter: folder": "submitter: owner"}, signatures)
    return base, zones, is_real


def stop_leftovers(base):
    """A former run without --once left its daemons; stop them."""
    for name in ZONES:
        pidfile = base / name / "gatewayd.pid"
        if not pidfile.exists():
            continue
        pid = int(pidfile.read_text())
        try:
            cmdline = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"gatewayd" in cmdline and bytes(base) in cmdline:
            os.kill(pid, 15)
            wait_for(lambda p=pid: not os.path.exists(f"/proc/{p}"),
                     f"former gatewayd {pid} to stop", 60)


# -- files and what becomes of them -----------------------------------------------


def flow_for(name, source):
    """Demo flow of a file: plain text and CSV, or documents."""
    suffix = os.path.splitext(name)[1].lower()
    flow = "text-data" if suffix in TEXT_SUFFIXES else "documents"
    return flow if source == "internet" else flow + "-out"


def drop(zone, flow, name, write):
    """Put one file into a drop folder so that it is whole when it shows."""
    folder = os.fsencode(zone.folders / "in" / flow)
    hidden = os.path.join(folder, b".quickstart-" + os.urandom(8).hex()
                          .encode())
    write(hidden)
    os.rename(hidden, os.path.join(folder, name))


class Watch:
    """Reads both zones' logs through gatewayctl and joins them by number."""

    def __init__(self, low, high):
        self.low, self.high = low, high
        self.seen = set()

    def poll(self):
        """All transfers that have reached an end: number -> (low, high)."""
        low = {row["number"]: row for row in
               self.low.transfers("--side", "low", "--files", "--limit", "0")}
        high = {row["number"]: row for row in
                self.high.transfers("--side", "high", "--files",
                                    "--limit", "0")}
        done = {}
        for number, row in low.items():
            if not number or row["state"] not in DONE_LOW:
                continue
            if row["state"] in CROSSED:
                other = high.get(number)
                if other is None or not is_final(other):
                    continue
            done[number] = (row, high.get(number))
        return done


def is_final(row):
    return row["state"] in OUTCOMES or row["state"] == "damaged"


def outcome_of(low, high):
    """The receiver's word counts once the parcel has crossed."""
    last = high if high is not None else low
    return last, OUTCOMES.get(last["state"], "error")


def ledger(zone, flow, stem):
    """Rows of today's ledgers of a flow, by receipt number."""
    rows = {}
    for path in sorted((zone.folders / "status" / flow)
                       .glob(f"{stem}-*.csv")):
        with open(path, encoding="utf-8-sig", newline="") as handle:
            for row in csv.DictReader(handle):
                rows[row["受付番号"]] = row
    return rows


def shown(name):
    """Bytes of a name as JSON text: \\xNN where they are not UTF-8."""
    return name.decode("utf-8", "backslashreplace")


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        while piece := handle.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def result_of(name, path, low, high, target):
    """One line of the batch's JSON."""
    last, outcome = outcome_of(low, high)
    entry = (last.get("files") or low.get("files") or [{}])[0]
    delivered = None
    if outcome == "delivered":
        row = ledger(target, last["flow"], "受領簿").get(last["number"])
        if row and row.get("配達先"):
            delivered = str(target.folders / row["配達先"])
    result = {
        "name": shown(name),
        "size": os.path.getsize(path),
        "outcome": outcome,
        "reason_code": last["reason_code"],
        "reason_ja": last["reason_ja"],
        "reason_en": last["reason_en"],
        "type": entry.get("type"),
        "method": entry.get("method"),
        "removed": [],
        "delivered_path": delivered,
        "sha256_in": sha256_of(path),
        "sha256_out": sha256_of(delivered) if delivered else None,
        "ms": max(0, last["state_ms"] - low["accepted_ms"]),
        "detail": last.get("detail") or entry.get("detail") or "",
        "number": low["number"],
    }
    if shown(name).encode() != name:
        result["name_hex"] = name.hex()
    return result


# -- batch ----------------------------------------------------------------------------


def batch_files(directory):
    """Every regular file below directory, relative, as bytes."""
    root = os.fsencode(directory)
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield os.path.relpath(path, root), path


def waves(files):
    """Groups in which no two files share a name, of at most WAVE files."""
    left = list(files)
    while left:
        wave, names, later = [], set(), []
        for item in left:
            base = os.path.basename(item[0])
            if base in names or len(wave) >= WAVE:
                later.append(item)
            else:
                names.add(base)
                wave.append(item)
        yield wave
        left = later


def file_key(row):
    """The name's bytes by which a transfer is found again."""
    entry = (row.get("files") or [{}])[0]
    if entry.get("name_hex"):
        return bytes.fromhex(entry["name_hex"])
    name = entry.get("name")
    return name.encode() if name is not None else None


def refused_numbers(zone, flow):
    """Names refused before acceptance: name -> ledger row."""
    rows = {}
    for row in ledger(zone, flow, "送信簿").values():
        rows.setdefault(row["ファイル"], []).append(row)
    return rows


def run_wave(wave, source, target, args, deadline):
    """Drop one wave; yield a result for each of its files."""
    before = set(Watch(source, target).poll())
    pending = {}
    for name, path in wave:
        flow = flow_for(name, args.source)
        base = os.path.basename(name)
        if is_ignored(base):
            yield refused_result(name, path, "name-ignored",
                                 "受付対象外の名前です(一時ファイル)",
                                 "names of temporary files are not taken in")
            continue
        drop(source, flow, base,
             lambda to, path=path: shutil.copyfile(path, to))
        pending[base] = (name, path, flow)
    watch = Watch(source, target)
    while pending and time.monotonic() < deadline:
        for number, (low, high) in watch.poll().items():
            if number in before:
                continue
            key = file_key(low)
            if key in pending:
                before.add(number)
                name, path, _ = pending.pop(key)
                yield result_of(name, path, low, high, target)
        yield from refused(source, pending)
        time.sleep(0.1)
    for name, path, _ in pending.values():
        yield refused_result(name, path, "timeout",
                             "時間内に終わりませんでした",
                             "did not come to an end in time", "error")


def is_ignored(base):
    """Names that intake leaves alone (INTERFACE: hidden and temporary)."""
    return (base.startswith((b".", b"~$"))
            or base.endswith((b".tmp", b".part")))


def refused(source, pending):
    """Files that were refused before acceptance: they are in rejected/."""
    for base in list(pending):
        name, path, flow = pending[base]
        folder = os.fsencode(source.folders / "rejected" / flow)
        if not os.path.lexists(os.path.join(folder, base)):
            continue
        rows = refused_numbers(source, flow).get(shown(base)) or []
        row = rows[-1] if rows else {}
        del pending[base]
        yield refused_result(name, path, row.get("コード", "refused"),
                             row.get("理由", ""), row.get("reason", ""))


def refused_result(name, path, code, text_ja, text_en, outcome="rejected"):
    result = {
        "name": shown(name), "size": os.path.getsize(path),
        "outcome": outcome, "reason_code": code, "reason_ja": text_ja,
        "reason_en": text_en, "type": None, "method": None, "removed": [],
        "delivered_path": None, "sha256_in": sha256_of(path),
        "sha256_out": None, "ms": 0, "detail": "", "number": "",
    }
    if shown(name).encode() != name:
        result["name_hex"] = name.hex()
    return result


def run_batch(args, zones):
    source, target = zones[args.source], zones[args.to]
    deadline = time.monotonic() + args.timeout
    counts = {}
    with open(args.json, "w", encoding="utf-8") as out:
        for wave in waves(batch_files(args.batch)):
            for result in run_wave(wave, source, target, args, deadline):
                json.dump(result, out, ensure_ascii=False)
                out.write("\n")
                out.flush()
                outcome = result["outcome"]
                counts[outcome] = counts.get(outcome, 0) + 1
                total = sum(counts.values())
                if sys.stderr.isatty():
                    print(f"\r{total} files", end="", file=sys.stderr)
    summary = ", ".join(f"{counts[key]} {key}" for key in sorted(counts))
    print(f"{sum(counts.values())} files: {summary}; written to {args.json}")
    return 1 if counts.get("error") else 0


# -- samples -------------------------------------------------------------------------------


def tiny_program():
    """A real ELF program: this machine's smallest usual one."""
    return pathlib.Path(shutil.which("true") or "/bin/true").read_bytes()


def tiny_pdf():
    """One empty page, with a true cross-reference table."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>",
               b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
               b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%bendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + (b"xref\n0 4\n0000000000 65535 f \n" + table
                  + b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
                  % len(out))


def samples():
    """(name, content, what it shows), the same in both directions."""
    long_name = "長" * 80 + ".csv"
    table = "番号,氏名,住所\r\n1,髙橋　花子,札幌市①\r\n2,神田㈱,能登町\r\n"
    return [
        ("住民税_令和8年.csv", table.encode("cp932"), "CSV, CP932"),
        ("お知らせ.txt", "会議は①号室です。\n".encode(), "text, UTF-8"),
        ("㈱見積①髙﨑.csv", table.encode("cp932"), "機種依存文字の名前"),
        (long_name, table.encode(), "80 kanji in the name"),
        ("検体.txt", eicar(), "EICAR test virus"),
        ("請求書.txt", tiny_program(), "a program renamed to .txt"),
        ("申請書.pdf", tiny_pdf(), "PDF: its flow demands sanitizing"),
    ]


EXPECTED = {"検体.txt": "quarantined", "請求書.txt": "rejected",
            "申請書.pdf": "held", "未登録.txt": "rejected",
            "破損.txt": "damaged"}


def run_samples(zones):
    rows = []
    for source, target in ((zones["internet"], zones["lgwan"]),
                           (zones["lgwan"], zones["internet"])):
        rows += run_samples_one_way(source, target)
    return rows


def run_samples_one_way(source, target):
    pending = {}
    for name, content, what in samples():
        raw = name.encode()
        flow = flow_for(raw, source.name)
        drop(source, flow, raw,
             lambda to, content=content: write_file(to, content))
        pending[raw] = what

    watch = Watch(source, target)
    found = {}

    def all_there():
        for low, high in watch.poll().values():
            key = file_key(low)
            if key in pending:
                found[key] = (low, high)
        return len(found) == len(pending)

    wait_for(all_there, f"files from {source.name} to {target.name}", 120,
             (source, target))
    for raw, what in pending.items():
        low, high = found[raw]
        last, outcome = outcome_of(low, high)
        yield_row = {
            "from": source.name, "to": target.name, "name": raw.decode(),
            "what": what, "outcome": outcome, "reason": last["reason_ja"]
            if outcome != "delivered" else "",
            "where": place_of(outcome, last, low, source, target),
            "ms": max(0, last["state_ms"] - low["accepted_ms"]),
            "number": low["number"]}
        found[raw] = yield_row
    return [found[raw] for raw in pending]


def run_unregistered(zone):
    """A purpose nobody has registered: refused before anything moves."""
    path = zone.dir / "未登録.txt"
    path.write_bytes(b"x\n")
    done = zone.ctl("--lang", "ja", "send", "unregistered", str(path),
                    check=False)
    text = done.stderr.decode("utf-8").strip().splitlines() or [""]
    return {"from": zone.name, "to": "-", "name": path.name,
            "what": "a purpose that is not registered",
            "outcome": "rejected" if done.returncode == 1 else "error",
            "reason": text[-1], "where": f"{zone.name}/{path.name}",
            "ms": 0, "number": ""}


def run_damaged(source, target):
    """A parcel damaged at rest: noticed on arrival, and the next one passes.

    The receiver is stopped until the parcel is sealed, one bit of the stored
    body is flipped while both gateways are down, and both start again.
    """
    target.stop()
    content = os.urandom(1 << 19).hex().encode() + b"\n"
    drop(source, "text-data", "破損.txt".encode(),
         lambda to: write_file(to, content))

    def sealed():
        return [row for row in source.transfers("--side", "low", "--files",
                                                "--limit", "8")
                if file_key(row) == "破損.txt".encode()
                and row["state"] in ("sealed", "sent")]
    row = wait_for(sealed, "the parcel to be sealed", 60, (source,))[0]
    source.stop()
    flip_one_bit(source.dir / "state" / "spool" / "bodies")
    source.start()
    target.start()

    def damaged():
        return [r for r in target.transfers("--side", "high")
                if r["state"] == "damaged"]
    last = wait_for(damaged, "the damage to be noticed", 60,
                    (source, target))[0]
    return {"from": source.name, "to": target.name, "name": "破損.txt",
            "what": "a parcel damaged at rest", "outcome": "damaged",
            "reason": last["reason_ja"],
            "where": f"{source.name}: kept, {row['number']}", "ms": 0,
            "number": row["number"]}


def flip_one_bit(folder):
    path = max((p for p in folder.rglob("*") if p.is_file()),
               key=lambda p: p.stat().st_size)
    with open(path, "r+b") as handle:
        handle.seek(path.stat().st_size // 3)
        byte = handle.read(1)
        handle.seek(-1, os.SEEK_CUR)
        handle.write(bytes([byte[0] ^ 1]))


def write_file(path, content):
    with open(path, "wb") as handle:
        handle.write(content)


def place_of(outcome, last, low, source, target):
    if outcome == "delivered":
        row = ledger(target, last["flow"], "受領簿").get(low["number"])
        if row and row.get("配達先"):
            return f"{target.name}/folders/{row['配達先']}"
        return f"{target.name}/folders/out/{last['flow']}/"
    if outcome == "rejected":
        return f"{source.name}/folders/rejected/{low['flow']}/"
    return f"{source.name}: {outcome} ({low['number']})"


def width(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WFA" else 1
               for c in text)


def cut(text, limit):
    if width(text) <= limit:
        return text + " " * (limit - width(text))
    out = ""
    for c in text:
        if width(out + c) > limit - 1:
            break
        out += c
    return out + "…" + " " * (limit - width(out) - 1)


def print_table(rows):
    columns = (("way", 18), ("file", 26), ("outcome", 11), ("ms", 6),
               ("why", 44), ("where it is now", 60))
    print("  ".join(cut(name, size) for name, size in columns))
    for row in rows:
        cells = (f"{row['from']}→{row['to']}", row["name"], row["outcome"],
                 str(row["ms"]), row["reason"], row["where"])
        print("  ".join(cut(cell, size) for cell, (_, size)
                        in zip(cells, columns)).rstrip())


def print_next(base, zones, once):
    ctl = zones["lgwan"].bin / "gatewayctl"
    print(f"""
Folders ({base}):
  internet/folders/in/text-data/     drop text and CSV files here
  lgwan/folders/out/text-data/       they are delivered here
  lgwan/folders/in/text-data-out/    the way back, to internet/folders/out/text-data-out/
  */folders/status/                  what is held, and the ledgers 送信簿, 受領簿
Commands:
  {ctl} --dir {base}/internet transfers list
  {ctl} --dir {base}/internet transfers show NUMBER
  {ctl} --dir {base}/lgwan doctor
  {ctl} --dir {base}/lgwan log verify""")
    if not once:
        pids = " ".join(str(z.process.pid) for z in zones.values())
        print(f"Both gateways go on. To stop them: kill {pids}")


def main():
    args = arguments()
    base, zones, is_real = make_zones(args)
    status = 1
    try:
        for zone in zones.values():
            zone.start()
        pair(zones["internet"], zones["lgwan"])
        wait_for(lambda: all(z.rows("channel", "list") and all(
            c["state"] == "open" for c in z.rows("channel", "list"))
            for z in zones.values()), "channels to open", 30,
            zones.values())
        if args.batch:
            status = run_batch(args, zones)
        else:
            rows = run_samples(zones)
            rows.append(run_unregistered(zones["internet"]))
            rows.append(run_damaged(zones["internet"], zones["lgwan"]))
            print_table(rows)
            if not is_real:
                print("\nScanned with a demonstration signature (EICAR) only; "
                      "/var/lib/clamav holds no database.")
            status = check_rows(rows)
            print_next(base, zones, args.once)
    finally:
        if args.once or args.batch or sys.exc_info()[0]:
            for zone in zones.values():
                zone.stop()
    return status


def check_rows(rows):
    """Exit status: did everything end as it should?"""
    wrong = [row for row in rows
             if row["outcome"] != EXPECTED.get(row["name"], "delivered")]
    for row in wrong:
        print(f"unexpected: {row['name']} ended {row['outcome']}",
              file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    main_guard(main)
