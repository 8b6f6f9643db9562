"""What the pages say of the map: every topic and every reason has words, and nothing is said that is not kept."""

import importlib
from types import SimpleNamespace

from parvis_records.map import About, Topic, Until
from parvis_records.summary import summary
from parvis_web import kept

SERVICES = ("identity", "tenancy", "documents", "notify", "billing", "web")
MAPS = [importlib.import_module(f"parvis_{service}.holdings").HOLDINGS for service in SERVICES]


def test_every_topic_and_every_end_has_words():
    assert set(kept.TOPICS) == {topic.value for topic in Topic}
    assert kept.ENDS.keys() | {"age", "law"} == {until.value for until in Until}


def test_every_reason_why_something_of_a_person_stays_is_said_or_of_no_news():
    reasons = {table.because for told in MAPS for table in told if About.PERSON in table.about and table.because}
    assert kept.STAYS.keys() | kept.UNSAID == reasons
    assert not kept.STAYS.keys() & kept.UNSAID


def test_durations_are_those_that_are_set():
    told = summary(MAPS[0], SimpleNamespace(kept_sessions_days=7))
    assert {each.days for each in told if each.topic == "sign_in" and each.until == "age"} >= {7}
    assert 90 in {each.days for each in summary(MAPS[0], None)}


def test_a_kind_of_keeping_is_said_once():
    told = summary(MAPS[1], None)
    assert len(told) == len({each.SerializeToString() for each in told})


def test_what_is_said_to_go_has_nothing_that_stays():
    holdings = [each for told in MAPS for each in summary(told, None)]
    gone = [part.name for part in kept.goes(str, holdings)]
    assert gone == ["Your account", "Your sign-ins", "Your applications", "Your accesses", "Mails"]
