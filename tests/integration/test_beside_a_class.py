"""A fault of ours in what a class can do without leaves it its teacher."""

from pathlib import Path

import pytest

from tests.school import SmallSchool
from tests.teaching import Place, device, teacher, until

pytestmark = pytest.mark.real_loop


async def test_a_bug_in_the_exchange_ends_no_link_and_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", [Place("device-1", "lina")]) as app,
    ):
        await app.begin_with(one)
        monkeypatch.setattr(app.school.sync, "once", None)
        app.school.sync.wake()
        await until(lambda: "begun anew" in caplog.text)
        await app.school.acts.lock(app.school.room.tiles(), "Eyes up")
        await until(lambda: app.tile("lina").held)
        caplog.clear()
