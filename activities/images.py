"""Whether the images of an update can be had, asked before what runs is stopped for them."""

import asyncio
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Final

from temporalio import activity

from activities.clock import Clock, utc_now
from activities.heartbeat import Pulse, heartbeats
from gateways.cluster import Cluster, Object, View
from gateways.kinds import label
from gateways.records import Records
from stack.diagnosis import Ready, Snapshot, Waiting, is_room_made, judge_pulls, known_refusal, pulls_out_of_time
from stack.errors import RejectedError
from stack.manifests import IMAGE_CHECK, image_check_pod, new_images, to_dict
from stack.models import Attempt, Check, Diagnosis
from stack.names import COMPONENT, TEMPORAL, Names
from stack.settings import Settings

LIMIT: Final = timedelta(minutes=7)
"""As long as a first deploy may pull. Counted from the first try on, however often the step is tried again."""


class ImageActivities:
    """Pulls the images of a temporal pod before the one that runs is replaced: it is gone before its successor starts."""

    def __init__(self, cluster: Cluster, records: Records, settings: Settings, clock: Clock = utc_now) -> None:
        self._cluster, self._records, self._settings, self._clock = cluster, records, settings, clock

    @activity.defn(name="check_images")
    async def check_images(self, attempt: Attempt) -> Check:
        """Passed when every new image was pulled, or the diagnosis of the one that cannot be. Heartbeats. Raises OutdatedError.

        Writes nothing where the live temporal pod has all images already. No pod of its own stays behind.
        """
        live = await self._cluster.read("Deployment", TEMPORAL, attempt.namespace)
        images = new_images(attempt, self._settings, live) if live else {}
        if not images:
            return Check()
        pod = to_dict(image_check_pod(attempt, self._settings, images))
        pull = Pull(self._cluster, self._records, attempt, pod, self._clock)
        async with heartbeats(f"pulling {', '.join(images.values())}") as pulse:
            try:
                return Check(diagnosis=await pull.result(pulse, activity.info().scheduled_time))
            finally:
                await pull.clean_up()


class Pull:
    """One pod that makes the cluster pull images. Its name is the generation's: tries of one step share it, other attempts have others."""

    def __init__(self, cluster: Cluster, records: Records, attempt: Attempt, pod: Object, clock: Clock) -> None:
        self._cluster, self._records, self._attempt = cluster, records, attempt
        self._pod, self._clock = pod, clock
        self._name, self._namespace = pod["metadata"]["name"], attempt.namespace

    async def result(self, pulse: Pulse, since: datetime) -> Diagnosis | None:
        """None when all images are there. Makes the pod, again if it is lost, and watches it."""
        pod: Object | None = None
        try:
            async with asyncio.timeout(self._seconds_left(since)), aclosing(self._cluster.follow(self._namespace)) as views:
                async for view in views:
                    pod = _named(self._name, view)
                    verdict = self._judge(pod, view, since) if pod else await self._make(view)
                    if not isinstance(verdict, Waiting):
                        return verdict if isinstance(verdict, Diagnosis) else None
                    pulse.say(verdict.reason)
                    if pod and _is_over(pod):
                        await self.clean_up()
        except TimeoutError:
            pass
        return pulls_out_of_time(pod, LIMIT)

    async def clean_up(self) -> None:
        """Also what an earlier try has left: the name is the same."""
        await self._cluster.delete("Pod", self._name, self._namespace)

    def _seconds_left(self, since: datetime) -> float:
        return max(0.0, (since + LIMIT - self._clock()).total_seconds())

    def _judge(self, pod: Object, view: View, since: datetime) -> Ready | Waiting | Diagnosis:
        snapshot = Snapshot(since=since, deployments=view.deployments, replica_sets=view.replica_sets, pods=view.pods, events=view.events)
        return judge_pulls(snapshot, pod, self._clock())

    async def _make(self, view: View) -> Waiting | Diagnosis:
        """Create-only. What attempts on lost workers have left goes first: it would count against the quota."""
        await self._records.confirm(Names(self._namespace), self._attempt.generation)
        for left in (pod["metadata"]["name"] for pod in view.pods if pod["metadata"].get("labels", {}).get(COMPONENT) == IMAGE_CHECK):
            await self._cluster.delete("Pod", left, self._namespace)
        try:
            await self._cluster.create(self._pod)
        except RejectedError as error:
            if is_room_made(error.answer, view.pods):
                return Waiting(f"waiting for pods that are leaving: {error.answer}")
            if (diagnosis := known_refusal(error.answer, label("Pod", self._name))) is None:
                raise
            return diagnosis
        return Waiting(f"Pod {self._name} is made, to pull the new images")


def _named(name: str, view: View) -> Object | None:
    return next((pod for pod in view.pods if pod["metadata"]["name"] == name), None)


def _is_over(pod: Object) -> bool:
    """Evicted or stopped before its images were there, which says nothing about them: another one is made."""
    return str(pod.get("status", {}).get("phase")) == "Failed"
