"""Checks of what was typed: all fields of a request are looked at before the first answer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import available_timezones

from google.protobuf.message import Message

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Violation, invalid
from parvis_kit.text import reads_as_link
from parvis_tenancy.domain import records
from parvis_tenancy.domain.catalogue import Right, Rights
from parvis_tenancy.domain.rights import wrong_rights
from parvis_tenancy.domain.scopes import Scope

NAME = 200
PERSON_NAME = 100  # as identity keeps it
LINE = 500
_LOCAL_HOSTS = {"localhost", "127.0.0.1"}


def moment_of(message: Message, field: str) -> datetime | None:
    """A moment that may be unset, UTC. Raises INVALID fields_invalid for what is in no calendar."""
    fields = Fields()
    found = fields.moment(field, message)
    fields.settle()
    return found


class Fields:
    """Collects violations; `settle` raises them together as INVALID fields_invalid."""

    def __init__(self) -> None:
        self._violations: list[Violation] = []

    def wrong(self, field: str, reason: str, **params: str) -> None:
        """Says that a field cannot be accepted."""
        self._violations.append(Violation(field, reason, params))

    def settle(self) -> None:
        """Raises when a field was wrong."""
        if self._violations:
            raise invalid("fields_invalid", self._violations)

    def text(self, field: str, value: str, *, longest: int = NAME, required: bool = False) -> str:
        """One line of text with single spaces: "required", "too_long", "control_characters"."""
        clean = " ".join(value.split())
        if required and not clean:
            self.wrong(field, "required")
        elif len(clean) > longest:
            self.wrong(field, "too_long", longest=str(longest))
        elif not clean.isprintable():
            self.wrong(field, "control_characters")
        return clean

    def reason(self, value: str) -> str:
        """Why somebody changes rights, in their own words; may be empty: what `text` says."""
        return self.text("reason", value, longest=LINE)

    def rights(self, field: str, asked: Sequence[tuple[str, int]], existing: Mapping[str, Right]) -> Rights:
        """Rights with their scopes: what `domain.rights.wrong_rights` says, with `right`."""
        wrong = wrong_rights(asked, existing)
        for each in wrong:
            self.wrong(field, each.reason, right=each.code)
        return {} if wrong else {code: Scope(scope) for code, scope in asked}

    def person_name(self, field: str, value: str) -> str:
        """A given or family name: what `text` says, "required", and "link_in_name": names stand in mails, and mail
        programs make links of addresses.
        """
        clean = self.text(field, value, longest=PERSON_NAME, required=True)
        if reads_as_link(clean):
            self.wrong(field, "link_in_name")
        return clean

    def mail(self, field: str, value: str, *, required: bool = False) -> str:
        """A mail address: "required", "mail_invalid"."""
        return self._checked(field, value, records.mail, "mail_invalid", required=required)

    def siren(self, field: str, value: str) -> str:
        """Nine digits with a right key: "siren_invalid"."""
        return self._checked(field, value, records.siren, "siren_invalid")

    def vat_number(self, field: str, value: str) -> str:
        """A VAT number: "vat_number_invalid"."""
        return self._checked(field, value, records.vat_number, "vat_number_invalid")

    def iban(self, field: str, value: str) -> str:
        """An IBAN: "iban_invalid"."""
        return self._checked(field, value, records.iban, "iban_invalid")

    def locale(self, field: str, value: str) -> str:
        """A language that the portal speaks, French by default: "locale_unknown"."""
        if value and value not in records.LOCALES:
            self.wrong(field, "locale_unknown")
        return value or "fr"

    def accent(self, field: str, value: str) -> str:
        """A colour "#rrggbb" or nothing: "colour_invalid"."""
        colour = value.strip().lower()
        if colour and records.ACCENT.fullmatch(colour) is None:
            self.wrong(field, "colour_invalid")
        return colour

    def time_zone(self, field: str, value: str) -> str:
        """An IANA name, Paris by default: "time_zone_unknown"."""
        if value and value not in available_timezones():
            self.wrong(field, "time_zone_unknown")
        return value or "Europe/Paris"

    def address(self, field: str, value: tenancy_pb2.PostalAddress) -> dict[str, object]:
        """The columns of a postal address: "too_many_lines", "country_unknown" and what `text` says."""
        lines = [self.text(f"{field}.lines", line, longest=LINE) for line in value.lines if line.strip()]
        if len(lines) > 3:  # noqa: PLR2004 - as the contract says
            self.wrong(f"{field}.lines", "too_many_lines", most="3")
        if value.country and records.COUNTRY.fullmatch(value.country) is None:
            self.wrong(f"{field}.country", "country_unknown")
        return {
            "address_lines": lines,
            "postal_code": self.text(f"{field}.postal_code", value.postal_code, longest=20),
            "city": self.text(f"{field}.city", value.city),
            "country": value.country or ("FR" if lines else ""),
        }

    def web_address(self, field: str, value: str, *, required: bool = True) -> str:
        """An address of a product: https, or http on this machine: "required", "url_invalid"."""
        clean = value.strip()
        if not clean and not required:
            return ""
        try:
            parts = urlsplit(clean)
            host = parts.hostname or ""
        except ValueError:
            host = ""
        secure = bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL_HOSTS))
        if not secure or not clean.isascii() or not clean.isprintable() or '"' in clean or len(clean) > LINE:
            self.wrong(field, "required" if not clean else "url_invalid")
        return clean

    def moment(self, field: str, message: Message, *, required: bool = False) -> datetime | None:
        """A moment that may be unset, UTC: "required", "not_a_moment"."""
        if not message.HasField(field):
            if required:
                self.wrong(field, "required")
            return None
        try:
            found: datetime = getattr(message, field).ToDatetime(UTC)
        except (ValueError, OverflowError):
            self.wrong(field, "not_a_moment")
            return None
        return found

    def choice(self, field: str, value: int, choices: type[IntEnum]) -> list[int]:
        """What a list is limited to: one of the choices, or all when none is named: "unknown"."""
        every = [int(each) for each in choices]
        if value and value not in every:
            self.wrong(field, "unknown")
        return [value] if value else every

    def identifier(self, field: str, value: str) -> UUID | None:
        """An optional UUID: "not_a_uuid"."""
        try:
            return UUID(value) if value else None
        except ValueError:
            self.wrong(field, "not_a_uuid")
            return None

    def identifiers(self, field: str, values: Iterable[str]) -> list[UUID]:
        """UUIDs, each once: "not_a_uuid"."""
        found = (self.identifier(field, value) for value in values)
        return list(dict.fromkeys(each for each in found if each is not None))

    def _checked(
        self, field: str, value: str, check: Callable[[str], str | None], reason: str, *, required: bool = False
    ) -> str:
        if not value.strip():
            if required:
                self.wrong(field, "required")
            return ""
        checked = check(value)
        if checked is None:
            self.wrong(field, reason)
        return checked or ""
