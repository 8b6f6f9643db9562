"""Mutual TLS between services: each has a certificate of a local authority, whose common name is the service's name.

Files that are replaced are taken without a restart: by the next handshake of a server, by the next call of a client.
"""

from typing import Any

import grpc

from parvis_kit.settings import ServiceSettings
from parvis_watch.papers import Papers


def papers(settings: ServiceSettings) -> Papers:
    """This service's certificate and the authorities that it believes."""
    return Papers(settings.tls_ca, settings.tls_key, settings.tls_certificate)


def server_credentials(settings: ServiceSettings) -> grpc.ServerCredentials:
    """Asks every caller for a certificate of the authority."""
    own = papers(settings)

    def shown() -> Any:  # a configuration, or None: as before
        # Asked at each handshake. What is shown anew takes the place of what another handshake may be reading at that
        # moment (gRPC does not wait, and the process ended with SIGSEGV): so never without need.
        pems = own.renewed()
        return grpc.ssl_server_certificate_configuration([pems[1:]], pems[0]) if pems else None

    return grpc.dynamic_ssl_server_credentials(shown(), shown, require_client_authentication=True)


def peer_service(context: "grpc.aio.ServicerContext[Any, Any]") -> str:
    """The common name of the caller's certificate."""
    names = context.auth_context().get("x509_common_name") or ()
    return next((name.decode() for name in names), "")
