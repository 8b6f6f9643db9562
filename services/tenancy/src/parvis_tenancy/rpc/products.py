"""ProductService."""

from dataclasses import dataclass

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.ids import parse, parse_optional
from parvis_kit.server import Begin, in_steps
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.service import catalogue, declaring, home, products, seats
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
        return await catalogue.register(unit, self.identity, request)

    async def GetProduct(self, unit: UnitOfWork, request: tenancy_pb2.GetProductRequest) -> tenancy_pb2.Product:
        return await catalogue.described(unit, self.identity, parse(request.id))

    async def UpdateProduct(
        self, unit: UnitOfWork, request: tenancy_pb2.UpdateProductRequest
    ) -> tenancy_pb2.RegisteredProduct:
        return await catalogue.update(unit, self.identity, request)

    async def RotateProductSecret(
        self, unit: UnitOfWork, request: tenancy_pb2.RotateProductSecretRequest
    ) -> tenancy_pb2.RegisteredProduct:
        return await catalogue.rotate_secret(unit, self.identity, parse(request.id), request.keep_hours)

    async def SetProductOpen(self, unit: UnitOfWork, request: tenancy_pb2.SetProductOpenRequest) -> tenancy_pb2.Product:
        return await catalogue.set_open(unit, self.identity, parse(request.id), open_=request.open)

    async def StartProductTrial(
        self, unit: UnitOfWork, request: tenancy_pb2.StartProductTrialRequest
    ) -> identity_pb2.Trial:
        product = await catalogue.owned(unit, parse(request.id))
        unit.record("product.trial_started", target_kind="product", target_id=product.id)
        asked = identity_pb2.StartTrialRequest(client_id=product.client_id, return_path=request.return_path)
        return await self.identity.clients.StartTrial(asked)

    @in_steps
    async def FinishProductTrial(
        self, begin: Begin, request: tenancy_pb2.FinishProductTrialRequest
    ) -> identity_pb2.TrialReport:
        async with begin() as unit:
            client_id = (await catalogue.owned(unit, parse(request.id))).client_id
        return await self.identity.clients.FinishTrial(
            identity_pb2.FinishTrialRequest(
                client_id=client_id,
                state=request.state,
                code=request.code,
                error=request.error,
                error_description=request.error_description,
            )
        )

    async def ListProductRights(
        self, unit: UnitOfWork, request: tenancy_pb2.ListProductRightsRequest
    ) -> tenancy_pb2.ProductRights:
        return await declaring.of_product(unit, parse(request.product_id, "product_id"))

    @in_steps
    async def SaveProductRights(
        self, begin: Begin, request: tenancy_pb2.SaveProductRightsRequest
    ) -> tenancy_pb2.ProductRights:
        return await declaring.save(begin, request, parse(request.product_id, "product_id"))

    async def ListSubscriptions(
        self, unit: UnitOfWork, request: tenancy_pb2.ListSubscriptionsRequest
    ) -> tenancy_pb2.ListSubscriptionsResponse:
        return await products.subscriptions(unit, parse(request.organisation_id, "organisation_id"))

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
        await seats.assign(unit, product_id, member_id, assigned=request.assigned)
        return tenancy_pb2.SetAssignmentResponse()

    async def SetStructureAssignments(
        self, unit: UnitOfWork, request: tenancy_pb2.SetStructureAssignmentsRequest
    ) -> tenancy_pb2.SetStructureAssignmentsResponse:
        product_id = parse(request.product_id, "product_id")
        structure_id = parse(request.structure_id, "structure_id")
        changed = await seats.assign_structure(unit, product_id, structure_id, assigned=request.assigned)
        return tenancy_pb2.SetStructureAssignmentsResponse(changed=changed)

    async def SetStructureSeats(
        self, unit: UnitOfWork, request: tenancy_pb2.SetStructureSeatsRequest
    ) -> tenancy_pb2.ProductAssignments:
        wanted = request.seats if request.HasField("seats") else None
        return await seats.reserve(
            unit, parse(request.product_id, "product_id"), parse(request.structure_id, "structure_id"), wanted
        )

    async def ListAssignments(
        self, unit: UnitOfWork, request: tenancy_pb2.ListAssignmentsRequest
    ) -> tenancy_pb2.ListAssignmentsResponse:
        found = await seats.listed(
            unit,
            parse_optional(request.membership_id, "membership_id"),
            product_id=parse_optional(request.product_id, "product_id"),
            named=not request.only_seats,
        )
        return tenancy_pb2.ListAssignmentsResponse(products=found)
