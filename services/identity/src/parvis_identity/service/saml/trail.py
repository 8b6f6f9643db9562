"""The checks of one message, in order, and the steps that a report shows of them."""

from collections.abc import Mapping, Sequence
from typing import Final

from parvis_identity.service.sso.upstream import Check, Refused, Result

#: Step of a report → the checks that it is made of. A step passed when the last of them did.
STEPS: Final[Mapping[str, Sequence[str]]] = {
    "configuration": (
        "metadata_missing",
        "metadata_element",
        "metadata_provider",
        "metadata_several",
        "metadata_entity_id",
        "metadata_endpoint",
        "metadata_key",
        "metadata_key_weak",
        "metadata_key_missing",
        "metadata_keys",
        "metadata_expired",
    ),
    "message": (
        "message_encoding",
        "xml_size",
        "xml_encoding",
        "xml_web_page",
        "xml_external_entity",
        "xml_entity",
        "xml_doctype",
        "xml_well_formed",
        "xml_depth",
        "xml_comment",
        "xml_instruction",
    ),
    "shape": ("response_element", "ids_repeated", "signature_wrapped", "assertion_several"),
    "destination": ("destination_wrong",),
    "request": (
        "response_unsolicited",
        "in_response_to_wrong",
        "response_time_wrong",
    ),
    "status": ("status_not_success",),
    "encryption": (
        "assertion_missing",
        "assertion_unencrypted",
        "encryption_algorithm",
        "encryption_key_algorithm",
        "encrypted_for_another",
        "encrypted_content",
        "encryption",
    ),
    "algorithm": ("signature_algorithm", "digest_algorithm"),
    "signature": (
        "signature_several",
        "signature_missing",
        "signature_reference",
        "signature_transforms",
        "signature_certificate",
        "signature_wrong",
        "signature",
    ),
    "issuer": ("response_issuer_wrong", "assertion_version", "issuer_wrong"),
    "subject": ("name_id_missing", "name_id_transient", "name_id_is_mail", "subject_missing", "subject"),
    "recipient": (
        "confirmation_missing",
        "recipient_wrong",
        "assertion_unsolicited",
        "assertion_in_response_to_wrong",
        "confirmation_expired",
        "confirmation_not_before",
    ),
    "times": ("assertion_time_wrong", "conditions_not_yet", "conditions_expired"),
    "audience": ("audience_wrong", "condition_unknown"),
    "sign_in_time": (
        "authentication_missing",
        "authentication_time_wrong",
        "provider_session_over",
        "authentication_not_fresh",
        "sign_in_time",
    ),
    "attributes": ("attributes_too_many",),
    "first_time": ("assertion_repeated",),
}
_STEP_OF: Final = {check: step for step, checks in STEPS.items() for check in checks}


class Trail:
    """Notes what passed; the first that fails is raised."""

    def __init__(self) -> None:
        self._passed: set[str] = set()

    @property
    def checks(self) -> tuple[Check, ...]:
        """The steps so far, all of them."""
        return self._steps("", "")

    def check(self, name: str, holds: bool, detail: str = "") -> None:  # noqa: FBT001 - reads like an assertion
        """Notes a check. Raises Refused when it does not hold."""
        if not holds:
            raise self.failed(name, detail)
        self.passed(name)

    def passed(self, name: str) -> None:
        """Notes that a check passed."""
        self._passed.add(name)

    def failed(self, name: str, detail: str) -> Refused:
        """What to raise for a check that failed."""
        return Refused(name, detail, self._steps(_STEP_OF.get(name, name), detail))

    def _steps(self, failed: str, detail: str) -> tuple[Check, ...]:
        def of(step: str, checks: Sequence[str]) -> Check:
            if step == failed:
                return Check(step, Result.FAILED, detail)
            return Check(step, Result.PASSED if checks[-1] in self._passed else Result.NOT_REACHED)

        return tuple(of(step, checks) for step, checks in STEPS.items())
