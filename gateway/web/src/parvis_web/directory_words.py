"""What the pages say of a firm's directories: their states, what goes wrong with them soon, what a test found."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from parvis.identity.v1 import providers_pb2 as pb
from parvis_ui import formats
from parvis_ui.translations import Words
from parvis_web.sentences import N_
from parvis_web.templating import moment

#: State → label and tone.
STATES = {
    pb.PROVIDER_STATE_DRAFT: (N_("Being set up"), "wait"),
    pb.PROVIDER_STATE_LIVE: (N_("In service"), "ok"),
    pb.PROVIDER_STATE_OFF: (N_("Out of service"), "off"),
}
RESULTS = {
    pb.CHECK_RESULT_PASSED: (N_("Passed"), "ok"),
    pb.CHECK_RESULT_FAILED: (N_("Failed"), "bad"),
    pb.CHECK_RESULT_NOT_REACHED: (N_("Not reached"), "off"),
}
#: How long before a certificate expires its page begins to say so.
SOON = timedelta(days=30)


def state_of(words: Words, provider: pb.SsoProvider) -> tuple[str, str]:
    """Label and tone."""
    label, tone = STATES.get(provider.state, STATES[pb.PROVIDER_STATE_DRAFT])
    return words(label), tone


@dataclass(frozen=True, slots=True)
class Concern:
    """What will go wrong, or does already: `bad` when people are turned away by now."""

    kind: str
    title: str
    text: str


def warnings(words: Words, provider: pb.SsoProvider, now: datetime | None = None) -> Iterator[Concern]:
    """What somebody has to look after, the worst first."""
    _, now = words, now or datetime.now(UTC)
    name = provider.name
    yield from _certificates(words, provider, now)
    if provider.metadata_problem:
        since = moment(provider.metadata_read_at)
        text = (
            _(
                "They were last read on %(when)s, and count as they were then.",
                when=formats.date_time(since, _.language),
            )
            if since
            else _("Nothing of them is known.")
        )
        yield Concern("warn", _("The metadata of %(name)s cannot be read any more", name=name), text)
    for each in provider.own_certificates:
        ends = moment(each.expires_at)
        if each.current and ends and ends - now < SOON:
            yield Concern(
                "warn",
                _("Our key for %(name)s ends on %(day)s", name=name, day=formats.long_date(ends.date(), _.language)),
                _("Prepare the next one on its page: nobody notices the change."),
            )


def _certificates(words: Words, provider: pb.SsoProvider, now: datetime) -> Iterator[Concern]:
    """A provider whose last certificate ends signs nobody in from then on."""
    _, ends = words, [moment(each.expires_at) for each in provider.certificates]
    known = [each for each in ends if each]
    if not known or len(known) < len(ends):
        return
    last = max(known)
    day = formats.long_date(last.date(), _.language)
    if last < now:
        yield Concern(
            "bad",
            _("The certificate of %(name)s ended on %(day)s", name=provider.name, day=day),
            _("Signing in still works. Give us its new metadata: a key that is not renewed protects less and less."),
        )
    elif last - now < SOON:
        yield Concern(
            "warn",
            _("The certificate of %(name)s ends on %(day)s", name=provider.name, day=day),
            _(
                "Once it has a new one, give us its new metadata; where we read them at an address, this happens by "
                "itself."
            ),
        )
