"""Requests of notify: templates and messages."""

from cases import OWN, case
from world import World

from parvis.notify.v1 import notify_pb2 as pb

KIND = pb.TEMPLATE_KIND_DOCUMENT_FILED


@case("TemplateService.ListTemplates", others=OWN)
async def list_templates(_: World) -> pb.ListTemplatesRequest:
    return pb.ListTemplatesRequest()


@case("TemplateService.GetTemplate", others=OWN)
async def get_template(_: World) -> pb.GetTemplateRequest:
    return pb.GetTemplateRequest(kind=KIND, locale="en")


async def _template(world: World, kind: int = KIND) -> pb.Template:
    return await world.call("TemplateService.GetTemplate", pb.GetTemplateRequest(kind=kind, locale="en"))


@case("TemplateService.SaveTemplate", others=OWN)
async def save_template(world: World) -> pb.SaveTemplateRequest:
    return pb.SaveTemplateRequest(template=await _template(world))


@case("TemplateService.ResetTemplate", others=OWN)
async def reset_template(world: World) -> pb.ResetTemplateRequest:
    other = pb.TEMPLATE_KIND_DEPOSIT_RECEIVED
    saved = pb.SaveTemplateRequest(template=await _template(world, other))
    await world.call("TemplateService.SaveTemplate", saved)
    return pb.ResetTemplateRequest(kind=other, locale="en")


@case("TemplateService.PreviewTemplate", others=OWN)
async def preview_template(world: World) -> pb.PreviewTemplateRequest:
    return pb.PreviewTemplateRequest(template=await _template(world))


@case("MessageService.ListMessages", others=OWN)
async def list_messages(_: World) -> pb.ListMessagesRequest:
    return pb.ListMessagesRequest(page_size=200)


@case("MessageService.GetMessage")
async def get_message(world: World) -> pb.GetMessageRequest:
    return pb.GetMessageRequest(id=world.message_id)
