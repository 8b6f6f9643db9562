"""Settings of notify, beside those that every service has."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, SecretStr

import parvis_records
import parvis_trail
from parvis_records.retention import CENTURY, RetentionSettings


class Settings(RetentionSettings):
    """From the environment, prefix `PARVIS_`."""

    service: ClassVar[str] = "notify"
    callers: ClassVar[Mapping[str, frozenset[str]]] = {
        **parvis_records.CALLERS,
        **parvis_trail.CALLERS,
        "parvis.notify.v1.TemplateService": frozenset({"web"}),
        "parvis.notify.v1.MessageService": frozenset({"web"}),
    }

    #: smtp://[user:password@]host:port (STARTTLS when the server offers it; a password is never sent without),
    #: smtps:// for TLS from the first byte.
    smtp_url: SecretStr
    #: Domain of our sender address and of Message-ID headers; SPF, DKIM and DMARC are set for it.
    mail_domain: str
    #: Days for which a mail keeps its words, and for which it is kept that it was sent, to whom, under which subject.
    kept_mail_texts_days: int = Field(default=365, ge=30, le=CENTURY)
    kept_mails_days: int = Field(default=1825, ge=30, le=CENTURY)
    #: Connections to the mail server that are kept open, at most.
    smtp_connections: int = Field(default=4, ge=1, le=100)
    #: Seconds that one SMTP command may take (RFC 5321, section 4.5.3.2, is more patient: it speaks of slow relays).
    smtp_timeout: float = Field(default=20.0, ge=1, le=600)
