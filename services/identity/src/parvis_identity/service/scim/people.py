"""People as a directory describes them: what of it their account has, and what tenancy hears."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from parvis.identity.v1 import events_pb2
from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity.domain.identifiers import is_mail, mail_key
from parvis_identity.domain.scim.filters import comparable
from parvis_identity.domain.scim.refusals import invalid_value
from parvis_identity.domain.scim.resources import Document
from parvis_identity.domain.scim.schemas import ENTERPRISE, USERS
from parvis_identity.service import accounts, mail_domains
from parvis_identity.store import scim as scim_store
from parvis_identity.store import scim_users as users
from parvis_identity.store.scim_users import Row
from parvis_kit.unit import UnitOfWork

_LONGEST_NAME = 100
#: What tenancy's mapping may look at, beside groups.
_CLAIMS = ("userType", "title")
_LISTS = ("roles", "entitlements")


@dataclass(frozen=True, slots=True)
class Person:
    """What counts of a document."""

    user_name: str
    external_id: str
    active: bool
    mail: str
    given_name: str
    family_name: str
    #: "fr" or "en"; empty: the directory does not say.
    locale: str
    title: str
    claims: Mapping[str, tuple[str, ...]]

    @property
    def name_key(self) -> str:
        """The user name as it is compared."""
        attribute = USERS.attribute("userName")
        return str(comparable(attribute, self.user_name)) if attribute else self.user_name

    @property
    def addresses(self) -> frozenset[str]:
        """Every mail address that they are known by here, as it is compared: the user name too, where it is one."""
        return frozenset(mail_key(each) for each in (self.mail, self.user_name) if is_mail(each))

    @property
    def names(self) -> frozenset[str]:
        """The address that says who they are: the user name where it is one. People may write the others themselves."""
        return frozenset([mail_key(self.user_name)]) if is_mail(self.user_name) else self.addresses


def person_of(document: Document, *, otherwise: bool = True) -> Person:
    """The person of a document; `otherwise`: whether they may come in where it says nothing of it.
    Raises ScimRefusal invalidValue for an address that nobody can write to.
    """
    name = document.get("name", {})
    given, family = _name(name.get("givenName", "")), _name(name.get("familyName", ""))
    if not given and not family:
        family = _name(document.get("displayName") or name.get("formatted") or "")
    enterprise = document.get(ENTERPRISE, {})
    claims = {key: (document[key],) for key in _CLAIMS if key in document}
    claims |= {key: (value,) for key, value in enterprise.items() if isinstance(value, str)}
    claims |= {key: tuple(each["value"] for each in document.get(key, ()) if "value" in each) for key in _LISTS}
    return Person(
        user_name=document["userName"],
        external_id=document.get("externalId", ""),
        active=document.get("active", otherwise),
        mail=_mail(document),
        given_name=given,
        family_name=family,
        locale=_locale(document),
        title=document.get("title", ""),
        claims={key: values for key, values in claims.items() if values},
    )


def _mail(document: Document) -> str:
    several = [each for each in document.get("emails", ()) if "value" in each]
    first = [each for each in several if each.get("primary") is True]
    work = [each for each in several if str(each.get("type", "")).lower() == "work"]
    chosen = next((str(each["value"]) for each in (*first, *work, *several)), "")
    if chosen and not is_mail(chosen):
        raise invalid_value("The primary of emails is no mail address.")
    return chosen or (document["userName"] if is_mail(document["userName"]) else "")


def _locale(document: Document) -> str:
    for name in ("preferredLanguage", "locale"):
        if (said := str(document.get(name, ""))[:2].lower()) in accounts.LOCALES:
            return said
    return ""


def _name(said: str) -> str:
    """A name as it can be kept: it stands in mails."""
    name = said.strip()[:_LONGEST_NAME]
    return name if accounts.wrong_name("name", name) is None else ""


def version_after(unit: UnitOfWork, before: int = 0) -> int:
    """The version of a change: when it was made (microseconds), and more than before whoever came first."""
    return max(int(unit.now.timestamp() * 1_000_000), before + 1)


def tell(
    unit: UnitOfWork,
    account_id: UUID,
    person: Person,
    version: int,
    groups: Sequence[Row],
    *,
    groups_said: bool,
    also: Sequence[UUID] = (),
) -> None:
    """Tells tenancy what the directory says of a person from now on. `also`: accounts that leave with them."""
    event = events_pb2.DirectoryPersonChanged(
        person=pb.DirectoryPerson(
            account_id=str(account_id),
            version=version,
            user_name=person.user_name,
            mail=person.mail,
            given_name=person.given_name,
            family_name=person.family_name,
            locale=person.locale,
            title=person.title,
            groups=list(dict.fromkeys(_names(groups))),
            groups_said=groups_said,
            claims={name: pb.DirectoryValues(values=values) for name, values in person.claims.items()},
            active=person.active,
            source=pb.DIRECTORY_SOURCE_SCIM,
        ),
        also_account_ids=map(str, also),
    )
    unit.emit(event, aggregate_id=account_id, version=version)


async def beside(unit: UnitOfWork, account_id: UUID, addresses: Collection[str]) -> list[UUID]:
    """Personal accounts that somebody of the directory may have beside this one, and has not linked: those with one of
    their addresses, as far as its domain is the firm's own, and that no other user of the directory has.
    """
    of = {mail: mail_domains.of_address(mail) for mail in addresses}
    own = await scim_store.verified_domains(unit, list(set(of.values()))) if of else set()
    mails = [mail for mail, domain in of.items() if domain in own]
    return await users.personal_beside(unit, account_id, mails) if mails else []


def _names(groups: Iterable[Row]) -> Iterable[str]:
    for each in groups:
        yield each["display_name"]
        if each["external_id"]:
            yield each["external_id"]


def gone(person: Person) -> Person:
    """Whoever the directory has deleted: not let in any more."""
    fields: dict[str, Any] = {name: getattr(person, name) for name in Person.__slots__}
    return Person(**fields | {"active": False})
