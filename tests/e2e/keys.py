"""Somebody who has a keyboard and nothing else: walks with Tab, and knows what has the focus by what is read out."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from people import Person
from playwright.sync_api import Download, FileChooser, Locator, Page, expect

#: Stops of the Tab key after which somebody would give up looking.
STOPS = 80
#: How often one comes to the end of the page and begins again above.
ROUNDS = 2
#: What reading aloud does not tell: whether the focus can be seen, and where it stands.
SEEN = """async function () {
  await Promise.allSettled(this.getAnimations().map((each) => each.finished));
  const drawn = (part) => {
    const style = getComputedStyle(this, part);
    const there = !part || style.content !== 'none';
    return there && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  };
  const box = this.getClientRects()[0] ?? this.getBoundingClientRect();
  const points = [0.2, 0.5, 0.8].map((part) => [box.x + part * box.width, box.y + box.height / 2]);
  const onTop = ([x, y]) => {
    const found = document.elementFromPoint(x, y);
    return found && (this.contains(found) || found.contains(this) && found.matches('a, button, label, tr, th, li'));
  };
  const legend = this.closest('fieldset')?.querySelector('legend');
  const dialog = this.closest('dialog')?.querySelector('h2');
  // The calendar inside a field for dates is the browser's own, with the browser's own ring.
  const calendar = this.matches('input[type=date]:not(:focus)');
  return {
    ring: calendar || this.matches(':focus-visible') && [null, '::before', '::after'].some(drawn),
    visible: points.some(onTop),
    group: legend ? legend.innerText : '',
    dialog: dialog ? dialog.innerText : '',
    nowhere: this === document.body || this === document.documentElement,
  };
}"""
FOCUSED = "document.activeElement ?? document.documentElement"
WORDS = {"DisclosureTriangle": "disclosure", "spinbutton": "textbox"}


@dataclass(frozen=True, slots=True)
class Stop:
    """What has the focus, as the browser tells it to a screen reader, and whether eyes find it."""

    name: str
    role: str
    value: str
    states: dict[str, Any]
    ring: bool
    visible: bool
    group: str
    dialog: str
    nowhere: bool

    def __str__(self) -> str:
        return "nothing of the page" if self.nowhere else f"{self.role} “{self.name}”"

    def called(self, name: str | re.Pattern[str]) -> bool:
        """Whether this is its name, with or without “(facultatif)” behind it."""
        if isinstance(name, re.Pattern):
            return bool(name.search(self.name))
        return self.name.removesuffix(" (facultatif)") == name

    def matches(self, name: str | re.Pattern[str], role: str, group: str) -> bool:
        """Whether it is what one looks for; a role or group that is empty may be any."""
        return self.called(name) and role in {"", self.role} and group in {"", self.group}


class Keyboard:
    """The keys of somebody's page. After an address is opened, nothing but keys is used."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self._cdp = person.context.new_cdp_session(person.page)
        # From the beginning: asked for with the key that opens the window, it is watched for a moment too late.
        person.page.on("filechooser", self._see)

    @property
    def page(self) -> Page:
        return self.person.page

    def _see(self, chooser: FileChooser) -> None:
        """A window for files has opened; `choose_files` fills it."""

    # Where the focus is

    def focus(self) -> Stop:
        """What has the focus now."""
        found = self._cdp.send("Runtime.evaluate", {"expression": FOCUSED})["result"]["objectId"]
        asked = {"objectId": found, "functionDeclaration": SEEN, "returnByValue": True, "awaitPromise": True}
        seen = self._cdp.send("Runtime.callFunctionOn", asked)["result"]["value"]
        told = self._cdp.send("Accessibility.getPartialAXTree", {"objectId": found, "fetchRelatives": False})["nodes"][
            0
        ]
        role = told.get("role", {}).get("value", "")
        return Stop(
            name=plain(told.get("name", {}).get("value", "")),
            role=WORDS.get(role, role),
            value=plain(str(told.get("value", {}).get("value", ""))),
            states={each["name"]: each["value"].get("value") for each in told.get("properties", [])},
            **seen | {"group": plain(seen["group"]), "dialog": plain(seen["dialog"])},
        )

    def is_on(self, name: str | re.Pattern[str], role: str = "", *, group: str = "") -> Stop:
        """The focus comes there by itself: at once, or with the part of the page that is being fetched."""
        what = f"the focus should be on {role} “{name}” {group}, it is on"
        return self._becomes(lambda stop: stop.matches(name, role, group), what)

    def _becomes(self, look: Callable[[Stop], bool], what: str) -> Stop:
        """Looks until what has the focus is as it should be: what is read out follows a key a moment later."""
        give_up = time.monotonic() + 3
        while not look(stop := self.focus()):
            assert time.monotonic() < give_up, f"{what} {stop} {stop.value} {stop.states}"
            time.sleep(0.02)
        return stop

    # Walking

    def tab(self, *, back: bool = False) -> Stop:
        """One step; what it comes to can be seen and shows that it has the focus."""
        self.page.keyboard.press("Shift+Tab" if back else "Tab")
        stop = self.focus()
        if not stop.nowhere:  # the end of the page: the browser's own bar has the focus
            assert stop.ring, f"{stop} has the focus and does not show it"
            assert stop.visible, f"{stop} has the focus out of sight"
            assert stop.name, f"a {stop.role} has the focus and no name"
        return stop

    def reach(self, name: str | re.Pattern[str], role: str = "", *, group: str = "", back: bool = False) -> Stop:
        """Walks on until something has this name; fails with what was met on the way."""
        met = [self.focus()]
        while not met[-1].matches(name, role, group):
            ends = sum(stop.nowhere for stop in met[1:])
            told = f"{role} “{name}” cannot be reached with Tab; met: {', '.join(map(str, met))}"
            assert ends < ROUNDS, told
            assert len(met) <= STOPS, told
            met.append(self.tab(back=back))
        return met[-1]

    def skip_to_content(self) -> None:
        """The first stop of a page leads past its navigation."""
        stop = self.tab()
        assert stop.called("Aller au contenu"), f"the first stop is {stop}"
        self.page.keyboard.press("Enter")
        self._becomes(lambda stop: stop.role == "main", "skipping should lead to the content:")

    # Doing

    def enter(self, name: str | re.Pattern[str], role: str = "", *, key: str = "Enter", back: bool = False) -> Stop:
        """Reaches something and presses it; what it was."""
        stop = self.reach(name, role, back=back)
        self.page.keyboard.press(key)
        return stop

    def follow(self, name: str | re.Pattern[str], *, back: bool = False) -> None:
        """Reaches a link and goes where it leads."""
        self.reach(name, "link", back=back)
        self.go("Enter")

    def send(self, name: str, *, key: str = "Enter") -> None:
        """Reaches a button that leads to another page."""
        self.reach(name, "button")
        self.go(key)

    def go(self, key: str) -> None:
        """Presses a key that leads to another page, and waits for it."""
        with self.page.expect_navigation():
            self.page.keyboard.press(key)
        self.page.wait_for_load_state()

    def write(self, fields: dict[str, str], group: str = "") -> None:
        """Fills fields in the order in which they stand."""
        for label, text in fields.items():
            stop = self.reach(label, group=group)
            assert stop.role in {"textbox", "searchbox"}, f"{stop} cannot be written in"
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(text)

    def choose(self, label: str, option: str) -> None:
        """Chooses in a list with the arrows."""
        self.reach(label, "combobox")
        self.page.keyboard.press("Home")
        options = self.page.locator(":focus").get_by_role("option").all_inner_texts()
        assert option in map(plain, options), f"{label} has no “{option}”, only {options}"
        for _ in range([plain(each) for each in options].index(option)):
            self.page.keyboard.press("ArrowDown")
        self._becomes(lambda stop: stop.value == option, f"{label} should be “{option}”:")

    def tick(self, label: str) -> None:
        """Ticks a box with the space bar, if it is not ticked."""
        if self.reach(label, "checkbox").states["checked"] != "true":
            self.page.keyboard.press("Space")
        self._becomes(lambda stop: stop.states["checked"] == "true", "it should be ticked:")

    def unfold(self, name: str) -> None:
        """Opens a part of the page that is folded."""
        stop = self.reach(name, "disclosure")
        if not stop.states.get("expanded"):
            self.page.keyboard.press("Enter")
        self._becomes(lambda stop: stop.states.get("expanded") is True, "it should be unfolded:")

    def choose_files(self, *files: Path, button: str = "Choisir des fichiers") -> None:
        """Opens the browser's own window for files."""
        self.reach(button, "button")
        with self.page.expect_file_chooser() as asked:
            self.page.keyboard.press("Enter")
        asked.value.set_files(list(files))

    def download(self, name: str) -> Download:
        """Follows a link to a file."""
        self.reach(name, "link")
        with self.page.expect_download() as kept:
            self.page.keyboard.press("Enter")
        return kept.value

    # Rows, menus and dialogs

    def open_row(self, name: str | re.Pattern[str]) -> None:
        """A row of a list as a whole page: the panel shows it first, the way to the page stands above."""
        self.enter(name, "link")
        expect(self.page.get_by_role("complementary")).to_be_visible()
        self.follow("Ouvrir la page", back=True)

    def is_within(self, place: Locator) -> bool:
        """Whether the focus is on the place or on something in it."""
        return bool(place.evaluate("(place) => place.contains(document.activeElement)"))

    def open_menu(self, name: str | re.Pattern[str], *, back: bool = False) -> Stop:
        """Opens a menu and goes to its first entry; Escape closed it before and gave the focus back."""
        there = self.reach(name, back=back)
        assert not there.states.get("expanded"), f"{there} is open already"
        self.page.keyboard.press("Enter")
        self._is_unfolded(there, unfolded=True)
        self.page.keyboard.press("Escape")
        self._is_unfolded(there, unfolded=False)
        self.page.keyboard.press("ArrowDown")
        return self._becomes(lambda stop: not stop.called(there.name), "the arrow does not lead into")

    def _is_unfolded(self, there: Stop, *, unfolded: bool) -> None:
        self._becomes(
            lambda stop: stop.called(there.name) and stop.states.get("expanded", False) is unfolded,
            f"{there} should have the focus and be {'open' if unfolded else 'closed'}:",
        )

    def open_dialog(self, title: str | re.Pattern[str]) -> None:
        """Presses what has the focus: a dialog opens, keeps the focus inside, and gives it back with Escape.

        It is open at the end.
        """
        opener = self.focus()
        self.page.keyboard.press("Enter")
        inside = self._is_in_dialog(title)
        stops = [self.tab() for _ in range(6)] + [self.tab(back=True) for _ in range(6)]
        outside = [stop for stop in stops if not stop.nowhere and stop.dialog != inside.dialog]
        assert not outside, f"Tab leads out of “{inside.dialog}” to {outside[0]}"
        self.page.keyboard.press("Escape")
        expect(self.page.get_by_role("dialog")).to_have_count(0)
        self.is_on(opener.name, opener.role)
        self.page.keyboard.press("Enter")
        self._is_in_dialog(title)

    def _is_in_dialog(self, title: str | re.Pattern[str]) -> Stop:
        expect(self.page.get_by_role("dialog", name=title)).to_be_visible()
        return self._becomes(lambda stop: stop.dialog != "", "the focus should be in the dialog:")

    # Signing in

    def sign_in(self) -> None:
        """Through the door that is theirs."""
        who = self.person.who
        self.person.open(f"/login/{who.slug}" if who.slug else "/")
        self.answer_sign_in(f"Bonjour {who.name.partition(' ')[0]}")

    def answer_sign_in(self, title: str | re.Pattern[str]) -> None:
        """Fills the sign-in page and sends it with Enter; the title of the page that it leads to."""
        who = self.person.who
        if who.slug:
            self.write({"Code client ou adresse mail": who.identifier, "Mot de passe": who.password})
        else:
            self.write({"Adresse mail": who.identifier})
            self.go("Enter")
            self.write({"Mot de passe": who.password})
        self.go("Enter")
        self.person.reads_title(title)

    def sign_out(self) -> None:
        """Through their own menu, with the arrows."""
        self.open_menu(re.compile("^Mon menu"))
        self.page.keyboard.press("ArrowUp")
        self.is_on("Se déconnecter", "button")
        self.go("Enter")
        self.person.reads_title("Vous êtes déconnecté")


def plain(text: str) -> str:
    """Spaces of any kind as one."""
    return re.sub(r"\s+", " ", text).strip()
