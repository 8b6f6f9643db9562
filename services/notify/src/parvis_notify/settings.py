"""Settings of notify, beside those that every service has."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import SecretStr

from parvis_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """From the environment, prefix `PARVIS_`."""

    service: ClassVar[str] = "notify"
    callers: ClassVar[Mapping[str, frozenset[str]]] = {
        "parvis.notify.v1.TemplateService": frozenset({"web"}),
        "parvis.notify.v1.MessageService": frozenset({"web"}),
    }

    #: smtp://[user:password@]host:port (STARTTLS when the server offers it), smtps:// for TLS from the first byte.
    smtp_url: SecretStr
    #: Domain of our sender address and of Message-ID headers; SPF, DKIM and DMARC are set for it.
    mail_domain: str
    #: Connections to the mail server that are kept open, at most.
    smtp_connections: int = 4
    #: Seconds that one SMTP command may take (RFC 5321, section 4.5.3.2, is more patient: it speaks of slow relays).
    smtp_timeout: float = 20.0
