"""Filters of SCIM (RFC 7644, 3.4.2.2): what is read, what is refused, and that PostgreSQL finds what they mean."""

import json
import string
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scim2_models import EnterpriseUser, ScimFilter, User
from scim2_models.exceptions import SCIMException

from parvis_identity.domain.scim import filters, jsonpath, resources
from parvis_identity.domain.scim.refusals import ScimRefusal
from parvis_identity.domain.scim.schemas import ENTERPRISE, USER, USERS
from parvis_kit.ids import uuid7

MADE = datetime(2026, 3, 1, 8, tzinfo=UTC)
#: Few letters, so that values meet; quotes, backslashes and what patterns are made of.
TEXTS = st.text(alphabet="abAB é\"\\'.*$^[]()|%_{}?+-/", min_size=1, max_size=4).filter(
    lambda each: each.strip() == each
)
PATHS = (
    "userName", "title", "name.familyName", "displayName", "externalId", "entitlements",
    "entitlements.value", "entitlements.type",
    f"{ENTERPRISE}:department", f"{USER}:nickName", "entitlements.display",
)  # fmt: skip
OPERATORS = ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le")


@st.composite
def comparisons(draw, paths=PATHS):
    if draw(st.integers(0, 4)) == 0:
        return f"{draw(st.sampled_from(paths))} pr"
    return f"{draw(st.sampled_from(paths))} {draw(st.sampled_from(OPERATORS))} {json.dumps(draw(TEXTS))}"


@st.composite
def listed(draw):
    inner = draw(combined(comparisons(paths=("value", "type", "display"))))
    return f"entitlements[{inner}]"


def combined(leaves):
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(("and", "or")), inner).map(
                lambda each: f"({each[0]} {each[1]} {each[2]})"
            ),
            inner.map(lambda each: f"not ({each})"),
        ),
        max_leaves=4,
    )


FILTERS = combined(
    st.one_of(comparisons(), listed(), st.sampled_from(("active eq true", "active ne false", "title eq null")))
)


@st.composite
def people(draw):
    body = {"schemas": [USER], "userName": draw(TEXTS)}
    for name in ("title", "displayName", "nickName", "externalId"):
        if draw(st.booleans()):
            body[name] = draw(TEXTS)
    if draw(st.booleans()):
        body["name"] = {"familyName": draw(TEXTS)}
    if draw(st.booleans()):
        body["active"] = draw(st.booleans())
    value = st.fixed_dictionaries({"value": TEXTS}, optional={"type": TEXTS, "display": TEXTS})
    if several := draw(st.lists(value, max_size=3)):
        body["entitlements"] = several
    if draw(st.booleans()):
        body["schemas"] = [USER, ENTERPRISE]
        body[ENTERPRISE] = {"department": draw(TEXTS)}
    return body


def compared(body):
    return resources.compared(resources.read(body, USERS), USERS, id="1", created=MADE, changed=MADE)


@pytest.fixture
async def fits_in_sql(database_urls):
    """Whether PostgreSQL finds a document with a filter."""
    import asyncpg

    connection = await asyncpg.connect(database_urls.service)

    async def ask(document, node):
        query = "SELECT jsonb_path_match($1::text::jsonb, $2::text::jsonpath)"
        return await connection.fetchval(query, json.dumps(document), jsonpath.predicate(node))

    yield ask
    await connection.close()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=people(), text=FILTERS)
async def test_postgresql_finds_what_a_filter_means(fits_in_sql, body, text):
    node, document = filters.parse(text, USERS), compared(body)
    assert await fits_in_sql(document, node) == filters.fits(node, document)


@settings(max_examples=300, deadline=None)
@given(body=people(), text=FILTERS)
def test_a_filter_means_what_others_read_in_it(body, text):
    """scim2-models is an implementation by others."""
    theirs = ScimFilter[User[EnterpriseUser]](text).match(User[EnterpriseUser].model_validate(body))
    assert filters.fits(filters.parse(text, USERS), compared(body)) == theirs


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet=string.ascii_letters + ' "()[].:=\\', max_size=40))
def test_whatever_is_sent_is_read_or_refused(text):
    refused = ""
    try:
        filters.parse(text, USERS)
    except ScimRefusal as refusal:
        refused = refusal.scim_type
    assert refused in {"", "invalidFilter", "tooMany"}


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "bjensen"',
        'name.familyName co "O\'Malley"',
        'urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"',
        "title pr",
        'meta.lastModified gt "2011-05-13T04:42:34Z"',
        'title pr and userType eq "Employee"',
        'schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"',
        'userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")',
        'userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")',
        'emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]',
    ],
)
def test_the_examples_of_the_rfc_are_read(text):
    assert filters.parse(text, USERS)


@pytest.mark.parametrize(
    "text",
    [
        "", "userName", "userName eq", "eq eq eq", 'userName eq "a', "userName eq 'a'", 'userName is "a"',
        'userName eq "a" and', 'userName eq "a" userName', '(userName eq "a"', 'userName eq "a")', 'nobody eq "a"',
        'name eq "a"', 'userName[value eq "a"]', 'emails[emails eq "a"]', "active gt true", 'active eq "perhaps"',
        "userName eq 4", "userName gt null", 'meta.created gt "yesterday"', 'emails[type eq "work"',
        'userName eq "\\u0000"', 'userName eq "\\ud800"', 'urn:no:such:schema:userName eq "a"', 'not userName eq "a"',
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused(text):
    with pytest.raises(ScimRefusal) as refused:
        filters.parse(text, USERS)
    assert refused.value.scim_type == "invalidFilter"


@pytest.mark.parametrize(
    "text",
    [
        f'userName eq "{"a" * 5000}"',
        "(" * 30 + 'userName eq "a"' + ")" * 30,
        "not (" * 30 + 'userName eq "a"' + ")" * 30,
        " or ".join(['userName eq "a"'] * 100),
        "emails[" + " and ".join(['value eq "a"'] * 100) + "]",
    ],
    ids=["long", "deep", "denied", "wide", "wide-inside"],
)
def test_what_costs_too_much_is_refused_before_it_is_asked(text):
    with pytest.raises(ScimRefusal) as refused:
        filters.parse(text, USERS)
    assert refused.value.scim_type == "tooMany"


def test_a_filter_of_entra_id_is_read():
    node = filters.parse('emails[type eq "work"].value eq "a@b.example"', USERS)
    assert filters.fits(node, compared({"userName": "a", "emails": [{"value": "A@B.example", "type": "work"}]}))
    assert not filters.fits(node, compared({"userName": "a", "emails": [{"value": "a@b.example", "type": "home"}]}))


def test_moments_are_compared_as_moments():
    document = compared({"userName": str(uuid7())})
    assert filters.fits(filters.parse('meta.created eq "2026-03-01T09:00:00+01:00"', USERS), document)


def test_the_reference_refuses_what_we_refuse():
    """Else the comparison above would compare less than it seems to."""
    with pytest.raises(SCIMException):
        ScimFilter[User]("userName eq")
