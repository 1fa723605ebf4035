# SPDX-License-Identifier: ISC
"""A signature set as large as a real one, made the same way every time.

Sizes and shapes are those of the official databases: body signatures with
offsets and wildcards, logical ones with several parts, and hashes.  What
they match is random, so nothing is ever found; what a scan costs depends
on number and shape alone.
"""
import json
import pathlib
import random
import shutil

FORMAT = 3      # goes up when the same sizes would give other files
FULL = {"ldb": 50_000, "ndb": 60_000, "hdb": 10_000, "hsb": 2_000_000}
QUICK = {"ldb": 2_500, "ndb": 3_000, "hdb": 500, "hsb": 50_000}

# Target of libclamav -> share in 1000: programs first, as in the official
# sets.  Logical signatures for any kind of file are few there: each of them
# is a price on each scanned piece of content.
TARGETS = {
    "ndb": {1: 580, 0: 200, 3: 60, 2: 50, 6: 40, 7: 30, 10: 20, 4: 10,
            9: 10},
    "ldb": {1: 816, 0: 12, 3: 30, 2: 50, 6: 50, 7: 8, 10: 20, 4: 4, 9: 10},
}
TEXT_TARGETS = {3, 4, 7, 10}
FAMILIES = ("Agent", "Downloader", "Dropper", "Emotet", "Exploit", "Fareit",
            "Injector", "Kryptik", "Locky", "Macro", "Mirai", "Phish",
            "Qakbot", "Ransom", "Trojan", "Upatre", "Ursnif", "Zbot")
PLACES = {0: "Multios", 1: "Win", 2: "Doc", 3: "Html", 4: "Email",
          6: "Unix", 7: "Txt", 9: "Osx", 10: "Pdf"}
WORDS = (b"function", b"eval(", b"unescape", b"document.write", b"<script",
         b"var ", b"String.fromCharCode", b"http://", b"/JavaScript",
         b"/OpenAction", b"CreateObject", b"WScript.Shell", b"powershell",
         b"base64_decode", b"<iframe", b"window.location")


class Maker:
    """Random parts of signatures from one seeded source."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.targets = {
            kind: [t for t, share in shares.items() for _ in range(share)]
            for kind, shares in TARGETS.items()}
        self.count = 0

    def target(self, kind):
        return self.random.choice(self.targets[kind])

    def name(self, target):
        self.count += 1
        return (f"Bench.{PLACES[target]}."
                f"{self.random.choice(FAMILIES)}-{self.count}-0")

    def literal(self, target, low, high):
        """Bytes that no file of ours holds, in hex."""
        length = self.random.randint(low, high)
        if target not in TEXT_TARGETS:
            return self.random.randbytes(length).hex()
        word = self.random.choice(WORDS)
        tail = self.random.choices(b"abcdefghijklmnopqrstuvwxyz0123456789",
                                   k=length)
        return (word + bytes(tail)).hex()

    def body(self, target, low, high):
        """One hex signature: plain, or with a gap, a choice or nibbles."""
        first = self.literal(target, low, high)
        shape = self.random.random()
        if shape < 0.70:
            return first
        second = self.literal(target, 6, 24)
        if shape < 0.85:
            low_gap = self.random.randint(1, 12)
            return f"{first}{{{low_gap}-{low_gap + 40}}}{second}"
        if shape < 0.93:
            return f"{first}??{second}"
        choice = "|".join(self.random.randbytes(2).hex() for _ in range(3))
        return f"{first}({choice}){second}"

    def offset(self, target):
        shape = self.random.random()
        if shape < 0.75 or target not in (1, 6):
            return "*" if shape < 0.93 else str(self.random.randrange(4096))
        if shape < 0.90:
            return f"EP+{self.random.randrange(512)}"
        return f"S{self.random.randrange(4)}+{self.random.randrange(4096)}"

    def ndb(self):
        target = self.target("ndb")
        return (f"{self.name(target)}:{target}:{self.offset(target)}:"
                f"{self.body(target, 16, 60)}")

    def ldb(self):
        target = self.target("ldb")
        parts = self.random.choice((2, 3, 3, 4, 4, 5, 6, 8))
        joined = "&".join(str(i) for i in range(parts))
        if self.random.random() < 0.25:
            joined = f"({joined})>{parts - 1},2"
            joined = joined.replace("&", "|")
        bodies = ";".join(self.body(target, 8, 32) for _ in range(parts))
        return (f"{self.name(target)};Engine:51-255,Target:{target};"
                f"{joined};{bodies}")

    def hdb(self):
        return (f"{self.random.randbytes(16).hex()}:"
                f"{self.random.randint(2_000, 3_000_000)}:{self.name(1)}")

    def hsb(self):
        self.count += 1
        return (f"{self.random.randbytes(32).hex()}:"
                f"{self.random.randint(2_000, 3_000_000)}:"
                f"Bench.Win.Hash-{self.count}-0")


def make(directory, sizes, seed=20260401):
    """Write the set into directory unless it is there; returns its facts."""
    directory = pathlib.Path(directory)
    stamp = directory / "made.json"
    facts = {"format": FORMAT, "seed": seed, **sizes}
    if stamp.exists() and json.loads(stamp.read_text()) == facts:
        touch(directory)
        return facts
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    maker = Maker(seed)
    for kind, count in sizes.items():
        line = getattr(maker, kind)
        path = directory / f"bench.{kind}"
        with open(path, "w", encoding="ascii") as out:
            out.writelines(line() + "\n" for _ in range(count))
        path.chmod(0o644)
    directory.chmod(0o755)
    stamp.write_text(json.dumps(facts))
    stamp.chmod(0o644)
    return facts


def touch(directory):
    """Signatures count as made today: an old set would hold every file."""
    for path in pathlib.Path(directory).glob("bench.*"):
        path.touch()
