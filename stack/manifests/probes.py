"""How the kubelet learns that a container works.

Each container has a startup probe and a readiness probe of the same kind. The startup probe looks every second, so that a deploy does not
wait for the next look, and when it has passed the kubelet asks for readiness at once. From then on it is asked seldom: previews are idle
most of the time, and ten of them that were asked every second took most of a core, their servers a third of that. No liveness probes:
they restart what is merely slow and hide what is broken.
"""

from datetime import timedelta
from typing import Final

from kubernetes.aio import client as k8s

from stack.manifests.environment import literals
from stack.names import FRONTEND_PORT
from stack.stackfile import Readiness

STARTUP_PERIOD: Final = 1
"""Seconds between two looks until a container has started."""
PERIOD: Final = 5
"""Seconds between two looks after that."""
TIMEOUT: Final = 3
"""Seconds for an answer; the kubelet's default of one is too short for a busy node."""
TOLERATED: Final = timedelta(seconds=30)
"""A container of the application that has been ready may say for this long that it is not. It is alone: taken out of the Service, nobody
answers, and readiness that asks for Temporal would take the page away for each update of the temporal pod."""
FAILURES: Final = 3
"""Looks in a row that fail until one of our own containers, which has been ready, no longer is."""
MARGIN: Final = timedelta(seconds=30)
"""The kubelet restarts what did not start in time. DeployPreview gives its verdict before, while the container can still be diagnosed."""
WORKFLOW_SERVICE: Final = "temporal.api.workflowservice.v1.WorkflowService"
"""The gRPC health service that is SERVING when temporal-server answers calls."""


def probes(look: k8s.V1Probe, deadline: timedelta, tolerated: timedelta | None = None) -> tuple[k8s.V1Probe, k8s.V1Probe]:
    """(startup, readiness) that look in the same way."""
    patience = int((deadline + MARGIN).total_seconds()) // STARTUP_PERIOD
    startup = look.model_copy(update={"period_seconds": STARTUP_PERIOD, "failure_threshold": patience, "timeout_seconds": TIMEOUT})
    failures = int(tolerated.total_seconds()) // PERIOD if tolerated else FAILURES
    readiness = look.model_copy(update={"period_seconds": PERIOD, "failure_threshold": failures, "timeout_seconds": TIMEOUT})
    return startup, readiness


def app_probes(readiness: Readiness | None, port: int | None, host: str) -> tuple[k8s.V1Probe | None, k8s.V1Probe | None]:
    """As the stack file says; without a word there, whether the port can be connected to; without a port, none."""
    look = app_look(readiness or Readiness(), port, host)
    return probes(look, (readiness or Readiness()).deadline, TOLERATED) if look else (None, None)


def app_look(readiness: Readiness, port: int | None, host: str) -> k8s.V1Probe | None:
    port = readiness.port or port
    if readiness.command:
        return k8s.V1Probe(_exec=k8s.V1ExecAction(command=literals(readiness.command)))
    if port is None:
        return None
    if readiness.path:
        return k8s.V1Probe(http_get=http_look(readiness.path, port, host))
    return k8s.V1Probe(tcp_socket=k8s.V1TCPSocketAction(port=port))


def http_look(path: str, port: int, host: str) -> k8s.V1HTTPGetAction:
    """Asks under the public name: frameworks that check the Host header refuse the pod's address, which the kubelet would send."""
    return k8s.V1HTTPGetAction(path=path, port=port, http_headers=[k8s.V1HTTPHeader(name="Host", value=host)])


def server_look() -> k8s.V1Probe:
    return k8s.V1Probe(grpc=k8s.V1GRPCAction(port=FRONTEND_PORT, service=WORKFLOW_SERVICE))
