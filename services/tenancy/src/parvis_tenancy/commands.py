"""What an operator asks of tenancy beside the commands of every service."""

import argparse
from collections.abc import Mapping

import structlog

from parvis_kit.app import Command
from parvis_kit.client import Peers
from parvis_kit.unit import Database
from parvis_tenancy import ending
from parvis_tenancy.service import anchor_checks
from parvis_tenancy.service.anchoring import Signers, trails_of
from parvis_tenancy.settings import Settings
from parvis_watch.logs import evidence

_log = structlog.get_logger(__name__)


async def verify_anchors(settings: Settings, options: argparse.Namespace) -> int:
    """Checks all anchors against each other and against the trails of all services."""
    database = Database(settings.database_url.get_secret_value(), service=settings.service)
    peers = Peers(settings)
    own = Signers(settings.anchor_keys.get_secret_value()).public
    try:
        checked = await anchor_checks.check(database, trails_of(peers), own, everything=options.all)
    finally:
        await peers.close()
        await database.close()
    for problem in checked.problems:
        evidence.error("audit_anchor_wrong", what=problem)
    _log.info("audit_anchors_verified", anchors=checked.anchors, heads=checked.heads, wrong=len(checked.problems))
    for key in checked.keys:
        _log.info("audit_anchor_key", public_key=key)
    return 1 if checked.problems else 0


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--all", action="store_true", help="every head that was ever anchored, not the newest ones alone"
    )


COMMANDS: Mapping[str, Command[Settings]] = {
    "verify-anchors": Command("checks the daily anchors of the audit trail", verify_anchors, _arguments),
    "close-organisation": ending.CLOSE,
    "organisations-closing": ending.CLOSINGS,
    "erase-again": ending.AGAIN,
}
