"""Every RPC of every service, read from the contracts: what a new one is called, and what its rule says."""

from importlib import import_module
from pathlib import Path

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from parvis.access.v1 import access_pb2

PROTOS = Path(__file__).resolve().parents[2] / "protos" / "parvis"
#: The services that have a certificate.
SERVICES = ("identity", "tenancy", "documents", "notify", "billing", "web")
#: Packages whose services several of them offer: their RPCs are told apart as "TrailService.ListEntries of billing".
SHARED = {"trail": SERVICES[:5], "records": SERVICES[:5]}


def _methods() -> dict[str, MethodDescriptor]:
    found = {}
    for path in sorted(PROTOS.glob("*/v*/*.proto")):
        module = import_module(f"parvis.{path.parent.parent.name}.{path.parent.name}.{path.stem}_pb2")
        offered = [f" of {each}" for each in SHARED.get(path.parent.parent.name, ())] or [""]
        for service in module.DESCRIPTOR.services_by_name.values():
            found |= {f"{service.name}.{method.name}{of}": method for of in offered for method in service.methods}
    return found


#: "ContactService.GetContact" → its descriptor.
METHODS = _methods()


def rule_of(method: str) -> access_pb2.Rule:
    """The rule that stands in the contract."""
    return METHODS[method].GetOptions().Extensions[access_pb2.rule]


def service_of(method: str) -> str:
    """The service that answers: "tenancy"."""
    return method.partition(" of ")[2] or METHODS[method].containing_service.file.package.split(".")[1]


def path_of(method: str) -> str:
    """The address of an RPC on the wire."""
    found = METHODS[method]
    return f"/{found.containing_service.full_name}/{found.name}"


def answer_of(method: str) -> type[Message]:
    """The class of what an RPC answers."""
    return GetMessageClass(METHODS[method].output_type)
