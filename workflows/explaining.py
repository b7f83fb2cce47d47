"""From what went wrong in a step to the diagnosis of the attempt."""

from temporalio.exceptions import ActivityError, ApplicationError

from stack.models import Category, Check, Diagnosis


class NotReadyError(Exception):
    """A step found out why the stack is not what was asked for."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(diagnosis.summary)
        self.diagnosis = diagnosis


def require(check: Check) -> None:
    """Ends the attempt with the diagnosis if the check did not pass."""
    if check.diagnosis is not None:
        raise NotReadyError(check.diagnosis)


def explain(error: NotReadyError | ActivityError) -> Diagnosis:
    """The diagnosis that a step found, or that of a step that could not be carried out."""
    if isinstance(error, NotReadyError):
        return error.diagnosis
    cause = error.cause
    kind = cause.type if isinstance(cause, ApplicationError) and cause.type else type(cause).__name__
    category, resolution = REMEDIES.get(
        kind, (Category.INTERNAL, "Look at the failed activity in temporal-ui; deploy again when its cause is gone.")
    )
    message = cause.message if isinstance(cause, ApplicationError) else str(cause)
    return Diagnosis(category=category, object=f"step {error.activity_type}", summary=message, resolution=resolution)


REMEDIES = {
    "ForeignNamespaceError": (Category.FOREIGN, "Choose another namespace template, or remove that namespace if nobody needs it."),
    "MissingSecretError": (Category.SECRET_KEY, "Add the keys to the source of secrets, or take them off `secrets.required`."),
    "SecretSourceError": (Category.SECRET_SOURCE, "Mend the source of secrets that the message names, then deploy again."),
    "NoCapacityError": (Category.CAPACITY, "Take a preview away or give the shared PostgreSQL more connections, then deploy again."),
    "RejectedError": (Category.REJECTED, "Mend what the cluster or the database refused, then deploy again."),
    "UnavailableError": (Category.INTERNAL, "Wait until the service answers again, then deploy again."),
}
