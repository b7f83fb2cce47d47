"""Why a stack is not ready, read from what Kubernetes says about it: a pure function of a snapshot and the time."""

from stack.diagnosis.snapshot import Snapshot
from stack.diagnosis.verdict import Judgement, Ready, Waiting, judge, needs_logs, out_of_time

__all__ = ["Judgement", "Ready", "Snapshot", "Waiting", "judge", "needs_logs", "out_of_time"]
