"""The services as the pages call them: one stub for each gRPC service, made once."""

from collections.abc import Callable

import grpc

from parvis.billing.v1 import billing_pb2_grpc
from parvis.documents.v1 import documents_pb2_grpc
from parvis.identity.v1 import (
    domains_pb2_grpc,
    factors_pb2_grpc,
    identity_pb2_grpc,
    policies_pb2_grpc,
    providers_pb2_grpc,
    scim_pb2_grpc,
)
from parvis.notify.v1 import notify_pb2_grpc
from parvis.records.v1 import records_pb2_grpc
from parvis.tenancy.v1 import closing_pb2_grpc, journal_pb2_grpc, tenancy_pb2_grpc
from parvis.trail.v1 import trail_pb2_grpc


class Clients:
    """Stubs by what they are about. A failing call raises `ServiceError`; none is ever tried by hand."""

    def __init__(self, channel: Callable[[str], grpc.aio.Channel]) -> None:
        identity, tenancy = channel("identity"), channel("tenancy")
        documents, notify, billing = channel("documents"), channel("notify"), channel("billing")
        self.accounts = identity_pb2_grpc.AccountServiceStub(identity)
        self.domains = domains_pb2_grpc.DomainServiceStub(identity)
        self.imports = identity_pb2_grpc.ImportServiceStub(identity)
        self.sessions = identity_pb2_grpc.SessionServiceStub(identity)
        self.providers = providers_pb2_grpc.ProviderServiceStub(identity)
        self.scim = scim_pb2_grpc.ScimServiceStub(identity)
        self.policies = policies_pb2_grpc.SignInPolicyServiceStub(identity)
        self.factors = factors_pb2_grpc.FactorServiceStub(identity)
        self.viewings = identity_pb2_grpc.ViewingServiceStub(identity)
        self.organisations = tenancy_pb2_grpc.OrganisationServiceStub(tenancy)
        self.directory = tenancy_pb2_grpc.DirectoryServiceStub(tenancy)
        self.members = tenancy_pb2_grpc.MemberServiceStub(tenancy)
        self.directory = tenancy_pb2_grpc.DirectoryServiceStub(tenancy)
        self.requests = tenancy_pb2_grpc.RequestServiceStub(tenancy)
        self.products = tenancy_pb2_grpc.ProductServiceStub(tenancy)
        self.contacts = tenancy_pb2_grpc.ContactServiceStub(tenancy)
        self.rights = tenancy_pb2_grpc.RightsServiceStub(tenancy)
        self.closing = closing_pb2_grpc.ClosingServiceStub(tenancy)
        self.journal = journal_pb2_grpc.JournalServiceStub(tenancy)
        channels = {
            "identity": identity, "tenancy": tenancy, "documents": documents, "notify": notify, "billing": billing,
        }  # fmt: skip
        #: The audit trail of each service, and what it keeps.
        self.trails = {name: trail_pb2_grpc.TrailServiceStub(each) for name, each in channels.items()}
        self.records = {name: records_pb2_grpc.RecordsServiceStub(each) for name, each in channels.items()}
        self.folders = documents_pb2_grpc.FolderServiceStub(documents)
        self.documents = documents_pb2_grpc.DocumentServiceStub(documents)
        self.uploads = documents_pb2_grpc.UploadServiceStub(documents)
        self.templates = notify_pb2_grpc.TemplateServiceStub(notify)
        self.messages = notify_pb2_grpc.MessageServiceStub(notify)
        self.entitlements = billing_pb2_grpc.EntitlementServiceStub(billing)
        self.invoices = billing_pb2_grpc.InvoiceServiceStub(billing)
