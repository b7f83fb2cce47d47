"""The desk of one pull request: requests that wait, the one being worked on, and the outcomes for the callers.

The newest request by the forge's time wins, at equal times the closing; an older one is superseded; one that asks for the same as the
current one joins it and shares its outcome, and its time counts for both. A request that is delivered twice counts once. One of another
repository waits its turn, to be refused by the record: it can neither stop nor replace anything. Requests of the clean-up and extensions
wait their turn as well: they mean one generation, and the record tells then whether that is still the accepted one.
"""

from collections.abc import Iterable
from datetime import datetime

from stack.baton import KEPT_OUTCOMES, Baton, Closing
from stack.models import DeployRequest, Outcome, Request
from stack.ordering import ask_the_same, competes, precedence


class Desk:
    """Pure bookkeeping, deterministic: no clock, no I/O."""

    def __init__(self, baton: Baton) -> None:
        self._namespace = baton.namespace
        self._inbox: list[Request] = list(baton.inbox)
        self._outcomes = {outcome.request_id: outcome for outcome in baton.outcomes}
        self._current: Request | None = None
        self._joined: list[Request] = []

    @property
    def has_mail(self) -> bool:
        return bool(self._inbox)

    def receive(self, request: Request) -> None:
        """A request arrives, perhaps for the second time."""
        if not self._knows(request.id):
            self._file(request)

    @property
    def overtaken_by(self) -> Request | None:
        """The newest waiting request of the current one's repository: it is newer than the current one."""
        return newest(filter(self._same_repository, self._inbox))

    @property
    def newest_time(self) -> datetime | None:
        """The newest time among the current request and those that joined it; None for one whose time does not count."""
        return max((request.requested_at for request in self._served if competes(request)), default=None)

    def take(self) -> Request | None:
        """The newest waiting request becomes the current one; the others join it, are superseded or go on waiting. None: nothing waits."""
        if not self._inbox:
            return None
        self._current = newest(self._inbox) or self._inbox[0]
        waiting, self._inbox, self._joined = self._inbox, [], []
        for request in waiting:
            if request is not self._current:
                self._pass_over(request)
        return self._current

    def settle(self, outcome: Outcome) -> None:
        """The current request has ended, and with it those that joined it."""
        for request in self._served:
            self.remember(outcome.model_copy(update={"request_id": request.id}))
        self._current, self._joined = None, []

    def turn_away(self, request: Request, outcome: Outcome) -> None:
        """A waiting request will not be served: what waited with it is compared with the current one again."""
        self.remember(outcome)
        waiting, self._inbox = self._inbox, []
        for other in waiting:
            if other is not request:
                self._file(other)

    def outcome(self, request_id: str) -> Outcome | None:
        """How a request ended, None while it has not."""
        return self._outcomes.get(request_id)

    def remember(self, outcome: Outcome) -> None:
        """Keeps an outcome for whoever asks for it."""
        self._outcomes.pop(outcome.request_id, None)
        self._outcomes[outcome.request_id] = outcome

    @property
    def current(self) -> Request | None:
        """The request that is being worked on."""
        return self._current

    def serves(self, request_id: str) -> bool:
        """Whether the current work is also for this request."""
        return any(request.id == request_id for request in self._served)

    def baton(self) -> Baton:
        """What the next run needs: the current request and those that joined it go back into the inbox."""
        return Baton(namespace=self._namespace, inbox=(*self._served, *self._inbox), outcomes=self._kept())

    def closing(self) -> Closing:
        return Closing(outcomes=self._kept())

    def _kept(self) -> tuple[Outcome, ...]:
        return tuple(self._outcomes.values())[-KEPT_OUTCOMES:]

    def _knows(self, request_id: str) -> bool:
        return request_id in self._outcomes or self.serves(request_id) or any(request.id == request_id for request in self._inbox)

    @property
    def _served(self) -> list[Request]:
        return [] if self._current is None else [self._current, *self._joined]

    def _same_repository(self, request: Request) -> bool:
        return self._current is None or request.repository.casefold() == self._current.repository.casefold()

    def _is_compared(self, request: Request) -> bool:
        return self._current is not None and competes(request) and competes(self._current) and self._same_repository(request)

    def _is_newer(self, request: Request) -> bool:
        """Of two pushes of the same second, the one that comes later is the newer one, as it is for the record."""
        assert self._current is not None
        return not ask_the_same(request, self._current) and precedence(request) >= max(map(precedence, self._served))

    def _file(self, request: Request) -> None:
        """Nothing joins what is about to be stopped: while newer mail waits, whatever comes waits with it."""
        if not self._is_compared(request) or self.overtaken_by is not None or self._is_newer(request):
            self._inbox.append(request)
        else:
            self._pass_over(request)

    def _pass_over(self, request: Request) -> None:
        """The current one is served instead."""
        assert self._current is not None
        if not self._is_compared(request):
            self._inbox.append(request)
        elif ask_the_same(request, self._current):
            self._joined.append(request)
        else:
            self.remember(superseded(request, self._current))


def newest(requests: Iterable[Request]) -> Request | None:
    """Of those that have a place in the order of times; None if there is none."""
    return max(reversed([each for each in requests if competes(each)]), key=precedence, default=None)


def superseded(request: Request, newer: Request) -> Outcome:
    """The outcome of a request that a newer one replaced."""
    what = f"the deploy of commit {newer.commit}" if isinstance(newer, DeployRequest) else "a teardown"
    sha = request.commit if isinstance(request, DeployRequest) else None
    note = f"replaced by {what}, requested at {newer.requested_at.isoformat()}"
    return Outcome(request_id=request.id, state="superseded", pr=request.pr, sha=sha, note=note)
