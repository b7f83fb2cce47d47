"""host:port as people write it, and what the host tells: an address, a Service of a cluster, or another name."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from stack.model import Model

PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
LABEL: Final = r"[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?"
NAME: Final = re.compile(rf"(?=.{{1,253}}$)({LABEL}\.)*[a-z_]([-a-z0-9_]{{0,61}}[a-z0-9_])?")
"""The last part begins with no digit: `127.1` and `0x7f000001` are addresses in disguise."""
WRITTEN_WRONG: Final = (
    (re.compile(r"\s"), "it has spaces or line breaks in it"),
    (re.compile("://"), "it has a scheme"),
    (re.compile("[/?#]"), "it has a path"),
    (re.compile("@"), "it has a user in it"),
    (re.compile(","), "it is more than one address"),
)


class AddressError(ValueError):
    """What is wrong, in words that do not repeat the text."""


class Address(Model):
    """Where something listens. The host is in lower case, without brackets and without a dot at its end."""

    host: str
    port: int

    @property
    def ip(self) -> IPv4Address | IPv6Address | None:
        """The host as a number, if it is one."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    @property
    def is_loopback(self) -> bool:
        return self.host == "localhost" or (self.ip is not None and self.ip.is_loopback)


def parse_address(text: str) -> Address:
    """Raises AddressError, of which people learn what to correct."""
    if problem := next((words for pattern, words in WRITTEN_WRONG if pattern.search(text)), None):
        raise AddressError(problem)
    host, colon, port = text.rpartition(":")
    if not colon:
        raise AddressError("it has no port")
    if not PORT.fullmatch(port) or int(port) > 65535:
        raise AddressError("its port is no number from 1 to 65535")
    return Address(host=_host(host), port=int(port))


def _host(text: str) -> str:
    bracketed = text.startswith("[") and text.endswith("]")
    try:
        address = ip_address(text[1:-1] if bracketed else text)
    except ValueError:
        address = None
    if isinstance(address, IPv6Address):
        if not bracketed or address.scope_id:
            raise AddressError("an address of IPv6 is written in brackets, without a zone")
        return str(address.ipv4_mapped or address)
    name = text.lower().removesuffix(".")
    if address is None and not NAME.fullmatch(name):
        raise AddressError("its host is no name and no address")
    return name


def service_namespace(host: str) -> str | None:
    """The namespace in `name.namespace.svc[.cluster.local]`."""
    match host.split("."):
        case [_, namespace, "svc"] | [_, namespace, "svc", "cluster", "local"]:
            return namespace
        case _:
            return None


def leads_to(address: Address, others: Iterable[Address]) -> bool:
    """Whether it may be one of the others: the same host and port, or a Service beside theirs, which may choose the same pods."""
    return any(address == other or _beside(address.host, other.host) for other in others)


def _beside(host: str, other: str) -> bool:
    """A cluster's DNS completes `name.namespace` too."""
    namespace = service_namespace(other)
    return namespace is not None and namespace in {service_namespace(host), host.partition(".")[2]}
