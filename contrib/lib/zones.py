# SPDX-License-Identifier: ISC
"""Two zones on one machine: configure, start, pair, watch and stop them.

Used by contrib/quickstart, the system tests and the bench.
"""
import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
UID_BASE = {"internet": 61000, "lgwan": 61100, "mynumber": 61200}


class ZoneError(Exception):
    """A gateway did not do what was asked; the text says what and why."""


class Zone:
    """One gateway: its folder, its daemon and its gatewayctl."""

    def __init__(self, name, directory, bindir, libexec=None):
        self.name = name
        self.dir = pathlib.Path(directory)
        self.bin = pathlib.Path(bindir)
        self.libexec = pathlib.Path(libexec or bindir)
        self.folders = self.dir / "folders"
        self.log = self.dir / "gatewayd.log"
        self.process = None

    # -- configuration ----------------------------------------------------

    def configure(self, source, replace, signatures):
        """Copy gateway.yaml and flows from source, filling placeholders."""
        self.dir.mkdir(parents=True, exist_ok=True)
        os.chmod(self.dir, 0o755)
        values = {
            "@STATE_DIR@": str(self.dir / "state"),
            "@FOLDERS@": str(self.folders),
            "@SIGNATURES@": str(signatures),
            **replace,
        }
        for path in sorted(pathlib.Path(source).rglob("*.yaml")):
            text = path.read_text(encoding="utf-8")
            for key, value in values.items():
                text = text.replace(key, value)
            target = self.dir / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")

    # -- daemon ---------------------------------------------------------------

    def start(self, timeout=60):
        """Start gatewayd in the background and wait until it serves."""
        argv = [str(self.bin / "gatewayd"), "--dir", str(self.dir),
                "--libexec", str(self.libexec)]
        if os.geteuid() == 0:
            argv += ["--uid-base", str(UID_BASE[self.name])]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd="/", start_new_session=True)
        (self.dir / "gatewayd.pid").write_text(f"{self.process.pid}\n")
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ZoneError(f"gatewayd of {self.name} ended at start:\n"
                                + self.tail())
            if self.ctl("status", check=False).returncode == 0:
                return
            time.sleep(0.05)
        raise ZoneError(f"gatewayd of {self.name} did not get ready in "
                        f"{timeout} s:\n" + self.tail())

    def stop(self, timeout=60):
        """Stop it in order; kill what does not stop."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise ZoneError(f"gatewayd of {self.name} did not stop in "
                                f"{timeout} s:\n" + self.tail()) from None
        self.process = None

    def tail(self, lines=20):
        """End of the daemon's log."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    # -- gatewayctl --------------------------------------------------------------

    def ctl(self, *args, check=True, data=None):
        """Run gatewayctl on this zone."""
        done = subprocess.run(
            [str(self.bin / "gatewayctl"), "--dir", str(self.dir),
             "--lang", "en", *args],
            input=data, capture_output=True, check=False)
        if check and done.returncode != 0:
            raise ZoneError(
                f"gatewayctl {' '.join(args)} in {self.name} failed "
                f"({done.returncode}): "
                + done.stderr.decode("utf-8", "replace")
                + "\n" + self.tail())
        return done

    def rows(self, *args):
        """Objects that gatewayctl --json prints, one per line."""
        out = self.ctl("--json", *args).stdout.decode("utf-8")
        return [json.loads(line) for line in out.splitlines() if line]

    def transfers(self, *args):
        return self.rows("transfers", "list", *args)


def pair(first, second, bench=False):
    """Exchange cards and the pairing secret between two running zones."""
    for zone in (first, second):
        flags = ["--bench"] if bench else []
        zone.ctl("pair", "init", *flags)
    secret = first.dir / "pairing-secret.txt"
    secret.write_text(secrets.token_hex(32) + "\n")
    os.chmod(secret, 0o600)
    for mine, other in ((first, second), (second, first)):
        card = other.dir / "card.bin"
        card.write_bytes(other.ctl("pair", "card", "--binary").stdout)
        digits = other.rows("pair", "show")[0]["digits"]
        mine.ctl("pair", "accept", str(card), "--digits", digits,
                 "--secret-file", str(secret))
    secret.unlink()


def wait_for(condition, what, timeout, zones=()):
    """Poll a condition on the outside world until it gives something."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            logs = "\n".join(f"--- {z.name}\n{z.tail()}" for z in zones)
            raise ZoneError(f"{what}: not within {timeout} s\n{logs}")
        time.sleep(0.05)


def demo_signatures(directory):
    """A signature folder that knows EICAR, or Debian's if it is filled."""
    system = pathlib.Path("/var/lib/clamav")
    if any(system.glob("*.c[lv]d")) or any(system.glob("*.cvd")):
        return system, True
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    os.chmod(directory, 0o755)
    body = eicar()[:-1].hex()
    (directory / "demo.ndb").write_text(
        f"Eicar-Test-Signature:0:*:{body}\n")
    return directory, False


def eicar():
    """The EICAR test file, put together so that no scanner finds it here."""
    return (rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-"
            + b"ANTIVIRUS-TEST-FILE!$H+H*\n")


def main_guard(function):
    """Run a main function; a ZoneError becomes its text and exit 1."""
    try:
        sys.exit(function())
    except ZoneError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
