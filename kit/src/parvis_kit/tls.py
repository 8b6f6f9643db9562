"""Mutual TLS between services: each has a certificate of a local authority, whose common name is the service's name."""

from typing import Any

import grpc

from parvis_kit.settings import ServiceSettings


def server_credentials(settings: ServiceSettings) -> grpc.ServerCredentials:
    """Asks every caller for a certificate of the authority."""
    pair = (settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())
    return grpc.ssl_server_credentials([pair], settings.tls_ca.read_bytes(), require_client_auth=True)


def channel_credentials(settings: ServiceSettings) -> grpc.ChannelCredentials:
    """Shows this service's certificate, accepts the authority's only."""
    return grpc.ssl_channel_credentials(
        settings.tls_ca.read_bytes(), settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes()
    )


def peer_service(context: "grpc.aio.ServicerContext[Any, Any]") -> str:
    """The common name of the caller's certificate."""
    names = context.auth_context().get("x509_common_name") or ()
    return next((name.decode() for name in names), "")
