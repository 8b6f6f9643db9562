"""A firm's own words for its mails."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parvis_kit.errors import Violation, conflict, invalid, precondition
from parvis_notify import store, texts
from parvis_notify.domain import kinds, templates
from parvis_notify.domain.kinds import Kind
from parvis_notify.models import Template
from parvis_notify.rendering import Mail, Words, render

if TYPE_CHECKING:
    from parvis_kit.unit import UnitOfWork


@dataclass(frozen=True)
class Wording:
    """A template as it is used now. `version` is 0 while the firm has never had its own."""

    kind: Kind
    locale: str
    subject: str
    body: str
    customised: bool = False
    version: int = 0


async def all_wordings(unit: "UnitOfWork") -> list[Wording]:
    """Every kind in every language."""
    own = {(row.kind, row.locale): row for row in await store.templates(unit)}
    return [_wording(kind, locale, own.get((kind.value, locale))) for kind in Kind for locale in kinds.LOCALES]


async def wording(unit: "UnitOfWork", kind: Kind, locale: str) -> Wording:
    """One of them."""
    _require_locale(locale)
    return _wording(kind, locale, await store.template(unit, kind, locale))


async def save(unit: "UnitOfWork", new: Wording) -> Wording:
    """Keeps the firm's own words. INVALID with violations, PRECONDITION not_customisable, CONFLICT stale_version."""
    check(new)
    return await _keep(unit, new, customised=True)


async def reset(unit: "UnitOfWork", kind: Kind, locale: str) -> Wording:
    """Goes back to the text that ships."""
    _require_locale(locale)
    current = await store.template(unit, kind, locale, lock=True)
    if current is None or not current.customised:
        return _wording(kind, locale, current)
    shipped = texts.shipped(kind, locale)
    back = Wording(kind, locale, shipped.subject, shipped.body, version=current.version)
    return await _keep(unit, back, customised=False)


async def preview(unit: "UnitOfWork", new: Wording, public_url: str) -> Mail:
    """The mail that these words would make, with example values and the firm's face. INVALID as in `save`."""
    check(new)
    face = await store.organisation(unit)
    examples = {field.name: field.example(new.locale) for field in kinds.FIELDS[new.kind]}
    if face is not None:
        examples["société"] = face.name
    values = templates.values_for(new.kind, examples)
    shipped = texts.shipped(new.kind, new.locale)
    subject, text = templates.compose(new.locale, new.subject, new.body, values)
    _, because = templates.compose(new.locale, "", shipped.because, values)
    words = Words(
        locale=new.locale,
        sender=face.name if face else examples["société"],
        accent=face.accent if face else "",
        subject=subject,
        text=text,
        button=shipped.button,
        because=because,
    )
    return render(words, f"{public_url}/o/{face.slug}/" if face else public_url)


def check(new: Wording) -> None:
    """Raises INVALID invalid_template with a violation per problem, PRECONDITION not_customisable."""
    _require_locale(new.locale)
    if new.kind not in kinds.CUSTOMISABLE:
        raise precondition("not_customisable")
    problems = templates.template_problems(new.kind, new.subject, new.body)
    if problems:
        raise invalid("invalid_template", [Violation(each.field, each.reason, each.params) for each in problems])


async def _keep(unit: "UnitOfWork", new: Wording, *, customised: bool) -> Wording:
    row = await store.template(unit, new.kind, new.locale, lock=True)
    if new.version != (row.version if row else 0):
        raise conflict("stale_version")
    if row is None:
        row = Template(
            organisation_id=unit.organisation_id,
            kind=new.kind,
            locale=new.locale,
            subject="",
            body="",
            version=0,
            changed_at=unit.now,
        )
        unit.add(row)
    row.subject = " ".join(new.subject.split())
    row.body = "\n\n".join(templates.paragraphs(new.body))
    row.customised = customised
    row.version += 1
    row.changed_at = unit.now
    act = "template.saved" if customised else "template.reset"
    unit.record(act, target_kind="template", target_id=f"{new.kind}/{new.locale}", version=str(row.version))
    return _wording(new.kind, new.locale, row)


def _wording(kind: Kind, locale: str, row: Template | None) -> Wording:
    shipped = texts.shipped(kind, locale)
    if row is None or not row.customised:
        return Wording(kind, locale, shipped.subject, shipped.body, version=row.version if row else 0)
    return Wording(kind, locale, row.subject, row.body, customised=True, version=row.version)


def _require_locale(locale: str) -> None:
    if locale not in kinds.LOCALES:
        raise invalid("malformed_request", [Violation("locale", "unknown", {"known": ", ".join(kinds.LOCALES)})])
