"""The desk of one pull request: requests that wait, the one being worked on, and the outcomes for the callers.

Rules (docs: design, "One owner per pull request"): the newest request by the forge's time wins, at equal times the closing; an older one is
superseded; one that asks for the same as the current one joins it and shares its outcome. A request that is delivered twice counts once.
"""

from stack.models import DeployRequest, Outcome, Request
from stack.ordering import ask_the_same, precedence
from workflows.baton import KEPT_OUTCOMES, Baton, Closing


class Desk:
    """Pure bookkeeping, deterministic: no clock, no I/O."""

    def __init__(self, baton: Baton) -> None:
        self._namespace = baton.namespace
        self._inbox: list[Request] = list(baton.inbox)
        self._outcomes = {outcome.request_id: outcome for outcome in baton.outcomes}
        self._current: Request | None = None
        self._joined: list[str] = []

    @property
    def has_mail(self) -> bool:
        return bool(self._inbox)

    def receive(self, request: Request) -> None:
        """A request arrives, perhaps for the second time."""
        if not self._knows(request.id):
            self._file(request)

    def newest(self) -> Request:
        """The request that counts among those that wait."""
        return max(self._inbox, key=precedence)

    def take(self) -> Request | None:
        """The newest waiting request becomes the current one; the others join it or are superseded. None: nothing waits."""
        if not self._inbox:
            return None
        self._current = self.newest()
        waiting, self._inbox, self._joined = self._inbox, [], []
        for request in waiting:
            if request is not self._current:
                self._file(request)
        return self._current

    def settle(self, outcome: Outcome) -> None:
        """The current request has ended, and with it those that joined it."""
        for request_id in (outcome.request_id, *self._joined):
            self._outcomes[request_id] = outcome.model_copy(update={"request_id": request_id})
        self._current, self._joined = None, []

    def outcome(self, request_id: str) -> Outcome | None:
        """How a request ended, None while it has not."""
        return self._outcomes.get(request_id)

    @property
    def current_id(self) -> str | None:
        """ID of the request that is being worked on."""
        return None if self._current is None else self._current.id

    def serves(self, request_id: str) -> bool:
        """Whether the current work is also for this request."""
        return self._current is not None and request_id in (self._current.id, *self._joined)

    def baton(self, request: Request) -> Baton:
        """What the next run needs: `request` and whoever joined it go back into the inbox."""
        joined = [request.model_copy(update={"id": request_id}) for request_id in self._joined]
        return Baton(namespace=self._namespace, inbox=(request, *joined, *self._inbox), outcomes=self._kept())

    def closing(self) -> Closing:
        return Closing(outcomes=self._kept())

    def _kept(self) -> tuple[Outcome, ...]:
        return tuple(self._outcomes.values())[-KEPT_OUTCOMES:]

    def _knows(self, request_id: str) -> bool:
        return request_id in self._outcomes or self.serves(request_id) or any(request.id == request_id for request in self._inbox)

    def _file(self, request: Request) -> None:
        if self._current is None or (precedence(request) > precedence(self._current) and not ask_the_same(request, self._current)):
            self._inbox.append(request)
        elif ask_the_same(request, self._current):
            self._joined.append(request.id)
        else:
            self._outcomes[request.id] = superseded(request, self._current)


def superseded(request: Request, newer: Request) -> Outcome:
    """The outcome of a request that a newer one replaced."""
    what = f"the deploy of commit {newer.commit}" if isinstance(newer, DeployRequest) else f"a teardown ({newer.reason})"
    sha = request.commit if isinstance(request, DeployRequest) else None
    note = f"replaced by {what}, requested at {newer.requested_at.isoformat()}"
    return Outcome(request_id=request.id, state="superseded", pr=request.pr, sha=sha, note=note)
