"""starter.py as CI runs it, against the real production Temporal."""

from concurrent.futures import ThreadPoolExecutor

from tests.e2e.platform import Footprint, Preview, starter


def test_a_hundred_runs_in_a_row_end_with_the_right_exit_code() -> None:
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(lambda _: starter("status", "--pr", "999999", "--json").code, range(100)))
    assert codes == [0] * 100


def test_invalid_input_starts_nothing(preview: Preview) -> None:
    preview.stack["webapp"]["containers"][0]["prot"] = 1
    result = preview.deploy("HEAD")
    assert result.code == 2
    assert "prot" in result.err
    assert "--sha HEAD" in result.err
    assert starter("status", "--pr", str(preview.pr), "--json").outcome["note"] == "no request for it is known"
    assert Footprint.now().of(preview.namespace) == set()


def test_patience_that_runs_out_leaves_the_work_going_on(preview: Preview) -> None:
    result = preview.deploy("abcdef1", "--timeout", "1s")
    assert (result.code, result.outcome["state"]) == (5, "running")
    again = preview.deploy("abcdef1")
    assert (again.code, again.outcome["state"]) == (0, "ready"), again
    assert again.outcome["generation"] == 1, "the second call joined the work of the first"


def test_a_request_that_was_overtaken_is_told_so(preview: Preview) -> None:
    assert preview.deploy("abcdef1", "--requested-at", "2026-05-04T12:00:00Z").code == 0
    late = preview.deploy("abcdef0", "--requested-at", "2026-05-04T11:00:00Z")
    assert (late.code, late.outcome["state"]) == (4, "superseded"), late
    other = starter("deploy", *["--pr", str(preview.pr), "--repo", "octo/other", "--sha", "abcdef2", "--json"], *_rest(preview))
    assert (other.code, other.outcome["diagnosis"]["category"]) == (1, "namespace-not-ours"), other


def _rest(preview: Preview) -> list[str]:
    images = [word for image in preview.images for word in ("--image", image)]
    return ["--stack", str(preview.folder / f"{preview.namespace}.yaml"), *images]
