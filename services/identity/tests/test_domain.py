from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parvis_identity.domain import addresses, identifiers, interaction, links, sessions
from parvis_identity.domain.interaction import Interaction
from parvis_identity.domain.links import LinkState, Purpose
from parvis_identity.domain.passwords import PasswordPolicy, guessable_parts, prepare
from parvis_identity.domain.throttle import BY_IDENTIFIER, network_of
from parvis_identity.http.saml import _continued

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("password", "broken"),
    [
        ("Portail-2026!", []),
        ("Aa1$aaa", ["too_short"]),
        ("portail2026$", ["no_capital"]),
        ("PortailDeux$", ["no_digit"]),
        ("Portail2026", ["no_special"]),
        ("", ["too_short", "no_digit", "no_capital", "no_special"]),
        ("Anne.Roche-2026!", ["contains_identifier"]),
        ("A1$" + "x" * 61, []),  # 64
        ("A1$" + "x" * 125, []),  # 128
        ("A1$" + "x" * 126, ["too_long"]),
    ],
)
def test_a_password_is_told_which_rules_it_breaks(password, broken):
    assert list(PasswordPolicy().broken(password, ["anne.roche@cabinet.example"])) == broken


def test_short_identifiers_are_not_looked_for_in_passwords():
    assert guessable_parts(["C04", "x@y.fr", "C0042", "c0042@y.fr"]) == ("c0042",)


def test_accents_hash_alike_however_they_were_typed():
    assert prepare("Été") == prepare("E\u0301te\u0301")


@pytest.mark.parametrize("mail", ["a@b.fr", "Prénom.Nom+x@sous.domaine.example", "o'neil@x-y.example"])
def test_these_are_mail_addresses(mail):
    assert identifiers.is_mail(mail)


@pytest.mark.parametrize(
    "mail", ["", "a", "a@b", "a b@c.fr", "a@b..fr", "a@-b.fr", "<a@b.fr>", "a@b.fr,c@d.fr", "a\n@b.fr"]
)
def test_these_are_no_mail_addresses(mail):
    assert not identifiers.is_mail(mail)


def test_identifiers_are_compared_without_case_and_space():
    assert identifiers.identifier_key(" c0042 ") == identifiers.identifier_key("C0042")
    assert identifiers.mail_key(" Anne@Exemple.FR") == "anne@exemple.fr"


def test_the_wait_grows_and_stays_bounded():
    waits = [BY_IDENTIFIER.wait(n).total_seconds() for n in (0, 3, 4, 5, 6, 100, 10**6)]

    assert waits == [0, 0, 2, 4, 8, 900, 900]


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_more_failures_never_wait_less(a, b):
    low, high = sorted((a, b))

    assert BY_IDENTIFIER.wait(low) <= BY_IDENTIFIER.wait(high)


@pytest.mark.parametrize(
    ("expires", "used", "revoked", "state"),
    [
        (1, None, None, LinkState.OPEN),
        (0, None, None, LinkState.EXPIRED),
        (1, 0, None, LinkState.USED),
        (0, 0, 0, LinkState.USED),
        (1, None, 0, LinkState.REVOKED),
    ],
)
def test_the_state_of_a_link(expires, used, revoked, state):
    at = {0: NOW, 1: NOW + timedelta(seconds=1), None: None}

    assert links.state_of(NOW, expires_at=at[expires], used_at=at[used], revoked_at=at[revoked]) is state


def test_the_secret_of_a_link_depends_on_all_that_it_is_for():
    link = UUID(int=1)
    tokens = {
        links.token_of(b"a" * 32, link, Purpose.RESET),
        links.token_of(b"a" * 32, link, Purpose.ACTIVATION),
        links.token_of(b"b" * 32, link, Purpose.RESET),
        links.token_of(b"a" * 32, UUID(int=2), Purpose.RESET),
    }

    assert len(tokens) == 4
    assert links.token_of(b"a" * 32, link, Purpose.RESET) in tokens


@pytest.mark.parametrize(
    "uri", ["https://a.example/b?c=d", "http://127.0.0.1:8602/retour", "http://localhost/x", "http://[::1]/x"]
)
def test_these_may_be_redirected_to(uri):
    assert addresses.is_redirect_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "a.example",
        "http://a.example/",
        "https://",
        "https://a.example/#x",
        "https://a@b.example/",
        "javascript:alert(1)",
        "https://a.example/\u00e9",
        'https://a.example/"',
        "https://*.example/",
        "https://a.example:port/",
        "//a.example/",
        "https://a.example/ b",
        "data:text/html,x",
        "https://[::1/x",
    ],
)
def test_these_may_not_be_redirected_to(uri):
    assert not addresses.is_redirect_uri(uri)


_SECRET = "Ab0_-" * 8 + "xyz"


@pytest.mark.parametrize(
    "address",
    [
        "/oauth2/authorize?client_id=x",
        "/password",
        "/step-up?next=/auth/proven",
        "/auth/proven?next=%2Fo%2Fdurand%2F",
        "/door/0192f000-0000-7000-8000-000000000001?next=%2Fauth%2Fproven",
        f"/join/cabinet-armor/{_SECRET}",
        f"/address/new/{'a' * 22}{_SECRET}",
    ],
)
def test_a_sign_in_may_lead_here(address):
    assert addresses.continuation(address) == address


def test_a_form_before_a_door_ends_where_the_door_leads():
    asked = "/oauth2/authorize?client_id=x&state=a%26b"
    door = f"/door/0192f000-0000-7000-8000-000000000001?next={quote(asked, safe='')}"
    assert addresses.final(f"/step-up?again=1&next={quote(door, safe='')}") == addresses.final(door) == asked
    assert addresses.final("/door/0192f000-0000-7000-8000-000000000001?next=https://elsewhere.example/") == ""


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/",
        "//attacker.example/oauth2/authorize",
        "https://attacker.example/oauth2/authorize",
        "/\\attacker.example",
        "/oauth2/authorize/../../x",
        "/oauth2/authorize\r\nX: y",
        "/oauth2/logout?x",
        "oauth2/authorize",
        "/oauth2/authorize#x",
        f"/join/../o/cabinet-armor/{_SECRET}",
        f"/join/%2e%2e/o/cabinet-armor/{_SECRET}",
        f"/join/.%2E/{_SECRET}",
        f"/join/%2e%2e/{_SECRET}",
        f"/join/cabinet-armor/{_SECRET}/../../../o",
        "/join/cabinet-armor/%2e%2e",
        "/join/cabinet-armor",
        "/door/0192f000-0000-7000-8000-000000000001/../../o",
        "/door/..",
        "/auth/proven/../../o",
    ],
)
def test_a_sign_in_never_leads_there(address):
    assert addresses.continuation(address) == ""


@pytest.mark.parametrize(
    ("parameters", "age", "needed"),
    [
        ({}, None, Interaction.LOGIN),
        ({}, 10, Interaction.NONE),
        ({"prompt": "none"}, None, Interaction.REFUSE),
        ({"prompt": "none"}, 10, Interaction.NONE),
        ({"prompt": "login"}, 10, Interaction.LOGIN),
        ({"max_age": "5"}, 10, Interaction.LOGIN),
        ({"max_age": "20"}, 10, Interaction.NONE),
        ({"max_age": "5", "prompt": "none"}, 10, Interaction.REFUSE),
        ({"prompt": "consent"}, 10, Interaction.NONE),
    ],
)
def test_what_a_request_needs_of_the_person(parameters, age, needed):
    auth_time = None if age is None else NOW - timedelta(seconds=age)

    assert interaction.needed(parameters, auth_time, NOW) is needed


@given(
    st.fixed_dictionaries(
        {}, optional={"prompt": st.sampled_from(["login", "consent", "login consent"]), "max_age": st.just("0")}
    )
)
def test_a_sign_in_from_now_on_satisfies_the_request_that_asked_for_it(parameters):
    address = interaction.after_login("/oauth2/authorize", parameters, NOW)

    later = NOW + timedelta(minutes=3)
    assert interaction.needed(addresses.parameters_of(address), NOW + timedelta(seconds=1), later) is Interaction.NONE


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox, Windows"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36",
            "Chrome, Linux",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1) AppleWebKit/605.1 Version/18.1 Mobile/15E148 Safari/604.1",
            "Safari, iPhone",
        ),
        ("curl/8.5", ""),
    ],
)
def test_the_device_of_a_browser(agent, device):
    assert sessions.device_of(agent) == device


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("unknown", "unknown")],
)
def test_what_one_subscriber_has_is_counted_as_one(address, network):
    assert network_of(address) == network


@pytest.mark.parametrize(
    "typed",
    ["cabinet-armor", " https://portal.example/login/cabinet-armor/?next=/ ", "https://[/cabinet-armor#top"],
)
def test_a_firm_is_found_by_whatever_of_its_address_is_typed(typed):
    assert addresses.slug_of(typed) == "cabinet-armor"


def test_more_parameters_than_anybody_means_are_none():
    assert addresses.parameters_of("/oauth2/authorize?" + "&".join(["a=1"] * 61)) == {}


def test_no_address_is_where_a_sign_out_goes_on():
    assert _continued("//[") == _continued("https://[") == "/signed-out"
