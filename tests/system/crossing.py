# SPDX-License-Identifier: ISC
"""Files cross both ways, whole and once, and both logs prove it."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]
                       / "support"))
from systest import equal, run, wait_for  # noqa: E402

TABLE = "番号,氏名,住所\r\n1,髙橋　花子,札幌市①\r\n2,神田㈱,能登町\r\n"


def test_csv_each_way(site):
    content = TABLE.encode("cp932")
    for source, target, flow in ((site.internet, site.lgwan, "text-data"),
                                 (site.lgwan, site.internet,
                                  "text-data-out")):
        site.drop(source, flow, "住民税.csv", content)
        got = site.wait_file(target, f"out/{flow}/住民税.csv")
        equal(got, content, "content")
        row = site.wait_state(source, "low", "住民税.csv", "confirmed")
        site.wait_number(target, row["number"], ("delivered", "erased"))
        equal(list((source.folders / "in" / flow).iterdir()), [],
              "drop folder")


def test_set_with_subfolders(site):
    files = {f"月{n}/明細{n}.csv": f"a,{n}\n".encode() for n in range(1, 13)}
    files["空.txt"] = b""
    site.drop(site.internet, "text-data", "年次", files)
    wait_for(lambda: (site.lgwan.folders / "out/text-data/年次").is_dir(),
             "the set", 60, site.zones)
    base = site.lgwan.folders / "out/text-data/年次"
    got = {str(p.relative_to(base)): p.read_bytes()
           for p in base.rglob("*") if p.is_file()}
    equal(got, files, "set")


def test_names(site):
    names = ["長" * 80 + ".csv", "㈱見積①髙﨑.csv", "ﾊﾝｶｸ.txt",
             "が.txt", "神田\ue000外字.txt"]
    for name in names:
        site.drop(site.internet, "text-data", name, b"x\n")
    for name in names:
        equal(site.wait_file(site.lgwan, f"out/text-data/{name}"), b"x\n",
              name)


def test_cp932_name(site):
    raw = "表計算.csv".encode("cp932")
    site.drop(site.internet, "text-data", raw, b"a,b\n")
    equal(site.wait_file(site.lgwan, "out/text-data/表計算.csv"), b"a,b\n",
          "content")


def test_same_name_is_numbered(site):
    for content in (b"1\n", b"2\n"):
        site.drop(site.internet, "text-data", "重複.txt", content)
        wait_for(lambda c=content: any(
            p.read_bytes() == c for p in
            (site.lgwan.folders / "out/text-data").glob("重複*.txt")),
            "delivery", 60, site.zones)
    names = sorted(p.name for p in
                   (site.lgwan.folders / "out/text-data").glob("重複*"))
    equal(names, ["重複 (2).txt", "重複.txt"], "names")


def test_large_file(site):
    content = (b"0123456789abcdef" * 4095 + b"0123456789abcde\n") * 128
    site.drop(site.internet, "text-data", "大.txt", content)
    got = site.wait_file(site.lgwan, "out/text-data/大.txt", 120)
    equal(len(got), len(content), "size")
    equal(got == content, True, "content")


def test_ledgers(site):
    for zone, stem, flow, states in (
            (site.internet, "送信簿", "text-data", ("受付済", "相手側に到着")),
            (site.lgwan, "受領簿", "text-data", ("配達済",))):
        paths = list((zone.folders / "status" / flow).glob(f"{stem}-*.csv"))
        equal(len(paths), 1, f"{stem} of today")
        text = paths[0].read_text(encoding="utf-8-sig")
        lines = [line for line in text.splitlines() if "住民税.csv" in line]
        equal([state for state in states for line in lines
               if f",{state}," in line], list(states),
              f"states of one file in {stem}")
        equal(len(lines), len(states), f"lines about one file in {stem}")


def test_logs_prove_each_other(site):
    tool = site.internet.bin / "gateway-verify"
    for mine, other in ((site.internet, site.lgwan),
                        (site.lgwan, site.internet)):
        done = subprocess.run(
            [tool, "--lang", "en", "--peer", other.dir / "state/audit",
             mine.dir / "state/audit"], capture_output=True, text=True,
            check=False)
        equal(done.returncode, 0, "gateway-verify: " + done.stdout
              + done.stderr)


def test_nothing_in_plain_at_rest(site):
    marker = b"PLAINTEXT-CANARY-" + b"7f3a" * 8
    site.drop(site.internet, "text-data", "canary.txt", marker + b"\n")
    site.wait_file(site.lgwan, "out/text-data/canary.txt")
    row = site.wait_state(site.internet, "low", "canary.txt", "confirmed")
    site.wait_number(site.lgwan, row["number"], ("delivered", "erased"))
    for zone in site.zones:
        for path in (zone.dir / "state").rglob("*"):
            if path.is_file():
                equal(marker in path.read_bytes(), False,
                      f"plaintext in {path}")


if __name__ == "__main__":
    run(sys.modules[__name__])
