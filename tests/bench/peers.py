# SPDX-License-Identifier: ISC
"""The tools that people use instead: rsync and scp over ssh, clamdscan.

A private sshd on a loopback port with throw-away keys, a private clamd with
our own signatures; nothing of the user's own settings is read or changed.
"""
import getpass
import os
import pathlib
import shutil
import socket
import subprocess
import time


class PeerError(Exception):
    """A peer did not do its work; the text is its own."""


def free_port(address="127.0.0.1"):
    with socket.socket() as sock:
        sock.bind((address, 0))
        return sock.getsockname()[1]


def call(argv, what):
    """Run a command to its end; seconds from start to exit."""
    start = time.monotonic()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL,
                          capture_output=True, check=False)
    seconds = time.monotonic() - start
    if done.returncode != 0:
        raise PeerError(f"{what} ended with {done.returncode}: "
                        + (done.stderr or done.stdout)
                        .decode("utf-8", "replace").strip()[-600:])
    return seconds


class Daemon:
    """A private server process that is ended by its own id."""

    def __init__(self, argv, log, is_ready, what, seconds):
        self.what = what
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd="/", start_new_session=True)
        deadline = time.monotonic() + seconds
        while not is_ready():
            ended = self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.stop()
                raise PeerError(f"{what} did not start: "
                                + pathlib.Path(log).read_text(
                                    errors="replace")[-600:])
            time.sleep(0.05)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


# -- ssh ----------------------------------------------------------------------


class Ssh:
    """sshd, and rsync and scp through it."""

    def __init__(self, base):
        self.dir = base / "ssh"
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True, mode=0o700)
        self.port = free_port()
        self.config = self.dir / "config"
        self.daemon = None
        self.made_run = False

    def start(self):
        self._keys()
        self._configure()
        if os.geteuid() == 0 and not os.path.isdir("/run/sshd"):
            os.mkdir("/run/sshd", 0o755)  # sshd as root refuses without
            self.made_run = True
        self.daemon = Daemon(
            ["/usr/sbin/sshd", "-D", "-e", "-f",
             str(self.dir / "sshd_config")],
            self.dir / "sshd.log", self._listens, "sshd", 20)
        call(["ssh", "-F", str(self.config), "peer", "true"], "ssh")
        return self

    def _listens(self):
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def _keys(self):
        for name in ("host", "user"):
            call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C",
                  "bench", "-f", str(self.dir / name)], "ssh-keygen")
        shutil.copy(self.dir / "user.pub", self.dir / "authorized")
        host = (self.dir / "host.pub").read_text()
        (self.dir / "known").write_text(
            f"[127.0.0.1]:{self.port} {host}")

    def _configure(self):
        (self.dir / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\n"
            f"HostKey {self.dir}/host\n"
            f"AuthorizedKeysFile {self.dir}/authorized\n"
            f"PidFile {self.dir}/sshd.pid\n"
            "StrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            "PermitRootLogin prohibit-password\nPrintMotd no\n"
            "Subsystem sftp internal-sftp\n")
        self.config.write_text(
            "Host peer\n  HostName 127.0.0.1\n"
            f"  Port {self.port}\n  User {getpass.getuser()}\n"
            f"  IdentityFile {self.dir}/user\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {self.dir}/known\n"
            "  GlobalKnownHostsFile /dev/null\n  BatchMode yes\n"
            "  StrictHostKeyChecking yes\n  ControlMaster no\n")

    def cipher(self):
        """The cipher that both ends choose by themselves."""
        done = subprocess.run(
            ["ssh", "-v", "-F", str(self.config), "peer", "true"],
            stdin=subprocess.DEVNULL, capture_output=True, check=False)
        for line in done.stderr.decode("utf-8", "replace").splitlines():
            if "client->server cipher:" in line:
                return line.split("cipher:")[1].split()[0]
        return "unknown"

    def rsync(self, source, target):
        """Each file is fsynced by the receiver before it is renamed."""
        slash = "/" if os.path.isdir(source) else ""
        return call(["rsync", "-a", "--fsync", "-e",
                     f"ssh -F {self.config}", f"{source}{slash}",
                     f"peer:{target}"], "rsync --fsync")

    def scp(self, source, target):
        """scp, then everything of that file system is written out."""
        seconds = call(["scp", "-q", "-r", "-F", str(self.config),
                        str(source), f"peer:{target}"], "scp")
        parent = os.path.dirname(os.fspath(target))
        return seconds + call(["sync", "-f", parent], "sync")

    def stop(self):
        if self.daemon:
            self.daemon.stop()
        if self.made_run:
            try:
                os.rmdir("/run/sshd")
            except OSError:
                pass
        shutil.rmtree(self.dir, ignore_errors=True)


# -- clamd --------------------------------------------------------------------


class Clamd:
    """clamd with the bench's signatures."""

    def __init__(self, base, signatures):
        self.dir = base / "clamd"
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True, mode=0o700)
        self.config = self.dir / "clamd.conf"
        self.signatures = signatures
        self.daemon = None

    def start(self):
        # One server stands for those of both zones: without its cache of
        # clean files, which in the second zone knows none of them.
        (self.dir / "tmp").mkdir()
        self.config.write_text(
            f"DatabaseDirectory {self.signatures}\n"
            f"LocalSocket {self.dir}/socket\n"
            f"TemporaryDirectory {self.dir}/tmp\n"
            "Foreground yes\nDisableCache yes\nLogTime no\n")
        # Debian's AppArmor profile goes by path and would refuse our folders.
        program = self.dir / "clamd"
        shutil.copy("/usr/sbin/clamd", program)
        self.daemon = Daemon([str(program), "-c", str(self.config)],
                             self.dir / "clamd.log", self._answers,
                             "clamd", 180)
        return self

    def _answers(self):
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(5)
                sock.connect(str(self.dir / "socket"))
                sock.sendall(b"zPING\0")
                return sock.recv(16).startswith(b"PONG")
        except OSError:
            return False

    def scan(self, path):
        """Everything below path, on all processors."""
        return call(["clamdscan", f"--config-file={self.config}",
                     "--multiscan", "--fdpass", "--no-summary", "--quiet",
                     str(path)], "clamdscan")

    def stop(self):
        if self.daemon:
            self.daemon.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
