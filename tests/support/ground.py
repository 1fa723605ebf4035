# SPDX-License-Identifier: ISC
"""Two zones in which chosen processes of a gateway are taken over.

The programs named are replaced by build/PRESET/hostile/hostile, which starts
the real one and stands between it and its siblings (tests/hostile/).
"""
import atexit
import functools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from systest import (EXAMPLE, Site, ZoneError, eicar, equal, fresh, wait_for)

OUT, IN = "text-data-out", "text-data"  # lgwan to internet, and back
SCANNERS = ("identify", "clam", "confirm")
LIARS = tuple(f"zygote-{stage}/lie" for stage in SCANNERS)
APPROVER, OFFICERS, NOBODY = 70001, (70002, 70003), 70009
STOPPED = ("held", "poison", "quarantined", "rejected", "damaged", "waiting")

PROGRAM = b"\x7fELF"
FORMULA = "=1+2,合計\r\n".encode()
UNSEEN = "承認されていない\n".encode()


def operators():
    me = os.geteuid()
    mine = "" if me == 0 else f", {me}"
    return {"approver: []": f"approver: [{APPROVER}{mine}]",
            "officer: []": "officer: [%d, %d]" % OFFICERS}


def as_person(uid):
    """Words that run a command as that person; none as an ordinary user,
    who is the only approver there is."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid", str(uid), "--regid", str(uid),
            "--clear-groups"]


def program_file():
    return pathlib.Path(shutil.which("true")).read_bytes()


class Ground(Site):
    """lgwan with hostile programs; internet's scanners can be made to lie,
    so that everything reaches lgwan and nothing is stopped behind it."""

    current = None

    def __init__(self, bindir, programs):
        self.programs = programs
        self.links = pathlib.Path(tempfile.mkdtemp(prefix="sekisho-libexec-",
                                                   dir="/var/tmp"))
        os.chmod(self.links, 0o755)
        self.hostile = bindir.parent / "hostile" / "hostile"
        if not self.hostile.exists():
            raise ZoneError(f"{self.hostile} is not built")
        libexec = {
            "lgwan": self.take_over(bindir, "lgwan", programs),
            "internet": self.take_over(bindir, "internet", [
                f"gateway-scan-{stage}" for stage in SCANNERS]),
        }
        super().__init__(bindir, operators(), libexec, start=False)
        for zone in self.zones:
            self.add_flows(zone)
        self.seen = {zone.name: 0 for zone in self.zones}
        self.start()
        self.honest("始め.txt")

    def take_over(self, bindir, name, programs):
        """A libexec with these programs replaced."""
        directory = self.links / name
        (directory / "real").mkdir(parents=True)
        for path in bindir.iterdir():
            if path.name in programs:
                (directory / path.name).symlink_to(self.hostile)
                (directory / "real" / path.name).symlink_to(path)
            else:
                (directory / path.name).symlink_to(path)
        for path in (directory, directory / "real"):
            os.chmod(path, 0o755)
        return directory

    def put_back(self, timeout=60):
        """The real programs again, in a gateway started anew."""
        self.behave()
        self.lgwan.stop()
        for name in filter(None, self.programs):
            link = self.links / "lgwan" / name
            link.unlink()
            link.symlink_to(self.lgwan.bin / name)
        self.lgwan.start(timeout)

    def add_flows(self, zone):
        """Flows that take one approver, and two."""
        for base in (OUT, IN):
            text = (EXAMPLE / zone.name / "flows" / f"{base}.yaml").read_text(
                encoding="utf-8")
            for count, word in ((1, "one"), (2, "two")):
                if base == IN:
                    continue
                mine = text.replace(f"flow: {base}", f"flow: {word}-out")
                mine = mine.replace("submitter: folder",
                                    "submitter: fixed madoguchi")
                if zone is self.lgwan:
                    mine = mine.replace(
                        "steps: []",
                        f"steps: [{{role: approver, count: {count}}}]")
                (zone.dir / "flows" / f"{word}-out.yaml").write_text(
                    mine, encoding="utf-8")

    def close(self, keep=False):
        super().close(keep)
        shutil.rmtree(self.links)

    # -- behaviour -----------------------------------------------------------

    def behave(self, ours=(), peer=()):
        """From now on these processes do these things ("spool/replay")."""
        for zone, words in ((self.lgwan, ours), (self.internet, peer)):
            path = self.links / zone.name / "scenario"
            path.with_suffix(".new").write_text(" ".join(words) + "\n")
            os.chmod(path.with_suffix(".new"), 0o644)
            path.with_suffix(".new").rename(path)
            self.seen[zone.name] = zone.log.stat().st_size

    def hostile_lines(self, zone=None):
        """What hostile processes said since the last `behave`."""
        zone = zone or self.lgwan
        with open(zone.log, "rb") as log:
            log.seek(self.seen[zone.name])
            text = log.read().decode("utf-8", "replace")
        return [line.split("hostile: ", 1)[1].split(": ", 1)[1]
                for line in text.splitlines() if "hostile: " in line]

    def wait_said(self, pattern, count=1, timeout=60, zone=None):
        """Matches of a pattern in what they said, once there are so many."""
        def look():
            found = [m for m in (re.search(pattern, line) for line in
                                 self.hostile_lines(zone)) if m]
            return found if len(found) >= count else None
        return wait_for(look, f"{count} times {pattern!r} of a hostile "
                        "process", timeout, self.zones)

    def refused(self, pattern, count=1):
        """All answers that it got were errors; group 1 is the code."""
        for match in self.wait_said(pattern, count):
            equal(int(match[1]) < 0, True, f"refusal ({match[0]})")

    def look(self, zone, *args):
        """Transfers, or none while the gateway starts anew."""
        try:
            return zone.transfers(*args)
        except ZoneError:
            return []

    # -- files ---------------------------------------------------------------

    def send(self, zone, name, content, flow=None):
        """Drop a file; its receipt number once it is accepted."""
        flow = flow or (OUT if zone is self.lgwan else IN)
        before = {row["number"] for row in zone.transfers("--side", "low")}
        self.drop(zone, flow, name, content)
        return wait_for(lambda: [
            row["number"] for row in self.look(zone, "--side", "low")
            if row["number"] not in before and row["flow"] == flow],
            f"{name} to be accepted", 60, self.zones)[0]

    def wait_number(self, zone, side, number, states=STOPPED, timeout=60):
        def look():
            return [row for row in self.look(zone, "--side", side,
                                             "--number", number)
                    if row["state"] in states]
        return wait_for(look, f"{number} in {zone.name} to be "
                        + " or ".join(states), timeout, self.zones)[0]

    def honest(self, name):
        """A harmless file crosses both ways."""
        content = f"{name}\n".encode()
        for source, target, flow in ((self.internet, self.lgwan, IN),
                                     (self.lgwan, self.internet, OUT)):
            self.drop(source, flow, name, content)
            equal(self.wait_file(target, f"out/{flow}/{name}"), content,
                  name)

    def mailbox(self, zone):
        base = zone.folders / "out"
        return {str(path.relative_to(base)): path.read_bytes()
                for path in base.rglob("*") if path.is_file()}

    def check(self):
        """Nothing in a mailbox that may not be there."""
        for zone in self.zones:
            for name, content in self.mailbox(zone).items():
                bad = (content == eicar() or content.startswith(PROGRAM)
                       or content in (FORMULA, UNSEEN)
                       or name.endswith((".bat", ".exe")))
                equal(bad, False, f"{name} in a mailbox of {zone.name}")

    def approve(self, number, uid=APPROVER):
        """Exit status of gatewayctl transfers approve."""
        return subprocess.run(
            [*as_person(uid), str(self.lgwan.bin / "gatewayctl"), "--dir",
             str(self.lgwan.dir), "--lang", "en", "transfers", "approve",
             number], capture_output=True, check=False).returncode


def close_current():
    if Ground.current:
        Ground.current.close()
        Ground.current = None


atexit.register(close_current)


def ground(*programs):
    """Give a test the ground with these programs; the last one is kept.
    An empty name makes it another ground."""
    def wrap(function):
        @functools.wraps(function)
        def inner(bindir):
            site = Ground.current
            if site is None or site.programs != programs:
                close_current()
                site = Ground.current = Ground(bindir, programs)
            try:
                function(site)
                site.check()
            except (AssertionError, ZoneError, OSError, LookupError) as error:
                tails = "".join(f"\n--- {zone.name}\n{zone.tail(60)}"
                                for zone in site.zones)
                close_current()
                raise AssertionError(f"{error}{tails}") from error
            site.behave()
        return fresh(inner)
    return wrap
