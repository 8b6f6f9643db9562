#!/usr/bin/env python3
"""Verifies an exported audit trail without the portal.

    python verify_trail.py trail.jsonl --key HEX [--key HEX …] [--until DAY]

It recomputes every chain and every anchor of the file, and says what does not fit. Its status is

    0   proven: all is as it was up to the newest anchor, which one of the keys signed, and which is of DAY or later
    1   not as it was
    2   nothing wrong was found, and nothing is proven: no key, no anchor, or one that is too old; or it is no trail

Give the public keys that the operator published with --key. What lies behind the newest anchor can be cut off with it:
ask for the day that you need with --until. Without, it is the day before yesterday by the clock of this machine, since
what the file says of its own age is said by whoever made it. Needs Python 3.9 and the package cryptography; the file
is described in docs/adr/0026-anchors.md.
"""

import argparse
import hashlib
import json
import sys
from datetime import date, datetime, timedelta, timezone

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NOTHING = "00" * 32
VERSION = 2


def sha(data):
    return hashlib.sha256(data).digest()


def root_of(leaf, index, size, path):
    """The root that a proof leads to (RFC 9162, section 2.1.3.2), or None."""
    if not 0 <= index < size:
        return None
    digest, last = sha(b"\0" + leaf), size - 1
    for beside in path:
        if last == 0:
            return None
        left = index % 2 or index == last
        digest = sha(b"\1" + (beside + digest if left else digest + beside))
        while left and index and index % 2 == 0:
            index, last = index // 2, last // 2
        index, last = index // 2, last // 2
    return digest if last == 0 else None


def signed(text, keys, signatures):
    """Whether every key signed a text."""
    try:
        for place, key in enumerate(keys):
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signatures[place]), text)
    except (InvalidSignature, ValueError, IndexError):
        return False
    return 0 < len(keys) == len(signatures)


def canonical(told):
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sealed(line, content, erased):
    """How an act was sealed: in two parts, or (1) as one by an older release; 0: it is not as it was."""
    place = bytes.fromhex(line["previous"]) + line["seq"].to_bytes(8, "big")
    salt, hidden, digest = (bytes.fromhex(line[name] or "") for name in ("salt", "content_digest", "digest"))
    apart = {name: each for name, each in content.items() if name != "details"}
    if sha(b"\2" + place + sha(canonical(apart).encode()) + hidden) == digest:
        return VERSION * (erased or sha(salt + canonical(content["details"]).encode()) == hidden)
    return int(sha(place + hidden) == digest and (erased or sha(salt + line["content"].encode()) == hidden))


class Trail:
    """One file, line by line: `problems` says what is wrong with it, `doubts` why it is not proven all the same."""

    def __init__(self, keys=(), until=""):
        self.problems, self.doubts, self.given, self.until = [], [], {key.lower() for key in keys}, until
        self.wrong, self.unsure = self.problems.append, self.doubts.append
        self.organisation, self.ended = "", False
        self.number, self.previous, self.day, self.keys, self.seen = 0, NOTHING, "", [], set()
        self.newest = {}  # service -> number of the last act that the newest anchor proves
        self.known = set()  # services that anchors have named
        self.heads = {}  # service -> number of an act -> (digest, day of the anchor)
        self.ends = {}  # service -> (number of the last act, its digest)
        self.entries = self.anchors = self.erased = self.unknown = self.witnessing = 0
        self.silently = {}  # service -> acts erased, less those of which acts say so: up to the newest anchor, and all

    def read(self, line):
        kind = "one behind the end" if self.ended else line.get("kind")
        if kind == "trail" and not self.organisation:
            if line["version"] != VERSION:
                print("NOT PROVEN: the file is of another release: use the script of that release")
                sys.exit(2)
            self.organisation = line["organisation"]["id"]
        elif kind == "anchor" and not self.entries:
            self.anchor(line)
        elif kind == "entry":
            self.entry(line)
        elif kind == "end":
            self.ended = True
            if (line["entries"], line["anchors"]) != (self.entries, self.anchors):
                self.wrong("the end counts other acts or anchors than there are")
        else:
            self.wrong(f"a line of an unknown kind, or out of place: {kind!r}")

    def anchor(self, line):
        self.anchors += 1
        text = line["statement"].encode()
        said = json.loads(text)
        day, keys, number = said["day"], said["keys"], said["number"]
        if number != self.number + 1:
            self.wrong(f"anchor {number} of {day} does not follow anchor {self.number}")
        elif said["previous"] != self.previous or day <= self.day:
            self.wrong(f"anchor {number} of {day} was not made after the one before it")
        if not signed(text, keys, line["signatures"]):
            self.wrong(f"the signature of the anchor of {day} is forged")
        if self.keys and not set(keys) & set(self.keys):
            self.wrong(f"the anchor of {day} is signed by a key that nobody vouched for")
        self.number, self.previous, self.day, self.keys = number, sha(text).hex(), day, keys
        self.seen.update(keys)
        self.witness(line, said)

    def witness(self, line, said):
        """What an anchor says of the organisation: one leaf with the ends of all its chains, none left out."""
        heads, day, second = line["heads"], said["day"], said.get("version") == VERSION
        self.witnessing += second
        self.newest = {head["service"]: head["seq"] for head in heads}
        parts = [self.organisation] + ["{service} {seq} {digest} {began} {broken}".format(**head) for head in heads]
        path = [bytes.fromhex(each) for each in line["path"]]
        for service in self.known - set(self.newest) if second else ():
            self.wrong(f"{service}: the head of {day} is missing")
        if not heads and not path and not line["index"]:
            return
        if not second or root_of("\n".join(parts).encode(), line["index"], said["leaves"], path) != bytes.fromhex(
            said["root"]
        ):
            self.wrong(f"the heads of {day} are not those that were anchored")
        for head in heads:
            service = head["service"]
            began = said["number"] if head["began"] or self.witnessing > 1 else 0
            if service not in self.known and head["began"] != began:
                self.wrong(f"{service}: its heads before {day}, since anchor {head['began']}, are missing")
            if head["broken"] == said["number"]:
                self.wrong(f"{service}: the anchor of {day} says that the chain was another one before")
            self.heads.setdefault(service, {})[head["seq"]] = head["digest"], day
            self.known.add(service)

    def entry(self, line):
        self.entries += 1
        service, seq, content = line["service"], line["seq"], json.loads(line["content"])
        last, previous = self.ends.get(service, (0, NOTHING))
        what = f"{service}: act {seq}"
        if seq > last + 1:
            self.wrong(f"{service}: act {last + 1} is missing" + (f", up to {seq - 1}" if seq > last + 2 else ""))
        elif seq <= last:
            self.wrong(f"{what} stands behind act {last}")
        elif line["previous"] != previous or service < max(self.ends, default=""):
            self.wrong(f"{what} does not follow the act before it")
        if (content["organisation_id"], content["service"]) != (self.organisation, service):
            self.wrong(f"{what} belongs to another trail")
        erased = line["salt"] is None and content["details"] is None
        kind = sealed(line, content, erased)
        if not kind or canonical(content) != line["content"]:
            self.wrong(f"{what} was changed")
        self.erased += erased
        self.unknown += erased and kind == 1
        said = str(content["target_id"]) if content["act"] == "acts.erased" else "0"
        if not (said.isascii() and said.isdecimal() and said == said[:18]):
            self.wrong(f"{what} says no number of erased acts")
            said = "0"
        change = (erased and kind == VERSION) - int(said)
        proven, whole = self.silently.get(service, (0, 0))
        self.silently[service] = proven + change * (seq <= self.newest.get(service, 0)), whole + change
        digest, day = self.heads.get(service, {}).pop(seq, (line["digest"], ""))
        if digest != line["digest"]:
            self.wrong(f"{what} is not the one that was anchored on {day}")
        self.ends[service] = seq, line["digest"]

    def finish(self):
        """What is wrong with the whole, and what is not proven."""
        for service, heads in self.heads.items():
            for seq, (_, day) in heads.items():
                self.wrong(f"{service}: act {seq}, which was anchored on {day}, is not there")
        if not self.ended:
            self.wrong("the file ends too early")
        self.finish_erased()
        if self.given and self.seen and not self.given & self.seen:
            self.wrong("no anchor is signed by a key that you gave")
        elif not self.given & set(self.keys):
            self.unsure("no key that you gave signed the newest anchor: anybody could have made this file")
        if not self.newest:
            self.unsure("there is no anchor, or the newest one does not say where the organisation's chains ended")
        elif self.day < self.until:
            self.unsure(f"the newest anchor is of {self.day}: what happened until {self.until} may have been cut off")

    def finish_erased(self):
        for service, (proven, whole) in self.silently.items():
            if whole > 0:
                self.wrong(f"{service}: more acts were erased than acts say")
            elif proven > 0:
                self.unsure(f"{service}: acts were erased, and no anchor covers the act that says so yet")
        if self.unknown:
            self.unsure(f"{self.unknown} acts were erased that an older release sealed: nothing proves what they were")

    @property
    def behind(self):
        """How many acts lie behind the newest anchor."""
        return sum(end - self.newest.get(service, 0) for service, (end, _) in self.ends.items())


def public_key(text):
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=argparse.FileType("rb"))
    parser.add_argument("--key", type=public_key, action="append", default=[], help="the operator's: 64 hex digits")
    usual = datetime.now(timezone.utc).date() - timedelta(days=2)  # noqa: UP017 - Python 3.9
    parser.add_argument("--until", type=date.fromisoformat, default=usual, help="the day that must be proven")
    options, number = parser.parse_args(), 0
    trail = Trail(options.key, options.until.isoformat())
    try:
        for line in options.file:
            number += 1
            trail.read(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        trail.wrong(f"line {number} cannot be read ({type(error).__name__})")
    if not (trail.organisation or trail.anchors or trail.entries or trail.ended):
        parser.error(f"{options.file.name} is no exported trail: nothing of it is proven")
    trail.finish()
    for problem in trail.problems:
        print(f"NOT AS IT WAS: {problem}")
    for doubt in trail.doubts:
        print(f"NOT PROVEN: {doubt}")
    if not trail.problems and not trail.doubts:
        print(f"PROVEN up to the anchor of {trail.day}.")
    print(f"Newest anchor: {trail.day or 'none'}; {trail.behind} acts after it are not proven.")
    print(f"{trail.entries} acts of organisation {trail.organisation}, {trail.erased} of them erased since;")
    print(f"{trail.anchors} anchors, the last signed by {', '.join(trail.keys) or 'nobody'}.")
    return 1 if trail.problems else 2 if trail.doubts else 0


if __name__ == "__main__":
    sys.exit(main())
