"""Why answers of firms' providers are refused: the stable names of checks, and which of them smell of an attack, so
that the firm's administrators hear of them. A provider that is down, or set up wrongly, is in none of these.
"""

#: Nobody comes here by a wrong setting, nor by loading a page twice: an answer was altered, made up, or meant for
#: somebody else.
SUSPICIOUS = frozenset({
    # the answer and the browser that brings it
    "browser_differs", "provider_differs", "answer_issuer_wrong", "answer_mixed",
    # OpenID Connect
    "algorithm_refused", "header_refused", "signature_wrong", "claims_malformed", "issuer_wrong", "audience_wrong",
    "authorized_party_wrong", "nonce_wrong", "nonce_missing", "at_hash_wrong", "userinfo_subject_differs",
    # SAML
    "xml_comment", "xml_instruction", "xml_entity", "xml_external_entity", "xml_doctype", "xml_depth",
    "signature_wrapped", "signature_several", "signature_reference", "signature_transforms", "ids_repeated",
    "assertion_several", "assertion_repeated", "encrypted_content", "signature_certificate", "in_response_to_wrong",
    "assertion_in_response_to_wrong", "recipient_wrong", "destination_wrong", "response_issuer_wrong",
    "logout_repeated", "parameter_repeated",
    # who it is
    "address_of_another_account", "known_elsewhere", "somebody_else",
})  # fmt: skip


def is_suspicious(check: str) -> bool:
    """Whether a refusal is told to administrators."""
    return check in SUSPICIOUS
