"""Proves that an application's secrets reach its namespace's Secret and nothing else."""

from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.secrets import SecretActivities
from gateways.cluster import Object
from gateways.cluster_secrets import ClusterSecrets
from gateways.doppler import Doppler
from gateways.records import ClusterRecords
from gateways.secret_files import EnvFiles
from gateways.secret_sources import StackSecrets
from stack.errors import MissingSecretError, OutdatedError, RejectedError, SecretSourceError
from stack.models import Attempt, SecretsReport
from stack.names import Names
from stack.settings import Settings
from stack.stackfile import DopplerConfig, Secrets
from tests.activities.world import HOME, accepted_cluster
from tests.fakes.cluster import FakeCluster
from tests.fakes.requests import attempt

SETTINGS = Settings.from_env({"PREVIEWS_PRODUCTION_ADDRESSES": "temporal.production.svc:7233, 10.0.0.9:7233"})
FILE = "PLAIN=a$b\nQUOTED='a#b=c'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "shop.env").write_text(FILE)
    return folder


@pytest.fixture
async def cluster() -> FakeCluster:
    return await accepted_cluster()


def asking(*required: str, file: str = "shop.env", generation: int = 1) -> Attempt:
    return asking_for(Secrets(file=file, required=required), generation)


def asking_for(secrets: Secrets, generation: int = 1) -> Attempt:
    plain = attempt(generation=generation)
    stack = plain.request.stack.model_copy(update={"secrets": secrets})
    return plain.model_copy(update={"request": plain.request.model_copy(update={"stack": stack})})


async def write(cluster: FakeCluster, folder: Path | None, asked: Attempt) -> SecretsReport:
    sources = StackSecrets(Doppler("http://127.0.0.1:1", None), EnvFiles(folder), ClusterSecrets(cluster, HOME))
    activities = SecretActivities(sources, cluster, ClusterRecords(cluster, HOME), SETTINGS)
    report: SecretsReport = await ActivityEnvironment().run(activities.write_secret, asked)
    return report


async def stored(cluster: FakeCluster) -> dict[str, str]:
    secret = await cluster.read("Secret", "app-secrets", "pr-1")
    assert secret is not None
    return {key: b64decode(value).decode() for key, value in secret["data"].items()}


async def test_values_arrive_byte_for_byte_and_the_report_has_names_only(cluster: FakeCluster, folder: Path) -> None:
    report = await write(cluster, folder, asking("PLAIN"))
    assert await stored(cluster) == {"PLAIN": "a$b", "QUOTED": "a#b=c"}
    assert report.keys == ("PLAIN", "QUOTED")
    assert "a$b" not in report.model_dump_json()


async def test_every_missing_key_is_named_and_nothing_is_written(cluster: FakeCluster, folder: Path) -> None:
    (folder / "shop.env").write_text(FILE + "EMPTY=\n")
    with pytest.raises(MissingSecretError, match="missing or empty: EMPTY, ONE, TWO"):
        await write(cluster, folder, asking("PLAIN", "EMPTY", "ONE", "TWO"))
    assert await cluster.read("Secret", "app-secrets", "pr-1") is None


async def test_equal_values_have_the_same_fingerprint_in_one_namespace_and_never_in_two(cluster: FakeCluster, folder: Path) -> None:
    first = await write(cluster, folder, asking())
    assert (await write(cluster, folder, asking())).fingerprint == first.fingerprint
    assert (await write(await accepted_cluster(), folder, asking())).fingerprint != first.fingerprint
    (folder / "shop.env").write_text(FILE.replace("a$b", "other"))
    assert (await write(cluster, folder, asking())).fingerprint != first.fingerprint


async def test_a_key_that_is_not_in_the_source_any_more_goes(cluster: FakeCluster, folder: Path) -> None:
    await write(cluster, folder, asking())
    (folder / "shop.env").write_text("PLAIN=1\n")
    await write(cluster, folder, asking())
    assert await stored(cluster) == {"PLAIN": "1"}


@pytest.mark.parametrize(("line", "sets"), [("", False), ("TEMPORAL_SERVER_ADDRESS=", False), ("TEMPORAL_SERVER_ADDRESS=t:7233", True)])
async def test_an_address_counts_unless_it_is_empty(cluster: FakeCluster, folder: Path, line: str, sets: bool) -> None:
    (folder / "shop.env").write_text(FILE + line)
    assert (await write(cluster, folder, asking())).sets_temporal_address is sets


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("http://hidden.example:7233", "it has a scheme"),
        ("temporal.production.svc.cluster.local:7233", "it leads to the production Temporal"),
        ("frontend.production.svc:7233", "it leads to the production Temporal"),
        ("10.0.0.9:7233", "it leads to the production Temporal"),
        ("169.254.169.254:80", "no server that a preview may reach"),
    ],
)
async def test_an_address_that_a_preview_must_not_have_is_refused_unseen_and_nothing_is_written(
    cluster: FakeCluster, folder: Path, value: str, told: str
) -> None:
    (folder / "shop.env").write_text(f"TEMPORAL_SERVER_ADDRESS={value}\n")
    with pytest.raises(SecretSourceError, match="write host:port") as caught:
        await write(cluster, folder, asking())
    assert told in str(caught.value)
    assert value not in str(caught.value)
    assert await cluster.read("Secret", "app-secrets", "pr-1") is None


def beside_the_deployer(labels: dict[str, str], data: dict[str, bytes]) -> dict[str, object]:
    encoded = {key: b64encode(value).decode() for key, value in data.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "shop", "namespace": HOME, "labels": labels},
        "data": encoded,
    }


OFFERED = {"previews.temporal.io/secrets": "offered"}
FROM_CLUSTER = Secrets(secret="shop")
CONFIG = DopplerConfig(project="shop", config="preview")


async def test_a_secret_that_is_offered_is_copied_byte_for_byte(cluster: FakeCluster, folder: Path) -> None:
    cluster.put(beside_the_deployer(OFFERED, {"A": "$x \"'\n\u2603".encode(), "B": b""}))
    report = await write(cluster, folder, asking_for(FROM_CLUSTER))
    assert report.keys == ("A", "B")
    assert await stored(cluster) == {"A": "$x \"'\n\u2603", "B": ""}


async def test_equal_values_of_another_source_keep_the_fingerprint(cluster: FakeCluster, folder: Path) -> None:
    cluster.put(beside_the_deployer(OFFERED, {"PLAIN": b"a$b", "QUOTED": b"a#b=c"}))
    assert await write(cluster, folder, asking_for(FROM_CLUSTER)) == await write(cluster, folder, asking())


async def test_a_secret_that_nobody_offered_is_refused(cluster: FakeCluster, folder: Path) -> None:
    cluster.put(beside_the_deployer({}, {"PASSWORD": b"hidden"}))
    with pytest.raises(SecretSourceError, match="label it previews") as caught:
        await write(cluster, folder, asking_for(FROM_CLUSTER))
    assert "hidden" not in str(caught.value)


async def test_a_secret_that_is_not_there_is_for_a_person(cluster: FakeCluster, folder: Path) -> None:
    with pytest.raises(MissingSecretError, match=f"Secret {HOME}/shop"):
        await write(cluster, folder, asking_for(FROM_CLUSTER))


async def test_values_that_are_no_text_are_named_and_not_shown(cluster: FakeCluster, folder: Path) -> None:
    cluster.put(beside_the_deployer(OFFERED, {"GOOD": b"x", "KEYSTORE": b"\xffhidden"}))
    with pytest.raises(SecretSourceError, match="not text in UTF-8: KEYSTORE") as caught:
        await write(cluster, folder, asking_for(FROM_CLUSTER))
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "secrets",
    [Secrets(), Secrets(file="shop.env", secret="shop"), Secrets(doppler=DopplerConfig(project="a", config="b"), file="shop.env")],
)
async def test_secrets_of_none_or_several_sources_are_refused(cluster: FakeCluster, folder: Path, secrets: Secrets) -> None:
    """The loader refuses such a stack file; a request may come from somewhere else."""
    with pytest.raises(RejectedError, match="none or several sources"):
        await write(cluster, folder, asking_for(secrets))


async def test_without_secrets_there_is_no_secret(cluster: FakeCluster, folder: Path) -> None:
    assert await write(cluster, folder, attempt()) == SecretsReport()
    assert await cluster.read("Secret", "app-secrets", "pr-1") is None


async def test_an_outdated_attempt_writes_nothing(cluster: FakeCluster, folder: Path) -> None:
    with pytest.raises(OutdatedError):
        await write(cluster, folder, asking(generation=2))
    assert await cluster.read("Secret", "app-secrets", "pr-1") is None


@pytest.mark.parametrize("name", ["absent.env", "a-folder"])
async def test_a_file_that_is_not_there_is_for_a_person(cluster: FakeCluster, folder: Path, name: str) -> None:
    (folder / "a-folder").mkdir()
    with pytest.raises(MissingSecretError, match=name):
        await write(cluster, folder, asking(file=name))


async def test_a_worker_without_a_folder_says_so(cluster: FakeCluster) -> None:
    with pytest.raises(MissingSecretError, match="no folder of secrets"):
        await write(cluster, None, asking())


async def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_followed(cluster: FakeCluster, folder: Path) -> None:
    (folder.parent / "outside.env").write_text("HIDDEN=hidden\n")
    (folder / "link.env").symlink_to(folder.parent / "outside.env")
    with pytest.raises(SecretSourceError, match="outside the folder"):
        await write(cluster, folder, asking(file="link.env"))
    (folder / "..data").mkdir()  # as the kubelet mounts a Secret
    (folder / "..data" / "shop.env").write_text("INSIDE=1\n")
    (folder / "inside.env").symlink_to(Path("..data") / "shop.env")
    assert (await write(cluster, folder, asking(file="inside.env"))).keys == ("INSIDE",)


@pytest.mark.parametrize("name", ["../outside.env", "/etc/passwd", "..", ".", "a/b"])
async def test_a_name_is_never_a_path(folder: Path, name: str) -> None:
    with pytest.raises((SecretSourceError, MissingSecretError)):
        await EnvFiles(folder).read(name)


@pytest.mark.parametrize("content", [b"KEY=\xff", b"hidden", b"K" * 2_000_000, b"KEY='hidden"])
async def test_a_file_that_cannot_be_understood_is_refused_without_showing_it(folder: Path, content: bytes) -> None:
    (folder / "broken.env").write_bytes(content)
    with pytest.raises(SecretSourceError, match=r"broken\.env") as caught:
        await EnvFiles(folder).read("broken.env")
    assert "hidden" not in str(caught.value)


async def test_a_worker_that_wakes_up_after_a_newer_one_has_written_brings_no_old_values(cluster: FakeCluster, folder: Path) -> None:
    """It was frozen right before it would have made the Secret."""
    make = cluster.create

    async def late(manifest: Object) -> bool:
        cluster.create = make  # type: ignore[method-assign]
        await move_on(cluster, folder)
        return await make(manifest)

    cluster.create = late  # type: ignore[method-assign]
    with pytest.raises(OutdatedError):
        await write(cluster, folder, asking())
    assert (await stored(cluster))["PLAIN"] == "new"


async def move_on(cluster: FakeCluster, folder: Path) -> SecretsReport:
    """A newer generation is accepted and its Secret written, with another value."""
    names = Names("pr-1")
    records = ClusterRecords(cluster, HOME)
    before = await records.read(names)
    assert before is not None
    await records.advance(names, before.record.model_copy(update={"generation": 2}), after=before)
    (folder / "shop.env").write_text("PLAIN=new\n")
    return await write(cluster, folder, asking(generation=2))
