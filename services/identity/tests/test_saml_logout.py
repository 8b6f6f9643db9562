"""Signing out on both sides: a provider ends sessions here, and ours end there; attacks on it by name."""

import base64
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree
from saml_parts import ISSUER, A, P, at, form_of, key, signed
from saml_stage import Scene, message_of

from parvis_identity.domain import saml as names
from parvis_identity.domain.sessions import PASSWORD, VOUCHED_ACR, Proof
from parvis_identity.models import SessionProof
from parvis_identity.service import sessions
from parvis_identity.service.saml import messages
from parvis_identity.service.saml.messages import from_query
from parvis_identity.service.saml.signatures import Signer, signed_query
from parvis_identity.service.saml.trail import Trail
from parvis_identity.service.sso.saml_logout import Message, Received
from parvis_identity.service.sso.upstream import Refused

NAME = "c0ffee-42"


@pytest.fixture
async def scene(stage) -> Scene:
    return Scene.on(stage)


@pytest.fixture
async def provider(scene):
    return await scene.provider()


VOUCHED = Proof(VOUCHED_ACR, (), strongest=False)


@pytest.fixture
async def person(stage):
    return await stage.person()


async def session_of(scene, provider, person, *, index: str = "_s1", name: str = NAME, proof=VOUCHED) -> str:
    """An open session that the provider vouches for, and nobody else unless `proof` says so; its cookie."""
    async with scene.stage.unit() as unit:
        begun = await sessions.begin(unit, person, cookie="", user_agent="Firefox", proof=proof)
        said = {"organisation_id": provider.organisation_id, "at": unit.now, "acr": "1", "amr": ["pwd"]}
        named = f"{name}\n{names.PERSISTENT}\n\n"
        unit.add(
            SessionProof(
                session_id=begun.session.id, provider_id=provider.id, name_id=named, session_index=index, **said
            )
        )
    return begun.cookie


async def is_open(scene, cookie: str) -> bool:
    async with scene.stage.unit() as unit:
        return await sessions.signed_in(unit, cookie) is not None


@dataclass
class Asked:
    """What the provider asks."""

    destination: str
    issuer: str = ISSUER
    name: str = NAME
    indexes: tuple[str, ...] = ("_s1",)
    made: str = field(default_factory=at)
    until: str = field(default_factory=lambda: at(minutes=5))
    kind: str = "LogoutRequest"
    identifier: str = field(default_factory=messages.new_identifier)

    def root(self) -> etree._Element:
        indexes = "".join(f"<samlp:SessionIndex>{each}</samlp:SessionIndex>" for each in self.indexes)
        return etree.fromstring(f"""<samlp:{self.kind} xmlns:samlp="{P}" xmlns:saml="{A}" ID="{self.identifier}"
            Version="2.0" IssueInstant="{self.made}" Destination="{self.destination}" NotOnOrAfter="{self.until}">
            <saml:Issuer>{self.issuer}</saml:Issuer><saml:NameID>{self.name}</saml:NameID>{indexes}
            </samlp:{self.kind}>""")

    def query(self, with_key=None, name: str = "SAMLRequest", relay_state: str = "r/1") -> str:
        import zlib

        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        text = base64.b64encode(deflater.compress(etree.tostring(self.root())) + deflater.flush()).decode()
        used = with_key or key()
        return Signer(used.private, used.certificate).query([(name, text), ("RelayState", relay_state)])


def asked(provider, **changes) -> Asked:
    return Asked(f"http://localhost:8600/sso/{provider.id}/slo", **changes)


async def test_a_sign_out_there_leaves_what_somebody_has_elsewhere(scene, provider, person):
    cookie = await session_of(scene, provider, person, proof=PASSWORD)

    await scene.logout.received(provider, Message(query=asked(provider).query()))

    assert await is_open(scene, cookie)
    async with scene.stage.unit() as unit:
        who = await sessions.signed_in(unit, cookie)
        query = "SELECT 1 FROM session_proofs WHERE session_id = $1"
        assert not await unit.fetch(query, who.session.id)


async def test_a_sign_out_there_ends_the_session_here_and_is_answered(scene, provider, person):
    cookie = await session_of(scene, provider, person)
    other = await session_of(scene, provider, person, index="_s2")
    wanted = asked(provider)

    location = (await scene.logout.received(provider, Message(query=wanted.query()))).location

    own = (await scene.keys.of(provider.id))[0]
    answer = message_of(location, "SAMLResponse")
    fields = signed_query(location.partition("?")[2], "SAMLResponse", [own.certificate], Trail())
    assert not await is_open(scene, cookie)
    assert await is_open(scene, other)
    assert answer.get("InResponseTo") == wanted.identifier
    assert answer.find(f".//{{{P}}}StatusCode").get("Value") == names.SUCCESS
    assert fields["RelayState"] == "r/1"
    assert location.startswith(f"{ISSUER}/slo?")


async def test_without_a_session_named_all_of_the_person_end(scene, provider, person):
    cookies = [await session_of(scene, provider, person, index=f"_s{number}") for number in range(3)]

    await scene.logout.received(provider, Message(query=asked(provider, indexes=()).query()))

    assert [await is_open(scene, each) for each in cookies] == [False, False, False]


async def test_nobody_elses_session_ends(scene, provider, person):
    somebody = await session_of(scene, provider, person, name=f"{NAME}0")
    elsewhere = await session_of(scene, await scene.provider(), person)

    await scene.logout.received(provider, Message(query=asked(provider, indexes=()).query()))

    assert await is_open(scene, somebody)
    assert await is_open(scene, elsewhere)


async def test_a_request_may_come_as_a_form(scene, provider, person):
    cookie = await session_of(scene, provider, person)

    await scene.logout.received(provider, Message(form=form_of(signed(asked(provider).root())), relay_state="r"))

    assert not await is_open(scene, cookie)


async def test_the_answer_to_our_request_is_the_end_of_it(scene, provider):
    query = asked(provider, kind="LogoutResponse").query(name="SAMLResponse")
    assert await scene.logout.received(provider, Message(query=query)) == Received(relay_state="r/1")


async def test_our_sign_out_goes_on_to_the_provider(scene, provider):
    kept = f"{NAME}\n{names.PERSISTENT}\n\nhttps://portail"

    location = await scene.upstream.logout(
        provider, name_id=kept, session_index="_s1", hint="", back="http://localhost:8600/signed-out?state=x"
    )

    own = (await scene.keys.of(provider.id))[0]
    fields = signed_query(location.partition("?")[2], "SAMLRequest", [own.certificate], Trail())
    root = etree.fromstring(from_query(fields["SAMLRequest"], Trail()))
    named = root.find(f"{{{A}}}NameID")
    assert location.startswith(f"{ISSUER}/slo?")
    assert fields["RelayState"] == "/signed-out?state=x"
    assert (named.text, named.get("Format"), named.get("SPNameQualifier")) == (
        NAME,
        names.PERSISTENT,
        "https://portail",
    )
    assert root.find(f"{{{P}}}SessionIndex").text == "_s1"


async def test_a_provider_without_sign_outs_is_not_asked(scene):
    document = (await scene.provider()).metadata_document
    without = await scene.provider(
        metadata_document=document.replace("SingleLogoutService", "ArtifactResolutionService")
    )
    assert await scene.upstream.logout(without, name_id=f"{NAME}\n\n\n", session_index="", hint="", back="/x") == ""


def _unsigned(query: str) -> str:
    return query.partition("&SigAlg")[0]


def _sha_1(query: str) -> str:
    text = query.partition("&SigAlg")[0] + "&SigAlg=http%3A%2F%2Fwww.w3.org%2F2000%2F09%2Fxmldsig%23rsa-sha1"
    weak = hashes.SHA1()  # noqa: S303 - the attack
    from urllib.parse import quote_plus

    signature = base64.b64encode(key().private.sign(text.encode(), padding.PKCS1v15(), weak)).decode()
    return f"{text}&Signature={quote_plus(signature)}"


ATTACKS: dict[str, tuple[str, Callable[[object], str]]] = {
    "nobody signed it": ("signature_missing", lambda provider: _unsigned(asked(provider).query())),
    "somebody else signed it": ("signature_wrong", lambda provider: asked(provider).query(key("intruder"))),
    "the relay state was changed": (
        "signature_wrong",
        lambda provider: asked(provider).query().replace("r%2F1", "r%2F2"),
    ),
    "SHA-1": ("signature_algorithm", lambda provider: _sha_1(asked(provider).query())),
    "two messages in one address": (
        "parameter_repeated",
        lambda provider: f"{asked(provider).query()}&SAMLRequest=x",
    ),
    "of another provider": ("issuer_wrong", lambda provider: asked(provider, issuer="https://intrus.test").query()),
    "for another place": ("destination_wrong", lambda _: Asked("https://autre.exemple.fr/slo").query()),
    "of an hour ago": ("logout_time_wrong", lambda provider: asked(provider, made=at(hours=-1)).query()),
    "expired": ("logout_expired", lambda provider: asked(provider, until=at(minutes=-5)).query()),
    "an assertion in its place": ("logout_element", lambda provider: asked(provider, kind="AuthnRequest").query()),
    "nobody in it": ("name_id_missing", lambda provider: asked(provider, name="").query()),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_sign_out_that_is_not_the_providers_ends_nothing(scene, provider, person, name):
    cookie = await session_of(scene, provider, person)
    check, attack = ATTACKS[name]

    with pytest.raises(Refused) as refused:
        await scene.logout.received(provider, Message(query=attack(provider)))

    assert refused.value.check == check
    assert await is_open(scene, cookie)
    await scene.logout.received(provider, Message(query=asked(provider).query()))
    assert not await is_open(scene, cookie)


async def test_a_sign_out_counts_once(scene, provider):
    message = Message(query=asked(provider).query())
    await scene.logout.received(provider, message)

    with pytest.raises(Refused, match="logout_repeated"):
        await scene.logout.received(provider, message)


async def test_an_inflated_bomb_is_not_inflated(scene, provider):
    import zlib

    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    text = base64.b64encode(deflater.compress(b" " * 50_000_000) + deflater.flush()).decode()
    query = Signer(key().private, key().certificate).query([("SAMLRequest", text)])

    with pytest.raises(Refused, match="xml_size"):
        await scene.logout.received(provider, Message(query=query))


async def test_a_form_whose_signature_is_of_another_element_is_refused(scene, provider):
    root = signed(asked(provider).root())
    forged = asked(provider, name="somebody-else").root()
    forged.insert(1, deepcopy(root[1]))

    with pytest.raises(Refused, match="signature_reference"):
        await scene.logout.received(provider, Message(form=form_of(forged)))
