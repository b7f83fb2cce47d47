"""Connects to Temporal, works on the task queue and says through a file whether it can."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from greetings import TASK_QUEUE, Greet, TeaBar
from settings import CannotStartError, Settings

NAMESPACE = "default"
ONE_TRY = 5.0
RETRY_INTERVAL = 0.2
SAY_AGAIN_AFTER = 5.0
FIRST_NOT_READY_INTERVAL = 0.1
NOT_READY_INTERVAL = 1.0
READY_INTERVAL = 5.0

log = logging.getLogger("worker")


async def serve(settings: Settings, ready_file: Path) -> None:
    """Works until SIGTERM or SIGINT; raises `CannotStartError` when Temporal does not answer in time."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    working = asyncio.ensure_future(work(settings, ready_file))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if stop.is_set():
        log.info("stopping")
        working.cancel()
    try:
        await working
    except asyncio.CancelledError:
        log.info("stopped")


async def work(settings: Settings, ready_file: Path) -> None:
    client = await connect(settings.temporal_address, settings.wait)
    tea_bar = TeaBar(settings.secret, settings.pr, settings.commit)
    with ThreadPoolExecutor(max_workers=4) as threads:
        worker = Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=[Greet],
            activities=[tea_bar.pour],
            activity_executor=threads,
            max_concurrent_activities=4,
        )
        readiness = asyncio.ensure_future(
            keep_ready_file(ready_file, lambda: find_problem(client, settings.database_url))
        )
        try:
            await worker.run()
        finally:
            readiness.cancel()
            mark(ready_file, ready=False)


async def connect(address: str, wait: float) -> Client:
    """A client of a Temporal that answers and has the namespace, tried for `wait` seconds."""
    started = asyncio.get_running_loop().time()
    said = float("-inf")
    while True:
        try:
            return await asyncio.wait_for(try_to_connect(address), ONE_TRY)
        except (RPCError, RuntimeError, TimeoutError) as error:  # RuntimeError: the connection itself failed
            waited = asyncio.get_running_loop().time() - started
            reason = str(error) or f"no answer within {ONE_TRY:g} s"
        if waited >= wait:
            raise CannotStartError(f"Temporal at {address} did not answer within {wait:g} s: {reason}")
        if waited - said >= SAY_AGAIN_AFTER:
            log.info("waiting for Temporal at %s, %.0f of %.0f s: %s", address, waited, wait, reason)
            said = waited
        await asyncio.sleep(RETRY_INTERVAL)


async def try_to_connect(address: str) -> Client:
    client = await Client.connect(address, namespace=NAMESPACE)
    await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
    return client


async def keep_ready_file(file: Path, find: Callable[[], Awaitable[str | None]]) -> None:
    """The file exists while `find` finds no problem."""
    last: str | None = "not checked yet"
    pause = FIRST_NOT_READY_INTERVAL
    while True:
        problem = await find()
        mark(file, ready=problem is None)
        if problem != last:
            log.info("ready" if problem is None else f"not ready: {problem}")
        last = problem
        # Soon after the start it is asked often; on a node that is too busy to answer, asking often would keep it so.
        pause = FIRST_NOT_READY_INTERVAL if problem is None else min(1.5 * pause, NOT_READY_INTERVAL)
        await asyncio.sleep(READY_INTERVAL if problem is None else pause)


def mark(file: Path, *, ready: bool) -> None:
    if ready:
        file.touch()
    else:
        file.unlink(missing_ok=True)


async def find_problem(client: Client, database_url: str | None) -> str | None:
    """Why the worker cannot do its work, or None: asks Temporal whether it sees this worker, and then the database."""
    problems = await asyncio.gather(
        polling_problem(client, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
        polling_problem(client, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
    )
    return next((problem for problem in problems if problem), None) or await database_problem(database_url)


async def polling_problem(client: Client, kind: TaskQueueType.ValueType) -> str | None:
    request = DescribeTaskQueueRequest(namespace=NAMESPACE, task_queue=TaskQueue(name=TASK_QUEUE), task_queue_type=kind)
    try:
        answer = await asyncio.wait_for(client.workflow_service.describe_task_queue(request), ONE_TRY)
    except (RPCError, TimeoutError) as error:
        return f"Temporal does not answer: {str(error) or 'too slow'}"
    if client.identity not in {poller.identity for poller in answer.pollers}:
        return "Temporal does not see this worker poll yet"
    return None


async def database_problem(url: str | None) -> str | None:
    """A connection for each check: the worker needs none otherwise, and nothing has to notice a stale one."""
    if url is None:
        return None
    try:
        async with await psycopg.AsyncConnection.connect(
            url, connect_timeout=3, tcp_user_timeout=3_000, application_name="shop-worker"
        ) as connection:
            await connection.execute("SELECT 1")
    except psycopg.Error as error:
        return f"the database does not answer: {str(error).strip().splitlines()[0]}"
    return None
