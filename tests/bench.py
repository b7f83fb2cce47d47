"""Measures the product against what people do by hand, in one run, interleaved: `make bench`.

Baseline of a deploy: `kubectl apply` of the same manifests and `kubectl rollout status` of both Deployments, images present, databases
there. Baseline of a teardown: `kubectl delete namespace --wait` of the same stack, databases not included. Ours starts with the process
`starter.py` and ends with it. Medians of N runs; the result also goes to `.local/bench.json`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Any

import yaml

from tests.e2e.platform import REPOSITORY, ROOT, Preview, kubectl, objects, query, starter

N = int(os.environ.get("BENCH_RUNS", "10"))
BASELINE_PR, OURS_PR, BAD_PR = 990_001, 990_002, 990_003
RESULT = ROOT / ".local" / "bench.json"
SHA = "1234567890abcdef1234567890abcdef12345678"


def main() -> int:
    """Prints a table and writes the JSON file. Exit code 1 if a run did not end as it should."""
    images = _images()
    ours, baseline = Preview(OURS_PR, images), Preview(BASELINE_PR, images)
    manifests = _baseline_manifests(baseline)
    times: dict[str, list[float]] = {name: [] for name in ("deploy", "deploy_baseline", "teardown", "teardown_baseline")}
    sizes: dict[str, float] = {}
    # The clean-up would take what kubectl puts into the namespace for an orphan's, and the baseline's databases with it.
    assert starter("schedule", "delete").code == 0
    try:
        _interleaved(ours, baseline, manifests, times, sizes)
    finally:
        assert starter("schedule", "apply").code == 0
    baseline.teardown()
    bad = [_bad_image_verdict(images) for _ in range(3)]
    _report(times, bad, sizes)
    return 0


def _interleaved(ours: Preview, baseline: Preview, manifests: Path, times: dict[str, list[float]], sizes: dict[str, float]) -> None:
    """Fills in `times` and, in the first run, `sizes`."""
    for run in range(N):
        times["deploy_baseline"].append(_timed(lambda: _apply(baseline, manifests)))
        times["teardown_baseline"].append(_timed(lambda: kubectl("delete", "namespace", baseline.namespace, "--wait")))
        times["deploy"].append(_succeeds(ours.deploy(SHA), "ready"))
        if not sizes:
            sizes.update(_sizes(ours))
        times["teardown"].append(_succeeds(ours.teardown(), "gone"))
        print(f"run {run + 1} of {N}: " + ", ".join(f"{name} {values[-1]:.2f} s" for name, values in times.items()), flush=True)


def _images() -> list[str]:
    done = subprocess.run([sys.executable, "-m", "local", "example"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-2:]


def _baseline_manifests(baseline: Preview) -> Path:
    """Deploys once through the product, so that the databases are there, and keeps what kubectl will apply, Secrets included."""
    _succeeds(baseline.deploy(SHA), "ready")
    words = ["--pr", str(baseline.pr), "--repo", REPOSITORY, "--sha", SHA, "--stack", str(baseline.folder / f"{baseline.namespace}.yaml")]
    rendered = starter("render", *words, *[word for image in baseline.images for word in ("--image", image)])
    assert rendered.code == 0, rendered
    secrets = [_bare(secret) for secret in objects("secrets", baseline.namespace)]
    namespace, *others = yaml.safe_load_all(rendered.out)
    path = baseline.folder / "baseline.yaml"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump_all([namespace, *secrets, *[item for item in others if item["kind"] != "Secret"]]))
    kubectl("delete", "namespace", baseline.namespace, "--wait")
    return path


def _bare(item: dict[str, Any]) -> dict[str, Any]:
    """An object as a person would have written it."""
    metadata = {key: item["metadata"][key] for key in ("name", "namespace", "labels", "annotations") if key in item["metadata"]}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": item["data"], "type": item["type"]}


def _apply(baseline: Preview, manifests: Path) -> None:
    kubectl("apply", "-f", str(manifests))
    for deployment in ("webapp", "temporal"):
        kubectl("rollout", "status", f"deployment/{deployment}", "-n", baseline.namespace, "--timeout=120s")


def _timed(action: Callable[[], object]) -> float:
    started = monotonic()
    action()
    return monotonic() - started


def _succeeds(result: Any, state: str) -> float:
    assert result.outcome["state"] == state, result
    seconds: float = result.seconds
    return seconds


def _bad_image_verdict(images: list[str]) -> float:
    preview = Preview(BAD_PR, images)
    result = preview.deploy(SHA, images=[images[0], "worker=localhost/no-such-image:1"])
    assert result.outcome["diagnosis"]["category"] == "image-not-available", result
    preview.teardown()
    return result.seconds


def _sizes(preview: Preview) -> dict[str, float]:
    """Memory and connections of the preview's temporal-server, a minute old, as the kubelet and PostgreSQL count them."""
    sleep(60)
    [(connections,)] = query("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", f"pr_{preview.pr}")
    node = kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
    pods = json.loads(kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary"))["pods"]
    memory = [
        container["memory"]["workingSetBytes"]
        for pod in pods
        if pod["podRef"]["namespace"] == preview.namespace
        for container in pod["containers"]
        if container["name"] == "temporal-server"
    ]
    return {"connections": connections, "server_mb": round(memory[0] / 1e6, 1) if memory else 0.0}


def _report(times: dict[str, list[float]], bad: list[float], sizes: dict[str, float]) -> None:
    measures: dict[str, Any] = {
        name: {
            "ours_s": round(median(times[name]), 3),
            "baseline_s": round(median(times[f"{name}_baseline"]), 3),
            "ratio": round(median(times[name]) / median(times[f"{name}_baseline"]), 3),
            "runs": N,
        }
        for name in ("deploy", "teardown")
    }
    print(f"\n{'measure':<20}{'ours':>9}{'baseline':>10}{'ratio':>8}")
    for name, values in measures.items():
        print(f"{name:<20}{values['ours_s']:>7.2f} s{values['baseline_s']:>8.2f} s{values['ratio']:>8.2f}")
    measures["bad_image_verdict"] = {"seconds": round(median(bad), 3)}
    measures["temporal_server"] = sizes
    print(f"{'bad image verdict':<20}{median(bad):>7.2f} s")
    print(f"temporal-server: {sizes['connections']} connections, {sizes['server_mb']} MB")
    RESULT.write_text(json.dumps({"measures": measures}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
