"""What the server says of itself: ServiceProviderConfig, ResourceTypes, Schemas (RFC 7643, 5 to 7; RFC 9865, 4)."""

from typing import Any, Final

from parvis_identity.domain.scim.schemas import (
    ENTERPRISE_SCHEMA,
    GROUP_SCHEMA,
    GROUPS,
    USER_SCHEMA,
    USERS,
    Attribute,
    Resource,
    Schema,
)

CONFIG: Final = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
TYPE: Final = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
SCHEMA: Final = "urn:ietf:params:scim:schemas:core:2.0:Schema"
#: Operations of a bulk request, and bytes of any request.
MOST_OPERATIONS: Final = 1000
LARGEST_BODY: Final = 4 * 1024 * 1024


def _ours(name: str, kind: str = "string", *subs: Attribute, required: bool = False, multi: bool = False) -> Attribute:
    return Attribute(
        name, kind, multi=multi, subs=subs, required=required, mutability="readOnly", description=f"{name}."
    )


def _supported(name: str, *numbers: str) -> Attribute:
    more = (_ours(each, "integer", required=True) for each in numbers)
    return _ours(name, "complex", _ours("supported", "boolean", required=True), *more, required=True)


_CHARACTERISTICS: Final = (
    _ours("name", required=True), _ours("type", required=True), _ours("multiValued", "boolean", required=True),
    _ours("description"), _ours("required", "boolean"), _ours("canonicalValues", multi=True),
    _ours("caseExact", "boolean"), _ours("mutability"), _ours("returned"), _ours("uniqueness"),
    _ours("referenceTypes", multi=True),
)  # fmt: skip
_CONFIG_SCHEMA: Final = Schema(
    CONFIG,
    "ServiceProviderConfig",
    "What this service provider supports",
    (
        _ours("documentationUri", "reference"),
        _supported("patch"), _supported("bulk", "maxOperations", "maxPayloadSize"), _supported("filter", "maxResults"),
        _supported("changePassword"), _supported("sort"), _supported("etag"),
        _ours("authenticationSchemes", "complex", _ours("type", required=True), _ours("name", required=True),
              _ours("description", required=True), _ours("specUri", "reference"),
              _ours("documentationUri", "reference"), _ours("primary", "boolean"), required=True, multi=True),
        _ours("pagination", "complex", _ours("cursor", "boolean", required=True),
              _ours("index", "boolean", required=True), _ours("defaultPaginationMethod"),
              _ours("defaultPageSize", "integer"), _ours("maxPageSize", "integer"), _ours("cursorTimeout", "integer")),
    ),
)  # fmt: skip
_TYPE_SCHEMA: Final = Schema(
    TYPE,
    "ResourceType",
    "A kind of resource",
    (
        _ours("id"), _ours("name", required=True), _ours("description"), _ours("endpoint", "reference", required=True),
        _ours("schema", "reference", required=True),
        _ours("schemaExtensions", "complex", _ours("schema", "reference", required=True),
              _ours("required", "boolean", required=True), required=True, multi=True),
    ),
)  # fmt: skip
_SCHEMA_SCHEMA: Final = Schema(
    SCHEMA,
    "Schema",
    "The attributes of a resource",
    (
        _ours("id", required=True), _ours("name", required=True), _ours("description"),
        _ours("attributes", "complex", *_CHARACTERISTICS,
              _ours("subAttributes", "complex", *_CHARACTERISTICS, multi=True), required=True, multi=True),
    ),
)  # fmt: skip
_SCHEMAS: Final = (USER_SCHEMA, ENTERPRISE_SCHEMA, GROUP_SCHEMA, _CONFIG_SCHEMA, _TYPE_SCHEMA, _SCHEMA_SCHEMA)


def config(address: str, *, page: int, largest_page: int) -> dict[str, Any]:
    """ServiceProviderConfig. `page`, `largest_page`: resources of a page unless fewer are asked for, and at most."""
    scheme = {
        "type": "oauthbearertoken", "name": "OAuth Bearer Token", "primary": True,
        "description": "A token of the organisation, made by its administrators in the sign-in settings.",
        "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
    }  # fmt: skip
    return {
        "schemas": [CONFIG],
        "patch": {"supported": True},
        "bulk": {"supported": True, "maxOperations": MOST_OPERATIONS, "maxPayloadSize": LARGEST_BODY},
        "filter": {"supported": True, "maxResults": largest_page},
        "changePassword": {"supported": False},
        "sort": {"supported": True},
        "etag": {"supported": True},
        "authenticationSchemes": [scheme],
        "pagination": {
            "cursor": True, "index": True, "defaultPaginationMethod": "index", "defaultPageSize": page,
            "maxPageSize": largest_page,
        },
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{address}/ServiceProviderConfig"},
    }  # fmt: skip


def resource_types(address: str) -> list[dict[str, Any]]:
    """ResourceTypes."""
    return [_resource_type(each, address) for each in (USERS, GROUPS)]


def _resource_type(resource: Resource, address: str) -> dict[str, Any]:
    return {
        "schemas": [TYPE],
        "id": resource.name,
        "name": resource.name,
        "endpoint": resource.endpoint,
        "description": resource.description,
        "schema": resource.schema.urn,
        "schemaExtensions": [{"schema": each.urn, "required": False} for each in resource.extensions],
        "meta": {"resourceType": "ResourceType", "location": f"{address}/ResourceTypes/{resource.name}"},
    }


def schemas(address: str) -> list[dict[str, Any]]:
    """Schemas."""
    return [
        {
            "schemas": [SCHEMA],
            "id": each.urn,
            "name": each.name,
            "description": each.description,
            "attributes": [_described(attribute) for attribute in each.attributes],
            "meta": {"resourceType": "Schema", "location": f"{address}/Schemas/{each.urn}"},
        }
        for each in _SCHEMAS
    ]


def _described(attribute: Attribute) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": attribute.name,
        "type": attribute.type,
        "multiValued": attribute.multi,
        "description": attribute.description,
        "required": attribute.required,
        "caseExact": attribute.exact,
        "mutability": attribute.mutability,
        "returned": attribute.returned,
        "uniqueness": attribute.uniqueness,
    }
    if attribute.canonical:
        told["canonicalValues"] = list(attribute.canonical)
    if attribute.type == "reference":
        told["referenceTypes"] = list(attribute.references or ("uri",))
    if attribute.subs:
        told["subAttributes"] = [_described(each) for each in attribute.subs]
    return told
