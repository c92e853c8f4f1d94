"""Which encoding a text file is in, and its bytes as UTF-8 with every undecodable byte counted.

Belongs here: byte order marks, UTF-8 validity, GB18030 against Big5, decoding in a stream. Does not belong here: rows and fields (`text`).

GB18030 and Big5 share most byte values, so both decode almost anything. What tells them apart is where a language's common characters
lie: GB 2312 level 1 (lead B0–D7, trail A1–FE) and Big5 level 1 (lead A4–C6), each holding the characters of everyday text.
"""

from __future__ import annotations

import codecs
import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

BLOCK = 8 << 20
_SAMPLE = 512 << 10
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ALIASES = {
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "cp936": "gb18030",
    "936": "gb18030",
    "gb18030": "gb18030",
    "big5": "cp950",
    "cp950": "cp950",
    "ansi": "gb18030",
    "utf8": "utf-8",
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8",
    "utf-16": "utf-16-le",
}
_DOUBLE = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
_GB_COMMON = re.compile(rb"[\xb0-\xd7\xa1-\xa3][\xa1-\xfe]")
_BIG5_COMMON = re.compile(rb"[\xa1-\xc6][\x40-\x7e\xa1-\xfe]")
_UTF8_THREE = re.compile(rb"[\xe2-\xef][\x80-\xbf]{2}")
_MULTIBYTE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")
_TOLERATED = 0.02
"""Share of a text's non-ASCII characters that may be damaged before another encoding is looked for."""

_replaced = threading.local()


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    _replaced.count += 1
    return "\ufffd", error.end


codecs.register_error("govlake.replace", _replace)


@dataclass(frozen=True)
class Encoding:
    """`name` is Python's codec; `bom` the length of the byte order mark; `valid` = strictly UTF-8 throughout, so no decoding is needed."""

    name: str
    source: Literal["given", "detected"]
    bom: int = 0
    valid: bool = False
    certain: bool = True
    given: str | None = None
    """What the district says, where the file turned out to be something else."""


@dataclass(frozen=True)
class Survey:
    """One pass over the whole file."""

    bytes: int
    encoding: Encoding
    nul_bytes: int
    replacement_characters: int
    """U+FFFD that the file itself holds in UTF-8: damage done before delivery."""


def canonical(name: str) -> str:
    """Python's name of an encoding as a district may write it; LookupError where there is none."""
    low = name.strip().lower()
    return _ALIASES.get(low) or codecs.lookup(low).name


def survey(stream: BinaryIO, given: str | None = None) -> Survey:
    """Read the whole file once: whether it is UTF-8, and which encoding it is in otherwise.

    `given` (a codec name) is believed unless a byte order mark or the bytes themselves contradict it plainly.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    size = nul = damaged_before = 0
    first_bad: int | None = None
    head = b""
    while block := stream.read(BLOCK):
        head = head or block[:_SAMPLE]
        nul += block.count(0)
        if first_bad is None:
            try:
                damaged_before += decoder.decode(block).count("\ufffd")
            except UnicodeDecodeError as error:
                first_bad = size + error.start
        size += len(block)
    if first_bad is None:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            first_bad = max(0, size - 4)
    samples = [head]
    if first_bad is not None and first_bad + _SAMPLE // 2 > len(head):
        samples.append(_lines_around(stream, first_bad))
    encoding = _decide(b"\n".join(samples), head, nul, first_bad is None, given)
    return Survey(size, encoding, nul, damaged_before if encoding.valid else 0)


def _lines_around(stream: BinaryIO, at: int) -> bytes:
    stream.seek(max(0, at - _SAMPLE // 2))
    sample = stream.read(_SAMPLE)
    first = sample.find(b"\n") + 1
    last = sample.rfind(b"\n")
    return sample[first:last] if last > first else sample


def _decide(sample: bytes, head: bytes, nul: int, valid_utf8: bool, given: str | None) -> Encoding:
    for mark, name in _BOMS:
        if head.startswith(mark):
            differs = given if given and canonical(given) != name else None
            return Encoding(name, "detected" if differs or not given else "given", len(mark), name == "utf-8" and valid_utf8, given=differs)
    if given:
        name = canonical(given)
        if name == "utf-8" and valid_utf8:
            return Encoding(name, "given", valid=True)
        if name.startswith("utf-16") or _fits(sample, name, valid_utf8):
            return Encoding(name, "given", valid=False)
    found = _detected(sample, head, nul, valid_utf8)
    if given and (found.name == canonical(given) or not found.certain):
        return Encoding(canonical(given), "given", valid=False, certain=found.certain)
    return Encoding(found.name, "detected", 0, found.valid, found.certain, given)


def _fits(sample: bytes, name: str, valid_utf8: bool) -> bool:
    """Whether the sample can be what the district says. Valid UTF-8 with multi-byte characters is never anything else by chance."""
    if valid_utf8:
        return name == "utf-8" or not _MULTIBYTE.search(sample)
    if name != "utf-8" and _utf8_share(sample) > 0.5:
        return False
    return _damage(sample, name) <= _TOLERATED


def _utf8_share(sample: bytes) -> float:
    """Share of the non-ASCII bytes that make three-byte UTF-8 characters; hardly 1 % in text of a two-byte encoding."""
    odd = len(sample) - len(sample.translate(None, bytes(range(128, 256))))
    return 3 * len(_UTF8_THREE.findall(sample)) / odd if odd else 0.0


def _damage(sample: bytes, name: str) -> float:
    """Share of the sample's non-ASCII characters that do not decode."""
    text = sample.decode(name, "replace")
    odd = sum(1 for c in text if c > "\x7f") or 1
    return text.count("\ufffd") / odd


def _detected(sample: bytes, head: bytes, nul: int, valid_utf8: bool) -> Encoding:
    if nul and len(head) >= 4:
        even, odd = head[0::2].count(0), head[1::2].count(0)
        if max(even, odd) > len(head) // 10 and max(even, odd) > 20 * min(even, odd):
            return Encoding("utf-16-le" if odd > even else "utf-16-be", "detected")
    if valid_utf8:
        return Encoding("utf-8", "detected", valid=True)
    if _utf8_share(sample) > 0.3:
        return Encoding("utf-8", "detected")
    pairs = _DOUBLE.findall(sample)
    if not pairs:
        return Encoding("gb18030", "detected", certain=False)
    gb = sum(1 for pair in pairs if _GB_COMMON.match(pair)) / len(pairs) - _damage(sample, "gb18030")
    big5_damage = {name: _damage(sample, name) for name in ("cp950", "big5hkscs")}
    big5_name = min(big5_damage, key=lambda name: (big5_damage[name], name != "cp950"))
    big5 = sum(1 for pair in pairs if _BIG5_COMMON.match(pair)) / len(pairs) - big5_damage[big5_name]
    best, score = ("gb18030", gb) if gb >= big5 else (big5_name, big5)
    return Encoding(best, "detected", certain=score >= 0.6 and abs(gb - big5) >= 0.05)


@dataclass
class Decoded:
    """What a stream of decoded blocks keeps: bytes read (byte order mark included), their hash, places that did not decode."""

    source_bytes: int = 0
    replaced: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def took(self, data: bytes) -> None:
        self.source_bytes += len(data)
        self.digest.update(data)


def utf8_blocks(stream: BinaryIO, encoding: Encoding, counts: Decoded, block: int = BLOCK) -> Iterator[bytes]:
    """The file's content after its byte order mark as UTF-8, block by block (blocks may end anywhere between characters)."""
    stream.seek(0)
    counts.took(stream.read(encoding.bom))
    if encoding.valid:
        while data := stream.read(block):
            counts.took(data)
            yield data
        return
    decoder = codecs.getincrementaldecoder(encoding.name)("govlake.replace")
    while True:
        data = stream.read(block)
        counts.took(data)
        _replaced.count = 0
        text = decoder.decode(data, final=not data)
        counts.replaced += _replaced.count
        if text:
            # A lone surrogate can come out of damaged UTF-16; it cannot go into UTF-8.
            yield text.encode("utf-8", "replace") if encoding.name.startswith("utf-16") else text.encode("utf-8")
        if not data:
            return
