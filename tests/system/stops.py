# SPDX-License-Identifier: ISC
"""What must not pass stops with a clear reason, and nothing is lost."""
import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]
                       / "support"))
from systest import eicar, equal, run, wait_for  # noqa: E402

FLOW = "text-data"


def arrived(site, name):
    return list((site.lgwan.folders / "out").rglob(name))


def test_virus(site):
    site.drop(site.internet, FLOW, "検体.txt", eicar())
    row = site.wait_state(site.internet, "low", "検体.txt", "quarantined")
    equal(row["reason_code"], "virus-found", "reason")
    equal("Eicar" in row["detail"], True, f"detail {row['detail']}")
    equal(arrived(site, "検体.txt"), [], "mailbox")
    wait_for(lambda: list((site.internet.folders / "rejected" / FLOW)
                          .glob("検体.txt.理由.txt")), "reason file", 30,
             site.zones)


def test_disguise(site):
    program = pathlib.Path(shutil.which("true")).read_bytes()
    site.drop(site.internet, FLOW, "請求書.txt", program)
    row = site.wait_state(site.internet, "low", "請求書.txt", "rejected")
    equal(row["reason_code"], "type-disguised", "reason")
    equal(arrived(site, "請求書.txt"), [], "mailbox")


def test_unregistered_purpose(site):
    folder = site.internet.folders / "in" / "未登録の目的"
    folder.mkdir()
    (folder / "資料.txt").write_bytes(b"x\n")
    done = site.internet.ctl("send", "unregistered", "/dev/null",
                             check=False)
    equal(done.returncode, 1, "gatewayctl send")
    equal(b"unregistered" in done.stderr, True, done.stderr)


def test_flow_unknown_at_receiver(site):
    path = site.lgwan.dir / "flows" / f"{FLOW}.yaml"
    text = path.read_text(encoding="utf-8")
    path.unlink()
    site.lgwan.ctl("reload")
    site.drop(site.internet, FLOW, "待つ.txt", b"y\n")
    row = wait_for(lambda: [r for r in site.lgwan.transfers("--side", "high")
                            if r["state"] == "held"], "the hold", 60,
                   site.zones)[0]
    equal(row["reason_code"], "flow-unknown-at-receiver", "reason")
    path.write_text(text, encoding="utf-8")
    site.lgwan.ctl("reload")
    equal(site.wait_file(site.lgwan, f"out/{FLOW}/待つ.txt"), b"y\n",
          "content after the flow was registered")


def test_damaged_parcel(site):
    site.lgwan.stop()
    content = os.urandom(1 << 20).hex().encode() + b"\n"
    site.drop(site.internet, FLOW, "破損.txt", content)
    site.wait_state(site.internet, "low", "破損.txt", ("sealed", "sent"))
    site.internet.stop()
    damage_largest(site.internet.dir / "state" / "spool")
    site.internet.start()
    site.lgwan.start()
    row = wait_for(lambda: [r for r in site.lgwan.transfers("--side", "high")
                            if r["state"] == "damaged"], "DAMAGED", 60,
                   site.zones)[0]
    equal(row["reason_code"], "damaged", "reason")
    equal(arrived(site, "破損.txt"), [], "mailbox")
    site.drop(site.internet, FLOW, "次.txt", b"z\n")
    equal(site.wait_file(site.lgwan, f"out/{FLOW}/次.txt"), b"z\n",
          "the channel goes on")


def damage_largest(folder):
    """Flip one bit in the middle of the largest body."""
    path = max((p for p in folder.rglob("*") if p.is_file()
                and "catalog" not in p.name and "ballast" not in p.name),
               key=lambda p: p.stat().st_size)
    with open(path, "r+b") as handle:
        handle.seek(path.stat().st_size // 2)
        byte = handle.read(1)
        handle.seek(-1, os.SEEK_CUR)
        handle.write(bytes([byte[0] ^ 1]))


def test_needs_sanitizing(site):
    pdf = (b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
           b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
           b"xref\n0 3\n0000000000 65535 f \n0000000009 00000 n \n"
           b"0000000052 00000 n \ntrailer<</Size 3/Root 1 0 R>>\n"
           b"startxref\n96\n%%EOF\n")
    site.drop(site.internet, "documents", "申請.pdf", pdf)
    row = site.wait_state(site.internet, "low", "申請.pdf", "held")
    equal(row["reason_code"], "needs-sanitizing", "reason")
    note = site.internet.folders / "status/documents/申請.pdf.保留.txt"
    wait_for(note.exists, "the note", 30, site.zones)
    equal(row["number"] in note.read_text(encoding="utf-8"), True,
          "receipt number in the note")


def test_bad_names(site):
    for name, code in (("\u202efdp.txt", "name-bidi"),
                       ("CON.txt", "name-invalid"),
                       ("a.pdf.exe", "name-disguised")):
        site.drop(site.internet, FLOW, name, b"x\n")
        path = site.internet.folders / "rejected" / FLOW / name
        wait_for(path.exists, f"{name!r} in rejected/ ({code})", 30,
                 site.zones)
        equal(path.read_bytes(), b"x\n", "kept as it was")


def test_links_and_pipes(site):
    folder = site.internet.folders / "in" / FLOW
    os.symlink("/etc/passwd", folder / "link.txt")
    os.mkfifo(folder / "pipe.txt")
    for name in ("link.txt", "pipe.txt"):
        wait_for(lambda n=name: os.path.lexists(
            site.internet.folders / "rejected" / FLOW / n),
            f"{name} refused", 30, site.zones)
    equal(arrived(site, "link.txt") + arrived(site, "pipe.txt"), [],
          "mailbox")


if __name__ == "__main__":
    run(sys.modules[__name__])
