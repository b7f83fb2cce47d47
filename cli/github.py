"""What GitHub Actions shows of an outcome: step outputs, a step summary, an annotation.

Source: GitHub's "Workflow commands for GitHub Actions"; file commands take one `name=value` per line, annotations escape %, CR and LF.
"""

from collections.abc import Mapping
from pathlib import Path

from cli.report import as_text
from stack.models import Outcome


def publish(outcome: Outcome, environment: Mapping[str, str]) -> None:
    """Does nothing outside GitHub Actions."""
    if environment.get("GITHUB_ACTIONS") != "true":
        return
    _append(environment.get("GITHUB_OUTPUT"), outputs(outcome))
    _append(environment.get("GITHUB_STEP_SUMMARY"), summary(outcome))
    if outcome.diagnosis is not None:
        print(annotation(outcome), flush=True)


def outputs(outcome: Outcome) -> str:
    """Outputs `state`, `webapp-url` and `temporal-ui-url`; none of them can hold a line break."""
    lines = [f"state={outcome.state}"]
    if outcome.urls is not None:
        lines += [f"webapp-url={outcome.urls.webapp}", f"temporal-ui-url={outcome.urls.temporal_ui}"]
    return "\n".join(lines) + "\n"


def summary(outcome: Outcome) -> str:
    """Markdown with the URLs or the diagnosis, and the steps' times."""
    head = f"### Preview of pull request {outcome.pr}: {outcome.state}\n\n"
    if outcome.urls is not None:
        head += f"[Page]({outcome.urls.webapp}) · [Temporal UI]({outcome.urls.temporal_ui})\n\n"
    steps = "".join(f"| {step} | {seconds:.2f} |\n" for step, seconds in outcome.seconds.items())
    table = f"| step | seconds |\n| --- | ---: |\n{steps}\n" if steps else ""
    return head + table + f"```text\n{as_text(outcome)}\n```\n"


def annotation(outcome: Outcome) -> str:
    """An error that GitHub shows beside the job."""
    assert outcome.diagnosis is not None
    title = f"Preview of pull request {outcome.pr} {outcome.state}"
    return f"::error title={_escape(title)}::{_escape(f'{outcome.diagnosis.summary} {outcome.diagnosis.resolution}')}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _append(path: str | None, text: str) -> None:
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
