"""Proves that our control group is made usable with either version of the kernel's interface, on trees of plain files."""

from pathlib import Path

import pytest

from local import cgroups


def test_with_one_tree_every_controller_is_handed_down_to_our_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    for name, text in {"cgroup.controllers": "cpu memory\n", "cgroup.subtree_control": "", "cgroup.procs": ""}.items():
        (tmp_path / name).write_text(text)
    cgroups.create()
    assert (tmp_path / "temporal-previews").is_dir()
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory"  # a plain file keeps what was written last


def test_with_a_tree_per_controller_our_group_may_run_where_its_parent_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    for controller in ("cpuset", "memory"):
        (tmp_path / controller / "temporal-previews").mkdir(parents=True)
        (tmp_path / controller / "cgroup.procs").write_text("")
    (tmp_path / "notes").mkdir()
    for file, text in {"cpuset.cpus": "0-1\n", "cpuset.mems": "0\n"}.items():
        (tmp_path / "cpuset" / file).write_text(text)
        (tmp_path / "cpuset" / "temporal-previews" / file).write_text("\n")
    cgroups.create()
    assert (tmp_path / "cpuset" / "temporal-previews" / "cpuset.cpus").read_text() == "0-1\n"
    assert sorted(path.name for path in cgroups.hierarchies()) == ["cpuset", "memory"]


def test_removing_takes_children_before_parents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    (tmp_path / "cpu" / "temporal-previews" / "kubepods" / "pod1" / "c").mkdir(parents=True)
    (tmp_path / "cpu" / "others").mkdir()
    (tmp_path / "cpu" / "cgroup.procs").write_text("")
    assert cgroups.remove() == []
    assert sorted(path.name for path in (tmp_path / "cpu").iterdir()) == ["cgroup.procs", "others"]
