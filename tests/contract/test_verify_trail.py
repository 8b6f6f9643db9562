"""An exported trail is verified by a script that knows nothing of the portal: what is untouched passes, what was
changed, removed, added, moved, exchanged or forged is named.
"""

import asyncio
import copy
import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
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
OTHERS = (UUID(int=3), OTHER)
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


def link(service, seq, previous, *, name="x", erased=False, organisation=FIRM, witnesses=0, older=False):
    """An act as it was sealed, by the kit's own functions, or by an older release."""
    row = dict.fromkeys(audit._CONTENT) | {
        "id": UUID(int=seq), "organisation_id": organisation, "act": "note.written", "target_kind": "note",
        "target_id": str(seq), "service": service, "at": datetime(2026, 11, 20, tzinfo=UTC) + timedelta(minutes=seq),
        "details": json.dumps({"name": name, "é": "à"}), "salt": bytes([seq % 256]) * 16,
    }  # fmt: skip
    if witnesses:
        row |= {"act": audit.ERASED, "target_kind": "acts", "target_id": str(witnesses), "details": "{}"}
    content, digest = audit.digests(row, seq, previous)
    if older:
        content = sha256(row["salt"] + audit.canonical(audit.content(row))).digest()
        digest = sha256(previous + seq.to_bytes(8) + content).digest()
    if erased:
        row |= {"details": None, "salt": None}
    return trail_pb2.Link(
        seq=seq, previous=previous, content=audit.canonical(audit.content(row)).decode(), salt=row["salt"] or b"",
        content_digest=content, digest=digest,
    )  # fmt: skip


def chain(service, length, erased=(), older=0, witness=()):
    """Acts, of which some were erased, the first ones sealed by an older release; `witness`: act → how many it says."""
    links, previous, told = [], audit.GENESIS, dict(witness)
    for seq in range(1, length + 1):
        how = {"erased": seq in erased, "older": seq <= older, "witnesses": told.get(seq, 0)}
        links.append(link(service, seq, previous, **how))
        previous = links[-1].digest
    return links


def anchors(chains, days, keys, first=1):
    """Anchors of days, each over where the chains stood: `days` says how far each service had come. Those before the
    number `first` are of the first version.
    """
    made, known, previous = [], {}, domain.NOTHING
    for number, ends in enumerate(days, 1):
        now = {
            (FIRM, service): Head(FIRM, service, seq, chains[service][seq - 1].digest)
            for service, seq in zip(SERVICES, ends, strict=True)
            if seq
        } | {(other, "billing"): Head(other, "billing", number, bytes([number]) * 32) for other in OTHERS}
        heads = domain.followed(known, now, set(), number)
        if number < first:
            heads = [replace(head, began=0) for head in heads]
        known, signers = {head.chain: head for head in heads}, keys(number)
        leaves = domain.leaves(heads, 1 if number < first else domain.VERSION)
        tree = Tree(leaves.values())
        text = domain.statement(
            number=number, day=FIRST_DAY + timedelta(days=number), made_at=datetime(2026, 11, 21, tzinfo=UTC),
            previous=previous, root=tree.root, leaves=tree.size, keys=signers.public,
        )  # fmt: skip
        if number < first:
            text = text.replace(',"version":2', "")
        proven = journal_pb2.ProvenAnchor(
            anchor=journal_pb2.Anchor(number=number, statement=text, signatures=signers.sign(text))
        )
        if number >= first and FIRM in leaves:
            proven.index = list(leaves).index(FIRM)
            proven.path.extend(tree.proof(proven.index))
            for head in (head for head in heads if head.organisation_id == FIRM):
                proven.heads.add(
                    service=head.service, seq=head.seq, digest=head.digest, began=head.began, broken=head.broken
                )
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


def exported(lengths=(7, 5), days=((2, 0), (5, 5), (6, 5)), erased=(), keys=lambda _: Keys(1), first=1, **how):
    """The lines of a file as the portal writes it; the last act of each chain says how many of it were erased, unless
    `how` says otherwise.
    """

    async def read():
        visit = visit_of(chains, anchors(chains, days, keys, first))
        return b"".join([part async for part in trail_files.proof(visit)])

    chains = {}
    for service, length in zip(SERVICES, lengths, strict=True):
        gone = {seq for seq in erased if seq < length}
        chains[service] = chain(service, length, gone, **({"witness": {length: len(gone)}} | how))
    return [json.loads(each) for each in asyncio.run(read()).splitlines()]


LINES = exported(erased={2, 3}, witness={4: 2})


KEY = Keys(1).public[0].hex()


def read(lines, keys=(), until=""):
    trail = verify_trail.Trail(keys, until)
    for each in lines:
        trail.read(each)
    trail.finish()
    return trail


def verified(lines, keys=()):
    return read(lines, keys).problems


def status(path, lines, *options):
    """How the script ends with a file, and what it says."""
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    ran = subprocess.run([sys.executable, SCRIPT, path, *options], capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout


def is_proven(lines):
    """Whether the script would end with 0, of a reader who knows the key and wants the last day."""
    try:
        trail = read(lines, [KEY], "2026-11-23")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, SystemExit):
        return False
    return not trail.problems and not trail.doubts


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
    trail = read(lines, [KEY])
    assert trail.problems == []
    covered = all(
        end == length or not any(seq <= end for seq in erased) for end, length in zip(ends, lengths, strict=True)
    )
    assert bool(trail.doubts) == (ends == (0, 0) or not covered)
    assert trail.behind == sum(lengths) - sum(ends)


def leaves_of(told, path=()):
    """Every value of a line, and how to get there."""
    if isinstance(told, dict | list):
        for key, each in told.items() if isinstance(told, dict) else enumerate(told):
            yield from leaves_of(each, (*path, key))
    else:
        yield path, told


#: Of the first line the script believes the identifier alone: the rest of it is for people.
UNPROVEN = {("organisation", "slug"), ("organisation", "name"), ("exported_at",)}
VALUES = [
    (place, path) for place, each in enumerate(LINES) for path, _ in leaves_of(each) if path not in UNPROVEN
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(VALUES), st.integers(0, 200), st.sampled_from("0123456789abcdef"))
def test_any_single_value_that_was_changed_is_noticed(where, at, letter):
    lines, (place, path) = copy.deepcopy(LINES), where
    told = lines[place]
    for key in path[:-1]:
        told = told[key]
    old = told[path[-1]]
    at = at % len(old) if isinstance(old, str) and old else 0
    told[path[-1]] = old + at + 1 if isinstance(old, int) else (old or "")[:at] + letter + (old or "")[at + 1 :]
    if told[path[-1]] != old:
        assert not is_proven(lines)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(LINES) - 1), st.integers(0, len(LINES) - 1))
def test_any_line_that_was_removed_doubled_or_moved_is_noticed(here, there):
    for changed in (
        [*LINES[:here], *LINES[here + 1 :]],
        [*LINES[:there], LINES[here], *LINES[there:]],
        [*LINES[:here], *LINES[here + 1 :][:there], LINES[here], *LINES[here + 1 :][there:]],
    ):
        assert changed == LINES or not is_proven(copy.deepcopy(changed))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_is_left_out_with_everything_that_counts_it_is_noticed(data):
    lines = copy.deepcopy(LINES)
    what = data.draw(st.sampled_from(("anchors", "acts", "heads", "leaf", "order")))
    with_heads = [each for each in lines if each.get("heads")]
    each = data.draw(st.sampled_from(with_heads))
    if what == "anchors":  # the newest ones, and the acts that they alone covered
        kept = data.draw(st.integers(0, 2))
        lines = [each for each in lines if each["kind"] != "anchor" or json.loads(each["statement"])["number"] <= kept]
    if what in {"anchors", "acts"}:
        ends = {"billing": data.draw(st.integers(0, 7)), "tenancy": data.draw(st.integers(0, 5))}
        lines = [each for each in lines if each["kind"] != "entry" or each["seq"] <= ends[each["service"]]]
        if what == "acts" and ends["billing"] >= 6 and ends["tenancy"] == 5:
            return  # what no anchor covers is told to be so
    elif what == "heads":
        del each["heads"][data.draw(st.integers(0, len(each["heads"]) - 1))]
    elif what == "leaf":
        each |= {"heads": [], "index": 0, "path": []}
    else:
        each = data.draw(st.sampled_from([each for each in with_heads if len(each["heads"]) > 1]))
        each["heads"].reverse()
    count = {kind: sum(each["kind"] == kind for each in lines) for kind in ("entry", "anchor")}
    lines[-1] |= {"entries": count["entry"], "anchors": count["anchor"]}
    assert not is_proven(lines)


def test_what_is_untouched_is_proven():
    assert is_proven(copy.deepcopy(LINES))
    assert read(LINES).behind == 1


def rewritten(lines, service, seq):
    """Somebody with every right on a database: an act is changed, and the chain behind it made again."""
    previous = lines[place_of(lines, service, seq)]["previous"]
    for place in entries(lines, service)[seq - 1 :]:
        each = lines[place]
        if each["seq"] == seq:
            content = json.loads(each["content"]) | {"details": {"name": "other"}}
            each["content"] = audit.canonical(content).decode()
            each["content_digest"] = sha256(
                bytes.fromhex(each["salt"] or "") + audit.canonical(content["details"])
            ).hexdigest()
        apart = {name: told for name, told in json.loads(each["content"]).items() if name != "details"}
        each["previous"] = previous
        made = b"\2" + bytes.fromhex(previous) + each["seq"].to_bytes(8, "big")
        made += sha256(audit.canonical(apart)).digest() + bytes.fromhex(each["content_digest"])
        each["digest"] = previous = sha256(made).hexdigest()


def resigned(lines, number, seed):
    """An anchor that somebody else signs."""
    each = [line for line in lines if line["kind"] == "anchor"][number - 1]
    told = json.loads(each["statement"]) | {"keys": [key.hex() for key in Keys(seed).public]}
    each["statement"] = json.dumps(told, sort_keys=True, separators=(",", ":"))
    each["signatures"] = [signature.hex() for signature in Keys(seed).sign(each["statement"])]


def changed(lines, seq):
    told = {"organisation_id": str(FIRM), "service": "billing", "act": "x", "details": {}}
    lines[place_of(lines, "billing", seq)]["content"] = audit.canonical(told).decode()
    return f"billing: act {seq} was changed"


def dated(lines, seq):
    each = lines[place_of(lines, "billing", seq)]
    each["content"] = each["content"].replace("2026-11-20", "2026-11-19")
    return f"billing: act {seq} was changed"


def redigested(lines, seq):
    lines[place_of(lines, "billing", seq)]["content_digest"] = "ab" * 32
    return f"billing: act {seq} was changed"


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
    return "the heads of 2026-11-22 are not those that were anchored"


def exchanged_place(lines):
    [each for each in lines if each["kind"] == "anchor"][1]["index"] += 1
    return "the heads of 2026-11-22 are not those that were anchored"


def head_removed(lines):
    del [each for each in lines if each["kind"] == "anchor"][2]["heads"][1]
    return "the heads of 2026-11-23 are not those that were anchored"


def leaf_removed(lines):
    [each for each in lines if each["kind"] == "anchor"][2].update(heads=[], index=0, path=[])
    return "billing: the head of 2026-11-23 is missing"


def first_leaf_removed(lines):
    lines[1].update(heads=[], index=0, path=[])
    return "billing: its heads before 2026-11-22, since anchor 1, are missing"


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
        exchanged_head, exchanged_place, head_removed, leaf_removed, first_leaf_removed, forged_root, unsigned,
        by_somebody_else, anchor_removed, end_cut, end_counted, behind_the_end,
    ],
)  # fmt: skip
def test_an_anchor_or_an_end_that_is_not_as_it_was_is_named(forge):
    lines = copy.deepcopy(LINES)
    told = forge(lines)
    assert any(problem.startswith(told) for problem in verified(lines)), verified(lines)


def test_anchors_that_somebody_made_anew_from_the_first_are_found_by_the_operator_s_key():
    lines = exported(keys=lambda _: Keys(66))
    assert verified(lines) == []  # in itself it is a trail
    assert read(lines).doubts == ["no key that you gave signed the newest anchor: anybody could have made this file"]
    assert verified(lines, [KEY]) == ["no anchor is signed by a key that you gave"]


def test_a_key_is_vouched_for_by_the_one_before_and_the_newest_anchor_proves_all_by_its_own():
    lines = exported(keys=lambda number: {1: Keys(1), 2: Keys(2, 1), 3: Keys(2)}[number])
    newer = read(lines, [Keys(2).public[0].hex().upper()])
    assert (newer.problems, newer.doubts) == ([], [])
    older = read(lines, [KEY])
    assert older.problems == []
    assert older.doubts == ["no key that you gave signed the newest anchor: anybody could have made this file"]
    abrupt = exported(keys=lambda number: Keys(1) if number == 1 else Keys(2))
    assert "the anchor of 2026-11-22 is signed by a key that nobody vouched for" in verified(abrupt)


def test_a_chain_that_an_anchor_says_was_another_one_before_is_named():
    def broken(known, now, _, number):
        return followed(known, now, {(FIRM, "billing")} if number == 3 else (), number)

    followed = domain.followed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(domain, "followed", broken)
        lines = exported()
    assert verified(lines) == ["billing: the anchor of 2026-11-23 says that the chain was another one before"]


def test_anchors_of_the_first_version_hold_together_and_prove_no_end():
    older = read(exported(first=4), [KEY])
    assert older.problems == []
    assert len(older.doubts) == 1
    both = exported(first=2)
    assert is_proven(both)
    [each for each in both if each["kind"] == "anchor"][1].update(heads=[], index=0, path=[])
    assert "billing: its heads before 2026-11-23, since anchor 0, are missing" in verified(both)


def test_the_script_says_so_and_ends_with_its_status(tmp_path):
    path, lines = tmp_path / "trail.jsonl", copy.deepcopy(LINES)
    day = ("--until", "2026-11-23")
    proven = status(path, LINES, "--key", KEY, *day)
    assert proven[0] == 0, proven
    assert proven[1].startswith(
        "PROVEN up to the anchor of 2026-11-23.\nNewest anchor: 2026-11-23; 1 acts after it are not proven.\n12 acts"
    )
    dated(lines, 3)
    changed = status(path, lines, "--key", KEY, *day)
    assert changed[0] == 1
    assert "NOT AS IT WAS: billing: act 3 was changed" in changed[1]


@pytest.mark.parametrize(
    ("lines", "options", "told"),
    [
        (LINES, ("--until", "2026-11-23"), "NOT PROVEN: no key"),
        (LINES, ("--key", KEY, "--until", "2026-11-24"), "NOT PROVEN: the newest anchor is of 2026-11-23"),
        (exported(days=()), ("--key", KEY, "--until", "2026-11-23"), "NOT PROVEN: there is no anchor"),
    ],
)
def test_a_file_in_which_nothing_is_wrong_is_not_proven_by_that(tmp_path, lines, options, told):
    code, said = status(tmp_path / "trail.jsonl", lines, *options)
    assert code == 2
    assert told in said


@pytest.mark.parametrize(("days", "expected"), [(0, 0), (1, 0), (3, 2), (300, 2)])
def test_how_old_a_file_is_is_not_for_the_file_to_say(tmp_path, monkeypatch, days, expected):
    newest = datetime.now(UTC).date() - timedelta(days=days)
    monkeypatch.setattr(sys.modules[__name__], "FIRST_DAY", newest - timedelta(days=3))
    lines = exported()
    lines[0]["exported_at"] = f"{newest}T09:00:00+00:00"
    assert status(tmp_path / "trail.jsonl", lines, "--key", KEY)[0] == expected


def test_a_file_of_another_release_is_no_forgery(tmp_path):
    lines = [LINES[0] | {"version": 1}, *LINES[1:]]
    code, told = status(tmp_path / "trail.jsonl", lines, "--key", KEY)
    assert code == 2
    assert "use the script of that release" in told


@pytest.mark.parametrize("key", ["ABC", "zz" * 32, "ab" * 31, ""])
def test_a_key_that_is_none_is_no_forgery(key):
    ran = verifying(SCRIPT, "--key", key)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert f"argument --key: invalid public_key value: {key!r}" in ran.stderr


@pytest.mark.parametrize(
    "content", [b"", b"Dear all\n", b"\x1f\x8b\x08\x00\xff\n\xfe", b"[1]\n", b'{"a": 1}\n' * 9, b"[" * 100_000]
)
def test_a_file_that_is_no_trail_is_no_forgery(tmp_path, content):
    (tmp_path / "photo.jpg").write_bytes(content)
    ran = verifying(tmp_path / "photo.jpg", "--key", KEY)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.endswith("photo.jpg is no exported trail: nothing of it is proven\n")


def test_a_line_that_is_broken_is_named_and_not_shown(tmp_path):
    lines = [json.dumps(each).encode() for each in LINES]
    (tmp_path / "trail.jsonl").write_bytes(b"\n".join([*lines[:2], b"\x1b[2J\xff", *lines[2:]]))
    ran = verifying(tmp_path / "trail.jsonl", "--key", KEY)
    assert ran.returncode == 1
    assert "NOT AS IT WAS: line 3 cannot be read (UnicodeDecodeError)\n" in ran.stdout


def verifying(path, *options):
    return subprocess.run([sys.executable, SCRIPT, path, *options], capture_output=True, text=True, check=False)


def test_the_script_is_short():
    assert len(SCRIPT.read_text().splitlines()) <= 250
