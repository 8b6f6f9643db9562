"""ProductService."""

from dataclasses import dataclass

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.ids import parse, parse_optional
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.service import home, products
from parvis_tenancy.service.accounts import Identity


@dataclass(frozen=True, slots=True)
class ProductRpc:
    """Answers `parvis.tenancy.v1.ProductService`."""

    identity: Identity

    async def ListMyProducts(
        self, unit: UnitOfWork, _: tenancy_pb2.ListMyProductsRequest
    ) -> tenancy_pb2.ListMyProductsResponse:
        mine = await home.my_products(unit, unit.grants.membership_id)
        return tenancy_pb2.ListMyProductsResponse(products=mine)

    async def RegisterProduct(
        self, unit: UnitOfWork, request: tenancy_pb2.RegisterProductRequest
    ) -> tenancy_pb2.RegisteredProduct:
        return await products.register(unit, self.identity, request)

    async def SubscribeCustomer(
        self, unit: UnitOfWork, request: tenancy_pb2.SubscribeCustomerRequest
    ) -> tenancy_pb2.SubscribeCustomerResponse:
        product_id = parse(request.product_id, "product_id")
        await products.subscribe(unit, product_id, parse(request.organisation_id, "organisation_id"))
        return tenancy_pb2.SubscribeCustomerResponse()

    async def SetAssignment(
        self, unit: UnitOfWork, request: tenancy_pb2.SetAssignmentRequest
    ) -> tenancy_pb2.SetAssignmentResponse:
        product_id, member_id = parse(request.product_id, "product_id"), parse(request.membership_id, "membership_id")
        await products.assign(unit, product_id, member_id, assigned=request.assigned)
        return tenancy_pb2.SetAssignmentResponse()

    async def ListAssignments(
        self, unit: UnitOfWork, request: tenancy_pb2.ListAssignmentsRequest
    ) -> tenancy_pb2.ListAssignmentsResponse:
        member_id = parse_optional(request.membership_id, "membership_id")
        return tenancy_pb2.ListAssignmentsResponse(products=await products.assignments(unit, member_id))
