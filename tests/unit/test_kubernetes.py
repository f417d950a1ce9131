"""What `installer/kubernetes` starts calls the program as it is, with little to lose.

By hand, offline: `kubectl kustomize installer/kubernetes`, then `kubernetes-validate --strict`.
"""

import re
from pathlib import Path
from typing import Any

from msgspec import yaml

from central_mdm.app import ROOMS
from central_mdm.cli import parser
from central_mdm.contract.partage import CHUNK_BYTES_MAX
from central_mdm.contract.register import UPLOAD_BYTES_MAX
from central_mdm.fleet.door import REQUESTS_MAX, UPLOADS_MAX
from central_mdm.roster import uploading
from central_mdm.roster.oneroster import staging
from central_mdm.serving import GOODBYE_SECONDS
from central_mdm.traces import GOODBYE_SECONDS as TRACES_SECONDS

FOLDER = Path(__file__).resolve().parents[2] / "installer" / "kubernetes"
TIDY = (FOLDER / "tidy.yaml").read_text(encoding="utf-8")
GROUPS = ("devices", "people", "work")
DATABASE = "postgresql+psycopg://pupitre@database/pupitre"
"""As the secret has it."""
PROCESS_BYTES = 256 * 2**20
SERVED_ROOMS = re.compile(r'name: ROOMS, value: "([a-z,]+)"')


def read(name: str) -> dict[str, Any]:
    return yaml.decode((FOLDER / name).read_bytes(), type=dict[str, Any])


def server_groups() -> dict[str, set[str]]:
    """Return which rooms each group of servers serves."""
    found = {name: (FOLDER / name / "kustomization.yaml").read_text() for name in GROUPS}
    rooms = {name: SERVED_ROOMS.search(text) for name, text in found.items()}
    return {name: set(match[1].split(",")) for name, match in rooms.items() if match}


def test_the_nightly_job_asks_for_a_clean_up_of_all_schools() -> None:
    words = re.search(r"^ +args: \[(.*)\]$", TIDY, re.MULTILINE)
    assert words
    asked = parser().parse_args(words[1].replace("$(DATABASE)", DATABASE).split(", "))
    assert (asked.command, asked.school, asked.database) == ("tidy", [], DATABASE)
    assert f"mountPath: {asked.folder}" in TIDY, "where keys and retention.json lie"


def test_the_nightly_job_cleans_the_bucket_that_the_servers_fill() -> None:
    def envs(pod: dict[str, Any]) -> dict[str, Any]:
        (one,) = pod["containers"]
        return {each["name"]: each["valueFrom"] for each in one["env"] if "valueFrom" in each}

    job = read("tidy.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    pod = read("server/deployment.yaml")["spec"]["template"]["spec"]
    assert envs(job) == envs(pod)
    (tidy,), (server,) = job["containers"], pod["containers"]
    assert {"--database=$(DATABASE)", "--objects=$(OBJECTS)"} <= set(server["args"])
    args = tidy["args"]
    assert (args[args.index("--objects") + 1], args[args.index("--database") + 1]) == (
        "$(OBJECTS)",
        "$(DATABASE)",
    )


def test_the_nightly_job_is_done_again_where_it_was_killed_and_not_where_a_school_failed() -> None:
    job = read("tidy.yaml")["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    (container,), (rule,) = pod["containers"], job["podFailurePolicy"]["rules"]
    assert job["backoffLimit"] > 0
    assert pod["restartPolicy"] == "Never", "or there may be no such rule"
    on = {"containerName": container["name"], "operator": "In", "values": [1, 2]}
    assert rule == {"action": "FailJob", "onExitCodes": on}


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


def test_each_room_is_served_by_one_group_of_servers() -> None:
    groups = server_groups()
    assert sorted(room for rooms in groups.values() for room in rooms) == sorted(ROOMS)
    assert set(read("kustomization.yaml")["resources"]) >= set(GROUPS)


def test_work_has_memory_for_all_that_its_places_hold_at_once() -> None:
    text = (FOLDER / "work" / "kustomization.yaml").read_text()
    allowed = re.search(r"limits: {memory: (\d+)Gi}", text)
    assert allowed
    places = (UPLOADS_MAX + REQUESTS_MAX) * CHUNK_BYTES_MAX
    assert int(allowed[1]) * 2**30 >= places + PROCESS_BYTES


def test_people_have_a_disk_for_all_registers_that_wait_and_one_that_is_compared() -> None:
    volumes = read("server/deployment.yaml")["spec"]["template"]["spec"]["volumes"]
    (scratch,) = [each["emptyDir"]["sizeLimit"] for each in volumes if each["name"] == "scratch"]
    wait = uploading.AT_ONCE_MAX * UPLOAD_BYTES_MAX
    assert int(scratch.removesuffix("Gi")) * 2**30 > wait + staging.BYTES_MAX * 3 / 2


def test_a_server_is_started_by_options_that_it_has_and_asked_where_it_listens() -> None:
    pod = read("server/deployment.yaml")["spec"]["template"]
    (server,) = pod["spec"]["containers"]
    env = {each["name"]: each for each in server["env"]}
    told = {"$(ROOMS)": env["ROOMS"]["value"], "$(DATABASE)": DATABASE}
    args = "\n".join(server["args"])
    for name, value in told.items():
        args = args.replace(name, value)
    words = args.splitlines()
    asked = parser().parse_args(words)
    assert asked.only == ROOMS
    ports = {each["name"]: each["containerPort"] for each in server["ports"]}
    assert ports == {"http": asked.port, "metrics": asked.metrics_port}
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(asked.metrics_port)
    paths = {name: server[f"{name}Probe"]["httpGet"]["path"] for name in ("liveness", "readiness")}
    assert paths == {"liveness": "/health", "readiness": "/ready"}
    policy = read("network.yaml")["spec"]["ingress"]
    assert [each["ports"] for each in policy] == [
        [{"port": asked.port}],
        [{"port": asked.metrics_port}],
    ]
    longest = asked.drain_seconds + GOODBYE_SECONDS + TRACES_SECONDS
    assert pod["spec"]["terminationGracePeriodSeconds"] > longest
    seen = server["readinessProbe"]["periodSeconds"] * server["readinessProbe"]["failureThreshold"]
    assert asked.drain_seconds > seen, "it serves on until nobody sends it anything"


def test_a_server_has_no_right_that_it_does_not_need_and_no_secret_in_its_manifest() -> None:
    pod = read("server/deployment.yaml")["spec"]["template"]["spec"]
    job = read("tidy.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (server,), (tidy,) = pod["containers"], job["containers"]
    assert pod["securityContext"] == job["securityContext"]
    assert server["securityContext"] == tidy["securityContext"]
    assert pod["automountServiceAccountToken"] is False
    assert {each["name"] for each in server["env"] if "value" in each} == {"ROOMS"}
    assert all("secretKeyRef" in each["valueFrom"] for each in server["env"] if "value" not in each)
