"""The attributes of users and groups (RFC 7643, 4): what they are called, hold, and who may change them.

Left out of the core user: `password` (an account of a directory has none) and `x509Certificates`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute, with its characteristics (RFC 7643, 2.2)."""

    name: str
    type: str = "string"
    multi: bool = False
    subs: tuple["Attribute", ...] = ()
    required: bool = False
    exact: bool = False
    mutability: str = "readWrite"
    returned: str = "default"
    uniqueness: str = "none"
    canonical: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    description: str = ""

    def sub(self, name: str) -> "Attribute | None":
        """A part of it, by its name in any case."""
        return next((each for each in self.subs if each.name.lower() == name.lower()), None)

    @property
    def read_only(self) -> bool:
        """Whether it is ours to say."""
        return self.mutability == "readOnly"


@dataclass(frozen=True, slots=True)
class Schema:
    """Attributes under one name."""

    urn: str
    name: str
    description: str
    attributes: tuple[Attribute, ...]

    def attribute(self, name: str) -> Attribute | None:
        """One of them, by its name in any case."""
        return next((each for each in self.attributes if each.name.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of resource: its schema, and those that extend it."""

    name: str
    endpoint: str
    description: str
    schema: Schema
    extensions: tuple[Schema, ...] = ()

    def schema_of(self, urn: str) -> Schema | None:
        """Its schema with that name, in any case."""
        return next((each for each in (self.schema, *self.extensions) if each.urn.lower() == urn.lower()), None)

    def top(self) -> Iterator[Attribute]:
        """Every attribute outside extensions, the common ones first."""
        yield from COMMON
        yield from self.schema.attributes

    def attribute(self, name: str) -> Attribute | None:
        """An attribute outside extensions, by its name in any case."""
        return next((each for each in self.top() if each.name.lower() == name.lower()), None)


def _texts(**named: str) -> tuple[Attribute, ...]:
    return tuple(Attribute(name, description=said) for name, said in named.items())


def _values(
    name: str, description: str, *types: str, value: Attribute | None = None, more: tuple[Attribute, ...] = ()
) -> Attribute:
    """A list of values with type, display name and which of them is the first (RFC 7643, 2.4)."""
    subs = (
        value or Attribute("value", description="The value."),
        *more,
        Attribute("display", description="A name to show."),
        Attribute("type", canonical=types, description="What it is for."),
        Attribute("primary", "boolean", description="Whether it is the preferred one; one at most."),
    )
    return Attribute(name, "complex", multi=True, subs=subs, description=description)


#: RFC 7643, 3.1. `meta` is made by us.
COMMON: Final = (
    Attribute("schemas", "reference", multi=True, required=True, exact=True, mutability="readOnly", returned="always",
              references=("uri",), description="The schemas of the resource."),
    Attribute("id", exact=True, mutability="readOnly", returned="always", uniqueness="server",
              description="Ours: what the resource is called in addresses."),
    Attribute("externalId", exact=True, description="What the directory calls it. Unique in an organisation."),
    Attribute("meta", "complex", mutability="readOnly", subs=(
        Attribute("resourceType", exact=True, mutability="readOnly", description="User or Group."),
        Attribute("created", "dateTime", mutability="readOnly", description="When it was made."),
        Attribute("lastModified", "dateTime", mutability="readOnly", description="When it changed last."),
        Attribute("location", "reference", exact=True, mutability="readOnly", references=("uri",),
                  description="Its address."),
        Attribute("version", exact=True, mutability="readOnly", description="Its entity tag."),
    ), description="What we know about the resource itself."),
)  # fmt: skip

USER_SCHEMA: Final = Schema(
    USER,
    "User",
    "User Account",
    (
        Attribute("userName", required=True, uniqueness="server",
                  description="What the person signs in with at the directory. Unique in an organisation."),
        Attribute("name", "complex", subs=_texts(
            formatted="The whole name.", familyName="The family name.", givenName="The given name.",
            middleName="Middle names.", honorificPrefix="A title before the name.",
            honorificSuffix="A title after the name.",
        ), description="The parts of the person's name."),
        *_texts(displayName="The name to show.", nickName="What the person is called."),
        Attribute("profileUrl", "reference", exact=True, references=("external",), description="A page about them."),
        *_texts(
            title="What they are in the firm.", userType="How they relate to the firm.",
            preferredLanguage="The language that they read (RFC 9110, 12.5.4).",
            locale="How dates and numbers are written for them.", timezone="Their time zone, by its IANA name.",
        ),
        Attribute("active", "boolean", description="Whether the person may come in. False signs them out everywhere."),
        _values("emails", "Mail addresses; the primary one is written to.", "work", "home", "other"),
        _values("phoneNumbers", "Telephone numbers.", "work", "home", "mobile", "fax", "pager", "other"),
        _values("ims", "Addresses of instant messaging.", "aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"),
        _values("photos", "Pictures.", "photo", "thumbnail",
                value=Attribute("value", "reference", exact=True, references=("external",),
                                description="Its address.")),
        Attribute("addresses", "complex", multi=True, subs=(
            *_texts(formatted="The whole address.", streetAddress="Street and number.", locality="Town.",
                    region="Region.", postalCode="Postal code.", country="Country, as in ISO 3166-1."),
            Attribute("type", canonical=("work", "home", "other"), description="What it is for."),
            Attribute("primary", "boolean", description="Whether it is the preferred one; one at most."),
        ), description="Postal addresses."),
        Attribute("groups", "complex", multi=True, mutability="readOnly", subs=(
            Attribute("value", exact=True, mutability="readOnly", description="The group's id."),
            Attribute("$ref", "reference", exact=True, mutability="readOnly", references=("Group",),
                      description="The group's address."),
            Attribute("display", mutability="readOnly", description="The group's name."),
            Attribute("type", mutability="readOnly", canonical=("direct",), description="How they belong to it."),
        ), description="The groups that hold the person. Changed at the group."),
        _values("entitlements", "What the person is entitled to, for the directory alone."),
        _values("roles", "Roles of the person, for the directory alone."),
    ),
)  # fmt: skip

ENTERPRISE_SCHEMA: Final = Schema(
    ENTERPRISE,
    "EnterpriseUser",
    "Enterprise User",
    (
        *_texts(
            employeeNumber="The number of the person in the firm.", costCenter="Cost centre.",
            organization="Organisation.", division="Division.", department="Department.",
        ),
        Attribute("manager", "complex", subs=(
            Attribute("value", exact=True, description="The id of the person's manager."),
            Attribute("$ref", "reference", exact=True, references=("User",), description="The manager's address."),
            Attribute("displayName", mutability="readOnly", description="The manager's name."),
        ), description="The person's manager."),
    ),
)  # fmt: skip

GROUP_SCHEMA: Final = Schema(
    GROUP,
    "Group",
    "Group",
    (
        Attribute("displayName", required=True, description="The group's name: rights are given by it."),
        Attribute("members", "complex", multi=True, subs=(
            Attribute("value", exact=True, mutability="immutable", description="The id of a user."),
            Attribute("$ref", "reference", exact=True, mutability="immutable", references=("User",),
                      description="The user's address."),
            Attribute("type", mutability="immutable", canonical=("User",), description="User: groups hold no groups."),
            Attribute("display", mutability="readOnly", returned="request", description="The user's name."),
        ), description="Who is in the group."),
    ),
)  # fmt: skip

USERS: Final = Resource("User", "/Users", "User Account", USER_SCHEMA, (ENTERPRISE_SCHEMA,))
GROUPS: Final = Resource("Group", "/Groups", "Group", GROUP_SCHEMA)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attribute stands in a document: the extension's name, if any, the attribute, and its part."""

    urn: str
    attribute: Attribute
    sub: Attribute | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that lead to it."""
        names = (self.attribute.name,) if self.sub is None else (self.attribute.name, self.sub.name)
        return (self.urn, *names) if self.urn else names

    @property
    def last(self) -> Attribute:
        """The attribute that is compared or written."""
        return self.sub or self.attribute


def place(resource: Resource, path: str) -> Place | None:
    """Where a path leads: "userName", "name.givenName", or either after the name of a schema and a colon, which may be
    missing where the core schema has no such name. None when there is no such attribute.
    """
    urn, rest = "", path
    if path.lower().startswith("urn:"):
        schema = next(
            (
                each
                for each in (resource.schema, *resource.extensions)
                if path.lower().startswith(f"{each.urn.lower()}:")
            ),
            None,
        )
        if schema is None:
            return None
        rest = path[len(schema.urn) + 1 :]
        urn = "" if schema is resource.schema else schema.urn
    name, dot, part = rest.partition(".")
    within = resource.schema_of(urn) if urn else None
    found = within.attribute(name) if within else resource.attribute(name)
    if found is None and not urn:  # Entra ID leaves the name of the extension out
        for schema in resource.extensions:
            if (found := schema.attribute(name)) is not None:
                urn = schema.urn
                break
    if found is None:
        return None
    if not dot:
        return Place(urn, found)
    sub = found.sub(part)
    return None if sub is None else Place(urn, found, sub)
