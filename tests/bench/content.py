# SPDX-License-Identifier: ISC
"""Files to move: the same seed gives the same bytes on every machine."""
import hashlib
import os
import pathlib
import random
import struct
import zipfile
import zlib

MIB = 1 << 20
PIECE = 64 * MIB


# -- without a shape ----------------------------------------------------------


def random_files(directory, count, size, seed):
    """count files of size bytes that cannot be compressed."""
    source = random.Random(seed)
    directory.mkdir(parents=True)
    for i in range(count):
        write(directory / f"file-{i:05}.bin", source.randbytes(size))


def random_file(path, size, seed):
    """One large file: a random piece, told apart by a counter each MiB."""
    piece = bytearray(random.Random(seed).randbytes(min(size, PIECE)))
    path.parent.mkdir(parents=True, exist_ok=True)
    done = 0
    with open(path, "wb") as out:
        while done < size:
            for at in range(0, len(piece) - 8, MIB):
                piece[at:at + 8] = struct.pack(">Q", done + at)
            part = memoryview(piece)[:size - done]
            out.write(part)
            done += len(part)


# -- text ---------------------------------------------------------------------

NAMES = ("札幌市", "能登町", "神田", "髙橋", "佐藤", "鈴木", "高山", "田中",
         "総務課", "税務課", "住民課", "福祉課", "水道課", "教育委員会")
NOUNS = ("申請書", "通知書", "台帳", "一覧", "会議録", "予算", "決算", "入札",
         "契約", "請求書", "見積書", "証明書", "届出", "報告")


def text_lines(source, count):
    """Lines as in exports of an office: numbers, names, sums, dates."""
    lines = []
    for _ in range(count):
        lines.append(
            f"{source.randrange(10**8):08}\t{source.choice(NAMES)}\t"
            f"{source.choice(NOUNS)}\t{source.randrange(10**7)}円\t"
            f"令和{source.randint(1, 8)}年{source.randint(1, 12)}月"
            f"{source.randint(1, 28)}日\n".encode())
    return lines


def text(source, pool, size):
    """About size bytes of UTF-8 text, never more."""
    parts = [f"# {source.getrandbits(64):016x}\n".encode()]
    room = size - len(parts[0])
    while True:
        line = source.choice(pool)
        if len(line) > room:
            break
        parts.append(line)
        room -= len(line)
    parts.append(b"." * max(0, room - 1) + b"\n"[:max(0, room)])
    return b"".join(parts)


def text_files(directory, count, size, seed):
    source = random.Random(seed)
    pool = text_lines(source, 4096)
    directory.mkdir(parents=True)
    for i in range(count):
        write(directory / f"text-{i:05}.txt", text(source, pool, size))


# -- documents ----------------------------------------------------------------


def noise_png(source, side):
    """A valid PNG, RGB, of random pixels: about 3 * side * side bytes."""
    rows = b"".join(b"\0" + source.randbytes(3 * side) for _ in range(side))

    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
            + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def page_text(source, lines):
    """A page's drawing operators."""
    out = ["BT /F1 10 Tf 56 786 Td 13 TL"]
    for _ in range(lines):
        words = " ".join(
            "".join(source.choices("abcdefghijklmnopqrstuvwxyz",
                                   k=source.randint(2, 11)))
            for _ in range(11))
        out.append(f"({words} {source.randrange(10**9)}) Tj T*")
    out.append("ET")
    return "\n".join(out).encode()


def pdf(source, pages, size):
    """A PDF of text pages, one of them with a picture that fills it up."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"", b"<</Type/Font"
               b"/Subtype/Type1/BaseFont/Helvetica>>"]

    def stream(extra, data):
        packed = zlib.compress(data, 6)
        return (b"<<" + extra + b"/Filter/FlateDecode/Length %d>>\nstream\n"
                % len(packed) + packed + b"\nendstream")

    kids, used = [], 0
    for _ in range(pages):
        objects.append(stream(b"", page_text(source, 40)))
        used += len(objects[-1])
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R"
            b"/Resources<</Font<</F1 3 0 R>>/XObject<</I1 %d 0 R>>>>>>"
            % (len(objects), 4 + 2 * pages))
        kids.append(b"%d 0 R" % len(objects))
    rows = max(16, (size - used) // (3 * 160))
    objects.append(stream(
        b"/Type/XObject/Subtype/Image/Width 160/Height %d/BitsPerComponent 8"
        b"/ColorSpace/DeviceRGB" % rows, source.randbytes(3 * 160 * rows)))
    objects[1] = (b"<</Type/Pages/Count %d/Kids[" % pages
                  + b" ".join(kids) + b"]>>")
    out, places = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for place in places:
        out += b"%010d 00000 n \n" % place
    out += (b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
            % (len(objects) + 1, start))
    return bytes(out)


WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
APP = "application/vnd.openxmlformats-officedocument.wordprocessingml"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


# What Word writes besides the text: (member, its type, its relation).
EXTRA = (
    ("settings", f"{APP}.settings+xml", f"{OFFICE}/settings"),
    ("webSettings", f"{APP}.webSettings+xml", f"{OFFICE}/webSettings"),
    ("fontTable", f"{APP}.fontTable+xml", f"{OFFICE}/fontTable"),
    ("footnotes", f"{APP}.footnotes+xml", f"{OFFICE}/footnotes"),
    ("endnotes", f"{APP}.endnotes+xml", f"{OFFICE}/endnotes"),
    ("header1", f"{APP}.header+xml", f"{OFFICE}/header"),
    ("footer1", f"{APP}.footer+xml", f"{OFFICE}/footer"),
)


def docx_extra(source, name):
    """A part that is valid XML of some size and says nothing."""
    root = {"header1": "hdr", "footer1": "ftr",
            "fontTable": "fonts"}.get(name, name)
    rows = "".join(f'<w:x w:val="{source.getrandbits(48):012x}"/>'
                   for _ in range(40))
    return (f'{XML}<w:{root} xmlns:w="{WORD}">{rows}</w:{root}>').encode()


def docx_parts(source, paragraphs, size):
    """Members of a Word document with a picture that fills it up."""
    pool = text_lines(source, 200)
    body = "".join(
        "<w:p><w:pPr><w:pStyle w:val=\"Normal\"/></w:pPr><w:r><w:t>"
        + source.choice(pool).decode().strip() + "</w:t></w:r></w:p>"
        for _ in range(paragraphs))
    yield "[Content_Types].xml", (
        f'{XML}<Types xmlns="{TYPES}">'
        '<Default Extension="rels" ContentType="application/vnd.'
        'openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="png" ContentType="image/png"/>'
        '<Override PartName="/word/document.xml" '
        f'ContentType="{APP}.document.main+xml"/>'
        '<Override PartName="/word/styles.xml" '
        f'ContentType="{APP}.styles+xml"/>'
        + "".join(f'<Override PartName="/word/{name}.xml" ContentType='
                  f'"{kind}"/>' for name, kind, _ in EXTRA)
        + '</Types>').encode()
    yield "_rels/.rels", (
        f'{XML}<Relationships xmlns="{RELS}"><Relationship Id="rId1" '
        f'Type="{OFFICE}/officeDocument" Target="word/document.xml"/>'
        '</Relationships>').encode()
    yield "word/document.xml", (
        f'{XML}<w:document xmlns:w="{WORD}"><w:body>{body}'
        '</w:body></w:document>').encode()
    yield "word/_rels/document.xml.rels", (
        f'{XML}<Relationships xmlns="{RELS}"><Relationship Id="rId1" '
        f'Type="{OFFICE}/styles" Target="styles.xml"/><Relationship '
        f'Id="rId2" Type="{OFFICE}/image" Target="media/image1.png"/>'
        + "".join(f'<Relationship Id="rId{i}" Type="{kind}" Target='
                  f'"{name}.xml"/>'
                  for i, (name, _, kind) in enumerate(EXTRA, 3))
        + '</Relationships>').encode()
    for name, _, _ in EXTRA:
        yield f"word/{name}.xml", docx_extra(source, name)
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="S{i}"><w:name w:val="s {i}"'
        f'/><w:rPr><w:sz w:val="{source.randint(16, 48)}"/></w:rPr></w:style>'
        for i in range(60))
    yield "word/styles.xml", (
        f'{XML}<w:styles xmlns:w="{WORD}"><w:style w:type="paragraph" '
        'w:default="1" w:styleId="Normal"><w:name w:val="Normal"/></w:style>'
        f'{styles}</w:styles>').encode()
    side = max(16, int((size / 3) ** 0.5))
    yield "word/media/image1.png", noise_png(source, side)


def docx(path, source, size):
    """Stored by zipfile with a fixed time, so that the bytes are fixed."""
    with zipfile.ZipFile(path, "w") as out:
        for name, data in docx_parts(source, 300, size - 12_000):
            member = zipfile.ZipInfo(name, (2026, 4, 1, 9, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(member, data)


def documents(directory, count, size, seed):
    """Half PDF of 20 pages, half docx, each about size bytes."""
    directory.mkdir(parents=True)
    for i in range(count):
        source = random.Random(f"{seed}/{i}")
        if i % 2 == 0:
            write(directory / f"document-{i:04}.pdf",
                  pdf(source, 20, size - 5_500))
        else:
            docx(directory / f"document-{i:04}.docx", source, size)


# -- comparing ----------------------------------------------------------------


def write(path, data):
    with open(path, "wb") as out:
        out.write(data)


def digest(path):
    """SHA-256 of a file, or of a folder's names and contents."""
    total = hashlib.sha256()
    for name, file in sorted(files_below(path)):
        one = hashlib.sha256()
        with open(file, "rb") as data:
            while piece := data.read(MIB):
                one.update(piece)
        total.update(os.fsencode(name) + b"\0" + one.digest())
    return total.hexdigest()


def files_below(path):
    """(relative name, path) of each file; a file alone has the name ''."""
    path = pathlib.Path(path)
    if path.is_file():
        yield "", path
        return
    for folder, _, names in os.walk(path):
        for name in names:
            file = pathlib.Path(folder) / name
            yield str(file.relative_to(path)), file
