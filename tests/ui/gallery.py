"""Write pictures of the window: python -m tests.ui.gallery FOLDER. For people to look at."""

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PIL import Image
from PySide6.QtCore import QSize
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from classroom_app.cloud.errors import NoFactor
from classroom_app.domain.errors import AnotherTeacher
from classroom_app.domain.lesson import ClassId, DeviceId, Pupil, PupilId, Roster
from classroom_app.domain.tile import State, Tile, Wish
from classroom_app.presenters.check import Check
from classroom_app.presenters.first_run import Known, Missed
from classroom_app.presenters.journal import JournalRow
from classroom_app.presenters.receipts import Receipt, School, Sending
from classroom_app.presenters.sentences import without_picture
from classroom_app.presenters.standing import DecidedRow, Standing
from classroom_app.presenters.words import Translator, speak
from tests.ui.room import (
    CHECKS,
    LESSON,
    NAMES,
    NOW,
    Room,
    classroom,
    live,
    lively,
    locked,
    offered,
    replace,
    roster,
    screen,
)

_spoken: list[Translator] = []


def room(language: str, theme: str = "light") -> Room:
    _spoken.append(speak(language, _spoken.pop() if _spoken else None))
    made = Room(language, theme)
    made.desk.show_school(School(reached=True, synced_at=NOW))
    return made


def save(made: Room, folder: Path, name: str) -> None:
    made.settle()
    made.grab().save(str(folder / f"{name}.png"))
    made.close()


def walls(folder: Path) -> None:
    made = room("fr")
    made.begin(lively())
    save(made, folder, "01-wall-light-fr-1366")
    made = room("de", "dark")
    tiles = lively()
    replace(tiles, "Mehdi", State.TWIN, since=NOW - 9)
    replace(tiles, "Kenji", State.OTHER_NETWORK, reason="Gast", since=NOW - 60)
    replace(tiles, "Jonas", State.OTHER_NETWORK, reason="10.12.4.0/24")
    made.begin(tiles, (1920, 1080))
    made.wall.select({"p17", "p22"})
    save(made, folder, "02-wall-dark-de-1920")
    made = room("de")
    made.begin(locked())
    made.desk.lock()
    save(made, folder, "03-locked-light-de-1366")
    made = room("en")
    made.begin(classroom(60), (1920, 1080))
    save(made, folder, "06-sixty-light-en-1920")


def states() -> list[Tile]:
    """Return every state of the design's table, and what may come on top of one, by its name."""
    shown = [
        live(0, "Live"),
        live(1, "Stale", State.STALE, since=NOW - 12),
        live(2, "Dark", State.DARK, since=NOW - 40),
        live(3, "Private", State.PRIVATE, reason="password"),
        live(4, "Asked", State.ASKED),
        live(5, "Locked", State.LOCKED),
        live(6, "Freed", freed=True),
        live(7, "Not covered", State.NOT_COVERED, reason="second-screen"),
        live(8, "Keyboard", State.NOT_COVERED, reason="another window holds the keyboard"),
        live(9, "Clock", State.CLOCK),
        live(10, "Twin", State.TWIN),
        live(11, "Gone", State.GONE, since=NOW - 185),
        live(12, "Elsewhere", State.OTHER_NETWORK, reason="Gast", since=NOW - 60),
        live(13, "Not here", State.NOT_HERE, reason="asleep"),
        live(14, "Other lesson", State.OTHER_LESSON, reason="Mme Petit"),
        live(15, "Waiting", State.WAITING),
        live(16, "No picture", State.WAITING, reason="the screen cannot be seen"),
        live(17, "Hand", wish=Wish("hand", NOW - 120, 1)),
        live(18, "Message", wish=Wish("words", NOW - 15, 0, "J'ai fini")),
        live(19, "Locked, hand", State.LOCKED, wish=Wish("hand", NOW - 20, 2)),
        live(20, "Battery", battery_percent=9, screens=2),
        live(21, "Handed in", fact="handed-in", screens=3),
        live(22, "Unchanged", screens=2),
    ]
    nobody = Tile(PupilId(""), DeviceId("t1"), "Tablette 4", 0, State.LIVE, claim=PupilId("p0"))
    return [*shown, nobody]


def every_state(folder: Path) -> None:
    """Draw all states at 136, 227 and 306 px; and as seen without red and green, and in the sun."""
    for theme in ("light", "dark"):
        for width, count in ((136, 100), (227, 40), (306, 24)):
            made = room("en" if theme == "light" else "de", theme)
            made.begin([*states(), *classroom(count)[24:]], (1920, 1080))
            made.now -= 480
            made.wall.picture(DeviceId("d22"), screen(2, QSize(300, 169)))
            made.now += 480
            made.wall.set_unchanged(unchanged=True)
            made.wall.select({"p0", "p5"})
            made.settle()
            image = made.grab()
            if width == 136:
                image = image.copy(0, 0, 1920, 430)
            name = f"20-states-{width}-{theme}"
            image.save(str(folder / f"{name}.png"))
            if width == 227:
                dimmed(image, folder / name)
            made.close()


def dimmed(image: QImage, path: Path) -> None:
    """Write a picture as a deuteranope sees it (Viénot 1999), with a quarter of white over it."""
    image.save(f"{path}.png")
    with Image.open(f"{path}.png") as opened:
        seen = opened.convert("RGB").convert(
            "RGB", (0.29, 0.71, 0, 0, 0.29, 0.71, 0, 0, -0.02, 0.02, 1, 0)
        )
        white = Image.new("RGB", seen.size, "white")
        Image.blend(seen, white, 0.25).save(f"{path}-deuteranopia-sun.png")


def pages(folder: Path) -> None:
    made = room("en")
    tiles = lively()
    hand = Wish("hand", NOW - 120, 1, "Where do I find the rain for November?")
    replace(tiles, "Lina", State.LIVE, wish=hand, battery_percent=64)
    made.begin(tiles, (1920, 1080))
    made.desk.open("p17")
    made.focus.picture(tiles[17].device, screen(2, QSize(1920, 1080)))
    save(made, folder, "04-focus-light-en-1920")
    made = room("fr", "dark")
    made.begin(lively())
    made.desk.open_together(["p3", "p12", "p17", "p26"])
    for at, pane in enumerate(made.focus.panes):
        made.focus.picture(pane.device, screen(at, QSize(1920, 1080)))
    save(made, folder, "04-side-by-side-dark-fr-1366")
    made = room("fr")
    made.first.show(CHECKS)
    made.window.resize(1366, 768)
    made.window.show()
    save(made, folder, "05-first-run-light-fr-1366")
    checks(folder)
    made = room("fr")
    pupils = tuple(Pupil(PupilId(f"p{at}"), name, name, "") for at, name in enumerate(NAMES))
    made.classes.show(
        [
            Roster(ClassId(f"c{at}"), name, "Technologie", pupils)
            for at, name in enumerate(("5e B", "4e A", "6e C", "3e D"))
        ]
    )
    made.window.resize(1366, 768)
    made.window.show()
    made.desk.ended("Séance terminée. 28 sur 28 libres, 26 travaux ramassés.")
    save(made, folder, "07-classes-light-fr-1366")


def sheets(folder: Path) -> None:
    for name in ("lock", "length", "message", "hand-out", "end", "help", "more"):
        made = room("fr", "dark" if name == "help" else "light")
        made.begin(lively())
        made.unfinished = 3
        made.window.open_sheet(name)
        save(made, folder, f"08-sheet-{name}-fr-1366")
    made = room("fr")
    made.begin(lively())
    made.desk.begin(LESSON)
    made.journal.show(
        [
            JournalRow("1", NOW, "lesson-started", "Claire"),
            JournalRow("2", NOW + 60, "lock-asked", "tous les 28"),
            JournalRow("3", NOW + 61, "not-covered", "Emma", "2e écran"),
        ]
    )
    made.desk.go("journal")
    save(made, folder, "09-journal-fr-1366")


def pictures_of_all(folder: Path) -> None:
    for language, theme in (("en", "light"), ("de", "dark"), ("fr", "light")):
        made = room(language, theme)
        made.begin(lively())
        made.window.open_sheet("pictures")
        save(made, folder, f"08-sheet-pictures-{language}-{theme}")
        made = room(language, theme)
        made.begin(lively())
        made.desk.keep_pictures()
        failed = without_picture([("Hugo", "private"), ("Kenji", "not-there"), ("Tom", "late")])
        made.desk.told(Receipt("stills", "", 12, 28, failed=failed, ended=15))
        save(made, folder, f"08-pictures-{language}-{theme}")


def checks(folder: Path) -> None:
    """Draw the check as it is found: nobody yet, one pupil gone, deaf, all well."""
    here, own = {"here": 27, "all": 28, "names": "Tom"}, CHECKS[:5]
    deaf = (CHECKS[0], Check("own-announcement", "failed"), CHECKS[-1])
    facts = {"devices": 3, "own": ("Collège",), "theirs": ("Salle 12",)}
    apart = Check("device-network", "failed", facts)
    none = {"cause": "none", "here": 0, "all": 28}
    cases = (
        ("isolation", "fr", "light", (1366, 768), CHECKS, Missed("5e B", 28)),
        (
            "nobody",
            "de",
            "dark",
            (1366, 768),
            (*own, Check("class", "failed", none)),
            Missed("7b", 28),
        ),
        (
            "gone",
            "en",
            "light",
            (1920, 1080),
            (*own, Check("class", "failed", {"cause": "away", **here}), Check("school", "ok")),
            Missed("7B", 28, 27, "Tom"),
        ),
        ("deaf", "de", "light", (1366, 768), deaf, Missed("7b", 28)),
        ("elsewhere", "fr", "light", (1366, 768), (*own, apart), Missed("5e B", 28, stays=True)),
        (
            "well",
            "fr",
            "dark",
            (1366, 768),
            (*own, Check("class", "ok", {"here": 28, "all": 28}), Check("school", "ok")),
            Missed("5e B", 28, 28),
        ),
    )
    for name, language, theme, size, found, missed in cases:
        made = room(language, theme)
        made.window.resize(*size)
        made.wall.show(classroom())
        made.desk.begin(LESSON)
        made.first.came_in()
        made.desk.check()
        made.first.show(found, missed)
        made.window.show()
        save(made, folder, f"13-check-{name}-{theme}-{language}-{size[0]}")
    made = room("fr")
    made.begin(lively())
    made.desk.open("p26")
    save(made, folder, "14-gone-light-fr-1366")


def first_minutes(folder: Path) -> None:
    """Draw what a teacher meets before and beside a lesson: a wrong entry, files, notes, twins."""
    for look in (("fr", "light", (1366, 768)), ("de", "dark", (1920, 1080))):
        end = f"{look[1]}-{look[0]}-{look[2][0]}"
        made = opened(*look)
        made.first.show(CHECKS)
        made.settle()
        for name in ("school", "login", "password"):
            made.window.first_run.fields[name].setText("tilleuls")
        made.acts.refuses = TimeoutError()
        made.button("sign-in").click()
        save(made, folder, f"15-sign-in-{end}")
        made = opened(*look)
        made.first.show(CHECKS)
        for name in ("server", "school", "login", "password"):
            made.window.first_run.fields[name].setText("tilleuls")
        made.acts.refuses_once = NoFactor("second-factor")
        made.button("sign-in").click()
        save(made, folder, f"15-second-factor-{end}")
        made = opened(*look)
        made.first.found(founding=True)
        made.button("found-school").click()
        save(made, folder, f"16-founding-{end}")
        made = opened(*look)
        made.first.came_in()
        made.desk.go("safekeeping")
        save(made, folder, f"17-safekeeping-{end}")
        notes(folder, end, *look)


def opened(language: str, theme: str, size: tuple[int, int]) -> Room:
    made = room(language, theme)
    made.window.resize(*size)
    made.window.show()
    return made


def notes(folder: Path, end: str, language: str, theme: str, size: tuple[int, int]) -> None:
    for sheet in ("", "note"):
        made = room(language, theme)
        made.desk.note_key_beside()
        made.begin(lively(), size)
        if sheet:
            made.window.open_sheet(sheet)
        save(made, folder, f"18-key{sheet and '-sheet'}-{end}")
    for count in (24, 60):
        made = room(language, theme)
        tiles = classroom(count)
        replace(tiles, "Mehdi", State.TWIN, since=NOW - 9)
        made.begin(tiles, size)
        if count > len(NAMES):
            made.desk.open("p20")
        save(made, folder, f"19-twin-{count}-{end}")


def cart() -> list[Tile]:
    """Return a class of which half has said on the cart's tablets who it is."""
    tiles = classroom(16)
    for at in range(8, 16):
        replace(tiles, NAMES[at], State.NOT_HERE)
    for at in range(8, 14):
        claim = PupilId(f"p{at}") if at < 13 else PupilId("")
        device = DeviceId(f"t{at}")
        tiles.append(Tile(PupilId(""), device, f"Tablette {at}", 0, State.LIVE, claim=claim))
    return tiles


def standings(folder: Path) -> None:
    """Draw the school's sheet: what waits on a metered line, what goes, what was refused."""
    works = tuple(
        DecidedRow(
            JournalRow(why, NOW - 500, "handed-in", who, name),
            why,
            work=True,
            class_name="5e B",
            lesson_at=NOW - 3600,
            now_in=now_in,
            saves=saves,
        )
        for why, who, name, now_in, saves in (
            ("foreign-pupil", "Emma", "mare.pdf", "2B", True),
            ("too-large", "Noah", "film de la sortie au musée.mp4", "", True),
            ("lost-here", "Lina", "exposé.odt", "", False),
        )
    )
    going = Sending(2, 5, 3_100_000, 12_400_000)
    for name, school, standing in (
        (
            "metered",
            School(reached=True, synced_at=NOW, held="metered"),
            Standing(0, 3, 48_000_000),
        ),
        (
            "sending",
            School(reached=True, synced_at=NOW, busy=True, held="slow", sending=going),
            Standing(0, 3, 9_300_000),
        ),
        ("refused", School(reached=True, synced_at=NOW, refused=3), Standing(decided=works)),
    ):
        for language, theme in (("en", "light"), ("de", "dark"), ("fr", "light")):
            made = room(language, theme)
            made.begin(lively())
            made.button("sync-now").click()
            made.desk.show_school(school)
            made.desk.show_standing(standing)
            made.desk.changed.emit()
            save(made, folder, f"13-school-{name}-{theme}-{language}")


def signing_in_anew(folder: Path) -> None:
    """Draw where a sign-in has ended: above the classes, in the sheet, and the form itself."""
    ended = School(synced_at=NOW - 90_000, waiting=14, why="not-signed-in")
    known = Known("https://ecole.exemple", "tilleuls", "lambert", "Claire Lambert")
    for look in (("fr", "light", (1366, 768)), ("de", "dark", (1366, 768))):
        end = f"{look[1]}-{look[0]}"
        made = opened(*look)
        made.first.came_in()
        pupils = tuple(Pupil(PupilId(f"p{at}"), name, name, "") for at, name in enumerate(NAMES))
        made.classes.show([Roster(ClassId("c1"), "5e B", "Technologie", pupils)])
        made.desk.go("classes")
        made.desk.show_school(ended)
        made.desk.changed.emit()
        save(made, folder, f"21-anew-classes-{end}")
        made = opened(*look)
        made.begin(lively())
        made.desk.show_school(ended)
        made.button("sync-now").click()
        made.desk.changed.emit()
        save(made, folder, f"21-anew-sheet-{end}")
        made = opened(*look)
        made.first.came_in()
        made.first.show(CHECKS)
        made.first.begin_anew(known)
        made.desk.go("anew")
        made.settle()
        made.window.first_run.fields["password"].setText("tilleuls")
        made.acts.refuses = AnotherTeacher("Claire Lambert")
        made.button("sign-in").click()
        save(made, folder, f"21-anew-form-{end}")


def seats(folder: Path) -> None:
    for language, theme, size in (
        ("fr", "light", (1366, 768)),
        ("de", "dark", (1920, 1080)),
        ("en", "light", (1366, 768)),
    ):
        made = room(language, theme)
        made.begin(cart(), size)
        end = f"{theme}-{language}-{size[0]}"
        made.settle()
        made.window.open_sheet("seats")
        save(made, folder, f"10-seats-{end}")
        made = room(language, theme)
        made.begin(cart(), size)
        made.desk.open("t9")
        made.focus.picture(DeviceId("t9"), screen(2, QSize(1920, 1080)))
        save(made, folder, f"11-claim-{end}")
        made = room(language, theme)
        made.begin(cart(), size)
        made.desk.open("p3")
        made.focus.picture(DeviceId("d3"), screen(2, QSize(1920, 1080)))
        made.settle()
        made.window.open_sheet("seat")
        save(made, folder, f"12-seat-{end}")


def ready(folder: Path) -> None:
    """Draw what stands ready, in a lesson and on the page of classes: nothing, some, many."""
    names = ("Plan de la ville.pdf", "Le climat de Lille, questions, version corrigée.odt")
    listed = [offered(name) for name in names] + [offered("Film.mp4", 1_700_000_000)]
    listed += [offered("Fiche 3.pdf", here=False), *(offered(f"{at}.png") for at in range(8))]
    for end, language, theme, size in (
        ("light-fr-1280", "fr", "light", (1280, 800)),
        ("dark-de-1024", "de", "dark", (1024, 640)),
    ):
        for count in (0, 3, 12):
            made = room(language, theme)
            made.acts.ready[LESSON.class_id] = tuple(listed[:count])
            made.begin(lively(), size)
            made.window.open_sheet("hand-out")
            if count:
                made.button("ready-line").click()
            save(made, folder, f"ready-{count}-{end}")
            made = room(language, theme)
            made.acts.ready[LESSON.class_id] = tuple(listed[:count])
            made.window.resize(*size)
            made.window.show()
            made.classes.show([roster()])
            made.desk.go("classes")
            made.settle()
            made.button("documents-c1").click()
            save(made, folder, f"documents-{count}-{end}")


def main() -> None:
    app = QApplication(sys.argv)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    walls(folder)
    every_state(folder)
    pages(folder)
    sheets(folder)
    pictures_of_all(folder)
    seats(folder)
    ready(folder)
    standings(folder)
    signing_in_anew(folder)
    first_minutes(folder)
    app.quit()


if __name__ == "__main__":
    main()
