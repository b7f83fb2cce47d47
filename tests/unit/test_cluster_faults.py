"""Proves that the gateway raises our own errors whatever the API does, and that its watches heal."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from gateways import connection, watching
from gateways.cluster import Cluster
from gateways.connection import Request, Session
from gateways.kubernetes_cluster import KubernetesCluster
from stack.errors import InvalidInputError, RejectedError, UnavailableError
from tests.fakes.api_server import Handler, answer, connected, hang_up, lines, serving, write_kubeconfig

MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "pr-1"}}


async def drain_follow(cluster: Cluster) -> None:
    async with aclosing(cluster.follow("pr-1")) as views:
        async for _ in views:
            return


async def drain_watch(cluster: Cluster) -> None:
    async with aclosing(cluster.watch("Namespace", "pr-1")) as states:
        async for _ in states:
            return


CALLS: dict[str, Callable[[Cluster], Awaitable[Any]]] = {
    "apply": lambda cluster: cluster.apply(MAP),
    "create": lambda cluster: cluster.create(MAP),
    "read": lambda cluster: cluster.read("ConfigMap", "a", "pr-1"),
    "list": lambda cluster: cluster.list_objects("ConfigMap", "pr-1"),
    "replace": lambda cluster: cluster.replace(MAP),
    "delete": lambda cluster: cluster.delete("ConfigMap", "a", "pr-1"),
    "annotate": lambda cluster: cluster.annotate("Namespace", "pr-1", {"a": "1"}),
    "view": lambda cluster: cluster.view("pr-1"),
    "log": lambda cluster: cluster.log_tail("pr-1", "a", "b"),
    "follow": drain_follow,
    "watch": drain_watch,
}


READ_NO_ANSWER = {"create", "delete", "annotate", "log"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same behaviour in less time."""
    monkeypatch.setattr(connection, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(watching, "HEAL_SECONDS", 0.05)
    monkeypatch.setattr(watching, "PAUSES_SECONDS", (0.01,))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answer(500, {"message": "boom"}), id="fault of the server"),
        pytest.param(answer(502, "<html>Bad Gateway</html>"), id="page of a proxy"),
        pytest.param(answer(429, {"message": "slow down"}), id="overloaded"),
        pytest.param(answer(401, {"message": "Unauthorized"}), id="not accepted"),
        pytest.param(hang_up(), id="hangs up"),
    ],
)
async def test_faults_are_unavailable(call: str, fault: Handler, tmp_path: Path) -> None:
    async with serving(fault) as server, connected(tmp_path, server.url) as cluster:
        with pytest.raises(UnavailableError):
            await CALLS[call](cluster)


@pytest.mark.parametrize("call", [call for call in CALLS if call not in READ_NO_ANSWER])
async def test_a_success_that_is_not_json_is_unavailable(call: str, tmp_path: Path) -> None:
    async with serving(answer(200, "<html>Welcome to the hotel's network</html>")) as server, connected(tmp_path, server.url) as cluster:
        with pytest.raises(UnavailableError):
            await CALLS[call](cluster)


@pytest.mark.parametrize("call", CALLS)
async def test_nobody_listens(call: str, tmp_path: Path) -> None:
    async with connected(tmp_path, "http://127.0.0.1:1") as cluster:
        with pytest.raises(UnavailableError, match="can be reached"):
            await CALLS[call](cluster)


async def test_a_server_that_never_answers(tmp_path: Path) -> None:
    async def forever(request: Any) -> Any:
        await asyncio.sleep(0.5)

    async with serving(forever) as server:
        session = await Session.connect(write_kubeconfig(tmp_path, server.url))
        with pytest.raises(UnavailableError, match="TimeoutError"):
            await session.call(Request("GET", "/", "reading", "anything", seconds=0.1))
        await session.close()


@pytest.mark.parametrize("call", CALLS)
async def test_a_missing_right_is_rejected_after_some_patience(call: str, tmp_path: Path) -> None:
    refused = answer(403, {"message": 'x is forbidden: User "d" cannot get resource "x" in API group "" in the namespace "pr-1"'})
    async with serving(refused) as server, connected(tmp_path, server.url) as cluster:
        with pytest.raises(RejectedError, match="grant the deployer the right to get x"):
            await CALLS[call](cluster)
        assert len(server.requests) > 2


@pytest.mark.parametrize("call", CALLS)
async def test_an_api_server_that_has_just_started_refuses_nobody_for_good(call: str, tmp_path: Path) -> None:
    """It forbids everything until it has read who may do what, and says by /readyz that it is not ready."""
    refused = answer(403, {"message": 'x is forbidden: User "d" cannot get resource "x" in API group ""'})
    async with serving(refused) as server, connected(tmp_path, server.url) as cluster:
        server.ready = False
        with pytest.raises(UnavailableError, match="not ready yet"):
            await CALLS[call](cluster)


async def test_a_server_that_becomes_ready_at_the_last_moment_is_asked_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PATIENCE_SECONDS", 0.0)
    refused = answer(403, {"message": 'x is forbidden: User "d" cannot get resource "x" in API group ""'})
    async with serving(refused, answer(200, MAP)) as server, connected(tmp_path, server.url) as cluster:
        assert await cluster.read("ConfigMap", "a", "pr-1") == MAP


async def test_a_right_that_arrives_late_is_awaited(tmp_path: Path) -> None:
    refused = answer(403, {"message": 'x is forbidden: User "d" cannot get resource "x" in API group ""'})
    async with serving(refused, answer(200, MAP)) as server, connected(tmp_path, server.url) as cluster:
        assert await cluster.read("ConfigMap", "a", "pr-1") == MAP


async def test_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    async with serving(answer(404, {"reason": "NotFound", "message": "not found"})) as server, connected(tmp_path, server.url) as cluster:
        assert await cluster.read("ConfigMap", "a", "pr-1") is None
        assert await cluster.delete("ConfigMap", "a", "pr-1") is False
        assert await cluster.log_tail("pr-1", "a", "b") == ""
        assert await cluster.annotate("Namespace", "pr-1", {"a": "1"}) is False


def listing(version: str, *names: str) -> Handler:
    return answer(200, {"metadata": {"resourceVersion": version}, "items": [item(name) for name in names]})


def item(name: str, version: str = "5") -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": name, "resourceVersion": version}}


async def names_seen(cluster: KubernetesCluster, wanted: str) -> list[str | None]:
    """What `watch` shows until the wanted name."""
    seen: list[str | None] = []
    async with asyncio.timeout(3), aclosing(cluster.watch("Namespace", "any")) as states:
        async for state in states:
            seen.append(state["metadata"]["name"] if state else None)
            if seen[-1] == wanted:
                return seen
    raise AssertionError(seen)


async def test_lists_that_work_without_watches_are_not_enough(tmp_path: Path) -> None:
    """The pause between tries grows, and after a while whoever waits is told."""
    async with serving(listing("1"), answer(502, "no watches here")) as server, connected(tmp_path, server.url) as cluster:
        with pytest.raises(UnavailableError, match="no watches here"):
            await names_seen(cluster, "never")


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(lines({"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}), id="410 as an event"),
        pytest.param(answer(410, {"message": "too old"}), id="410 as the answer"),
        pytest.param(lines({"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "boom"}}), id="500 as an event"),
        pytest.param(lines("<html>502 Bad Gateway</html>\n"), id="page of a proxy as an event"),
        pytest.param(lines('{"type": "ADDED", "obj'), id="cut in the middle of a line"),
        pytest.param(lines({"kind": "Status", "code": 504, "message": "timeout"}), id="a status instead of an event"),
        pytest.param(answer(503, {"message": "starting"}), id="503"),
        pytest.param(hang_up(), id="hangs up"),
    ],
)
async def test_a_watch_that_loses_the_thread_lists_again(trouble: Handler, tmp_path: Path) -> None:
    async with serving(listing("1"), trouble, listing("9", "b")) as server, connected(tmp_path, server.url) as cluster:
        assert (await names_seen(cluster, "b"))[0] is None
        assert "resourceVersion=1" in server.requests[1]


async def test_a_watch_that_ends_goes_on_from_its_bookmark(tmp_path: Path) -> None:
    bookmark = lines({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "7"}}})
    added = lines({"type": "ADDED", "object": item("b")})
    async with serving(listing("1"), bookmark, added) as server, connected(tmp_path, server.url) as cluster:
        await names_seen(cluster, "b")
        assert [request for request in server.requests if "resourceVersion=7" in request]
        assert len([request for request in server.requests if "watch" not in request]) == 1


async def test_a_deleted_object_is_seen_gone(tmp_path: Path) -> None:
    deleted = lines({"type": "DELETED", "object": item("a")})
    async with serving(listing("1", "a"), deleted) as server, connected(tmp_path, server.url) as cluster:
        states = cluster.watch("Namespace", "a")
        assert (await anext(states) or {})["metadata"]["name"] == "a"
        assert await anext(states) is None
        await states.aclose()


async def test_a_token_that_was_renewed_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answer(200, MAP)) as server, connected(tmp_path, server.url) as cluster:
        await cluster.read("ConfigMap", "a", "pr-1")
        (tmp_path / "token").write_text("second\n")
        await cluster.read("ConfigMap", "a", "pr-1")
        monkeypatch.setattr(connection, "TOKEN_PERIOD_SECONDS", 0)
        await cluster.read("ConfigMap", "a", "pr-1")
        (tmp_path / "kubeconfig").write_text("half: [writ")
        await cluster.read("ConfigMap", "a", "pr-1")
        assert server.tokens == ["Bearer first", "Bearer first", "Bearer second", "Bearer second"]


@pytest.mark.parametrize("text", ["", "half: [writ", "a: b", "[]"])
async def test_a_kubeconfig_that_cannot_be_used_is_invalid_input(text: str, tmp_path: Path) -> None:
    file = write_kubeconfig(tmp_path, "http://127.0.0.1:1")
    file.write_text(text)
    with pytest.raises(InvalidInputError, match="KUBECONFIG"):
        await Session.connect(file)


async def test_no_kubeconfig_and_no_service_account_is_invalid_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(InvalidInputError, match="service account"):
        await Session.connect(None)


async def test_a_cancellation_that_comes_together_with_a_change_is_not_lost() -> None:
    changed = asyncio.Event()

    async def listen() -> None:
        async with aclosing(watching.follow([], changed)) as beats:
            async for _ in beats:
                pass

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.01)
    changed.set()
    listening.cancel()
    await asyncio.wait([listening], timeout=0.5)
    assert listening.cancelled()
