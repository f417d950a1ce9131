"""Names from elsewhere become one plain entry of a folder, whatever they were."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_bridge.materials.errors import Unreadable
from device_bridge.materials.names import create_inside, inside, open_inside, safe_name

HOSTILE = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="./\\~-: aé\u202e\u200d\0CON1PRN(2)", max_size=40),
    st.builds("{}.{}".format, st.sampled_from(["con", "LPT1", "aux", ".."]), st.text(max_size=30)),
)


@pytest.mark.parametrize(
    ("hostile", "safe"),
    [
        ("Devoir de maths.pdf", "Devoir de maths.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\..\\win.ini", "_.._win.ini"),
        ("C:\\x.txt", "C__x.txt"),
        ("CON.txt", "_CON.txt"),
        ("lpt1", "_lpt1"),
        (".bashrc", "bashrc"),
        ("--delete.txt", "delete.txt"),
        ("name. . .", "name"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("line\nbreak\x07.txt", "line break.txt"),
        ("e\u0301te\u0301.odt", "été.odt"),
        ("", "document"),
        ("...", "document"),
        ("\0", "document"),
        ("a" * 10_000 + ".pdf", "a" * 116 + ".pdf"),
    ],
)
def test_a_hostile_name_becomes(hostile: str, safe: str) -> None:
    assert safe_name(hostile) == safe


@given(HOSTILE, st.lists(HOSTILE, max_size=3))
@settings(max_examples=150, deadline=None)
def test_no_name_leaves_its_folder(hostile: str, others: list[str]) -> None:
    name = safe_name(hostile, [safe_name(other) for other in others])
    assert 0 < len(name) <= 120
    assert len(name.encode()) <= 255
    assert Path("/folder", name).parent == Path("/folder")
    assert not set(name) & set('/\\:<>"|?*')
    assert not any(unicodedata.category(letter).startswith("C") for letter in name)
    assert name[0] not in ".-~ "
    assert name[-1] not in ". "
    assert safe_name(name) == name
    assert unicodedata.is_normalized("NFC", name)
    assert name.casefold() not in {safe_name(other).casefold() for other in others}


def test_twins_are_numbered_where_case_does_not_count() -> None:
    taken = ["Bild.JPG", "bild (2).jpg"]
    assert safe_name("bild.jpg", taken) == "bild (3).jpg"
    assert safe_name("ﬁle.txt", ["FILE.TXT"]) == "ﬁle (2).txt"


def test_a_name_that_is_not_harmless_is_no_place_in_a_folder(tmp_path: Path) -> None:
    assert inside(tmp_path, "a.txt") == tmp_path / "a.txt"
    for hostile in ("../a.txt", "a/b", "", ".hidden", "NUL"):
        with pytest.raises(Unreadable):
            inside(tmp_path, hostile)


def test_a_link_is_neither_written_through_nor_read_through(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.txt").symlink_to(secret)
    with pytest.raises(Unreadable):
        create_inside(folder, "link.txt")
    with pytest.raises(Unreadable):
        open_inside(folder, "link.txt")
    assert secret.read_text() == "key"


def test_only_a_regular_file_of_the_folder_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "inner").mkdir()
    (tmp_path / ".work").write_text("a pupil may call it so")
    for name in ("pipe", "inner", "missing", "..", "inner/../.work", ""):
        with pytest.raises(Unreadable):
            open_inside(tmp_path, name)
    with open_inside(tmp_path, ".work") as file:
        assert file.read() == b"a pupil may call it so"


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine")
    with pytest.raises(Unreadable):
        create_inside(tmp_path, "a.txt")
    assert (tmp_path / "a.txt").read_text() == "mine"
