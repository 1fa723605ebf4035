# SPDX-License-Identifier: ISC
"""Frame of the system tests: two or three real gateways, real files.

A test file defines functions named test_*; each takes a Site.  All tests of
a file share one site unless the function has the attribute `fresh`.
"""
import argparse
import os
import pathlib
import shutil
import socket
import sys
import tempfile
import time
import traceback

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "contrib" / "lib"))
from zones import (Zone, ZoneError, demo_signatures, eicar,  # noqa: F401,E402
                   pair, wait_for)

EXAMPLE = TOP / "contrib" / "policies" / "example"


class Skip(Exception):
    """This cannot be tried here; the text says why."""


def free_port():
    """A port nobody listens on at this moment, on both test addresses."""
    with socket.socket() as probe:
        probe.bind(("127.0.1.1", 0))
        return probe.getsockname()[1]


class Site:
    """Zones `internet` and `lgwan`, paired, below one temporary folder."""

    def __init__(self, bindir, edit=None, libexec=None, start=True,
                 bench=False):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="sekisho-test-",
                                                  dir="/var/tmp"))
        os.chmod(self.base, 0o755)
        signatures, _ = self.make_signatures()
        port = free_port()
        replace = {"submitter: folder": "submitter: owner",
                   ":7443": f":{port}", "ack_tick_s: 2": "ack_tick_s: 1"}
        replace.update(edit or {})
        self.internet = self.zone("internet", bindir, libexec)
        self.lgwan = self.zone("lgwan", bindir, libexec)
        for zone in self.zones:
            zone.configure(EXAMPLE / zone.name, replace, signatures)
        if start:
            self.start(bench)

    def make_signatures(self):
        directory = self.base / "signatures"
        directory.mkdir()
        os.chmod(directory, 0o755)
        (directory / "test.ndb").write_text(
            f"Eicar-Test-Signature:0:*:{eicar()[:-1].hex()}\n")
        return directory, False

    def zone(self, name, bindir, libexec):
        if isinstance(libexec, dict):
            libexec = libexec.get(name)
        return Zone(name, self.base / name, bindir, libexec)

    @property
    def zones(self):
        return (self.internet, self.lgwan)

    def start(self, bench=False):
        for zone in self.zones:
            zone.start()
        pair(self.internet, self.lgwan, bench)
        self.wait_channels()

    def wait_channels(self):
        wait_for(lambda: all(
            row["state"] == "open" and row["link"] == "up"
            for zone in self.zones for row in zone.rows("channel", "list")),
            "channels to come up", 60, self.zones)

    def close(self, keep=False):
        for zone in self.zones:
            zone.stop()
        if not keep:
            shutil.rmtree(self.base)

    # -- files ---------------------------------------------------------------

    def drop(self, zone, flow, name, content):
        """Put a file (bytes) or a set (dict) into a drop folder at once."""
        raw = os.fsencode(name)
        folder = os.fsencode(zone.folders / "in" / flow)
        hidden = os.path.join(folder, b".test-" + os.urandom(6).hex().encode())
        if isinstance(content, dict):
            for path, data in content.items():
                full = os.path.join(hidden, os.fsencode(path))
                os.makedirs(os.path.dirname(full), exist_ok=True)
                write(full, data)
            # as a share with a common group would leave it: the courier
            # must be able to move folders and empty them
            for folder_name, _, _ in os.walk(hidden):
                os.chmod(folder_name, 0o777)
        else:
            write(hidden, content)
        os.rename(hidden, os.path.join(folder, raw))

    def find(self, zone, side, name):
        """Transfers of one side whose first file has this name."""
        return [row for row in zone.transfers("--side", side, "--files")
                if row.get("files") and row["files"][0]["name"] == name]

    def wait_state(self, zone, side, name, states, timeout=60):
        """The transfer of that name once it is in one of these states."""
        states = {states} if isinstance(states, str) else set(states)

        def look():
            for row in self.find(zone, side, name):
                if row["state"] in states:
                    return row
            return None
        return wait_for(look, f"{name} in {zone.name} to be "
                        + " or ".join(sorted(states)), timeout, self.zones)

    def wait_number(self, zone, number, states, timeout=60):
        """The transfer of that receipt number once it is in such a state.

        The receiver forgets names with the keys, so after delivery only the
        number finds a transfer there.
        """
        states = {states} if isinstance(states, str) else set(states)

        def look():
            for row in zone.transfers("--number", number):
                if row["state"] in states:
                    return row
            return None
        return wait_for(look, f"{number} in {zone.name} to be "
                        + " or ".join(sorted(states)), timeout, self.zones)

    def wait_file(self, zone, path, timeout=60):
        """Content of a delivered file, relative to the zone's folders."""
        full = zone.folders / path

        def look():
            try:
                return full.read_bytes() or b"\0empty"
            except OSError:
                return None
        data = wait_for(look, f"{path} to be delivered in {zone.name}",
                        timeout, self.zones)
        return b"" if data == b"\0empty" else data


def write(path, data):
    with open(path, "wb") as handle:
        handle.write(data)
    os.chmod(path, 0o644)


def equal(got, expected, what="value"):
    """Assert with both values in the message."""
    if got != expected:
        raise AssertionError(f"{what}: got {got!r}, expected {expected!r}")


def run(module, make_site=Site):
    """Run the test_* functions of a module; print and exit as contrib/check
    expects: 0 all passed, 1 something failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--keep", action="store_true",
                        help="leave the zones' folders after a failure")
    parser.add_argument("only", nargs="*")
    args = parser.parse_args()
    bindir = pathlib.Path(args.bin).resolve()
    tests = [(name, function) for name, function in vars(module).items()
             if name.startswith("test_") and callable(function)
             and (not args.only or name in args.only)]
    site, failed, skipped = None, 0, 0
    for name, function in tests:
        started = time.monotonic()
        try:
            if getattr(function, "fresh", False):
                function(bindir)
            else:
                site = site or make_site(bindir)
                function(site)
            print(f"ok {name} ({time.monotonic() - started:.1f} s)")
        except Skip as why:
            skipped += 1
            print(f"skipped {name}: {why}")
        except (AssertionError, ZoneError, OSError, KeyError,
                IndexError) as error:
            failed += 1
            print(f"FAILED {name}: {error}")
            traceback.print_exc(limit=4, file=sys.stdout)
            if site:
                for zone in site.zones:
                    print(f"--- {zone.name}\n{zone.tail(40)}")
    if site:
        site.close(keep=args.keep and failed)
        if args.keep and failed:
            print(f"left in {site.base}")
    print(f"{len(tests) - failed - skipped} of {len(tests)} passed, "
          f"{skipped} skipped")
    sys.exit(1 if failed else 0)


def fresh(function):
    """Mark a test that makes its own site; it gets the bin folder."""
    function.fresh = True
    return function
