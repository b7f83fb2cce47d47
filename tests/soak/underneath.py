"""Puts the injector underneath the product's gateways: below everything of ours that could handle a failure, above the network."""

import json
import random
from types import TracebackType
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncTransaction

from gateways import temporal as previews_temporal
from gateways.connection import Request, Session
from gateways.translation import Answer, unreachable, will_pass
from stack.errors import UnavailableError
from tests.soak.injector import Call, Injector
from tests.soak.keys import is_write, request_key, statement_key

TROUBLES = (
    (409, "Conflict", "the object has been modified"),
    (429, "TooManyRequests", "slow down"),
    (500, "InternalError", "etcd says no"),
)


def install(injector: Injector) -> None:
    """From now on, in this process."""
    _kubernetes(injector)
    _statements(injector)
    _commits(injector)
    _smoke(injector)


def _kubernetes(injector: Injector) -> None:
    original = Session._ask

    async def ask(self: Session, request: Request) -> Answer:
        async def lost() -> Exception:
            return unreachable(TimeoutError("the answer did not come"), request.did, request.obj)

        def refused(dice: random.Random) -> Answer | Exception:
            status, reason, message = dice.choice(TROUBLES)
            if status == 409 and request.method in {"GET", "DELETE"}:
                return unreachable(TimeoutError("no answer"), request.did, request.obj)
            return Answer(status, json.dumps({"kind": "Status", "code": status, "reason": reason, "message": message}))

        call = Call(request_key(request.method, request.did, request.obj), request, writes=request.method != "GET")
        return await injector.around(
            call, lambda: original(self, request), lost=lost, refused=refused, effective=lambda answer: not will_pass(answer)
        )

    Session._ask = ask  # type: ignore[method-assign]


def _statements(injector: Injector) -> None:
    original: Any = AsyncConnection.execute

    async def execute(self: AsyncConnection[Any], query: Any, params: Any = None, **options: Any) -> Any:
        async def lost() -> Exception:
            await self.close()
            return psycopg.OperationalError("the connection was lost before the answer came")

        def refused(dice: random.Random) -> Exception:
            kinds = (psycopg.errors.LockNotAvailable, psycopg.errors.TooManyConnections, psycopg.errors.AdminShutdown)
            return dice.choice(kinds)("trouble on purpose")

        text = query if isinstance(query, str) else query.as_string(self)
        writes = is_write(text)
        key = statement_key(text, self.info.dbname) if writes else "SQL query"
        return await injector.around(
            Call(key, object(), writes=writes), lambda: original(self, query, params, **options), lost=lost, refused=refused
        )

    AsyncConnection.execute = execute  # type: ignore[method-assign]


def _commits(injector: Injector) -> None:
    """A COMMIT cannot be done twice: the second one finds no transaction."""
    original: Any = AsyncTransaction.__aexit__

    async def leave(
        self: AsyncTransaction, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        async def lost() -> Exception:
            await self.connection.close()
            return psycopg.OperationalError("the connection was lost before the answer to COMMIT came")

        async def perform() -> bool:
            return bool(await original(self, kind, error, trace))

        if kind is not None:
            return await perform()
        call = Call(f"SQL COMMIT in {statement_key('', self.connection.info.dbname).rsplit(' ', 1)[1]}", object(), repeatable=False)
        return await injector.around(call, perform, lost=lost, refused=lambda _: psycopg.OperationalError("trouble on purpose"))

    AsyncTransaction.__aexit__ = leave  # type: ignore[method-assign, assignment]


def _smoke(injector: Injector) -> None:
    original = previews_temporal._start

    async def start(client: Any, workflow: str, task_queue: str, workflow_id: str, deadline: Any) -> Any:
        async def lost() -> Exception:
            return UnavailableError("ask Temporal", obj="the preview's own", answer="the answer did not come")

        return await injector.around(
            Call(f"gRPC StartWorkflow {workflow}", object()),
            lambda: original(client, workflow, task_queue, workflow_id, deadline),
            lost=lost,
            refused=lambda _: UnavailableError("ask Temporal", obj="the preview's own", answer="trouble on purpose"),
        )

    previews_temporal._start = start
