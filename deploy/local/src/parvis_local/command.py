"""The sub-commands of ./parvis."""

import argparse
import contextlib
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from parvis_backup.arguments import add_next, how_many
from parvis_local import display
from parvis_local.ending import ended
from parvis_local.layout import DEFAULT_DATA
from parvis_local.ports import SERVICES
from parvis_local.suite import Suite, SuiteFailed
from parvis_local.tools import (
    add_backups_folder,
    add_dead_letters,
    add_disks,
    add_replay_events,
    add_secrets,
    add_targets,
    looked_into,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses, acts, exits."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    sys.exit(ended(lambda: options.act(options), lambda text: display.failure(display.console(stderr=True), text)))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; what stands after `--` is `passed_on`, options stand before or after the name."""
    ours = list(arguments)
    end = ours.index("--") if "--" in ours else len(ours)
    return _parser().parse_args(ours[:end], argparse.Namespace(passed_on=ours[end + 1 :]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="parvis", description="The Parvis client portal on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder of the suite (default .parvis)")

    up = commands.add_parser("up", parents=[where], help="start everything and say where it is")
    up.add_argument("--port", type=int, help="base port (default 8600, then the one of the first start)")
    up.add_argument("--detach", action="store_true", help="return once all is healthy; the suite keeps running")
    up.add_argument(
        "--no-demo", dest="demo", action="store_false", help="start empty: prints a link for the first administrator"
    )
    up.add_argument("--keep-going", action="store_true", help="when a part fails, leave the others running")
    up.add_argument("--only", default="", help="only these parts (commas between) and what they need")
    up.set_defaults(act=_up)

    down = commands.add_parser("down", parents=[where], help="stop everything")
    down.set_defaults(act=_down)

    status = commands.add_parser("status", parents=[where], help="whether each part is healthy")
    status.add_argument("--json", action="store_true")
    status.set_defaults(act=_status)

    logs = commands.add_parser("logs", parents=[where], help="what the parts have written")
    logs.add_argument("part", nargs="?", default="")
    logs.add_argument("-f", "--follow", action="store_true")
    logs.set_defaults(act=_logs)

    keys = commands.add_parser("keys", parents=[where], help="new keys for the tokens of the running suite")
    how = keys.add_mutually_exclusive_group()
    how.add_argument("--soon", action="store_true", help="they sign in minutes rather than in a day")
    how.add_argument("--distrust", action="store_true", help="for keys that leaked: nothing counts that they signed")
    keys.add_argument("--yes", action="store_true", help="without a question (where nobody can answer), but --distrust")
    keys.set_defaults(act=_keys)

    _add_trail(commands, where)
    test = commands.add_parser(
        "test", help="run the tests, or one part of them", epilog="What stands after -- goes to pytest."
    )
    test.add_argument("name", nargs="?", default="")
    test.add_argument("--full", action="store_true", help="the long forms too")
    test.set_defaults(act=_test)

    check = commands.add_parser("check", help="run the quality gates, or one of them")
    check.add_argument("names", nargs="*")
    check.set_defaults(act=_check)

    bench = commands.add_parser("bench", help="print figures beside their baselines")
    bench.add_argument("names", nargs="*", metavar="name")
    bench.add_argument("--short", action="store_true", help="less of everything: whether they run, in minutes")
    bench.set_defaults(act=_bench)

    doctor = commands.add_parser(
        "doctor", parents=[where], help="say what is wrong, here or with what runs, and what to do"
    )
    add_targets(doctor, "commas between: an installation elsewhere")
    add_backups_folder(doctor, "folder of its backups")
    doctor.set_defaults(act=_doctor)

    add_secrets(commands)
    _add_backup(commands, where)
    _add_events(commands, where)
    _add_release(commands)
    return parser


def _add_events(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", where: argparse.ArgumentParser
) -> None:
    letters = commands.add_parser("dead-letters", parents=[where], help="events that a service gave up")
    add_dead_letters(letters)
    letters.set_defaults(act=_dead_letters)
    again = commands.add_parser(
        "replay-events", parents=[where], help="have services send events again that the broker has lost"
    )
    add_replay_events(again)
    again.set_defaults(act=_replay_events)


def _add_release(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    lock = commands.add_parser("lock", help="resolve requirements.lock again")
    lock.add_argument("--upgrade", action="store_true", help="to the newest versions allowed")
    lock.set_defaults(act=_lock)

    sbom = commands.add_parser("sbom", help="print what a release is made of, as CycloneDX")
    sbom.set_defaults(act=_sbom)


def _add_trail(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", where: argparse.ArgumentParser) -> None:
    verify = commands.add_parser("verify-audit", parents=[where], help="check every audit trail, and the daily anchors")
    verify.add_argument("--all", action="store_true", help="every head that was ever anchored, not the newest alone")
    verify.set_defaults(act=_verify_audit)

    trail = commands.add_parser(
        "trail", parents=[where], help="acts outside all organisations, or of one, as JSON lines",
        epilog="What stands after -- goes to each service: --organisation ID, --since and --until (a day or a moment, "
        "such as 2026-11-01 or 2026-11-01T08:00+01:00), --account ID, --act NAME (such as sign_in.failed).",
    )  # fmt: skip
    trail.add_argument("--limit", type=int, default=200, help="the newest ones (default: 200)")
    trail.set_defaults(act=_trail)

    run = commands.add_parser(
        "run", parents=[where], help="a command of one service, such as `run identity erasures`",
        epilog="What stands after -- goes to it: ./parvis run identity erase-account -- NAME --confirm NAME. "
        "./parvis run identity -- --help lists them.",
    )  # fmt: skip
    run.add_argument("service", choices=SERVICES)
    run.add_argument("name", nargs="?", default="", metavar="command")
    run.set_defaults(act=_run)


def _add_backup(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", where: argparse.ArgumentParser
) -> None:
    disks = commands.add_parser(
        "disks", parents=[where], help="tell Prometheus of the room on the disk of a suite, and of its backups"
    )
    add_disks(disks)
    disks.set_defaults(act=_disks)

    backup = commands.add_parser("backup", parents=[where], help="back everything up, encrypted, while the suite runs")
    backup.add_argument("--to", type=Path, help="backup folder (default DATA-backup); later backups add what is new")
    backup.add_argument("--keep", type=how_many, default=0, help="days of which the newest stays (default all)")
    backup.add_argument("--key-file", type=Path, help="file with the passphrase (else PARVIS_BACKUP_KEY, else asked)")
    backup.add_argument(
        "--reread", action="store_true", help="read all objects of the folder again, not a 28th of them"
    )
    add_next(backup)
    backup.set_defaults(act=_backup)

    verify = commands.add_parser("verify-backup", help="read all backups of a folder as a restore would")
    verify.add_argument("source", type=Path, metavar="FROM", help="a backup, or a backup folder")
    verify.add_argument("--key-file", type=Path, help="file with the passphrase (else PARVIS_BACKUP_KEY, else asked)")
    verify.set_defaults(act=_verify_backup)

    restore = commands.add_parser("restore", help="restore a backup into an empty place")
    restore.add_argument("source", type=Path, metavar="FROM", help="a backup, or a backup folder for its newest")
    restore.add_argument("--data", type=Path, required=True, help="empty folder for the restored suite")
    restore.add_argument("--key-file", type=Path, help="file with the passphrase (else PARVIS_BACKUP_KEY, else asked)")
    restore.set_defaults(act=_restore)


def _up(options: argparse.Namespace) -> int:
    console = display.console()
    only = [name for name in options.only.split(",") if name]
    suite = Suite(options.data, options.port, demo=options.demo, only=only, keep_going=options.keep_going)
    already = suite.is_running()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # also where a shell has switched SIGINT off (`&`)
        signal.signal(number, signal.default_int_handler)
    try:
        if already:
            suite.start()
        else:
            with display.starting(console) as watch:
                suite.start(watch)
    except SuiteFailed as error:
        display.failure(console, str(error))
        if not options.keep_going:
            return 1
    except KeyboardInterrupt:
        if not already:
            console.print("stopping")
            suite.stop()
        return 130
    display.summary(console, suite, already=already)
    if already or options.detach:
        return 0
    return _attach(suite)


def _attach(suite: Suite) -> int:
    """Stays until Ctrl-C, which stops the suite, or until somebody else stops it."""
    console = display.console()
    console.print("  [dim]Ctrl-C stops it.[/dim]")
    with contextlib.suppress(KeyboardInterrupt):
        suite.wait_end()
        console.print("The suite was stopped.")
        return 0
    console.print("stopping")
    with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C changes nothing: it is stopping
        suite.stop()
    return 0


def _down(options: argparse.Namespace) -> int:
    suite = Suite(options.data)
    stopped = suite.stop()
    print(f"Stopped. The data stays in {suite.layout.data}." if stopped else f"No suite runs on {suite.layout.data}.")
    return 0


def _status(options: argparse.Namespace) -> int:
    from parvis_local import status  # noqa: PLC0415 - each command imports its own: help stays fast

    return status.show(Suite(options.data), as_json=options.json)


def _logs(options: argparse.Namespace) -> int:
    from parvis_local import logs  # noqa: PLC0415

    return logs.show(Suite(options.data), options.part, follow=options.follow)


def _keys(options: argparse.Namespace) -> int:
    from parvis_local import keys  # noqa: PLC0415

    return keys.rotate(Suite(options.data), soon=options.soon, distrust=options.distrust, sure=options.yes)


def _verify_audit(options: argparse.Namespace) -> int:
    from parvis_local import trails  # noqa: PLC0415

    return trails.verify(Suite(options.data), everything=options.all)


def _trail(options: argparse.Namespace) -> int:
    from parvis_local import trails  # noqa: PLC0415

    return trails.show(Suite(options.data), options.passed_on, options.limit)


def _run(options: argparse.Namespace) -> int:
    from parvis_local import trails  # noqa: PLC0415

    command = [*filter(None, [options.name]), *options.passed_on] or ["--help"]
    # Without a command it is the service itself, a second one in the suite's name.
    if command[0] not in {"-h", "--help"} and (not command[0] or command[0].startswith("-")):
        raise ValueError(f"{command[0]!r} is no command: ./parvis run {options.service} lists those of the service.")
    return trails.run(Suite(options.data), options.service, command)


def _test(options: argparse.Namespace) -> int:
    from parvis_local import testing  # noqa: PLC0415

    return testing.run(options.name, full=options.full, passed_on=options.passed_on)


def _check(options: argparse.Namespace) -> int:
    from parvis_local import checks  # noqa: PLC0415

    return checks.run(options.names)


def _bench(options: argparse.Namespace) -> int:
    from parvis_local import testing  # noqa: PLC0415

    return testing.bench(options.names, short=options.short)


def _doctor(options: argparse.Namespace) -> int:
    from parvis_local import diagnosis, doctor  # noqa: PLC0415

    if options.targets:
        folder = looked_into(options.backups, None)
        return diagnosis.report(diagnosis.targets(options.targets), folder, options.ca)
    if options.ca:
        raise ValueError("--ca is for --targets: the suite of this machine speaks plainly, on its loopback.")
    return doctor.examine(Suite(options.data), options.backups)


def _disks(options: argparse.Namespace) -> int:
    from parvis_local import backups, disks  # noqa: PLC0415

    suite = Suite(options.data)
    return disks.serve(options, {"data": suite.layout.data}, backups.folder_of(suite))


def _databases_of(suite: Suite) -> dict[str, str]:
    """The databases of its services, by name; none, and a word on why, where it does not run."""
    if not suite.is_running():
        print(f"No suite runs on {suite.layout.data}. Start it with ./parvis up.")
        return {}
    return {name: suite.environment(name)["PARVIS_DATABASE_URL"] for name in SERVICES}


def _dead_letters(options: argparse.Namespace) -> int:
    from parvis_local import dead_letters  # noqa: PLC0415

    suite = Suite(options.data)
    if not (databases := _databases_of(suite)):
        return 1
    told = suite.environment("identity")["PARVIS_NATS_URL"]
    elsewhere = not told.endswith(f":{suite.ports.nats}")
    # The user of a service publishes no events of others; servers of one's own are told to all alike.
    place = dead_letters.Place(databases, told if elsewhere else suite.nats_url)
    chosen = {"service": options.service, "ids": options.ids, "everything": options.everything}
    return dead_letters.run(place, options.do, **chosen)


def _replay_events(options: argparse.Namespace) -> int:
    from parvis_local import replay_events  # noqa: PLC0415

    suite = Suite(options.data)
    if not (databases := _databases_of(suite)):
        return 1
    return replay_events.run(databases, options.since, service=options.service)


def _backup(options: argparse.Namespace) -> int:
    from parvis_local import backups  # noqa: PLC0415

    to = options.to or options.data.with_name(f"{options.data.name}-backup")
    told = {"keep": options.keep, "key_file": options.key_file, "reread": options.reread, "period": options.period}
    return backups.back_up(Suite(options.data), to.resolve(), **told)


def _verify_backup(options: argparse.Namespace) -> int:
    from parvis_local import backups  # noqa: PLC0415

    return backups.check(options.source.resolve(), key_file=options.key_file)


def _restore(options: argparse.Namespace) -> int:
    from parvis_local import backups  # noqa: PLC0415

    return backups.restore_into(options.data, options.source.resolve(), key_file=options.key_file)


def _lock(options: argparse.Namespace) -> int:
    from parvis_local import locking  # noqa: PLC0415

    return locking.lock(upgrade=options.upgrade)


def _sbom(_: argparse.Namespace) -> int:
    from parvis_local import supply  # noqa: PLC0415

    print(json.dumps(supply.document(), indent=1))
    return 0


if __name__ == "__main__":
    main()
