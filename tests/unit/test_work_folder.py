"""The teacher is led to the folder that collected work lies in."""

from pathlib import Path

import pytest

from classroom_app.domain.errors import NoFileManager
from classroom_app.presenters.sentences import refusal
from classroom_app.work_folder import show_folder


async def test_the_folder_is_shown_also_before_anything_was_collected(tmp_path: Path) -> None:
    shown: list[Path] = []

    def show(folder: Path) -> bool:
        shown.append(folder)
        return folder.is_dir()

    await show_folder(tmp_path / "collected", show)
    assert shown == [tmp_path / "collected"]


async def test_where_nothing_shows_folders_the_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoFileManager) as refused:
        await show_folder(tmp_path / "collected", lambda _: False)
    assert str(tmp_path / "collected") in refusal(refused.value)
