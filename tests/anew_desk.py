"""A sign-in that ended, and the way back in: python -m tests.anew_desk HOME SCHOOL ISSUER.

The whole desk against the whole server; between them is no socket. `ISSUER` is a real provider of
the school's accounts, to whose page the desk sends this computer's browser.
"""

import asyncio
import gc
import os
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication
from sqlalchemy import delete, func, select

from central_mdm.identity.model import certificates, refresh_tokens, teachers
from central_mdm.identity.openid import Provider, choose_provider, link
from central_mdm.identity.people import choose_password
from central_mdm.journal.model import origins
from classroom_app.bootstrap import Desk
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.errors import NotSignedIn, Unreachable
from classroom_app.cloud.sync import Sync
from classroom_app.domain.errors import StoreFull
from classroom_app.loop import DeskLoop
from classroom_app.presenters.words import speak
from classroom_app.storage.keeping import Keeping, open_keeping
from tests.mdm import Mdm, running
from tests.own_desk import HERE, until
from tests.provider import sign_in_there

NEW = "a new word for it"
LAMBERT = "t-lambert"


@asynccontextmanager
async def desk_at(home: Path, mdm: Mdm) -> AsyncGenerator[Desk]:
    desk = Desk(await open_keeping(home), home, HERE, "light")
    own = [await between(cloud, mdm.http) for cloud in (desk.central, desk.cloud)]
    desk.window.resize(1366, 768)
    desk.window.show()
    try:
        await desk.begin()
        yield desk
    finally:
        for cloud, http in zip((desk.central, desk.cloud), own, strict=True):
            await between(cloud, http)  # the application's own client outlives the desk
        await desk.close()
        desk.window.deleteLater()


async def between(cloud: Cloud, http: httpx.AsyncClient) -> httpx.AsyncClient:
    """Let it ask by this client; return the one before."""
    before = cloud._http  # pyright: ignore[reportPrivateUsage] - no socket between
    cloud._http = http  # pyright: ignore[reportPrivateUsage]
    return before


def click(desk: Desk, name: str) -> None:
    QTest.mouseClick(button(desk, name), Qt.MouseButton.LeftButton)


def button(desk: Desk, name: str) -> QAbstractButton:
    found = desk.window.findChildren(QAbstractButton, name)
    return next(one for one in found if one.isVisible())


def type_in(desk: Desk, **texts: str) -> None:
    for name, text in texts.items():
        field = desk.window.first_run.fields[name]
        field.clear()
        QTest.keyClicks(field, text)


def password_of(mdm: Mdm, login: str) -> str:
    return next(one["password"] for one in mdm.sample["teachers"] if one["login"] == login)


async def who_wrote(mdm: Mdm) -> set[str]:
    async with mdm.ground.database.reading(mdm.school) as connection:
        return set((await connection.execute(select(origins.c.teacher))).scalars())


async def thumbprint(mdm: Mdm, person: str) -> str:
    wanted = select(teachers.c.thumbprint).where(
        teachers.c.school == mdm.school, teachers.c.id == person
    )
    async with mdm.ground.database.reading(mdm.school) as connection:
        return (await connection.execute(wanted)).scalar_one()


async def certified(mdm: Mdm, person: str) -> tuple[int, int]:
    """Count the certificates and the sign-ins of a person."""
    async with mdm.ground.database.reading(mdm.school) as connection:
        papers = select(func.count()).where(certificates.c.party == person)
        tokens = select(func.count()).where(refresh_tokens.c.teacher == person)
        found = [int(await connection.scalar(one) or 0) for one in (papers, tokens)]
    return found[0], found[1]


def told_after_a_turn(desk: Desk) -> bool:
    """Ask for a turn, as one beside another is not told of."""
    assert desk.school is not None
    desk.school.sync.wake()
    return desk.desk.school.asks_anew


async def the_sign_in_ends(desk: Desk, mdm: Mdm) -> None:
    """Sign in once; the office gives a new password, and a lesson begins."""
    typed = {"server": "http://mdm", "school": mdm.school, "login": "lambert"}
    type_in(desk, **typed, password=password_of(mdm, "lambert"))
    click(desk, "sign-in")
    await until(lambda: desk.desk.page == "classes")
    await choose_password(mdm.ground, mdm.school, "lambert", NEW)
    await until(lambda: told_after_a_turn(desk))
    assert desk.desk.school_words() == "Sign in anew: nothing goes to the school"
    await until(desk.window.classes.anew.isVisible)
    assert desk.window.classes.anew.matter.text().startswith("The school no longer knows")
    await desk.start_lesson(desk.classes.classes[0].id, 1800)
    desk.desk.message("the pond")
    click(desk, "sync-now")
    await until(lambda: desk.desk.school.waiting)


async def another_does_not_get_in(desk: Desk, mdm: Mdm) -> None:
    before, hers = await desk.keeping.papers(), await thumbprint(mdm, "t-keller")
    click(desk, "sign-in-anew")
    view = desk.window.first_run
    assert desk.desk.page == "anew"
    assert [view.fields[name].text() for name in ("server", "school", "login")] == [
        "http://mdm",
        mdm.school,
        "lambert",
    ]
    type_in(desk, login="keller", password=password_of(mdm, "keller"))
    click(desk, "sign-in")
    await until(lambda: view.isVisible() and desk.first_run.told.wrong)
    assert desk.first_run.told.about == "login"
    assert "Here are the lessons of " in desk.first_run.told.words
    assert await desk.keeping.papers() == before
    assert await who_wrote(mdm) == set()
    assert await thumbprint(mdm, "t-keller") == hers, "her own computer teaches on"
    await desk.account_at("http://elsewhere", mdm.school)
    click(desk, "back")
    with pytest.raises(NotSignedIn):  # what is open asks where it always did
        await desk.sync_now()
    click(desk, "sync-now")
    click(desk, "sign-in-anew")


async def the_first_goes_on(desk: Desk, mdm: Mdm) -> None:
    """Sign in by the new password: the lesson goes on, and all that waited is through."""
    lesson, papers = desk.desk.lesson, await desk.keeping.papers()
    assert papers is not None
    assert desk.window.first_run.fields["login"].text() == "lambert"
    type_in(desk, password=NEW)
    QTest.keyClick(desk.window.first_run.fields["password"], Qt.Key.Key_Return)
    await until(lambda: desk.desk.page == "wall")
    await until(lambda: desk.desk.school.reached and not desk.desk.school.waiting)
    assert await who_wrote(mdm) == {LAMBERT}
    after = await desk.keeping.papers()
    assert after is not None
    assert desk.desk.lesson == lesson
    assert (after.key, after.certificate, after.login) == (
        papers.key,
        papers.certificate,
        "lambert",
    )
    assert after.refresh != papers.refresh


async def the_school_has_another_address(desk: Desk, mdm: Mdm) -> None:
    """Sign in anew there: with this server nothing was exchanged before its first turn."""
    assert desk.desk.school.synced_at
    await choose_password(mdm.ground, mdm.school, "lambert", NEW)
    await until(lambda: told_after_a_turn(desk))
    click(desk, "sync-now")
    click(desk, "sign-in-anew")
    assert desk.school is not None
    assert isinstance(desk.school.sync, Sync)
    async with desk.school.sync._turn:  # pyright: ignore[reportPrivateUsage] - none has come yet
        type_in(desk, server="http://mdm-2", password=NEW)
        click(desk, "sign-in")
        await until(lambda: desk.desk.page == "wall")
        assert not desk.desk.school.synced_at
    assert desk.keeping.server() == "http://mdm-2"
    await until(lambda: desk.desk.school.synced_at)


async def a_new_key_is_needed(desk: Desk, mdm: Mdm) -> None:
    """Sign in at a server that knows the computer no more: it is said once."""
    await choose_password(mdm.ground, mdm.school, "lambert", NEW)
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(delete(certificates).where(certificates.c.party == LAMBERT))
    await until(lambda: told_after_a_turn(desk))
    click(desk, "sync-now")
    click(desk, "sign-in-anew")
    type_in(desk, password=NEW)
    click(desk, "sign-in")
    await until(lambda: desk.first_run.told.wrong)
    assert desk.first_run.told.words.endswith("Sign in once more.")


async def a_server_set_back_knows_the_computer_no_more(desk: Desk, mdm: Mdm) -> None:
    """Sign in anew: the next try brings a new key. The lesson goes on."""
    lesson, papers = desk.desk.lesson, await desk.keeping.papers()
    assert papers is not None
    await a_new_key_is_needed(desk, mdm)
    assert await desk.keeping.papers() == papers
    await desk.keeping.keep_scopes(())  # the copy had the class as another's; it is hers again
    click(desk, "sign-in")
    await until(lambda: desk.desk.page == "wall")
    after = await desk.keeping.papers()
    assert after is not None
    assert after.key != papers.key
    assert desk.desk.lesson == lesson


async def a_lesson_waits_for_a_class_that_cannot_be_asked_for(
    desk: Desk, mdm: Mdm, error: Exception
) -> None:
    """Sign in while the class is not here and the exchange fails; once it does not, all goes on.

    The lesson is over for nobody: no end of it is written.
    """
    lesson = desk.desk.lesson
    assert lesson is not None
    await a_new_key_is_needed(desk, mdm)

    async def fails(_: Sync, *, files: bool = True) -> None:
        del files
        raise error

    await desk.keeping.keep_scopes(())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Sync, "once", fails)
        click(desk, "sign-in")
        await until(lambda: desk.desk.page == "classes" and not desk.first_run.busy)
    assert desk.desk.lesson is None
    assert desk.desk.summary.startswith(f"The lesson with {lesson.class_name} waits")
    kept = await desk.keeping.under_way()
    assert kept is not None
    assert kept.lesson.id == lesson.id
    assert desk.school is not None
    desk.school.sync.wake()
    await until(lambda: desk.desk.page == "wall")
    assert desk.desk.lesson is not None
    assert desk.desk.lesson.id == lesson.id


async def a_lesson_that_cannot_be_read_leaves_no_wall(desk: Desk, mdm: Mdm) -> None:
    await a_new_key_is_needed(desk, mdm)

    async def fails(_: Keeping) -> None:
        raise StoreFull

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Keeping, "under_way", fails)
        click(desk, "sign-in")
        await until(lambda: not desk.first_run.busy)
    assert (desk.desk.page, desk.desk.lesson) == ("classes", None)
    assert await desk.keeping.under_way(), "the next start finds it"


async def a_whole_sign_in(desk: Desk, mdm: Mdm) -> None:
    """Begin with papers that serve no more: who it is, is known, and a new key is certified.

    Nobody else's is: no certificate, no tokens, and hers teaches on.
    """
    papers, hers = await desk.keeping.papers(), await certified(mdm, "t-keller")
    assert papers is not None
    assert desk.desk.page == "sign-in"
    assert desk.first_run.title() == "Sign in anew"
    type_in(desk, login="keller", password=password_of(mdm, "keller"))
    click(desk, "sign-in")
    await until(lambda: desk.first_run.told.wrong)
    assert "Here are the lessons of " in desk.first_run.told.words
    assert await certified(mdm, "t-keller") == hers
    type_in(desk, school="elsewhere")
    click(desk, "sign-in")
    await until(lambda: not desk.first_run.busy and desk.first_run.told.wrong)
    assert "Here are the lessons of " in desk.first_run.told.words, "no other school is asked"
    type_in(desk, school=mdm.school, login="lambert", password=NEW)
    click(desk, "sign-in")
    await until(lambda: desk.desk.page == "classes")
    await until(lambda: desk.desk.school.reached)
    after = await desk.keeping.papers()
    assert after is not None
    assert after.certificate
    assert after.key != papers.key


class Browser(QObject):
    """What the system opens pages with."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: asyncio.Queue[str] = asyncio.Queue()
        QDesktopServices.setUrlHandler("http", self, "open")  # pyright: ignore[reportArgumentType] - the stub wants bytes

    @Slot(QUrl)
    def open(self, page: QUrl) -> None:
        self.shown.put_nowait(page.toString(QUrl.ComponentFormattingOption.FullyEncoded))

    async def sign_in(self, subject: str) -> str:
        """Sign in on the page that is opened; return what is read at the end."""
        async with httpx.AsyncClient() as http:
            return (await sign_in_there(http, await self.shown.get(), subject)).text


async def by_the_schools_account(desk: Desk, mdm: Mdm, issuer: str) -> None:
    """Sign in anew in the browser: another's account is given nothing, the own one goes on."""
    mdm.clock.at = int(time.time())  # the provider's
    chosen = Provider(issuer, "pupitre", "hush", "The region's account")
    await choose_provider(mdm.ground, mdm.school, chosen)
    async with mdm.ground.database.writing(mdm.school) as connection:
        await link(connection, mdm.school, LAMBERT, "4711")
        await link(connection, mdm.school, "t-keller", "4712")
    await choose_password(mdm.ground, mdm.school, "lambert", "nobody is told")
    await until(lambda: told_after_a_turn(desk))
    papers, hers = await desk.keeping.papers(), await certified(mdm, "t-keller")
    assert papers is not None
    await until(desk.window.classes.anew.isVisible)
    click(desk, "sign-in-anew")
    browser, first = Browser(), desk.first_run
    await until(lambda: first.account)
    click(desk, "account")
    assert "Go on in Pupitre" in await browser.sign_in("4712")
    await until(lambda: first.told.wrong)
    assert "Here are the lessons of " in first.told.words
    assert await certified(mdm, "t-keller") == hers
    assert await desk.keeping.papers() == papers
    click(desk, "account")
    await browser.sign_in("4711")
    await until(lambda: desk.desk.page == "classes")
    await until(lambda: desk.desk.school.reached and not desk.desk.school.asks_anew)
    after = await desk.keeping.papers()
    assert after is not None
    assert (after.key, after.certificate) == (papers.key, papers.certificate)
    assert after.refresh != papers.refresh
    QDesktopServices.unsetUrlHandler("http")


async def story(home: Path, folder: Path, issuer: str) -> None:
    async with running(folder, "") as mdm:
        async with desk_at(home, mdm) as desk:
            await the_sign_in_ends(desk, mdm)
            await another_does_not_get_in(desk, mdm)
            await the_first_goes_on(desk, mdm)
            await the_school_has_another_address(desk, mdm)
            await a_server_set_back_knows_the_computer_no_more(desk, mdm)
            for error in (Unreachable(), StoreFull()):
                await a_lesson_waits_for_a_class_that_cannot_be_asked_for(desk, mdm, error)
            await a_lesson_that_cannot_be_read_leaves_no_wall(desk, mdm)
            await desk.keeping.change_papers(certificate="")  # as where the school has a new root
        async with desk_at(home, mdm) as desk:
            await a_whole_sign_in(desk, mdm)
            await by_the_schools_account(desk, mdm, issuer)


def main() -> None:
    gc.disable()  # as the app does: no worker may end a window's timers
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication([])
    app.setQuitOnLastWindowClosed(False)
    translator = speak("en", None)
    with DeskLoop(app) as loop:
        loop.run_until_complete(story(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
    translator.deleteLater()


if __name__ == "__main__":
    main()
