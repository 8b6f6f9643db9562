"""Bulk requests (RFC 7644, 3.7): many changes in one, each for itself, in their order as far as one needs another.

New users that follow each other are made together: a transaction for two hundred of them rather than for each. What a
`bulkId` stands for is decided before anything is made, so that operations may name each other in any order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from parvis_identity.domain.scim.discovery import MOST_OPERATIONS
from parvis_identity.domain.scim.refusals import ScimRefusal, invalid_path, invalid_syntax, invalid_value, unknown
from parvis_identity.domain.scim.schemas import GROUPS, USERS, Resource
from parvis_identity.service.scim.directories import Directory
from parvis_identity.service.scim.rendering import entity_tag
from parvis_identity.service.scim.requests import Act, Scim, new_user
from parvis_kit.ids import uuid7

REQUEST: Final = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
RESPONSE: Final = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
#: New users of one transaction.
TOGETHER: Final = 200
_MARK: Final = "bulkId:"


@dataclass(slots=True)
class Step:
    """One operation, and what became of it (None: nothing yet)."""

    place: int
    method: str
    path: str
    bulk_id: str
    body: Any
    version: str
    #: Of a POST: the id that the resource gets.
    id: UUID = field(default_factory=uuid7)
    #: The operations of this request that it names.
    needs: frozenset[str] = frozenset()
    outcome: dict[str, Any] | None = None
    refusal: ScimRefusal | None = None

    @property
    def makes_user(self) -> bool:
        """Whether it is a new user."""
        return self.method == "POST" and self.path.lower().rstrip("/") == "/users"


async def run(scim: Scim, directory: Directory, body: object) -> dict[str, Any]:
    """What became of a bulk request. Raises ScimRefusal for one that is none."""
    steps, most_errors = _read(body)
    given = {step.bulk_id: step for step in steps if step.bulk_id}
    errors, done, waiting = 0, [], list(steps)
    while waiting and not (most_errors and errors >= most_errors):
        # With a limit each is made for itself: what comes behind the last error must not have happened.
        batch = _next(waiting, given, most=1 if most_errors else TOGETHER)
        if batch[0].makes_user:
            await _make(scim, directory, batch, given)
        else:
            await _do(scim, directory, batch[0], given)
        errors += sum(step.refusal is not None for step in batch)
        done += batch
        waiting = [step for step in waiting if step.outcome is None]
    for name in ("POST", "PUT", "PATCH", "DELETE"):
        refused = [(_name(step), step.refusal) for step in done if step.refusal and step.method == name]
        await scim.refusals.keep(directory, f"Bulk {name}", refused)
    told = sorted(done, key=lambda step: step.place)
    return {"schemas": [RESPONSE], "Operations": [step.outcome for step in told]}


def _read(body: object) -> tuple[list[Step], int]:
    if not isinstance(body, Mapping):
        raise invalid_syntax("The body is no object.")
    by_name = {str(name).lower(): value for name, value in body.items()}
    if REQUEST not in (by_name.get("schemas") or ()):
        raise invalid_syntax(f"schemas must name {REQUEST}.")
    several, most_errors = by_name.get("operations"), by_name.get("failonerrors") or 0
    if not isinstance(several, list):
        raise invalid_syntax("Operations is a list.")
    if len(several) > MOST_OPERATIONS:
        raise ScimRefusal(413, f"A bulk request has {MOST_OPERATIONS} operations at most.", scim_type="tooMany")
    if not isinstance(most_errors, int) or isinstance(most_errors, bool) or most_errors < 0:
        raise invalid_value("failOnErrors is a number.")
    steps = [_step(place, each) for place, each in enumerate(several)]
    named = [step.bulk_id for step in steps if step.bulk_id]
    if len(named) > len(set(named)):
        raise invalid_syntax("Each bulkId stands for one operation.")
    return steps, most_errors


def _step(place: int, said: object) -> Step:
    if not isinstance(said, Mapping):
        raise invalid_syntax("An operation is an object.")
    by_name = {str(name).lower(): value for name, value in said.items()}
    texts = {name: by_name.get(name) or "" for name in ("method", "path", "bulkid", "version")}
    if not all(isinstance(each, str) for each in texts.values()):
        raise invalid_syntax("method, path, bulkId and version are texts.")
    method, body = texts["method"].upper(), by_name.get("data")
    if method not in {"POST", "PUT", "PATCH", "DELETE"}:
        raise invalid_syntax("method is POST, PUT, PATCH or DELETE.")
    needs = frozenset(_named(body)) | frozenset(_named(texts["path"].rpartition("/")[2]))
    return Step(place, method, texts["path"], texts["bulkid"], body, texts["version"], needs=needs)


def _named(value: object) -> list[str]:
    """What is named in a value with `bulkId:`."""
    if isinstance(value, str):
        return [value.removeprefix(_MARK)] if value.startswith(_MARK) else []
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [name for each in inner for name in _named(each)]


def _next(waiting: Sequence[Step], given: Mapping[str, Step], *, most: int) -> list[Step]:
    """The first operation whose needs are met, with new users right behind it. Where operations need each other in a
    ring, the first of all.
    """
    first = next((each for each in waiting if _ready(each, given)), waiting[0])
    if not first.makes_user:
        return [first]
    batch: list[Step] = []
    for step in waiting[waiting.index(first) :]:
        if not step.makes_user or not (step is first or _ready(step, given)) or len(batch) == most:
            break
        batch.append(step)
    return batch


def _ready(step: Step, given: Mapping[str, Step]) -> bool:
    # Of a user, a manager alone is named: an id, whether or not there is somebody yet.
    return step.makes_user or all(each not in given or given[each].outcome is not None for each in step.needs)


async def _make(scim: Scim, directory: Directory, batch: Sequence[Step], given: Mapping[str, Step]) -> None:
    """Makes users together."""
    wanted = []
    for step in batch:
        try:
            wanted.append((step, new_user(Act("POST", USERS, step.id, _resolved(step.body, given)))))
        except ScimRefusal as refusal:
            step.refusal = refusal
    try:
        made = await scim.users.create(directory, [new for _, new in wanted]) if wanted else []
    except ScimRefusal as refusal:
        made = [refusal for _ in wanted]
    for (step, _), row in zip(wanted, made, strict=True):
        if isinstance(row, ScimRefusal):
            step.refusal = row
        else:
            _finish(scim, step, USERS, entity_tag(row))
    for step in batch:
        if step.refusal is not None:
            _refused(scim, step)


async def _do(scim: Scim, directory: Directory, step: Step, given: Mapping[str, Step]) -> None:
    try:
        act = _act(step, given)
        if act.method == "DELETE":
            await scim.delete(directory, act)
            _finish(scim, step, act.resource, "", act.id)
        else:
            _finish(scim, step, act.resource, entity_tag(await scim.do(directory, act)), act.id)
    except ScimRefusal as refusal:
        step.refusal = refusal
        _refused(scim, step)


def _act(step: Step, given: Mapping[str, Step]) -> Act:
    parts = step.path.strip("/").split("/")
    resource = next((each for each in (USERS, GROUPS) if each.endpoint.strip("/").lower() == parts[0].lower()), None)
    if resource is None or len(parts) != (1 if step.method == "POST" else 2):
        raise invalid_path("path is /Users or /Groups, with an id behind it for what is there.")
    row_id = step.id
    if step.method != "POST":
        named = _resolved(parts[1], given)
        try:
            row_id = UUID(named)
        except ValueError as error:
            raise unknown(resource.name.lower()) from error
    return Act(step.method, resource, row_id, _resolved(step.body, given), versions_of(step.version))


def versions_of(tags: str) -> frozenset[int]:
    """The versions that If-Match or an operation names; empty for any ("*"). A tag that is none of ours fits none."""
    if not tags or tags.strip() == "*":
        return frozenset()
    plain = (each.strip().removeprefix("W/").strip('"') for each in tags.split(","))
    return frozenset(int(each) if each.isascii() and each.isdigit() else -1 for each in plain)


def _resolved(value: Any, given: Mapping[str, Step]) -> Any:
    """The value with ids in the place of `bulkId:…`."""
    if isinstance(value, str) and value.startswith(_MARK):
        step = given.get(value.removeprefix(_MARK))
        if step is None or step.method != "POST" or step.refusal is not None:
            raise invalid_value("A bulkId stands for an operation that made nothing.")
        return str(step.id)
    if isinstance(value, Mapping):
        return {name: _resolved(each, given) for name, each in value.items()}
    return [_resolved(each, given) for each in value] if isinstance(value, list) else value


def _finish(scim: Scim, step: Step, resource: Resource, version: str, row_id: UUID | None = None) -> None:
    status = {"POST": "201", "DELETE": "204"}.get(step.method, "200")
    step.outcome = {"method": step.method, "location": scim.rendering.location(resource, row_id or step.id)}
    if version:
        step.outcome["version"] = version
    if step.bulk_id:
        step.outcome["bulkId"] = step.bulk_id
    step.outcome["status"] = status


def _refused(scim: Scim, step: Step) -> None:
    refusal = step.refusal
    if refusal is None:
        return
    step.outcome = {"method": step.method, "status": str(refusal.status), "response": refusal.body}
    if step.method != "POST":
        step.outcome["location"] = f"{scim.address}{step.path}"
    if step.bulk_id:
        step.outcome["bulkId"] = step.bulk_id


def _name(step: Step) -> str:
    return Act(step.method, USERS, step.id, step.body).name if step.method == "POST" else step.path
