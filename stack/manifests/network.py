"""Who may talk to whom: nothing, and then exactly the lines that a stack needs.

`_from`, `_except` are the client's right names: it drops `var_from` without a word, and a rule without peers admits everybody.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, ip_address
from typing import Final

from kubernetes.aio import client as k8s

from stack.manifests.app import public_port
from stack.manifests.blueprint import Blueprint
from stack.manifests.labels import component_labels, namespace_called, object_meta, pods_of, select
from stack.names import DEPLOYER, FRONTEND_PORT, TEMPORAL, UI_PORT, WEBAPP
from stack.network_address import Address, service_namespace
from stack.settings import Settings

NOT_THE_INTERNET: Final = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
"""Private, shared, loopback, link-local, protocol and reserved blocks (RFC 6890): the cluster's API, nodes, metadata services and the
production Temporal are there, and clouds number pods from all of them. 168.63.129.16 looks public and is Azure's, for its machines."""
LINK_LOCAL: Final = ["169.254.0.0/16"]
EVERYWHERE: Final = "0.0.0.0/0"
"""IPv4 only: with the default denial nothing leaves by IPv6."""
DNS_PORT: Final = 53


def network_policies(blueprint: Blueprint) -> list[k8s.V1NetworkPolicy]:
    """All rules of a stack. The denial comes first, so there is no moment in which pods are open."""
    internet = [allow_internet(blueprint)] if blueprint.file.network.internet else []
    return [
        deny_all(blueprint),
        allow_dns(blueprint),
        allow_postgresql(blueprint),
        *internet,
        allow_webapp(blueprint),
        allow_temporal(blueprint),
    ]


def deny_all(blueprint: Blueprint) -> k8s.V1NetworkPolicy:
    return policy(blueprint, "deny-all", pods=k8s.V1LabelSelector(), types=["Ingress", "Egress"])


def allow_dns(blueprint: Blueprint) -> k8s.V1NetworkPolicy:
    """Names are resolved by the cluster's own DNS pods and by nobody else."""
    peer = k8s.V1NetworkPolicyPeer(namespace_selector=namespace_called("kube-system"), pod_selector=select({"k8s-app": "kube-dns"}))
    rule = egress(peer, k8s.V1NetworkPolicyPort(protocol="UDP", port=DNS_PORT), tcp(DNS_PORT))
    return policy(blueprint, "allow-dns", pods=k8s.V1LabelSelector(), types=["Egress"], egress_rules=[rule])


def allow_postgresql(blueprint: Blueprint) -> k8s.V1NetworkPolicy:
    """For temporal-server, and for the webapp if the application has a database of its own."""
    pods = k8s.V1LabelSelector() if blueprint.file.database.app else pods_of(TEMPORAL)
    block = blueprint.settings.database_cidr
    peer = address_block(str(block)) if block else peer_called(blueprint.postgres.host)
    rule = egress(peer, tcp(blueprint.postgres.port))
    return policy(blueprint, "allow-postgresql", pods=pods, types=["Egress"], egress_rules=[rule])


def ways_elsewhere(blueprint: Blueprint) -> list[k8s.V1NetworkPolicy]:
    """The one way out to the Temporal that the secrets name, and none to production's, whatever the name turns out to mean."""
    elsewhere = blueprint.elsewhere
    if elsewhere is None or elsewhere.is_loopback:
        return []
    rule = egress(peer_called(elsewhere.host, without=closed_blocks(blueprint.settings)), tcp(elsewhere.port))
    return [policy(blueprint, "allow-temporal-elsewhere", pods=k8s.V1LabelSelector(), types=["Egress"], egress_rules=[rule])]


def closed_blocks(settings: Settings) -> list[str]:
    """What the installation keeps from previews wherever it is: production, by number, and what else it names."""
    return [*blocks_of(settings.production_addresses), *map(str, settings.closed_cidrs)]


def blocks_of(addresses: Iterable[Address]) -> list[str]:
    """Those that are numbers of IPv4, as blocks: a rule for everywhere can leave out nothing else."""
    return sorted({f"{address.ip}/32" for address in addresses if isinstance(address.ip, IPv4Address)})


def peer_called(host: str, *, without: Iterable[str] = ()) -> k8s.V1NetworkPolicyPeer:
    """Rules know addresses and selectors, no host names. An address is exact, and so is the namespace in the name of a Service.

    Behind any other name is a managed server whose address may change at every failover, usually in a private network: its one port is then
    open everywhere but to link-local addresses and `without`, and the server's own authentication guards what else listens there.
    """
    try:
        address = ip_address(host)
    except ValueError:
        namespace = service_namespace(host)
        if namespace is None:
            return address_block(EVERYWHERE, [*LINK_LOCAL, *without])
        return k8s.V1NetworkPolicyPeer(namespace_selector=namespace_called(namespace))
    return address_block(f"{address}/{address.max_prefixlen}")


def allow_internet(blueprint: Blueprint) -> k8s.V1NetworkPolicy:
    """All of the public internet, because the stack file says so. The installation says what else is not of it."""
    closed = [*NOT_THE_INTERNET, *closed_blocks(blueprint.settings)]
    rule = k8s.V1NetworkPolicyEgressRule(to=[address_block(EVERYWHERE, closed)])
    return policy(blueprint, "allow-internet", pods=k8s.V1LabelSelector(), types=["Egress"], egress_rules=[rule])


def allow_webapp(blueprint: Blueprint) -> k8s.V1NetworkPolicy:
    """In from the ingress controller, out to the stack's own Temporal."""
    return policy(
        blueprint,
        WEBAPP,
        pods=pods_of(WEBAPP),
        types=["Ingress", "Egress"],
        ingress_rules=[ingress(ingress_controller(blueprint), public_port(blueprint.file.webapp))],
        egress_rules=[egress(k8s.V1NetworkPolicyPeer(pod_selector=pods_of(TEMPORAL)), tcp(FRONTEND_PORT))],
    )


def allow_temporal(blueprint: Blueprint) -> k8s.V1NetworkPolicy:
    """The ingress controller reaches the UI and nothing else; the webapp and the deployer reach the server."""
    webapp = k8s.V1NetworkPolicyPeer(pod_selector=pods_of(WEBAPP))
    return policy(
        blueprint,
        TEMPORAL,
        pods=pods_of(TEMPORAL),
        types=["Ingress"],
        ingress_rules=[
            ingress(ingress_controller(blueprint), UI_PORT),
            ingress(webapp, FRONTEND_PORT),
            ingress(deployer(blueprint), FRONTEND_PORT),
        ],
    )


def ingress_controller(blueprint: Blueprint) -> k8s.V1NetworkPolicyPeer:
    return k8s.V1NetworkPolicyPeer(namespace_selector=namespace_called(blueprint.settings.ingress_namespace))


def deployer(blueprint: Blueprint) -> k8s.V1NetworkPolicyPeer:
    """The worker that verifies the stack: its address block if it runs outside the cluster, its pods if inside."""
    settings = blueprint.settings
    if settings.deployer_cidr:
        return address_block(settings.deployer_cidr)
    home = namespace_called(settings.home_namespace)
    return k8s.V1NetworkPolicyPeer(namespace_selector=home, pod_selector=select(component_labels(DEPLOYER)))


def address_block(cidr: str, without: list[str] | None = None) -> k8s.V1NetworkPolicyPeer:
    return k8s.V1NetworkPolicyPeer(ip_block=k8s.V1IPBlock(cidr=cidr, _except=without))


def ingress(peer: k8s.V1NetworkPolicyPeer, port: int) -> k8s.V1NetworkPolicyIngressRule:
    return k8s.V1NetworkPolicyIngressRule(_from=[peer], ports=[tcp(port)])


def egress(peer: k8s.V1NetworkPolicyPeer, *ports: k8s.V1NetworkPolicyPort) -> k8s.V1NetworkPolicyEgressRule:
    return k8s.V1NetworkPolicyEgressRule(to=[peer], ports=list(ports))


def tcp(port: int) -> k8s.V1NetworkPolicyPort:
    return k8s.V1NetworkPolicyPort(protocol="TCP", port=port)


def policy(
    blueprint: Blueprint,
    name: str,
    *,
    pods: k8s.V1LabelSelector,
    types: list[str],
    ingress_rules: list[k8s.V1NetworkPolicyIngressRule] | None = None,
    egress_rules: list[k8s.V1NetworkPolicyEgressRule] | None = None,
) -> k8s.V1NetworkPolicy:
    return k8s.V1NetworkPolicy(
        api_version="networking.k8s.io/v1",
        kind="NetworkPolicy",
        metadata=object_meta(blueprint, name),
        spec=k8s.V1NetworkPolicySpec(pod_selector=pods, policy_types=types, ingress=ingress_rules, egress=egress_rules),
    )
