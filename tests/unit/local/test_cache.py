"""Proves that what is in the cache is whole, made once, and does not pile up."""

import os
import threading
import time
from pathlib import Path

import pytest

from local.cache import KEPT, forget_old, make_once


def test_what_failed_half_way_is_not_there_and_the_next_try_starts_clean(tmp_path: Path) -> None:
    def fail(draft: Path) -> None:
        draft.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        make_once(tmp_path / "thing", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["thing.lock"]
    make_once(tmp_path / "thing", lambda draft: draft.mkdir())
    assert (tmp_path / "thing").is_dir()


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".thing-abc").mkdir()
    (tmp_path / ".thing-abc" / "thing").write_text("half")
    make_once(tmp_path / "thing", lambda draft: draft.mkdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thing", "thing.lock"]


def test_two_at_the_same_time_make_it_once(tmp_path: Path) -> None:
    made = []

    def make(draft: Path) -> None:
        time.sleep(0.05)
        made.append(draft)
        draft.write_text("x")

    both = [threading.Thread(target=make_once, args=(tmp_path / "thing", make)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(made) == 1


def test_only_the_newest_are_kept_and_others_things_are_not_touched(tmp_path: Path) -> None:
    for age in range(KEPT + 2):
        (tmp_path / f"a-{age}").write_text("")
        os.utime(tmp_path / f"a-{age}", (1000 - age, 1000 - age))
    (tmp_path / "b-0").write_text("")
    forget_old(tmp_path, "a-[0-9]")
    assert sorted(path.name for path in tmp_path.iterdir()) == [*(f"a-{age}" for age in range(KEPT)), "b-0"]
