"""Where the production Temporal is, for the worker and the command line: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TLS_… and
TEMPORAL_PROFILE, as the SDK reads them."""

from typing import Final

from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime

from stack.errors import InvalidInputError, cut
from stack.network_address import Address, AddressError, parse_address

DEFAULT_ADDRESS: Final = "localhost:7233"


def connection_options() -> ClientConnectConfig:
    """Raises InvalidInputError for what no waiting mends: an unknown profile, a certificate that is not there."""
    try:
        options = ClientConfig.load_client_connect_config()
    except OSError as error:
        raise InvalidInputError([f"TEMPORAL_TLS_…: {error.filename}: {error.strerror}; it must name a file that can be read"]) from None
    except (RuntimeError, ValueError) as error:
        raise InvalidInputError([f"TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE or another TEMPORAL_…: {_first_line(error)}"]) from None
    options.setdefault("target_host", DEFAULT_ADDRESS)
    return options


def address(options: ClientConnectConfig) -> Address:
    """Where the production Temporal is, for those who must keep away from it. Raises InvalidInputError."""
    target = options.get("target_host") or DEFAULT_ADDRESS
    try:
        return parse_address(target)
    except AddressError as problem:
        raise InvalidInputError([f"TEMPORAL_ADDRESS {target}: {problem}; write host:port"]) from None


async def connect(options: ClientConnectConfig, converter: DataConverter, runtime: Runtime | None = None) -> Client:
    """One try. Raises RuntimeError or RPCError when Temporal is away, InvalidInputError when the options cannot be used."""
    address = options.get("target_host")
    if address and "://" in address:
        raise InvalidInputError([f"TEMPORAL_ADDRESS {address}: write host:port, without a scheme"])
    try:
        return await Client.connect(**options, data_converter=converter, runtime=runtime)
    except ValueError as error:
        raise InvalidInputError([f"TEMPORAL_ADDRESS {address} or TEMPORAL_TLS_…: {error}"]) from None


def _first_line(error: Exception) -> str:
    """The lines after it quote the configuration file, which may hold a key."""
    return cut(str(error).partition("\n")[0])
