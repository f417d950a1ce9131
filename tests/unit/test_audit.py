"""What `make audit` makes of a service's answer; above all of none."""

from tests.audit import Hole, Library, Told, judged

WELL = Library("blake3", "1.0")
UNKNOWN = Library("zeroconf", skip_reason="not found")
OURSELVES = Library("pupitre", skip_reason="editable")


def test_a_service_that_is_away_is_no_clean_bill() -> None:
    assert judged({"pypi": None, "osv": None})[0] == 2
    code, words = judged({"pypi": Told([UNKNOWN, OURSELVES]), "osv": None})
    assert code == 2
    assert words.startswith("NOT AUDITED")


def test_a_library_that_nobody_knows_is_named() -> None:
    code, words = judged({"pypi": Told([WELL, UNKNOWN, OURSELVES])})
    assert code == 2
    assert words.endswith("1 not known: zeroconf")


def test_a_hole_is_named_with_the_version_that_mends_it() -> None:
    code, words = judged({"pypi": Told([Library("x", "1.0", [Hole("CVE-1", ["1.1"])])])})
    assert code == 1
    assert "x 1.0: CVE-1; mended in: 1.1" in words


def test_all_known_and_well_is_well_also_by_two_services_together() -> None:
    answers = {"pypi": Told([WELL, UNKNOWN, OURSELVES]), "osv": Told([Library("zeroconf", "0.1")])}
    assert judged(answers) == (0, "2 libraries, no known hole.")
