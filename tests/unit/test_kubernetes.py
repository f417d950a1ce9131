"""The nightly clean-up of `installer/kubernetes` calls the program as it is, with little to lose.

By hand, offline: `kubectl kustomize installer/kubernetes`, then `kubernetes-validate --strict`.
"""

import re
from pathlib import Path

from central_mdm.cli import parser

FOLDER = Path(__file__).resolve().parents[2] / "installer" / "kubernetes"
TIDY = (FOLDER / "tidy.yaml").read_text(encoding="utf-8")


def test_the_nightly_job_asks_for_a_clean_up_of_all_schools() -> None:
    words = re.search(r"^ +args: \[(.*)\]$", TIDY, re.MULTILINE)
    assert words
    asked = parser().parse_args(words[1].split(", "))
    assert (asked.command, asked.school, asked.database) == ("tidy", [], "$(DATABASE)")
    assert f"mountPath: {asked.folder}" in TIDY, "where keys, objects and retention.json lie"


def test_the_nightly_job_has_no_right_that_it_does_not_need() -> None:
    for owed in (
        "concurrencyPolicy: Forbid",
        "automountServiceAccountToken: false",
        "runAsNonRoot: true",
        "seccompProfile: {type: RuntimeDefault}",
        "allowPrivilegeEscalation: false",
        "readOnlyRootFilesystem: true",
        "capabilities: {drop: [ALL]}",
    ):
        assert owed in TIDY
