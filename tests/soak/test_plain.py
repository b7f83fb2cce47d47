"""The soak's own bookkeeping: a matrix without holes, histories that can be played again, runs that go on."""

from dataclasses import replace
from pathlib import Path

from tests.soak.cases import Report
from tests.soak.faults import PHASES, Lived, Writes, golden, lives, rare
from tests.soak.folder import Fault, Folder, Mode, Phase
from tests.soak.histories import WORDS, history
from tests.soak.keys import is_write, kind_of, request_key, statement_key
from tests.soak.lanes import Lane, Write
from tests.soak.progress import Progress
from tests.soak.races import STEPS, races
from tests.soak.world import differences

WRITES: Writes = {
    phase: [Write(step, f"PUT {phase} {step} {i}", 1, i > 0) for step in ("claim", "apply_stack") for i in range(3)] for phase in PHASES
}


def test_every_write_is_in_the_matrix_in_every_mode_that_it_can_have() -> None:
    cases = [case for life in lives(WRITES) for case in life.cases]
    due = {
        f"{phase}: {mode} in {w.step} at {w.key}"
        for phase in PHASES
        for w in WRITES[phase]
        for mode in Mode
        if w.repeatable or mode != Mode.TWICE
    }
    assert set(cases) == due
    assert len(cases) == len(due)


def test_no_step_of_a_life_has_two_faults() -> None:
    for life in lives(WRITES):
        for phase, faults in life.faults.items():
            steps = [write.step for fault in faults for write in WRITES[phase] if write.key == fault.key]
            assert len(steps) == len(set(steps))


def test_what_is_done_is_not_run_again(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "1.json")
    first, second, *_ = lives(WRITES)
    progress.add(first.cases, Report("fault", first.name))
    progress.add(second.cases, Report("fault", second.name, ["wrong"]))
    again = Progress(tmp_path / "1.json")
    assert again.done == set(first.cases)
    left = {case for life in lives(WRITES, again.done) for case in life.cases}
    assert left.isdisjoint(first.cases)
    assert left >= set(second.cases)
    assert not Progress(tmp_path / "1.json", fresh=True).done


def test_every_pair_meets_at_every_step_of_its_first() -> None:
    names = [race.name for race in races()]
    assert len(names) == len(set(names))
    assert {race.step for race in races()} == {step for steps in STEPS.values() for step in steps}


def test_a_history_is_made_from_its_seed_alone() -> None:
    assert [history(seed) for seed in range(50)] == [history(seed) for seed in range(50)]
    assert {op.word for seed in range(50) for op in history(seed).ops} == set(WORDS)


def test_writes_have_the_same_name_for_every_pull_request() -> None:
    one = request_key("DELETE", "deleting", "Pod soak1-20001/webapp-5d4f8c9b7d-x2kq9")
    other = request_key("DELETE", "deleting", "Pod soak2-31/webapp-7c9b6d5f44-zzzzz")
    assert one == other == "DELETE deleting Pod pr-N/webapp-POD"
    assert request_key("PATCH", "applying", "RoleBinding soak1-7/temporal-previews-stack").endswith("pr-N/temporal-previews-stack")
    call = "CALL previews.ensure_role('stack soak1-7', 'soak1_7_app', 'SCRAM-SHA-256$4096:abc=', 5, NULL)"
    assert is_write(call)
    statement = statement_key(call, "postgres")
    assert statement == "SQL CALL previews.ensure_role('stack pr-N', 'pr_N_app', 'VERIFIER', 5, NULL)"
    assert statement_key("UPDATE schema_version SET a = b", "soak1_7_temporal") == "SQL UPDATE schema_version SET a = b in pr_N_temporal"
    assert [kind_of(key) for key in (one, statement)] == ["DELETE deleting Pod", "SQL CALL previews.ensure_role"]


def test_a_write_that_only_some_lives_have_is_tried_and_not_insisted_on() -> None:
    both, once = Write("claim", "PUT record", 1, True), Write("claim", "PUT record", 2, True)
    lives_seen = [Lived(Report("fault", "a life"), writes=dict.fromkeys(PHASES, writes)) for writes in ([both], [both, once])]
    for lived in lives_seen:
        lived.states = {phase: {} for phase in PHASES}
        lived.seconds = dict.fromkeys(PHASES, 1.0)
    _, writes, unlike = golden(lives_seen)
    assert writes["deploy"] == [both, replace(once, always=False)]
    assert unlike == []
    assert rare(writes) == [f"{phase}: PUT record #2 in claim" for phase in PHASES]
    tried = [fault for life in lives(writes) for fault in life.faults.get("deploy", ())]
    assert {(fault.occurrence, fault.always) for fault in tried} == {(1, True), (2, False)}


def test_the_recovery_is_the_time_in_which_the_step_did_not_go_on(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    fault = Fault("claim", "PUT record", 1, Mode.AFTER)
    folder.begin(Phase("deploy", (fault,)))
    assert folder.phase() == Phase("deploy", (fault,))
    events = [(1.0, "enter", 1), (2.0, "fired", 0), (12.0, "enter", 2), (12.5, "leave", 0), (15.5, "enter", 1)]
    lines = [f'{{"t": {t}, "event": "{event}", "step": "claim", "attempt": {attempt}}}\n' for t, event, attempt in events]
    (tmp_path / "journal.jsonl").write_text("".join(lines))
    assert Lane("1", folder, "soak-1").recovery() == 13.0


def test_a_difference_is_named_by_its_place() -> None:
    assert differences({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}) == ["/a[1]/b: 2 expected, 3 found"]
    assert differences({"a": 1}, {"b": 1}) == ["/a: 1 expected, None found", "/b: None expected, 1 found"]
