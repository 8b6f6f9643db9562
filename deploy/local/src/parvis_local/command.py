"""The sub-commands of ./parvis."""

import argparse
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from parvis_local import display
from parvis_local.layout import DEFAULT_DATA
from parvis_local.suite import Suite, SuiteFailed


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses, acts, exits."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.exit(options.act(options))
    except KeyboardInterrupt:
        sys.exit(130)
    except (SuiteFailed, ValueError) as error:
        display.failure(display.console(), str(error))
        sys.exit(1)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; what stands after `--` is `passed_on`, options stand before or after the name."""
    ours = list(arguments)
    passed_on = ours[ours.index("--") + 1 :] if "--" in ours else []
    return _parser().parse_args(ours[: len(ours) - len(passed_on)], argparse.Namespace(passed_on=passed_on))


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
    keys.set_defaults(act=_keys)

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
    bench.add_argument("name", nargs="?", default="")
    bench.set_defaults(act=_bench)

    doctor = commands.add_parser("doctor", parents=[where], help="look for what would be in the way")
    doctor.set_defaults(act=_doctor)

    lock = commands.add_parser("lock", help="resolve requirements.lock again")
    lock.add_argument("--upgrade", action="store_true", help="to the newest versions allowed")
    lock.set_defaults(act=_lock)
    return parser


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

    return keys.rotate(Suite(options.data), soon=options.soon, distrust=options.distrust)


def _test(options: argparse.Namespace) -> int:
    from parvis_local import testing  # noqa: PLC0415

    return testing.run(options.name, full=options.full, passed_on=options.passed_on)


def _check(options: argparse.Namespace) -> int:
    from parvis_local import checks  # noqa: PLC0415

    return checks.run(options.names)


def _bench(options: argparse.Namespace) -> int:
    from parvis_local import testing  # noqa: PLC0415

    return testing.bench(options.name)


def _doctor(options: argparse.Namespace) -> int:
    from parvis_local import doctor  # noqa: PLC0415

    return doctor.examine(Suite(options.data))


def _lock(options: argparse.Namespace) -> int:
    from parvis_local import locking  # noqa: PLC0415

    return locking.lock(upgrade=options.upgrade)


if __name__ == "__main__":
    main()
