"""Settings of the gateway's pages, read from the environment (`PARVIS_…`)."""

from typing import ClassVar

from pydantic import BaseModel, Field, SecretStr

from parvis_kit.settings import ServiceSettings


class Processor(BaseModel):
    """A company that handles data for the installation (GDPR, article 28)."""

    name: str
    purpose: str
    place: str


class Legal(BaseModel):
    """Who runs the installation and where its data is (P18). The defaults describe an installation on one's own
    machines.
    """

    #: Who publishes the portal (LCEN, article 6 III); empty: the page says that the firm does.
    publisher: str = ""
    #: Postal address of the publisher.
    address: str = ""
    #: Whom to write to about personal data.
    privacy_mail: str = ""
    #: Who hosts the servers, and where.
    host: str = ""
    place: str = ""
    processors: tuple[Processor, ...] = ()


class WebSettings(ServiceSettings):
    """Everything that the pages are told."""

    service: ClassVar[str] = "web"

    #: identity's HTTP address for calls between servers (token, keys): http://127.0.0.1:8631
    identity_internal_url: str
    #: The OpenID client that the pages are. Of two secrets with a comma between the first is shown.
    web_client_id: str = "web"
    web_client_secret: SecretStr
    #: Origin of the object store as browsers see it.
    store_url: str = ""
    #: Hours without a request after which a session of the pages is over (identity may end it earlier).
    session_hours: int = Field(default=12, ge=1, le=365 * 24)
    #: Requests of one account that one process answers at the same time; 0: as many as there are.
    account_requests: int = Field(default=40, ge=0, le=10_000)
    #: JSON of `Legal`.
    legal: Legal = Legal()

    @property
    def secure(self) -> bool:
        """Whether browsers reach the portal over TLS."""
        return self.public_url.startswith("https://")
