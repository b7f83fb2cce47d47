"""Why a stack is not ready, read from what Kubernetes says about it: a pure function of a snapshot and the time."""

from stack.diagnosis.absence import Presence
from stack.diagnosis.placement import is_room_made, known_refusal
from stack.diagnosis.pulls import judge_pulls, pulls_out_of_time
from stack.diagnosis.snapshot import Snapshot
from stack.diagnosis.verdict import Judgement, Ready, Waiting, judge, needs_logs, out_of_time

__all__ = [
    "Judgement",
    "Presence",
    "Ready",
    "Snapshot",
    "Waiting",
    "is_room_made",
    "judge",
    "judge_pulls",
    "known_refusal",
    "needs_logs",
    "out_of_time",
    "pulls_out_of_time",
]
