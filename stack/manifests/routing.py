"""Services and Ingress objects."""

from kubernetes.aio import client as k8s

from stack.manifests.blueprint import Blueprint
from stack.manifests.labels import component_labels, generation, object_meta


def service(blueprint: Blueprint, component: str, ports: list[k8s.V1ServicePort]) -> k8s.V1Service:
    """A name inside the cluster for the pods of one component."""
    return k8s.V1Service(
        api_version="v1",
        kind="Service",
        metadata=object_meta(blueprint, component, component),
        spec=k8s.V1ServiceSpec(type="ClusterIP", selector=component_labels(component), ports=ports),
    )


def ingress(blueprint: Blueprint, name: str, host: str, *, component: str, port: str) -> k8s.V1Ingress:
    """Everything under a host name to a named port of a component's Service, guarded as the installation wants it."""
    backend = k8s.V1IngressBackend(service=k8s.V1IngressServiceBackend(name=component, port=k8s.V1ServiceBackendPort(name=port)))
    path = k8s.V1HTTPIngressPath(path="/", path_type="Prefix", backend=backend)
    rule = k8s.V1IngressRule(host=host, http=k8s.V1HTTPIngressRuleValue(paths=[path]))
    metadata = object_meta(blueprint, name, component)
    metadata.annotations = blueprint.settings.ingress_annotations | generation(blueprint)
    return k8s.V1Ingress(
        api_version="networking.k8s.io/v1",
        kind="Ingress",
        metadata=metadata,
        spec=k8s.V1IngressSpec(ingress_class_name=blueprint.settings.ingress_class, rules=[rule]),
    )
