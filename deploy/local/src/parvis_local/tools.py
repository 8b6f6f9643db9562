"""The image parvis/tools: what an installation needs beside its services. `docker run parvis/tools --help`."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from parvis_local.ending import ended

_MOUNTED = Path("/run/secrets")
#: Where compose mounts the volume of the backups.
BACKUPS = Path("/volumes/backup")
#: In place of a folder: whoever runs the installation backs it up in another way, and nobody looks for our backups.
OWN = Path("own")
_LONGEST_PAUSE = 3600  # s
#: Only our images have it.
_IMAGE = Path("/usr/share/parvis/sbom.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    return ended(lambda: options.act(options), lambda text: print(text, file=sys.stderr))


def add_secrets(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`secrets`, which ./parvis has too."""
    secrets = commands.add_parser("secrets", help="make every secret that docker-compose.yml mounts")
    secrets.add_argument("--out", type=Path, default=Path("secrets"), help="folder (default secrets/)")
    secrets.add_argument("--missing", action="store_true", help="only what is missing, after an upgrade")
    secrets.add_argument("--hosts", default="", help="public names of portal and store, comma between")
    secrets.add_argument("--postgres", default="", help="host:port, where it is not compose's own")
    secrets.add_argument("--nats", default="", help="host:port, idem")
    secrets.add_argument("--smtp", default="", help="smtp://user:password@host:587 of your mail relay")
    renewing = secrets.add_mutually_exclusive_group()
    renewing.add_argument(
        "--renew-certificates", action="store_true", help="new certificates for services that run; nothing restarts"
    )
    renewing.add_argument(
        "--new-authority", action="store_true", help="idem, by a new authority, in three steps: the old one is dropped"
    )
    secrets.add_argument("--pause", type=_pause, default=10.0, help="seconds between these steps (copying to machines)")
    secrets.set_defaults(act=_secrets)


def _pause(text: str) -> float:
    """Seconds, an hour at most."""
    if not re.fullmatch(r"\d{1,4}(\.\d+)?", text) or float(text) > _LONGEST_PAUSE:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to {_LONGEST_PAUSE}")
    return float(text)


def _parser() -> argparse.ArgumentParser:
    from parvis_backup.command import add_commands as add_backups  # noqa: PLC0415 - ./parvis --help stays fast

    parser = argparse.ArgumentParser(prog="parvis/tools", description="What an installation needs beside its services.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_secrets(commands)
    databases = commands.add_parser("databases", help="make each service's database and roles (one-shot in compose)")
    databases.set_defaults(act=_databases)
    doctor = commands.add_parser("doctor", help="say what is wrong with the services that run, and what to do")
    add_targets(doctor, "commas between; without, compose's own")
    add_backups_folder(doctor, f"folder of the backups (without, {BACKUPS} where it is mounted)")
    doctor.set_defaults(act=_doctor)
    disks = commands.add_parser("disks", help="tell Prometheus of the room on the volumes, and of the backups")
    add_disks(disks)
    disks.set_defaults(act=_disks)
    letters = commands.add_parser("dead-letters", help="events that a service gave up")
    add_dead_letters(letters)
    letters.set_defaults(act=_dead_letters)
    again = commands.add_parser("replay-events", help="have services send events again that the broker has lost")
    add_replay_events(again)
    again.set_defaults(act=_replay_events)
    prepared = commands.add_parser("prepared", help="say whether the secrets are there (one-shot in compose)")
    prepared.set_defaults(act=_prepared)
    add_backups(commands)
    sink = commands.add_parser("mailsink", help="take mail and show it: for trying")
    sink.set_defaults(act=_mailsink)
    return parser


def _secrets(options: argparse.Namespace) -> int:
    from parvis_local import secret_files  # noqa: PLC0415 - each command imports its own

    if _IMAGE.exists() and not options.out.is_mount():
        print('Mount a folder, or they end with this container: docker run -v "$PWD/secrets:/secrets" … --out /secrets')
        return 1
    if options.renew_certificates or options.new_authority:
        told = [f"--{name}" for name in ("missing", "hosts", "postgres", "nats", "smtp") if getattr(options, name)]
        if told:
            raise ValueError(f"{', '.join(told)}: not with new certificates, which change nothing else. Say it alone.")
        return secret_files.renew(options.out, new_authority=options.new_authority, pause=options.pause)
    chosen = {name: value for name in ("postgres", "nats", "smtp") if (value := getattr(options, name))}
    if options.hosts:
        chosen["hosts"] = tuple(host.strip() for host in options.hosts.split(","))
    return secret_files.main(options.out, secret_files.Places(**chosen), missing=options.missing)


def _prepared(_: argparse.Namespace) -> int:
    missing = [each.name for each in sorted(_MOUNTED.iterdir()) if not (each.is_file() and each.read_bytes().strip())]
    if missing:
        print(f"These secrets are missing: {', '.join(missing)}. Make them with ./parvis secrets, then start again.")
    return 1 if missing else 0


def _databases(_: argparse.Namespace) -> int:
    from parvis_local import databases  # noqa: PLC0415

    try:
        print(databases.main())
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from parvis_local import diagnosis  # noqa: PLC0415

    mounted = BACKUPS if BACKUPS.is_mount() else None
    try:
        folder = looked_into(options.backups, mounted)
        return diagnosis.report(diagnosis.targets(options.targets), folder, options.ca)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1


def add_targets(parser: argparse.ArgumentParser, says: str) -> None:
    """`--targets` and `--ca` of `doctor`, which ./parvis has too."""
    parser.add_argument("--targets", default="", help=f"NAME=https://HOST:PORT, {says}")
    parser.add_argument(
        "--ca",
        type=Path,
        metavar="FILE",
        help="who signs their certificates: ca.pem of the secrets",
    )


def add_backups_folder(parser: argparse.ArgumentParser, says: str) -> None:
    """`--backups`, or its variable."""
    told = os.environ.get("PARVIS_BACKUPS") or None
    parser.add_argument("--backups", type=Path, default=told, help=f"{says}; {OWN}: you have backups of your own")


def looked_into(told: Path | None, usual: Path | None) -> Path | None:
    """The folder of backups to look into, if any: the one that somebody names, else the usual one."""
    return None if told == OWN else told or usual


def add_disks(parser: argparse.ArgumentParser) -> None:
    """The arguments of `disks`, which ./parvis has too."""
    parser.add_argument("--volume", action="append", metavar="NAME=FOLDER", help="a folder whose disk is told of")
    add_backups_folder(parser, "folder of the backups")
    listen = os.environ.get("PARVIS_HTTP_LISTEN", "127.0.0.1:8679")
    parser.add_argument("--listen", default=listen, help=f"HOST:PORT (default {listen})")


def _disks(options: argparse.Namespace) -> int:
    from parvis_local import disks  # noqa: PLC0415

    return disks.serve(options, disks.VOLUMES, BACKUPS)


def add_dead_letters(parser: argparse.ArgumentParser) -> None:
    """The arguments of `dead-letters`, which ./parvis has too."""
    parser.add_argument("do", nargs="?", choices=["list", "show", "replay", "discard"], default="list")
    parser.add_argument("ids", nargs="*", metavar="NUMBER", help="events, as the list names them")
    parser.add_argument("--service", default="", help="only those of this service")
    parser.add_argument("--all", action="store_true", dest="everything", help="those of all services")


def _dead_letters(options: argparse.Namespace) -> int:
    from parvis_local import dead_letters  # noqa: PLC0415

    chosen = {"service": options.service, "ids": options.ids, "everything": options.everything}
    try:
        return dead_letters.run(dead_letters.Place.of_secrets(Path("/run/secrets")), options.do, **chosen)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1


def add_replay_events(parser: argparse.ArgumentParser) -> None:
    """The arguments of `replay-events`, which ./parvis has too."""
    from parvis_watch.refill import add_since  # noqa: PLC0415 - ./parvis secrets needs less

    add_since(parser)
    parser.add_argument("--service", default="", help="only those of this service")


def _replay_events(options: argparse.Namespace) -> int:
    from parvis_local import dead_letters, replay_events  # noqa: PLC0415

    try:
        databases = dead_letters.Place.of_secrets(Path("/run/secrets")).databases
        return replay_events.run(databases, options.since, service=options.service)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1


def _mailsink(_: argparse.Namespace) -> int:
    from parvis_local.mailsink.main import main as serve  # noqa: PLC0415

    serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
