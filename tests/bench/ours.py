# SPDX-License-Identifier: ISC
"""Our half: two paired zones of the bench, and transfers through them."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

import meter
from zones import Zone, ZoneError, pair, wait_for

NAMES = ("internet", "lgwan")
QUIET_S = 15            # nothing came for so long: ask what happened
STUCK = {"held", "waiting", "rejected", "quarantined", "poison", "damaged",
         "expired", "revoked", "withdrawn"}

GATEWAY = """\
zone: {zone}
state_dir: {state}
folders: {folders}
language: en
operators: {{approver: [], officer: [], auditor: [], administrator: []}}
channels:
  - id: internet-lgwan
    role: {out}
    peer: {peer}
    carrier: tls
    {there}
    ack: immediate
  - id: lgwan-internet
    role: {back}
    peer: {peer}
    carrier: tls
    {here}
    ack: immediate
signatures: {{dir: {signatures}, max_age_days: 365}}
spool:
  quota_gib: 100000
  stop_intake_pct: 96
  stop_fetch_pct: 98
  ballast_mib: 64
clock_jump_alarm_s: 300
"""

FLOW = """\
flow: {flow}
purpose: measurement
legal_ground: none, a bench
owner_section: bench
contact: bench
from: internet
to: lgwan
class: 1
accept: [{accept}]
stages: [{stages}]
sanitize: none
submitter: fixed bench
complete: rename
on_exists: number
deliver: folder
ordered: false
limits: {{files: 20000, file_bytes: 32GiB, transfer_bytes: 64GiB}}
retention: {{original_days: 0}}
scan_batch: {batch}
"""

EVERYTHING = "text, csv, pdf, docx, zip"
# Flow -> accepted types, stages, files of one transfer in one worker.
FLOWS = {
    "null": (EVERYTHING, "null", 64),
    "text": ("text", "identify, clam, confirm", 1),
    "text-batch": ("text", "identify, clam, confirm", 64),
    "documents": ("pdf, docx", "identify, clam", 1),
}


class Pair:
    """Zones internet and lgwan; everything goes from the first to the
    second, and the reply channel is there as in service."""

    def __init__(self, name, place, bindir, flows, signatures, is_bench):
        self.name = name
        self.place = place
        self.dir = place.path / f"zones-{name}"
        self.flows = flows
        self.signatures = signatures
        self.is_bench = is_bench
        self.zones = [Zone(zone, self.dir / zone, bindir) for zone in NAMES]
        self.low, self.high = self.zones
        self.groups = {}
        self.count = 0
        self.base_bytes = 0

    # -- life ----------------------------------------------------------------

    def open(self):
        """Configure, start and pair; the channels are up on return."""
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        self.dir.chmod(0o755)
        self._configure()
        self.start()
        pair(self.low, self.high, bench=self.is_bench)
        self.wait_up()
        return self

    def _configure(self):
        ports = free_ports()
        addresses = {"internet": f"127.0.1.1:{ports[0]}",
                     "lgwan": f"127.0.1.2:{ports[1]}"}
        for zone in self.zones:
            is_low = zone is self.low
            peer = NAMES[1] if is_low else NAMES[0]
            there = f'connect: "{addresses[peer]}"'
            here = f'listen: "{addresses[zone.name]}"'
            text = GATEWAY.format(
                zone=zone.name, peer=peer, state=zone.dir / "state",
                folders=zone.folders, signatures=self.signatures,
                out="sender" if is_low else "receiver",
                back="receiver" if is_low else "sender",
                there=there if is_low else here,
                here=here if is_low else there)
            (zone.dir / "flows").mkdir(parents=True)
            (zone.dir / "gateway.yaml").write_text(text)
            for flow in self.flows:
                accept, stages, batch = FLOWS[flow]
                (zone.dir / "flows" / f"{flow}.yaml").write_text(
                    FLOW.format(flow=flow, accept=accept, stages=stages,
                                batch=batch))

    def start(self, zones=None, timeout=120):
        for zone in zones or self.zones:
            group = self.groups.get(zone.name)
            if group is None:
                group = meter.Group(f"{self.name}-{zone.name}")
                self.groups[zone.name] = group
            with group:
                zone.start(timeout)
            group.root = zone.process.pid

    def wait_up(self):
        wait_for(lambda: all(
            row["state"] == "open" and row["link"] == "up"
            for zone in self.zones for row in zone.rows("channel", "list")),
            "channels to come up", 60, self.zones)
        self.base_bytes = self._stored()

    def stop(self, zones=None):
        for zone in zones or self.zones:
            zone.stop()

    def close(self):
        """Stop both zones, whatever state they are in, and remove them."""
        for zone in self.zones:
            try:
                zone.stop()
            except ZoneError:
                pass
        for group in self.groups.values():
            group.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    # -- transfers ------------------------------------------------------------

    def drop_folder(self, flow):
        return self.low.folders / "in" / flow

    def prepare(self, flow, source):
        """
        Copy a file or folder beside the drop folder, owned by whoever reads
        there; renamed into it later, it is complete at once.
        """
        self.count += 1
        target = self.place.path / "prepared" / f"{flow}-{self.count:05}"
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            target = target.with_suffix(source.suffix)
            shutil.copyfile(source, target)
        give(target, os.stat(self.drop_folder(flow)))
        return target

    def send(self, flow, prepared, timeout=600):
        """
        Drop what was prepared; (seconds until all is in the mailbox, where).
        prepared: one path, or several, each of them a transfer.
        """
        paths = prepared if isinstance(prepared, list) else [prepared]
        folder = self.drop_folder(flow)
        mailbox = self.high.folders / "out" / flow
        watch = meter.Mailbox(mailbox)
        since_ms = int(time.time() * 1000)
        quiet = [time.monotonic()]

        def on_wait():
            if time.monotonic() - quiet[0] > QUIET_S:
                quiet[0] = time.monotonic()
                self._look_stuck(since_ms)

        try:
            start = time.monotonic()
            for path in paths:
                os.rename(path, folder / path.name)
            end = watch.wait([path.name for path in paths], timeout, on_wait)
        except TimeoutError as error:
            raise ZoneError(f"{error}\n{self.story()}") from None
        finally:
            watch.close()
        delivered = [mailbox / path.name for path in paths]
        return end - start, (delivered if isinstance(prepared, list)
                             else delivered[0])

    def _look_stuck(self, since_ms):
        """Do not wait for what was held or refused; say why it was."""
        for zone in self.zones:
            for row in zone.transfers("--limit", "20"):
                if (row["state"] in STUCK
                        and row["state_ms"] >= since_ms):
                    raise ZoneError(
                        f"transfer {row['number']} is {row['state']} in "
                        f"{zone.name}: {row.get('reason_en', '')} "
                        f"{row.get('detail', '')}\n{self.story()}")

    def story(self):
        """Newest transfers and last lines of both zones, for an error."""
        parts = []
        for zone in self.zones:
            try:
                rows = zone.transfers("--limit", "3")
            except (ZoneError, ValueError) as error:
                rows = [{"error": str(error).splitlines()[0]}]
            parts.append(f"--- {zone.name}")
            parts += [f"{r.get('number')} {r.get('state')} "
                      f"{r.get('reason_en', '')} {r.get('detail', '')}"
                      f"{r.get('error', '')}" for r in rows]
            parts.append(zone.tail(8))
        return "\n".join(parts)

    def settle(self, limit=25):
        """Wait until large bodies of former transfers are erased."""
        deadline = time.monotonic() + limit
        while (self._stored() > self.base_bytes + (64 << 20)
               and time.monotonic() < deadline):
            time.sleep(0.2)

    def _stored(self):
        total = 0
        for zone in self.zones:
            for row in zone.rows("status"):
                total += row.get("stored_bytes", 0)
        return total

    # -- what it costs --------------------------------------------------------

    def cpu(self):
        """Processor seconds of both zones so far, of ended workers too."""
        return sum(group.cpu() for group in self.groups.values())

    def cpu_by_process(self):
        """zone/process -> processor seconds, with workers it waited for."""
        found = {}
        for zone, group in self.groups.items():
            for pid in group.pids():
                try:
                    name = f"{zone}/{meter.comm(pid)}"
                except OSError:
                    continue
                found[name] = found.get(name, 0) + meter.stat_cpu(pid)
        return found

    def watch_memory(self, interval=0.2):
        return meter.MemoryWatch(self.groups, interval)

    # -- catalogue ------------------------------------------------------------

    def fill(self, program, count, flow):
        """Add ended transfers to both catalogues; the zones must be down."""
        jobs = []
        for zone, side, letter in ((self.low, "low", "I"),
                                   (self.high, "high", "I")):
            folder = zone.dir / "state" / "spool"
            owner = os.stat(folder)
            ids = {}
            if os.geteuid() == 0:
                ids = {"user": owner.st_uid, "group": owner.st_gid,
                       "extra_groups": []}
            jobs.append(subprocess.Popen(
                [str(program), str(folder), str(count), side, flow, letter],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, **ids))
        for job in jobs:
            text, _ = job.communicate()
            if job.returncode != 0:
                raise ZoneError("fill_catalog: "
                                + text.decode("utf-8", "replace").strip())


def give(path, owner):
    """Hand a prepared file or folder to the owner of the drop folder."""
    if os.geteuid() != 0:
        return
    os.chown(path, owner.st_uid, owner.st_gid)
    if path.is_dir():
        for folder, folders, names in os.walk(path):
            for name in folders + names:
                os.chown(pathlib.Path(folder) / name, owner.st_uid,
                         owner.st_gid)


def free_ports():
    """Ports that nobody listens on, one on each zone's address."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.1.1", 0))
        second.bind(("127.0.1.2", 0))
        return first.getsockname()[1], second.getsockname()[1]
