"""The README leads to every page of docs/, and the benchmarks list themselves."""

import re
from pathlib import Path

from tests.benchmarks.__main__ import listed

ROOT = Path(__file__).resolve().parents[2]


def test_the_readme_leads_to_every_page() -> None:
    named = set(re.findall(r"\]\(docs/([\w-]+\.md)\)", (ROOT / "README.md").read_text()))
    assert named == {page.name for page in (ROOT / "docs").glob("*.md")}


def test_each_benchmark_that_a_page_names_is_listed_with_what_it_measures() -> None:
    told = dict(listed())
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    words = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    named = set(re.findall(r"python -m tests\.benchmarks\.([a-z_]+)", words))
    assert named
    assert named - told.keys() == set()
    assert all(told.values())
