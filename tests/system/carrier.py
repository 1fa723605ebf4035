# SPDX-License-Identifier: ISC
"""What happens to the carrier is no concern of the files."""
import os
import pathlib
import re
import signal
import socket
import ssl
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]
                       / "support"))
from systest import equal, run, wait_for  # noqa: E402

FLOW = "text-data"
KILLS = 6


def link_of(zone):
    """Pid of the zone's gateway-link, None while there is none."""
    parent = str(zone.process.pid)
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        name = text[text.index("(") + 1:text.rindex(")")]
        if name == "gateway-link" and text[text.rindex(")"):].split()[2] == \
                parent:
            return int(stat.parent.name)
    return None


def address(site):
    """Where the receiver of lgwan listens."""
    text = (site.lgwan.dir / "gateway.yaml").read_text()
    host, port = re.search(r'listen: "([\d.]+):(\d+)"', text).groups()
    return host, int(port)


def test_link_killed_on_the_way(site):
    content = b"".join(b"%011d,%019d\n" % (n, n * n) for n in range(6000000))
    site.drop(site.internet, FLOW, "地図.csv", content)
    site.wait_state(site.internet, "low", "地図.csv",
                    ("sealed", "sent", "confirmed"), 120)
    for turn in range(KILLS):
        zone = (site.internet, site.lgwan)[turn % 2]
        wait_for(lambda z=zone: link_of(z), "a link", 60, site.zones)
        os.kill(link_of(zone), signal.SIGKILL)
        time.sleep(0.4)
    got = site.wait_file(site.lgwan, f"out/{FLOW}/地図.csv", 180)
    equal(len(got), len(content), "size")
    equal(got == content, True, "content")
    copies = list((site.lgwan.folders / "out" / FLOW).glob("地図*"))
    equal(len(copies), 1, "copies")
    site.wait_state(site.internet, "low", "地図.csv", "confirmed")


def test_strangers_learn_nothing(site):
    where = address(site)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for minimum, maximum in ((ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3),
                             (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)):
        context.maximum_version = maximum
        context.minimum_version = minimum
        heard = b""
        try:
            with socket.create_connection(where, 10) as plain, \
                    context.wrap_socket(plain) as tls:
                tls.sendall(b"\0" * 64)
                heard = tls.recv(4096)
        except (ssl.SSLError, ConnectionError):
            pass
        equal(heard, b"", "bytes that a stranger got")
    with socket.create_connection(where, 10) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        try:
            while plain.recv(4096):
                pass
        except ConnectionError:
            pass
    # and the paired one still gets through
    site.drop(site.internet, FLOW, "後.txt", b"x\n")
    equal(site.wait_file(site.lgwan, f"out/{FLOW}/後.txt"), b"x\n", "content")


if __name__ == "__main__":
    run(sys.modules[__name__])
