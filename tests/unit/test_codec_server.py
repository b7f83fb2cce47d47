"""Proves over real HTTP who gets what from the codec server: the one origin, with the token, what it asks for; everybody else nothing."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload

from gateways.codec_server import BODY_LIMIT, CodecServer, codec_server
from gateways.encryption import Encryption
from stack.errors import InvalidInputError
from stack.payload_keys import PayloadKeys
from stack.settings import Settings

ROOT = Path(__file__).parents[2]
ORIGIN, TOKEN = "https://temporal.example.com", "a token of the operators"
KEYS = PayloadKeys({"may": os.urandom(32)})
SAID = Payload(metadata={"encoding": b"json/plain"}, data='"grüße"'.encode())
BASIC = {"Authorization": "Basic " + base64.b64encode(f"anybody:{TOKEN}".encode()).decode()}
UI = {"Origin": ORIGIN, "X-Namespace": "deployments"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    runner = web.AppRunner(CodecServer(Encryption(KEYS), ORIGIN, TOKEN).application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}", trust_env=False, verify=False) as client:
        yield client
    await runner.cleanup()


async def question(*said: Payload, keys: PayloadKeys = KEYS) -> dict[str, Any]:
    return {"payloads": [MessageToDict(payload) for payload in await Encryption(keys).encode(said)]}


async def test_temporal_ui_gets_what_it_asks_for(client: httpx.AsyncClient) -> None:
    asked = await question(SAID, Payload())
    answer = await client.post("/decode?preserveStorageRefs=true", json=asked, headers=UI | BASIC)
    assert answer.status_code == 200
    assert answer.json() == {"payloads": [MessageToDict(SAID), {}]}
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("no-store", "Origin")


async def test_what_was_never_encrypted_is_answered_as_it_is(client: httpx.AsyncClient) -> None:
    asked = {"payloads": [MessageToDict(SAID)]}
    assert (await client.post("/decode", json=asked, headers=UI | BASIC)).json() == asked


async def test_a_command_line_may_send_the_token_as_bearer(client: httpx.AsyncClient) -> None:
    answer = await client.post("/decode", json=await question(SAID), headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.json() == {"payloads": [MessageToDict(SAID)]}


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        TOKEN,
        "Basic",
        "Basic !",
        "Bearer",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Basic " + base64.b64encode(f"{TOKEN}:wrong".encode()).decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
    ],
)
@pytest.mark.parametrize("path", ["/", "/decode", "/elsewhere"])
async def test_who_does_not_know_the_token_is_asked_for_it(client: httpx.AsyncClient, path: str, authorization: str | None) -> None:
    headers = UI | ({"Authorization": authorization} if authorization is not None else {})
    answer = await client.request("GET" if path == "/" else "POST", path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("origin", ["https://evil.example.com", "http://temporal.example.com", f"{ORIGIN}:8443", "null", ""])
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
async def test_a_page_of_another_origin_gets_nothing_even_with_the_password(client: httpx.AsyncClient, origin: str, method: str) -> None:
    answer = await client.request(method, "/decode", json=await question(SAID), headers=BASIC | {"Origin": origin})
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_a_preflight_needs_no_password(client: httpx.AsyncClient) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-namespace"}
    answer = await client.options("/decode", headers={"Origin": ORIGIN} | asked)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
    assert {"content-type", "x-namespace"} <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))


async def test_an_operator_signs_in_at_its_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", headers=BASIC)
    assert answer.status_code == 200
    assert "signed in" in answer.text


@pytest.mark.parametrize(("method", "path"), [("POST", "/encode"), ("GET", "/decode"), ("POST", "/download")])
async def test_it_does_nothing_else(client: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await client.request(method, path, headers=UI | BASIC)).status_code in {404, 405}


async def test_an_unknown_key_is_named(client: httpx.AsyncClient) -> None:
    asked = await question(SAID, keys=PayloadKeys({"june": os.urandom(32)}))
    answer = await client.post("/decode", json=asked, headers=UI | BASIC)
    assert answer.status_code == 422
    assert "'june'" in answer.text
    assert "PREVIEWS_PAYLOAD_KEYS_FILE" in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b'{"payloads": 1}', b"[" * 100_000, b"\xff"])
async def test_what_is_no_question_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    assert (await client.post("/decode", content=body, headers=UI | BASIC)).status_code == 400


async def test_a_question_that_is_too_large_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/decode", content=b" " * (BODY_LIMIT + 1), headers=UI | BASIC)
    assert answer.status_code == 413


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["payloads", "metadata", "data", "x"]), x),
    )
)
async def test_no_json_makes_it_fail(body: Any) -> None:
    class Asked:
        async def read(self) -> bytes:
            return json.dumps(body).encode()

    server = CodecServer(Encryption(KEYS), ORIGIN, TOKEN)
    with suppress(web.HTTPBadRequest, web.HTTPUnprocessableEntity):
        assert (await server._decode(Asked())).status == 200  # type: ignore[arg-type]


def test_everything_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        codec_server(Settings.from_env({}))
    assert caught.value.problems == [
        "PREVIEWS_PAYLOAD_KEYS_FILE is missing",
        "PREVIEWS_CODEC_TOKEN_FILE is missing",
        "PREVIEWS_CODEC_ORIGIN is missing",
    ]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "keys").write_text(f"may:{base64.b64encode(KEYS.by_id['may']).decode()}\n")
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    rest = {name: value for name, value in os.environ.items() if not name.startswith(("PREVIEWS_", "TEMPORAL_"))}
    return rest | {
        "PREVIEWS_PAYLOAD_KEYS_FILE": str(tmp_path / "keys"),
        "PREVIEWS_CODEC_TOKEN_FILE": str(tmp_path / "token"),
        "PREVIEWS_CODEC_ORIGIN": ORIGIN,
        "PREVIEWS_CODEC_LISTEN": "127.0.0.1:0",
    }


def start(environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "starter.py"), "codec-server"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def test_the_command_answers_until_sigterm_and_says_nothing_of_it(environment: dict[str, str]) -> None:
    process = start(environment)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().split()[-1]
        async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
            assert (await client.post("/decode", json=await question(SAID), headers=UI | BASIC)).status_code == 200
            assert (await client.post("/decode", content=b"{", headers=UI | BASIC)).status_code == 400
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=10)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("PREVIEWS_CODEC_TOKEN_FILE", "short", "fewer than 16 characters"),
        ("PREVIEWS_PAYLOAD_KEYS_FILE", "no-key", "line 1: expected id:key"),
    ],
)
def test_files_that_cannot_be_used_are_one_message(environment: dict[str, str], name: str, content: str, told: str) -> None:
    Path(environment[name]).write_text(content)
    process = start(environment)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert told in err
    assert "Traceback" not in err
