"""Every variable of documents beside those that all services have."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

import parvis_records
import parvis_trail
from parvis_documents.domain import GIBIBYTE, MEBIBYTE, MOST_ANNOUNCED
from parvis_records.retention import CENTURY, RetentionSettings
from parvis_watch.start import SECRETS


class StoreSettings(BaseSettings):
    """The object store: any S3."""

    model_config = SettingsConfigDict(env_prefix="PARVIS_STORE_", frozen=True, extra="ignore", secrets_dir=SECRETS)

    #: Origin that browsers and other services send parts to and download from; presigned addresses name it.
    url: str
    #: Origin for the calls of this service itself, past the proxy.
    internal_url: str
    #: File of the authority that vouches for the store there. Empty: the installation's own where the store's name has
    #: no dot, else those that everybody believes.
    ca: str = ""
    access_key: str
    secret_key: SecretStr
    bucket: str = "parvis"
    region: str = "us-east-1"


class Settings(RetentionSettings):
    """Variables `PARVIS_…`."""

    service: ClassVar[str] = "documents"
    callers: ClassVar[Mapping[str, frozenset[str]]] = {
        **parvis_records.CALLERS,
        **parvis_trail.CALLERS,
        "parvis.documents.v1.FolderService": frozenset({"web"}),
        "parvis.documents.v1.DocumentService": frozenset({"web"}),
        "parvis.documents.v1.DocumentService.BatchGetDocuments": frozenset({"billing"}),
        "parvis.documents.v1.UploadService": frozenset({"web", "billing"}),
        "parvis.documents.v1.UploadService.StartFormUpload": frozenset({"web"}),
    }

    store: StoreSettings = Field(default_factory=StoreSettings)
    #: Bytes of the largest file that is accepted; no more than one person may have under way.
    upload_max_bytes: int = Field(default=5 * GIBIBYTE, ge=MEBIBYTE, le=MOST_ANNOUNCED)
    #: Bytes of the largest file of a plain form, which cannot be resumed and passes the proxy in one request of 60 s.
    form_max_bytes: int = Field(default=128 * MEBIBYTE, ge=MEBIBYTE, le=5 * GIBIBYTE)
    #: Seconds after which an upload that was not completed is given up.
    upload_lifetime: int = Field(default=24 * 3600, ge=60, le=30 * 24 * 3600)
    #: Days for which it is kept how a file was sent, once that has ended: who sent what, what was refused and why.
    kept_uploads_days: int = Field(default=90, ge=7, le=CENTURY)
    #: Files read and hashed at the same time by one process.
    verifications: int = Field(default=2, ge=1, le=64)
