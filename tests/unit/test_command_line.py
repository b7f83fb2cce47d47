"""The command line: exit codes, what people and programs read, what GitHub Actions gets. No server is asked."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli import github
from cli.exits import Exit, exit_code
from cli.main import COMMANDS, main
from cli.report import PlainReporter, TerminalReporter, as_json, as_text
from stack.errors import RejectedError
from stack.models import Category, Diagnosis, Outcome, Receipt, ReceiptItem, State, Urls

URLS = Urls(webapp="http://pr-7.test", temporal_ui="http://temporal-pr-7.test")
DIAGNOSIS = Diagnosis(
    category=Category.CRASH, object="Pod webapp", summary="It 100% crashes.", detail="line 1\nline 2", resolution="Mend it."
)
READY = Outcome(request_id="r", state="ready", pr=7, generation=3, sha="abcdef1", urls=URLS, seconds={"claim": 0.1, "wait": 2.5})
FAILED = Outcome(request_id="r", state="failed", pr=7, generation=3, sha="abcdef1", diagnosis=DIAGNOSIS)
GONE = Outcome(
    request_id="r",
    state="gone",
    pr=7,
    receipt=Receipt(
        items=(
            ReceiptItem(object="Namespace pr-7", existed=True, seen_gone=True, seconds=5.5),
            ReceiptItem(object="Role pr_7", existed=False, seen_gone=True, seconds=0),
            ReceiptItem(object="Database pr_7_app", existed=True, seen_gone=False, seconds=9, held_by="session of psql"),
        )
    ),
)
STACK = """
app: shop
host: "pr-{pr}.test"
webapp: {containers: [{name: backend, image: webapp, port: 8080}]}
temporal: {server: "1.32.2", worker: {image: worker, taskQueues: [default]}}
"""


@pytest.mark.parametrize(("state", "code"), [("ready", 0), ("gone", 0), ("failed", 1), ("cancelled", 1), ("superseded", 4), ("running", 5)])
def test_each_state_has_the_exit_code_of_the_design(state: State, code: int) -> None:
    assert exit_code(Outcome(request_id="r", state=state, pr=7)) == code


def test_the_json_object_has_the_fields_of_the_design_on_one_line() -> None:
    text = as_json(READY)
    assert "\n" not in text
    found = json.loads(text)
    assert found["urls"] == {"webapp": URLS.webapp, "temporal_ui": URLS.temporal_ui}
    assert {"state", "pr", "generation", "sha", "urls", "seconds", "diagnosis"} <= found.keys()


def test_a_person_reads_where_the_preview_is_or_what_to_do() -> None:
    assert "http://pr-7.test" in as_text(READY)
    assert "What to do: Mend it." in as_text(FAILED)
    assert "  | line 2" in as_text(FAILED)


def test_a_receipt_tells_what_was_deleted_what_was_not_there_and_what_is_held() -> None:
    text = as_text(GONE)
    assert "deleted, seen gone" in text
    assert "was not there" in text
    assert "STILL THERE" in text
    assert "(session of psql)" in text


def test_plain_progress_prints_each_step_once() -> None:
    stream = io.StringIO()
    tell = PlainReporter(stream)
    tell(READY)
    tell(READY)
    assert stream.getvalue().count("claim") == 1


def test_progress_on_a_terminal_shows_what_runs_now() -> None:
    stream = io.StringIO()
    TerminalReporter(stream)(READY.model_copy(update={"state": "running", "note": "wait"}))
    assert "… wait" in stream.getvalue()


def test_github_gets_outputs_a_summary_and_an_escaped_annotation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(tmp_path / "out"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    github.publish(READY, environment)
    assert (tmp_path / "out").read_text().splitlines() == [
        "state=ready",
        f"webapp-url={URLS.webapp}",
        f"temporal-ui-url={URLS.temporal_ui}",
    ]
    github.publish(FAILED, environment)
    assert "### Preview of pull request 7: failed" in (tmp_path / "summary").read_text()
    assert "::error title=Preview of pull request 7 failed::It 100%25 crashes. Mend it." in capsys.readouterr().out


def test_outside_github_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    github.publish(FAILED, {})
    assert capsys.readouterr().out == ""


def test_invalid_input_lists_every_problem_and_asks_no_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack = tmp_path / "preview.yaml"
    stack.write_text(STACK.replace("port: 8080", "port: 80"))
    words = ["deploy", "--pr", "0", "--repo", "shop", "--sha", "main", "--stack", str(stack), "--image", "webapp=a b", "--timeout", "soon"]
    assert main(words, {"TEMPORAL_ADDRESS": "127.0.0.1:1"}) == Exit.INVALID
    told = capsys.readouterr().err
    for word in ("nothing was started", "--pr 0", "--repo shop", "--sha main", "a b", "line 4", "--timeout"):
        assert word in told


def test_a_stack_file_that_cannot_be_read_is_invalid_input(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["deploy", "--pr", "1", "--repo", "octo/shop", "--sha", "abcdef1", "--stack", "/no/such/file"]
    assert main(words, {}) == Exit.INVALID
    assert "/no/such/file" in capsys.readouterr().err


WITHOUT = {
    "deploy, where the app chooses the namespace": ("deploy", {"PREVIEWS_NAMESPACE_TEMPLATE": "{app}-{pr}"}, "named {app}-{pr} here"),
    "render": ("render", {}, "there is no preview.yaml here"),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_a_stack_file_that_is_needed_here_must_be_here(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command, environment, told = WITHOUT[name]
    assert main([command, "--pr", "1", "--repo", "octo/shop", "--sha", "abcdef1"], environment) == Exit.INVALID
    assert told in capsys.readouterr().err


def test_without_a_stack_file_here_the_worker_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    assert main(["deploy", "--pr", "1", "--repo", "octo/shop", "--sha", "abcdef1"], {}) == Exit.UNREACHABLE
    (tmp_path / "preview.yaml").write_text("app: [")
    assert main(["deploy", "--pr", "1", "--repo", "octo/shop", "--sha", "abcdef1"], {}) == Exit.INVALID
    assert "preview.yaml, line 2" in capsys.readouterr().err


def test_settings_that_cannot_be_used_are_invalid_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["status", "--pr", "1"], {"PREVIEWS_NAMESPACE_TEMPLATE": "previews", "PREVIEWS_COLOUR": "red", "PREVIEWS_TEST_X": "y"})
        == Exit.INVALID
    )
    told = capsys.readouterr().err
    assert "PREVIEWS_NAMESPACE_TEMPLATE" in told
    assert "PREVIEWS_COLOUR" in told
    assert "PREVIEWS_TEST_X" in told


def test_an_app_in_the_namespace_template_must_be_named_where_no_stack_file_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["teardown", "--pr", "1", "--repo", "octo/shop"], {"PREVIEWS_NAMESPACE_TEMPLATE": "{app}-{pr}"}) == Exit.INVALID
    assert "--app is missing" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Shop", "-shop", "shop_", "x" * 41, "a/b"])
def test_an_app_is_named_as_in_the_stack_file(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--pr", "1", f"--app={name}"], {"PREVIEWS_NAMESPACE_TEMPLATE": "{app}-{pr}"}) == Exit.INVALID
    assert "--app" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("TEMPORAL_TLS_CLIENT_CERT_PATH", "/nonexistent", "/nonexistent"),
        ("TEMPORAL_TLS_CLIENT_CERT_DATA", "half of a pair", "private key"),
        ("TEMPORAL_PROFILE", "nobody", "nobody"),
        ("TEMPORAL_CONFIG_FILE", "/etc/passwd", "TEMPORAL_CONFIG_FILE"),
        ("TEMPORAL_ADDRESS", "http://[bad", "http://[bad"),
        ("TEMPORAL_ADDRESS", "a b", "a b"),
        ("TEMPORAL_ADDRESS", "host:99999", "port"),
    ],
)
def test_a_connection_that_cannot_be_made_is_invalid_input(
    name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["status", "--pr", "1"], {}) == Exit.INVALID
    error = capsys.readouterr().err
    assert "TEMPORAL_" in error
    assert told in error
    assert "root:" not in error


def test_an_authority_that_cannot_be_read_is_invalid_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack = tmp_path / "preview.yaml"
    stack.write_text(STACK)
    words = ["render", "--pr", "7", "--repo", "octo/shop", "--sha", "abcdef1", "--stack", str(stack)]
    images = ["--image", "webapp=shop:1", "--image", "worker=shop-worker:1"]
    assert main([*words, *images], {"PREVIEWS_DATABASE_CA_FILE": "/no/such/ca"}) == Exit.INVALID
    assert "PREVIEWS_DATABASE_CA_FILE /no/such/ca" in capsys.readouterr().err


@pytest.mark.parametrize("error", [RejectedError("ask the oracle"), OSError("no space left")])
def test_whatever_else_fails_is_told_without_a_traceback(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(call: object) -> int:
        raise error

    monkeypatch.setitem(COMMANDS, "list", fails)
    assert main(["list"], {}) == Exit.FAILED
    assert capsys.readouterr().err == f"{error}\n"


def test_a_temporal_that_does_not_answer_has_an_exit_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    assert main(["teardown", "--pr", "1", "--repo", "octo/shop"], {}) == Exit.UNREACHABLE
    assert "check TEMPORAL_ADDRESS" in capsys.readouterr().err


def test_render_prints_the_objects_and_starts_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack = tmp_path / "preview.yaml"
    stack.write_text(STACK)
    images = ["--image", "webapp=shop:1", "--image", "worker=shop-worker:1"]
    assert main(["render", "--pr", "7", "--repo", "octo/shop", "--sha", "abcdef1", "--stack", str(stack), *images], {}) == 0
    assert "kind: Deployment" in capsys.readouterr().out


def test_the_command_line_loads_neither_the_kubernetes_client_nor_the_activities() -> None:
    modules = "cli.main, cli.temporal, cli.looking, cli.cleaning, cli.schedules, cli.extending"
    code = f"import sys, {modules}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"kubernetes", "activities", "psycopg"} & set(done.stdout.split())
