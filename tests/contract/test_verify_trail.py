"""An exported trail is verified by a script that knows nothing of the portal: what is untouched passes, what was
changed, removed, added, moved, exchanged or forged is named.
"""

import asyncio
import copy
import importlib.util
import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from parvis.tenancy.v1 import journal_pb2, tenancy_pb2
from parvis.trail.v1 import trail_pb2
from parvis_kit import audit
from parvis_tenancy.domain import anchors as domain
from parvis_tenancy.domain.anchors import Head
from parvis_trail.merkle import Tree
from parvis_web import trail_files

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_trail.py"
FIRM, OTHER = UUID(int=7), UUID(int=9)
SERVICES = ("billing", "tenancy")
FIRST_DAY = date(2026, 11, 20)


def load():
    spec = importlib.util.spec_from_file_location("verify_trail", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


verify_trail = load()


class Keys:
    """Who signs anchors."""

    def __init__(self, *seeds):
        self.private = [Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32) for seed in seeds]
        self.public = [each.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) for each in self.private]

    def sign(self, text):
        return [each.sign(text.encode()) for each in self.private]


def link(service, seq, previous, *, name="x", erased=False, organisation=FIRM):
    """An act as it was sealed, by the kit's own functions."""
    row = dict.fromkeys(audit._CONTENT) | {
        "id": UUID(int=seq), "organisation_id": organisation, "act": "note.written", "target_kind": "note",
        "target_id": str(seq), "service": service, "at": datetime(2026, 11, 20, tzinfo=UTC) + timedelta(minutes=seq),
        "details": json.dumps({"name": name, "é": "à"}), "salt": bytes([seq % 256]) * 16,
    }  # fmt: skip
    content = audit._content_digest(row)
    if erased:
        row |= {"details": None, "salt": None}
    return trail_pb2.Link(
        seq=seq, previous=previous, content=audit.canonical(row).decode(), salt=row["salt"] or b"",
        content_digest=content, digest=audit._digest(previous, seq, content),
    )  # fmt: skip


def chain(service, length, erased=()):
    links, previous = [], audit.GENESIS
    for seq in range(1, length + 1):
        links.append(link(service, seq, previous, erased=seq in erased))
        previous = links[-1].digest
    return links


def anchors(chains, days, keys):
    """Anchors of days, each over where the chains stood: `days` says how far each service had come."""
    made, known, previous = [], {}, domain.NOTHING
    for number, ends in enumerate(days, 1):
        moved = []
        for service, seq in zip(SERVICES, ends, strict=True):
            if seq and known.get((FIRM, service), (None, 0))[1] != seq:
                known[FIRM, service] = (Head(FIRM, service, seq, chains[service][seq - 1].digest), seq)
                moved.append(service)
        known[OTHER, "billing"] = (Head(OTHER, "billing", number, bytes([number]) * 32), number)
        heads = sorted(head for head, _ in known.values())
        tree, signers = Tree(head.leaf for head in heads), keys(number)
        text = domain.statement(
            number=number, day=FIRST_DAY + timedelta(days=number), made_at=datetime(2026, 11, 21, tzinfo=UTC),
            previous=previous, root=tree.root, leaves=tree.size, keys=signers.public,
        )  # fmt: skip
        proven = journal_pb2.ProvenAnchor(
            anchor=journal_pb2.Anchor(number=number, statement=text, signatures=signers.sign(text))
        )
        for service in moved:
            index = next(place for place, head in enumerate(heads) if head.chain == (FIRM, service))
            head = heads[index]
            proven.heads.add(service=service, seq=head.seq, digest=head.digest, index=index, path=tree.proof(index))
        made.append(proven)
        previous = domain.digest(text)
    return made


def visit_of(chains, proven):
    """A reader of a portal with these trails."""

    class Stub:
        def __init__(self, links):
            self.links = links

        async def ExportEntries(self, request):
            rest = [each for each in self.links if each.seq > request.after]
            return trail_pb2.ExportEntriesResponse(links=rest[:3], more=len(rest) > 3, length=len(self.links))

    async def list_anchors(request):
        rest = [each for each in proven if each.anchor.number > request.after]
        return journal_pb2.ListAnchorsResponse(anchors=rest[:2], more=len(rest) > 2)

    async def token(*_):
        return SimpleNamespace(value="token")

    face = tenancy_pb2.Face(id=str(FIRM), slug="durand", name="Cabinet Durand")
    return SimpleNamespace(
        organisation=SimpleNamespace(face=face),
        portal=SimpleNamespace(sessions=SimpleNamespace(token=token)),
        clients=SimpleNamespace(
            trails={service: Stub(links) for service, links in chains.items()},
            journal=SimpleNamespace(ListAnchors=list_anchors),
        ),
        session=None,
        acting=None,
    )


def exported(lengths=(7, 5), days=((2, 0), (5, 5), (6, 5)), erased=(), keys=lambda _: Keys(1)):
    """The lines of a file as the portal writes it."""

    async def read():
        return b"".join([part async for part in trail_files.proof(visit_of(chains, anchors(chains, days, keys)))])

    chains = {service: chain(service, length, erased) for service, length in zip(SERVICES, lengths, strict=True)}
    return [json.loads(each) for each in asyncio.run(read()).splitlines()]


LINES = exported()


def verified(lines, keys=()):
    trail = verify_trail.Trail(keys)
    for each in lines:
        trail.read(each)
    return trail.finish()


def entries(lines, service):
    return [place for place, each in enumerate(lines) if each["kind"] == "entry" and each["service"] == service]


def place_of(lines, service, seq):
    return entries(lines, service)[seq - 1]


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=4),
    st.sets(st.integers(1, 9), max_size=3),
)
def test_an_untouched_trail_verifies_also_where_acts_were_erased(lengths, days, erased):
    ends, grown = (0, 0), []
    for day in days:
        ends = tuple(max(a, min(b, most)) for a, b, most in zip(ends, day, lengths, strict=True))
        grown.append(ends)
    lines = exported(lengths, grown, erased)
    assert verified(lines) == []
    assert verified(lines, [Keys(1).public[0].hex()]) == []


def rewritten(lines, service, seq):
    """Somebody with every right on a database: an act is changed, and the chain behind it made again."""
    previous = lines[place_of(lines, service, seq)]["previous"]
    for place in entries(lines, service)[seq - 1 :]:
        each = lines[place]
        if each["seq"] == seq:
            content = json.loads(each["content"])
            content["details"] = {"name": "other"}
            each["content"] = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            each["content_digest"] = sha256(bytes.fromhex(each["salt"]) + each["content"].encode()).hexdigest()
        each["previous"] = previous
        made = bytes.fromhex(previous) + each["seq"].to_bytes(8, "big") + bytes.fromhex(each["content_digest"])
        each["digest"] = previous = sha256(made).hexdigest()


def resigned(lines, number, seed):
    """An anchor that somebody else signs."""
    each = [line for line in lines if line["kind"] == "anchor"][number - 1]
    told = json.loads(each["statement"]) | {"keys": [key.hex() for key in Keys(seed).public]}
    each["statement"] = json.dumps(told, sort_keys=True, separators=(",", ":"))
    each["signatures"] = [signature.hex() for signature in Keys(seed).sign(each["statement"])]


def changed(lines, seq):
    told = {"organisation_id": str(FIRM), "service": "billing", "details": {}}
    lines[place_of(lines, "billing", seq)]["content"] = json.dumps(told)
    return f"billing: act {seq} was changed"


def dated(lines, seq):
    each = lines[place_of(lines, "billing", seq)]
    each["content"] = each["content"].replace("2026-11-20", "2026-11-19")
    return f"billing: act {seq} was changed"


def redigested(lines, seq):
    lines[place_of(lines, "billing", seq)]["content_digest"] = "ab" * 32
    return f"billing: act {seq}: its digest was changed"


def removed(lines, seq):
    del lines[place_of(lines, "billing", seq)]
    return f"billing: act {seq} is missing"


def inserted(lines, seq):
    at = place_of(lines, "billing", seq)
    more = trail_files.entry_of("billing", link("billing", seq, bytes.fromhex(lines[at]["previous"]), name="more"))
    lines.insert(at, more)
    return f"billing: act {seq} stands behind act {seq}"


def moved(lines, seq):
    here, there = place_of(lines, "billing", seq), place_of(lines, "billing", seq + 1)
    lines[here], lines[there] = lines[there], lines[here]
    return f"billing: act {seq} stands behind act {seq + 1}"


def renumbered(lines, seq):
    here, there = lines[place_of(lines, "billing", seq)], lines[place_of(lines, "billing", seq + 1)]
    here["seq"], there["seq"] = there["seq"], here["seq"]
    lines[place_of(lines, "billing", seq)], lines[place_of(lines, "billing", seq + 1)] = there, here
    return f"billing: act {seq} does not follow the act before it"


def made_anew(lines, seq):
    rewritten(lines, "billing", seq)
    anchored = next(end for end in (2, 5, 6) if end >= seq)
    return f"billing: act {anchored} is not the one that was anchored on"


def of_another(lines, seq):
    at = place_of(lines, "billing", seq)
    previous = bytes.fromhex(lines[at]["previous"])
    lines[at] = trail_files.entry_of("billing", link("billing", seq, previous, organisation=OTHER))
    return f"billing: act {seq} belongs to another trail"


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from((changed, dated, redigested, removed, inserted, moved, renumbered, made_anew, of_another)),
    st.integers(1, 6),
)
def test_an_act_that_is_not_as_it_was_is_named(forge, seq):
    lines = copy.deepcopy(LINES)
    told = forge(lines, seq)
    assert any(problem.startswith(told) for problem in verified(lines)), (told, verified(lines))


def test_a_chain_that_was_cut_off_behind_an_anchor_is_named():
    lines = [each for each in LINES if not (each.get("service") == "billing" and each["seq"] > 4)]
    found = verified(lines)
    assert "billing: act 5, which was anchored on 2026-11-22, is not there" in found
    assert "billing: act 6, which was anchored on 2026-11-23, is not there" in found


def exchanged_head(lines):
    head = [each for each in lines if each["kind"] == "anchor"][1]["heads"][0]
    head["digest"] = "cd" * 32
    return "billing: the head of 2026-11-22 is not the one that was anchored"


def exchanged_place(lines):
    head = [each for each in lines if each["kind"] == "anchor"][1]["heads"][0]
    head["index"] += 1
    return "billing: the head of 2026-11-22 is not the one that was anchored"


def forged_root(lines):
    each = [each for each in lines if each["kind"] == "anchor"][1]
    each["statement"] = json.dumps(json.loads(each["statement"]) | {"root": "ef" * 32})
    return "the signature of the anchor of 2026-11-22 is forged"


def unsigned(lines):
    [each for each in lines if each["kind"] == "anchor"][1]["signatures"] = []
    return "the signature of the anchor of 2026-11-22 is forged"


def by_somebody_else(lines):
    resigned(lines, 2, 66)
    return "the anchor of 2026-11-22 is signed by a key that nobody vouched for"


def anchor_removed(lines):
    del lines[2]
    return "anchor 3 of 2026-11-23 does not follow anchor 1"


def end_cut(lines):
    del lines[-1]
    return "the file ends too early"


def end_counted(lines):
    lines[-1]["entries"] += 1
    return "the end counts other acts or anchors than there are"


def behind_the_end(lines):
    lines.append(lines[3])
    return "a line of an unknown kind"


@pytest.mark.parametrize(
    "forge",
    [
        exchanged_head, exchanged_place, forged_root, unsigned, by_somebody_else, anchor_removed, end_cut, end_counted,
        behind_the_end,
    ],
)  # fmt: skip
def test_an_anchor_or_an_end_that_is_not_as_it_was_is_named(forge):
    lines = copy.deepcopy(LINES)
    told = forge(lines)
    assert any(problem.startswith(told) for problem in verified(lines)), verified(lines)


def test_anchors_that_somebody_made_anew_from_the_first_are_found_by_the_operator_s_key():
    lines = exported(keys=lambda _: Keys(66))
    assert verified(lines) == []  # in itself it is a trail
    told = "the anchor of 2026-11-21 is signed by a key that nobody vouched for"
    assert told in verified(lines, [Keys(1).public[0].hex()])


def test_a_key_that_the_one_before_vouched_for_counts():
    lines = exported(keys=lambda number: {1: Keys(1), 2: Keys(2, 1), 3: Keys(2)}[number])
    assert verified(lines, [Keys(1).public[0].hex()]) == []
    abrupt = exported(keys=lambda number: Keys(1) if number == 1 else Keys(2))
    assert "the anchor of 2026-11-22 is signed by a key that nobody vouched for" in verified(abrupt)


def test_the_script_says_so_and_ends_with_its_status(tmp_path):
    whole, broken = tmp_path / "whole.jsonl", tmp_path / "broken.jsonl"
    lines = copy.deepcopy(LINES)
    dated(lines, 3)
    for path, told in ((whole, LINES), (broken, lines)):
        path.write_text("\n".join(map(json.dumps, told)))
    run = [
        subprocess.run([sys.executable, SCRIPT, path], capture_output=True, text=True, check=False)
        for path in (whole, broken)
    ]
    assert [each.returncode for each in run] == [0, 1], run
    assert "12 acts" in run[0].stdout
    assert "NOT AS IT WAS: billing: act 3 was changed" in run[1].stdout


def test_the_script_is_short():
    assert len(SCRIPT.read_text().splitlines()) <= 150
