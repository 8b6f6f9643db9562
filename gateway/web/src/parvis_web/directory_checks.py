"""What a test of a directory looks at, in words, and what to do about what was found. The names are identity's
(`service/sso`, `service/saml/trail.py`): steps of a test, and reasons why one failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from parvis.identity.v1 import providers_pb2 as pb
from parvis_ui.translations import Words
from parvis_web.sentences import N_

#: Step → what is looked at.
STEPS = {
    "configuration": N_("What it publishes about itself"),
    "answer": N_("The answer that it gave the browser"),
    "answer_issuer": N_("The sender of the answer"),
    "token_answer": N_("The exchange of the code for tokens"),
    "algorithm": N_("The way in which the ID token is signed"),
    "signature": N_("The signature"),
    "issuer": N_("The issuer of the ID token"),
    "audience": N_("Whom the ID token is for"),
    "nonce": N_("Which request it answers"),
    "times": N_("From when and until when it counts"),
    "sign_in_time": N_("The time of the sign-in"),
    "subject": N_("The identifier of the person"),
    "access_token_hash": N_("Whether the tokens belong together"),
    "userinfo": N_("The particulars of the person"),
}
#: The same for SAML.
SAML_STEPS = {
    "configuration": N_("What it publishes about itself"),
    "message": N_("The form of the message"),
    "shape": N_("What stands where in the message"),
    "destination": N_("Where the answer was sent"),
    "request": N_("Which request it answers"),
    "status": N_("Whether it let you in"),
    "encryption": N_("Its encryption"),
    "algorithm": N_("The way in which the answer is signed"),
    "signature": N_("The signature"),
    "issuer": N_("The sender of the answer"),
    "subject": N_("The identifier of the person"),
    "recipient": N_("Whom the answer is for"),
    "times": N_("From when and until when it counts"),
    "audience": N_("Which application it is meant for"),
    "sign_in_time": N_("The time of the sign-in"),
    "attributes": N_("The particulars of the person"),
    "first_time": N_("Whether it was shown before"),
}

_CLOCK = N_("Compare the clock of %(name)s with the right time: more than a minute apart is refused.")
_ADDRESS = N_(
    "Open its address in a browser. If it opens there, its firewall may let nobody in from outside: it has to answer "
    "the portal too."
)
_TAMPERED = N_(
    "The answer was not made for this test, or was changed on its way. Test again in one window; if it happens again, "
    "speak to whoever runs %(name)s before you put it in service."
)
#: Reason → what to do.
ADVICE = {
    "metadata_unreadable": N_(
        "What is at the address is not what it should be. Compare it with the one in its console."
    ),
    "metadata_issuer_wrong": N_(
        "The address is of another directory. Copy the issuer exactly as its document says it."
    ),
    "metadata_incomplete": N_("It is not fully set up as an OpenID provider. Ask whoever runs %(name)s."),
    "metadata_algorithms": N_("Have %(name)s sign ID tokens with RS256 or ES256."),
    "metadata_missing": N_("Save its address once more, so that we read what it publishes."),
    "provider_not_reached": _ADDRESS,
    "keys_not_reached": _ADDRESS,
    "provider_refused": N_(
        "%(name)s turned you away. Look whether your account may use the portal there (assignments), and whether the "
        "redirect address is the very one that we show."
    ),
    "code_missing": N_("Have %(name)s use the authorization code flow, and no other."),
    "answer_mixed": N_("Have %(name)s use the authorization code flow only, without implicit or hybrid."),
    "answer_issuer_missing": _TAMPERED,
    "answer_issuer_wrong": _TAMPERED,
    "client_refused": N_(
        "%(name)s does not accept the client ID with this secret. Copy both again; in Entra ID take the secret's "
        "value, "
        "not its ID. It may also have ended."
    ),
    "code_refused": N_("Compare the redirect address there with the one that we show: each sign counts."),
    "token_answer_unreadable": N_("Its token address answers with something else. Ask whoever runs %(name)s."),
    "id_token_missing": N_("Have %(name)s give ID tokens: the scope openid has to be allowed for the portal."),
    "token_encrypted": N_("Switch the encryption of ID tokens off for the portal at %(name)s."),
    "token_malformed": N_("Its ID token is none. Ask whoever runs %(name)s."),
    "algorithm_refused": N_("Have %(name)s sign ID tokens with RS256 or ES256."),
    "header_refused": _TAMPERED,
    "key_weak": N_("Have %(name)s sign with an RSA key of 2048 bits or more."),
    "key_unknown": N_(
        "It signs with a key that it does not publish. Wait a minute after a change of keys, then test again."
    ),
    "signature_wrong": N_(
        "It was not signed with a key that %(name)s publishes. After a change of keys, save its address or its "
        "metadata "
        "here again; if it stays so, speak to whoever runs it."
    ),
    "claims_malformed": _TAMPERED,
    "issuer_wrong": N_("It calls itself otherwise than we know it. Copy the issuer exactly, up to the last slash."),
    "audience_wrong": N_("The ID token is for another application. Compare the client ID."),
    "authorized_party_missing": N_("Its ID token is for several applications. Have it be for the portal alone."),
    "authorized_party_wrong": N_("The ID token was asked for by another application. Compare the client ID."),
    "nonce_missing": _TAMPERED,
    "nonce_wrong": _TAMPERED,
    "exp_missing": N_("Its ID token is incomplete. Ask whoever runs %(name)s."),
    "iat_missing": N_("Its ID token is incomplete. Ask whoever runs %(name)s."),
    "token_expired": _CLOCK,
    "issued_in_future": _CLOCK,
    "issued_before_request": _CLOCK,
    "not_yet_valid": _CLOCK,
    "auth_time_missing": N_("It does not say when you signed in, though it was asked to. Have it send auth_time."),
    "auth_time_wrong": _CLOCK,
    "sign_in_not_fresh": N_("It was asked to have you sign in anew and did not. Have it honour prompt=login."),
    "subject_missing": N_("Have it send an identifier that stays with the person (sub)."),
    "at_hash_wrong": _TAMPERED,
    "userinfo_unreadable": N_("Its userinfo address answers with something else. Ask whoever runs %(name)s."),
    "userinfo_subject_differs": _TAMPERED,
    **dict.fromkeys(
        (
            "message_encoding",
            "xml_external_entity",
            "xml_entity",
            "xml_doctype",
            "xml_comment",
            "xml_instruction",
            "signature_several",
            "signature_wrapped",
            "ids_repeated",
            "signature_reference",
            "assertion_several",
            "response_unsolicited",
            "in_response_to_wrong",
            "assertion_unsolicited",
            "assertion_in_response_to_wrong",
            "encrypted_content",
            "parameter_repeated",
            "assertion_repeated",
            "xml_depth",
            "xml_encoding",
            "xml_well_formed",
            "response_element",
            "assertion_version",
        ),
        _TAMPERED,
    ),
    **dict.fromkeys(
        (
            "response_time_wrong",
            "assertion_time_wrong",
            "conditions_not_yet",
            "conditions_expired",
            "confirmation_expired",
            "authentication_time_wrong",
        ),
        _CLOCK,
    ),
    "signature_missing": N_("Have %(name)s sign its assertions."),
    "signature_transforms": N_(
        "Have %(name)s sign in the usual way (enveloped signature, exclusive canonicalization)."
    ),
    "signature_algorithm": N_("Have %(name)s sign with RSA or ECDSA and SHA-256: SHA-1 is not accepted."),
    "digest_algorithm": N_("Have %(name)s sign with RSA or ECDSA and SHA-256: SHA-1 is not accepted."),
    "signature_certificate": N_(
        "It was not signed with a key that %(name)s publishes. After a change of keys, save its address or its "
        "metadata "
        "here again; if it stays so, speak to whoever runs it."
    ),
    "assertion_unencrypted": N_(
        "Switch the encryption of assertions on at %(name)s, or take back here that they have to be encrypted."
    ),
    "encryption_algorithm": N_("Have %(name)s encrypt with AES-GCM."),
    "encryption_key_algorithm": N_("Have %(name)s encrypt the key with RSA-OAEP."),
    "encrypted_for_another": N_("It encrypts with an older certificate of ours. Have it read our metadata again."),
    "status_not_success": N_(
        "%(name)s turned you away. Look whether your account may use the portal there (assignments)."
    ),
    "assertion_missing": N_("It answers without saying who you are. Ask whoever runs %(name)s."),
    "response_issuer_wrong": N_("It calls itself otherwise than in its metadata. Give us its present metadata."),
    "destination_wrong": N_("Compare the address of answers (ACS) there with the one that we show."),
    "recipient_wrong": N_("Compare the address of answers (ACS) there with the one that we show."),
    "confirmation_missing": N_("Have it confirm the subject as “bearer”, for our address of answers (ACS)."),
    "authentication_missing": N_("Have it say how and when you signed in (AuthnStatement)."),
    "authentication_not_fresh": N_("It was asked to have you sign in anew and did not. Have it honour ForceAuthn."),
    "provider_session_over": N_("It says that your session there is over. Sign in there again, then test again."),
    "name_id_missing": N_("Have it send an identifier that stays with the person (NameID, format persistent)."),
    "xml_web_page": N_(
        "%(name)s answered with a web page. Ask whoever runs it whether another application stands in between."
    ),
    "xml_size": N_("Have it send fewer attributes: names, mail address and the groups that matter."),
    "name_id_transient": N_(
        "Have it send an identifier (NameID) that stays with the person, in the format persistent, or name under “What "
        "is read” the attribute that does. This one is another each time."
    ),
    "name_id_is_mail": N_(
        "Have it send an identifier (NameID) that stays with the person, in the format persistent, or name under “What "
        "is read” the attribute that does. A mail address passes from one person to another."
    ),
    "condition_unknown": N_("It sets a condition that we do not know. Have it send the usual ones only."),
    "confirmation_not_before": N_("Have it confirm the subject as “bearer”, for our address of answers (ACS)."),
    "metadata_expired": N_("Its metadata have ended. Give us its present ones."),
    "attributes_too_many": N_("Have it send fewer attributes: names, mail address and the groups that matter."),
}


#: Reason → what to do where SAML means something else by it.
SAML_ADVICE = {
    "audience_wrong": N_(
        "The answer is for another application. Compare the entity ID there with the one that we show."
    ),
    "issuer_wrong": N_("It calls itself otherwise than in its metadata. Give us its present metadata."),
    "subject_missing": N_("The attribute that says who somebody is did not arrive, or has several values."),
    "metadata_missing": N_("Give us its metadata, by address or as a file."),
}


@dataclass(frozen=True, slots=True)
class Looked:
    """What was looked at, and how that ended. `detail`: what was found, in English, for whoever runs the directory."""

    label: str
    result: "pb.CheckResult.ValueType"
    detail: str


def looked_at(words: Words, checks: Sequence[pb.ProviderCheck], *, saml: bool) -> list[Looked]:
    """The steps of a test, in their order."""
    return [Looked(step_label(words, each.name, saml=saml), each.result, each.detail) for each in checks]


def step_label(words: Words, name: str, *, saml: bool) -> str:
    """What a step looks at; one without words is shown by its name."""
    label = (SAML_STEPS if saml else STEPS).get(name)
    return words(label) if label else name


def advice(words: Words, reason: str, name: str, *, saml: bool) -> str:
    """What to do about it at the directory of that name."""
    found = (SAML_ADVICE.get(reason) if saml else None) or ADVICE.get(reason)
    if found is None:
        return words("Compare what stands on both sides, then test again.")
    return words(found, name=name)
