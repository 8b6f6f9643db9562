"""The one error of the protocol (RFC 7644, 3.12)."""

from typing import Any, Final

ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimRefusal(Exception):
    """A request that is not carried out. `check` names what was wrong for the log; `detail` is English, for whoever
    runs the directory; it never holds what the request carried beyond names of attributes.
    """

    def __init__(self, status: int, detail: str, *, scim_type: str = "", check: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.scim_type = scim_type
        self.check = check or scim_type or f"status_{status}"

    @property
    def body(self) -> dict[str, Any]:
        """As it is answered."""
        told: dict[str, Any] = {"schemas": [ERROR], "status": str(self.status), "detail": self.detail}
        return told | {"scimType": self.scim_type} if self.scim_type else told


def invalid_value(detail: str) -> ScimRefusal:
    """A value that the attribute cannot have, or one that is missing."""
    return ScimRefusal(400, detail, scim_type="invalidValue")


def invalid_syntax(detail: str) -> ScimRefusal:
    """A body that is not what the protocol says."""
    return ScimRefusal(400, detail, scim_type="invalidSyntax")


def invalid_filter(detail: str) -> ScimRefusal:
    """A filter that is malformed, or asks for what cannot be compared."""
    return ScimRefusal(400, detail, scim_type="invalidFilter")


def too_many(detail: str) -> ScimRefusal:
    """A filter that costs more than the server is willing to do."""
    return ScimRefusal(400, detail, scim_type="tooMany")


def invalid_path(detail: str) -> ScimRefusal:
    """A path of PATCH that leads nowhere."""
    return ScimRefusal(400, detail, scim_type="invalidPath")


def no_target(detail: str) -> ScimRefusal:
    """A path of PATCH that fits nothing which is there."""
    return ScimRefusal(400, detail, scim_type="noTarget")


def not_mutable(name: str) -> ScimRefusal:
    """An attribute that the directory cannot change, or not take away."""
    return ScimRefusal(400, f"The attribute {name} cannot be changed in this way.", scim_type="mutability")


def taken(detail: str, *, check: str = "") -> ScimRefusal:
    """Somebody else has it."""
    return ScimRefusal(409, detail, scim_type="uniqueness", check=check)


def unknown(kind: str) -> ScimRefusal:
    """There is no such resource, for this directory."""
    return ScimRefusal(404, f"There is no such {kind}.", check="not_found")


def stale() -> ScimRefusal:
    """It changed since the version that the request names (RFC 7644, 3.14)."""
    return ScimRefusal(412, "The resource has changed since that version. Read it again.", check="version_changed")
