"""Proves when an image is built again: when its own parts change, and not when another's do."""

from pathlib import Path

import pytest
import yaml

from local import images, worker
from local.errors import tail
from local.images import IMAGES
from local.node import TEMPLATES


def test_each_image_has_a_stage_and_a_key_of_its_own() -> None:
    assert len({image.key for image in IMAGES}) == len(IMAGES)


def test_a_change_of_one_stage_changes_the_key_of_its_image_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {image.stage: image.key for image in IMAGES}
    changed = tmp_path / "Dockerfile"
    changed.write_text(images.DOCKERFILE.read_text().replace("EXPOSE 8080", "EXPOSE 8081"))
    monkeypatch.setattr(images, "DOCKERFILE", changed)
    assert {stage for stage, key in before.items() if key != next(i for i in IMAGES if i.stage == stage).key} == {"temporal-ui"}


def test_images_of_the_product_run_as_nobody_special() -> None:
    text = images.DOCKERFILE.read_text()
    for stage in ("temporal-server", "temporal-admin-tools", "temporal-ui", "skipper", "pause"):
        lines = text.split(f"FROM scratch AS {stage}\n")[1].split("FROM ")[0]
        assert "\nUSER " in lines, stage


def test_the_worker_is_restarted_for_code_and_not_for_other_files(tmp_path: Path) -> None:
    for name in worker.CODE[1:]:
        (tmp_path / name).mkdir()
    (tmp_path / "worker.py").write_text("1")
    before = worker.code_fingerprint(tmp_path)
    (tmp_path / "stack" / "notes.txt").write_text("x")
    assert worker.code_fingerprint(tmp_path) == before
    (tmp_path / "stack" / "new.py").write_text("")
    assert worker.code_fingerprint(tmp_path) != before


def test_templates_are_what_their_readers_expect() -> None:
    text = (TEMPLATES / "kubeadm.yaml").read_text()
    kinds = [document["kind"] for document in yaml.safe_load_all(text)]
    assert kinds == ["InitConfiguration", "ClusterConfiguration", "KubeletConfiguration", "KubeProxyConfiguration"]


def test_the_end_of_a_log_is_shown_even_when_there_is_none(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert "nothing was logged" in tail(log)
    log.write_text("\n".join(str(number) for number in range(100)))
    assert tail(log, 2).split() == ["98", "99"]
