"""Who was refused what: a warning in the log with the account, where it was, what was missing (OWASP ASVS 5, 16.3.2).

    with noted("parvis.tenancy.v1.RightsService.Check"):    # where a request comes in, inside of its trace
        known(by="web", account=caller.account_id)          # as soon as that is known
        …                                                   # whatever is raised with the kind "forbidden" is noted

Of one account, place and reason there is one line a minute and process, with how many were left out before it: whoever
tries doors fills no disk. No line stands in an audit trail: that would let anybody who is signed in write into a record
that is sealed and kept for years, as often as they like. Identifiers alone are written, of accounts, organisations and
methods.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from parvis_watch.logs import evidence

#: Seconds between two lines that say the same.
WINDOW: Final = 60.0
#: What is remembered at most; the oldest goes.
MOST: Final = 4096
#: Of what a refusal says about itself, what is no word of anybody's.
_TOLD: Final = ("right", "service")

_who: ContextVar[dict[str, str]] = ContextVar("parvis_refused", default={})  # noqa: B039 - never changed, only replaced


class Lately:
    """What one process wrote within the last minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._written: dict[tuple[str, ...], tuple[float, int]] = {}

    def left_out(self, *what: str) -> int | None:
        """How many lines about this were left out before the one that is due; None where none is due."""
        now = self._clock()
        written, count = self._written.get(what, (-WINDOW, 0))
        if now - written < WINDOW:
            self._written[what] = (written, count + 1)
            return None
        self._written.pop(what, None)
        if len(self._written) >= MOST:
            del self._written[next(iter(self._written))]
        self._written[what] = (now, 0)
        return count


_lately = Lately()


@contextmanager
def noted(where: str) -> Iterator[None]:
    """Notes whatever ends this block as forbidden; see the module."""
    mark = _who.set({})
    try:
        yield
    except Exception as error:
        if getattr(getattr(error, "kind", None), "value", "") == "forbidden":
            _note(where, getattr(error, "reason", ""), getattr(error, "params", {}))
        raise
    finally:
        _who.reset(mark)


def known(**who: object) -> None:
    """Who is asking, as far as that is proven by now: `by` (a service), `account`, `actor` (who
    views as that account), `organisation`. None says nothing.
    """
    _who.set({**_who.get(), **{name: str(value) for name, value in who.items() if value is not None}})


def _note(where: str, reason: str, params: dict[str, str]) -> None:
    who = _who.get()
    left_out = _lately.left_out(who.get("account", ""), who.get("by", ""), where, reason)
    if left_out is None:
        return
    more = {"more_before": left_out} if left_out else {}
    told = {name: params[name] for name in _TOLD if name in params}
    evidence.warning("refused", where=where, reason=reason, **told, **who, **more)
