"""The words of the design as values: requests, attempts, verdicts, diagnoses, receipts, records.

They travel through Temporal as JSON and are visible to operators, so none of them ever holds a secret: only names of secrets.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from stack.model import Duration, Model
from stack.stackfile import StackFile

PrNumber = Annotated[int, Field(ge=1, le=999_999_999)]
Repository = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}$")]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]
RequestId = Annotated[str, Field(min_length=1, max_length=64)]


class Condition(Model):
    """What must be so when a request is accepted. Requests of the clean-up have one: they mean what the clean-up saw, and their time does
    not count."""

    generation: int
    """The accepted generation; 0 for a pull request without a record."""
    expired: bool = False
    """And the time of the preview is over."""


class DeployRequest(Model):
    """This pull request should run this commit."""

    kind: Literal["deploy"] = "deploy"
    id: RequestId
    pr: PrNumber
    repository: Repository
    requested_at: AwareDatetime
    """The time that the forge gave the event; requests are ordered by it."""
    commit: Commit
    images: dict[str, str]
    """Image name of the stack file → image reference."""
    stack: StackFile | None = None
    """None: the worker is to read it from the base branch."""
    condition: Condition | None = None


class Deployment(DeployRequest):
    """A deploy request as it was admitted: with the stack file that counts, and of that only what its author may have."""

    stack: StackFile


class TeardownRequest(Model):
    """This pull request should be gone."""

    kind: Literal["teardown"] = "teardown"
    id: RequestId
    pr: PrNumber
    repository: Repository
    requested_at: AwareDatetime
    reason: str = "closed"
    condition: Condition | None = None


class ExtendRequest(Model):
    """This preview should live until another time. It names the generation that it means, and its time orders nothing."""

    kind: Literal["extend"] = "extend"
    id: RequestId
    pr: PrNumber
    repository: Repository
    requested_at: AwareDatetime
    generation: int
    ttl: Duration | None = None
    """From `requested_at` on; None leaves the expiry as it is."""
    pinned: bool | None = None
    """True: never expires, False: expires again, None: as it is."""


Request = Annotated[DeployRequest | TeardownRequest | ExtendRequest, Field(discriminator="kind")]


class Urls(Model):
    """Where people find the preview."""

    webapp: str
    temporal_ui: str


class Good(Model):
    """The last request of a pull request that ended ready: what a failed update goes back to."""

    request: Deployment
    generation: int
    urls: Urls | None = None


class Attempt(Model):
    """One try to make a stack be what a request asks for: what every step of DeployPreview is given."""

    request: Deployment
    namespace: str
    generation: int
    """Number of the accepted request of this pull request, written on everything that is made for it."""
    expires_at: AwareDatetime | None = None
    pinned: bool = False


class Removal(Model):
    """One try to take a stack away: what every step of TeardownPreview is given."""

    request: TeardownRequest
    namespace: str
    generation: int


class Category(StrEnum):
    """Kinds of diagnosis. CI and people decide by them what to do, so they are stable words."""

    IMAGE = "image-not-available"
    IMAGE_NAME = "image-name-invalid"
    SECRET_KEY = "secret-key-missing"  # noqa: S105 (the word for a diagnosis)
    SECRET_SOURCE = "secrets-not-available"  # noqa: S105
    CONFIGURATION = "container-configuration"
    QUOTA = "quota-exceeded"
    POLICY = "pod-security-violated"
    CRASH = "container-crashes"
    MEMORY = "out-of-memory"
    DATABASE = "database-refused"
    UNSCHEDULABLE = "unschedulable"
    CAPACITY = "no-capacity"
    NODE = "node-failed"
    PROBE = "probe-never-passed"
    DEADLINE = "not-ready-in-time"
    REJECTED = "rejected-by-cluster"
    FOREIGN = "namespace-not-ours"
    WEB = "page-does-not-answer"
    UI = "temporal-ui-does-not-answer"
    TEMPORAL = "temporal-does-not-serve"
    WORKER = "worker-does-not-poll"
    SMOKE = "smoke-workflow-failed"
    NOT_ADMITTED = "not-admitted"
    STACK_FILE = "stack-file-invalid"
    INTERNAL = "internal"


class Diagnosis(Model):
    """Why a stack is not ready and what to do."""

    category: Category
    object: str
    """Kind and name, with the container where there is one: `Pod webapp-5d4 container backend`."""
    summary: str
    """One sentence."""
    detail: str = ""
    """What the server said, or the last lines of the log."""
    resolution: str
    """One sentence that says what to do."""


class ReceiptItem(Model):
    """What became of one thing that a stack had."""

    object: str
    """Kind and name, such as `Database pr_1_temporal`."""
    existed: bool
    seen_gone: bool
    """True only if it was looked for afterwards and not found."""
    seconds: float
    """From the deletion to being seen gone."""
    held_by: str = ""
    """What keeps it, when it is not gone, and what kept it for long, when it is: a finalizer, an APIService, a session."""


class Receipt(Model):
    """What a teardown proved to be gone."""

    items: tuple[ReceiptItem, ...]


State = Literal["ready", "failed", "superseded", "cancelled", "gone", "running"]


class Outcome(Model):
    """How one request ended, for the caller who made it (and, while it runs, how far it is)."""

    request_id: RequestId
    state: State
    pr: PrNumber
    generation: int = 0
    sha: Commit | None = None
    urls: Urls | None = None
    seconds: dict[str, float] = {}
    """Step → how long it took, in the order of the steps."""
    diagnosis: Diagnosis | None = None
    receipt: Receipt | None = None
    note: str = ""
    expires_at: AwareDatetime | None = None
    """When the clean-up may take the preview away; None: not before somebody asks for it (pinned, or nothing is there)."""
    waits_for: str = ""
    """While it runs: what its steps say that they wait for."""
    temporal_away: float | None = None
    """Seconds for which an update left the preview without its own Temporal."""

    @property
    def turned_away(self) -> bool:
        """Whether it failed before it was accepted: it says nothing of how the preview is."""
        return self.state == "failed" and self.generation == 0


class SecretsReport(Model):
    """What the secrets step put into the namespace: names and a fingerprint, never a value."""

    keys: tuple[str, ...] = ()
    fingerprint: str = ""
    """HMAC of the values under a salt that lives in the Secret: equal values, equal fingerprint, nothing to guess from."""
    sets_temporal_address: bool = False
    """Whether a non-empty TEMPORAL_SERVER_ADDRESS is among them: then the application works elsewhere by its own wish."""


class Claim(Model):
    """What the record said when the request was accepted."""

    generation: int
    urls: Urls | None = None
    """Where a deployed stack will answer."""
    accepted: bool
    """False: a newer request has been accepted before, this one must change nothing."""
    note: str = ""
    """Why it was not accepted."""
    current: Outcome | None = None
    """If it was not accepted: how the request ended that the record tells of, so that callers learn how the preview is."""
    good: Good | None = None
    """What runs now and was ready once: the request changes a live preview."""
    expires_at: AwareDatetime | None = None
    pinned: bool = False

    @property
    def end(self) -> datetime | None:
        """When the preview may be taken away; None for one that is pinned."""
        return None if self.pinned else self.expires_at


class Absence(Model):
    """When the temporal pod was away. `until` is None while it still is."""

    since: AwareDatetime
    until: AwareDatetime | None = None


class Check(Model):
    """How waiting for the workloads or verifying them ended: passed, or the reason why not."""

    diagnosis: Diagnosis | None = None
    temporal_away: Absence | None = None

    @property
    def passed(self) -> bool:
        return self.diagnosis is None


class Application(Model):
    """What is applied: the attempt and what its Secret holds (which keys, not which values)."""

    attempt: Attempt
    secrets: SecretsReport


class Record(Model):
    """What is known of a pull request beyond the life of its namespace."""

    pr: PrNumber
    repository: Repository
    generation: int
    kind: Literal["deploy", "teardown"]
    """What the last accepted request asked for."""
    request_id: RequestId | None = None
    """Its id: the same request again is no new one."""
    requested_at: AwareDatetime
    state: State
    commit: Commit | None = None
    outcome: Outcome | None = None
    changed_at: datetime
    good: Good | None = None
    """Kept from its verdict until a teardown is accepted."""
    expires_at: AwareDatetime | None = None
    """When the clean-up may take the preview away, unless it is pinned."""
    extended_until: AwareDatetime | None = None
    """What somebody asked for: a push does not shorten it."""
    pinned: bool = False
