"""Proves that a stack file is either read in full or refused with every problem and its line, and never anything else."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from stack.errors import InvalidInputError
from stack.stackfile import StackFile
from stack.stackfile_words import EXPECTED, POWERLESS, known_keys
from tests.unit.stack_text import GOOD, load, spoilt

ROOT = Path(__file__).parents[2]


def problems_of(text: str, namespace_template: str = "pr-{pr}") -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        load(text, namespace_template)
    return caught.value.problems


def test_a_good_file_is_read() -> None:
    stack = load(GOOD)
    assert stack.app == "shop"
    assert stack.ttl == timedelta(hours=72)
    assert stack.webapp.containers[0].command == ("gunicorn", "app:app")


@pytest.mark.parametrize("path", ["example/preview.yaml", "tests/stacks/shop.yaml", "tests/stacks/forum.yaml", "tests/stacks/blog.yaml"])
def test_the_stack_files_of_this_repository_are_good(path: str) -> None:
    assert load((ROOT / path).read_text(encoding="utf-8")).app


def test_what_was_read_can_be_written_and_read_again() -> None:
    stack = load(GOOD)
    assert StackFile.model_validate_json(stack.model_dump_json(by_alias=True)) == stack


def test_an_app_that_knows_nothing_of_previews_can_be_described() -> None:
    text = spoilt(
        ("    smoke: {workflow: Greet, taskQueue: default}\n", ""),
        ("port: 8080", "port: 3000"),
        ("user: 1000", "user: 65534"),
        ('env: {APP_ENV: preview, WEB_APP_HOST: "{url}"}', "env: {on: 'yes', NO: 'no', SCRIPT: 'echo $HOME $(VAR) {x}'}"),
        ("writable: [/tmp]", "writable: [/tmp, /var/cache, /home/app/.cache]"),
        (
            "temporal:\n",
            "    - {name: frontend, image: frontend, port: 8081}\n  public: frontend\ntemporal:\n",
        ),
    )
    backend = load(text).webapp.containers[0]
    assert backend.env == {"on": "yes", "NO": "no", "SCRIPT": "echo $HOME $(VAR) {x}"}


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("file: shop.env", "file shop.env"),
        ("doppler: {project: shop, config: preview}", "Doppler config shop/preview"),
        ("secret: shop-preview", "Secret shop-preview"),
    ],
)
def test_secrets_come_from_the_one_source_that_is_written(written: str, source: str) -> None:
    secrets = load(spoilt(("file: shop.env", written))).secrets
    assert secrets is not None
    assert secrets.source == source


BROKEN = {
    "an empty file": ("", ["line 1: the file is empty"]),
    "only a comment": ("# nothing\n", ["line 1: the file is empty"]),
    "a list instead of keys": ("- a\n", ["line 1: the file must hold keys and values"]),
    "one word": ("hello", ["line 1: the file must hold keys and values"]),
    "a tab as indentation": ("app: shop\nwebapp:\n\tx: 1\n", ["line 3: this is not YAML", "a tab?"]),
    "a bracket that is never closed": ("app: [a\n", ["this is not YAML"]),
    "a control character": ("app: a\nhost: \x00\n", ["line 2: the character '\\x00' cannot be in YAML"]),
    "half of a surrogate pair": ("app: \ud800\n", ["line 1: the character"]),
    "two documents": (GOOD + "---\n" + GOOD, ["a second document begins here"]),
    "an anchor that contains itself": ("app: &a [*a]\n", ["line 1: aliases (*a) are not read"]),
    "a bomb of aliases": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", ["line 2: aliases (*a) are not read"]),
    "a merge key": ("base: &b {x: 1}\nwebapp:\n  <<: *b\n", ["line 3: aliases (*b) are not read"]),
    "brackets inside brackets without end": ("[" * 50_000, ["line 1: more than 20 levels"]),
    "a file that is too large": ("# " + "x" * 70_000, ["at most 65536 are read"]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_text_that_is_no_single_plain_yaml_document_is_refused_with_one_clear_problem(name: str) -> None:
    text, expected = BROKEN[name]
    problems = problems_of(text)
    assert len(problems) == 1
    assert all(piece in problems[0] for piece in expected), problems


BAD = {
    "a mistyped key": (("image: webapp", "imge: webapp"), "line 6: webapp.containers.0.imge: unknown key; did you mean image?"),
    "a key in Python's spelling": (
        ("workingDir", "working_dir"),
        "line 8: webapp.containers.0.working_dir: unknown key; did you mean workingDir?",
    ),
    "a key that is like no other": (("ttl: 72h", "zzz: 72h"), "line 24: zzz: unknown key; known here: app, host, webapp,"),
    "a missing image": (("      image: webapp\n", ""), "line 5: webapp.containers.0.image: is missing; write the NAME of one"),
    "a missing host": (('host: "pr-{pr}.preview.example.com"\n', ""), "line 1: host: is missing; write a host name with {pr}"),
    "a key twice": (("ttl: 72h", "ttl: 72h\nttl: 48h"), "line 24: ttl: the key is here twice, in lines 24 and 25; keep one"),
    "a key with nothing behind it": (("ttl: 72h", "ttl:"), "line 24: ttl: nothing is written here; write a duration"),
    "a key that is a list": (("ttl: 72h", "? [a]\n: 1"), "line 24: ?: a key must be one word"),
    "a tag": (("app: shop", "app: !!python/name:os.system shop"), "line 1: app: the tag"),
    "a mapping with a tag": (("database: {", "database: !x {"), "line 22: database: the tag `!x` is not read"),
    "a truth value as text": (
        ("APP_ENV: preview", "APP_ENV: on"),
        "YAML reads `on` as a truth value, but text is expected; put it in quotes",
    ),
    "a version that is a number": (('server: "1.32.2"', "server: 1.32"), "line 16: temporal.server: YAML reads `1.32` as a number"),
    "a number as text": (("APP_ENV: preview", "APP_ENV: 5432"), "line 10: webapp.containers.0.env.APP_ENV: YAML reads `5432` as a number"),
    "a port in base 60": (("port: 8080", "port: 8:30"), "line 9: webapp.containers.0.port: `8:30` is a number that YAML reads in base 60"),
    "a user in base 8": (("user: 1000", "user: 01000"), "`01000` is a number that YAML reads in base 8"),
    "a number with underscores": (("user: 1000", "user: 1_000"), "`1_000` is a number that YAML reads in a notation of its own"),
    "a truth value as a number": (
        ("user: 1000", "user: on"),
        "line 13: webapp.containers.0.user: `on` cannot be used; write a whole number",
    ),
    "text as a number": (("port: 8080", 'port: "8080"'), "line 9: webapp.containers.0.port: `8080` cannot be used; write a whole number"),
    "a privileged port": (("port: 8080", "port: 80"), "`80` cannot be used; write a whole number from 1024 to 65535"),
    "root": (("user: 1000", "user: 0"), "0 is root, which Pod Security refuses"),
    "a text instead of a list": (('command: [gunicorn, "app:app"]', "command: gunicorn"), "write a list of words"),
    "a list of something else": (("writable: [/tmp]", "writable: [{a: b}]"), "webapp.containers.0.writable.0: a mapping cannot be used"),
    "no containers": (
        ("  containers:\n    - name", "  containers: []\n  x:\n    - name"),
        "line 4: webapp.containers: a list cannot be used",
    ),
    "a container that is a word": (
        ("    - name: backend", "    - backend\n    - name: backend"),
        "line 5: webapp.containers.0: `backend` cannot be used; write a mapping",
    ),
    "an env name with a space": (("APP_ENV: preview", "APP ENV: preview"), "env.APP ENV: is not the name of an environment variable"),
    "a duration without a unit": (("ttl: 72h", "ttl: 72"), "line 24: ttl: `72` has no unit; write a duration with a unit, such as 72h"),
    "a duration of another language": (("ttl: 72h", "ttl: three days"), "line 24: ttl: `three days` cannot be used"),
    "a duration beyond all bounds": (("ttl: 72h", "ttl: " + "999999d" * 2000), "line 24: ttl: `999999d"),
    "a time to live of nothing": (("ttl: 72h", "ttl: 0s"), "line 24: ttl: must be longer than 0s and at most 90d"),
    "a time to live of a year": (("ttl: 72h", "ttl: 365d"), "line 24: ttl: must be longer than 0s and at most 90d"),
    "failures kept longer than previews": (("ttl: 72h", "ttl: 2h\nfailedTtl: 3h"), "line 25: failedTtl: must not be longer than `ttl`"),
    "an app name in capitals": (("app: shop", "app: Shop"), "line 1: app: `Shop` cannot be used; write a lower-case name"),
    "an app name that is too long": (("app: shop", "app: " + "a" * 41), "at most 40 characters"),
    "a host without the number": (
        ("pr-{pr}.preview", "preview"),
        "line 2: host: `preview.example.com` cannot be used: must have {pr} in it",
    ),
    "a host with a scheme": (("pr-{pr}.preview", "https://pr-{pr}.preview"), "write the host name alone, without a scheme"),
    "a host with a path": (("example.com", "example.com/shop"), "write the host name alone, without a path"),
    "a host with a port": (("example.com", "example.com:8080"), "write the host name alone, without a port"),
    "a host in capitals": (("example.com", "Example.com"), "host names are lower case; write pr-{pr}.preview.example.com"),
    "a host with another placeholder": (("example.com", "{domain}"), "{domain} is not known; only {pr} and {app} are replaced"),
    "a host with an underscore": (("example.com", "ex_ample.com"), "`ex_ample` is no part of a host name"),
    "a host with an empty part": (("preview.example", "preview..example"), "`` is no part of a host name"),
    "a host that ends in a number": (("example.com", "10"), "ends in a number, so it would be taken for an address"),
    "a host too long for the longest number": (("pr-{pr}", "p" * 46 + "{pr}"), "has 64 characters, but each part may have 63"),
    "two containers of one name": (
        ("temporal:\n", "    - {name: backend, image: webapp}\ntemporal:\n"),
        "line 15: webapp.containers.1.name: `backend` is the name of two containers",
    ),
    "a container with a name of ours": (("name: backend", "name: temporal-ui"), "`temporal-ui` is a container of the temporal pod"),
    "a reference where a name belongs": (("image: webapp", "image: registry.example.com/shop:1"), "give the reference by --image NAME=REF"),
    "no port at all": (("      port: 8080\n      env", "      env"), "no container has a port"),
    "two ports and none public": (
        ("temporal:\n", "    - {name: frontend, image: webapp, port: 8081}\ntemporal:\n"),
        "webapp.public: backend and frontend have a port; say which one is public, such as `public: backend`",
    ),
    "a public container that is not there": (
        ("temporal:\n", "  public: nginx\ntemporal:\n"),
        "there is no container `nginx`; the containers are: backend",
    ),
    "one port twice": (
        ("temporal:\n", "    - {name: two, image: webapp, port: 8080}\n  public: two\ntemporal:\n"),
        "8080 is the port of two containers",
    ),
    "a readiness of nothing": (
        ("readiness: {path: /api/health}", "readiness: {}"),
        "needs exactly one of `path` (an HTTP request) and `command`",
    ),
    "a readiness of both": (("{path: /api/health}", "{path: /, command: [x]}"), "needs exactly one of `path`"),
    "a path without a port": (
        ("taskQueues: [default]", "taskQueues: [default]\n    readiness: {path: /}"),
        "line 21: temporal.worker.readiness.path: a path needs a port",
    ),
    "a worker's port that is Temporal's": (
        ("taskQueues: [default]", "taskQueues: [default]\n    readiness: {path: /, port: 7233}"),
        "7233 is the port of another container of the temporal pod",
    ),
    "an empty command as readiness": (("{path: /api/health}", "{command: []}"), "is empty; write a list of words"),
    "a readiness that may take a day": (("{path: /api/health}", "{path: /, deadline: 1d}"), "must be longer than 0s and at most 1h"),
    "the address of Temporal": (
        ("APP_ENV: preview", "TEMPORAL_SERVER_ADDRESS: x"),
        "env.TEMPORAL_SERVER_ADDRESS: is set by the preview itself",
    ),
    "the address of the database": (("APP_ENV: preview", "DATABASE_URL: x"), "it is the address of the app's database"),
    "a variable that the secrets require": (("APP_ENV: preview", "GREETING_SECRET: x"), "is also in `secrets.required`"),
    "the root as a writable folder": (("writable: [/tmp]", "writable: [/]"), "the whole root cannot be covered by an empty folder"),
    "writable folders inside one another": (("writable: [/tmp]", "writable: [/tmp, /tmp/a]"), "`/tmp/a` and `/tmp` lie inside one another"),
    "one writable folder twice": (("writable: [/tmp]", "writable: [/tmp, /tmp/]"), "lie inside one another"),
    "a writable folder with dots": (("writable: [/tmp]", "writable: [/tmp/../etc]"), "must be written without `.`, `..` and `//`"),
    "a writable folder of the system": (("writable: [/tmp]", "writable: [/proc/self]"), "belongs to the system"),
    "a relative folder": (("workingDir: /app", "workingDir: app"), "`app` cannot be used; write an absolute path"),
    "secrets inside a writable folder": (
        ("as: env", "as: files, path: /tmp/secrets"),
        "`/tmp` and `/tmp/secrets` lie inside one another",
    ),
    "memory in thousandths": (("256Mi", "256m"), "`256m` is less than 4Mi; memory is in bytes"),
    "memory without a unit": (("memory: 256Mi", 'memory: "256"'), "`256` is less than 4Mi"),
    "memory in words": (("256Mi", "lots"), "`lots` cannot be used; write a quantity as text"),
    "processors in bytes": (("memory: 256Mi", "cpu: 1Gi"), "`1Gi` is not an amount of CPU"),
    "a part of a thousandth of a processor": (("memory: 256Mi", 'cpu: "0.0001"'), "must be a multiple of 1m"),
    "containers beyond the quota": (
        ("ttl: 72h", "quota: {memory: 300Mi}"),
        "quota.memory: `300Mi` is less than the app's containers ask for together",
    ),
    "a smoke workflow on another queue": (
        ("taskQueue: default", "taskQueue: other"),
        "`other` is not one of the worker's taskQueues (default)",
    ),
    "a task queue twice": (("taskQueues: [default]", "taskQueues: [default, default]"), "`default` is in the list twice"),
    "a version of two numbers": (('"1.32.2"', '"1.32"'), "line 16: temporal.server: `1.32` cannot be used; write a version in quotes"),
    "a path of a secrets file": (("file: shop.env", "file: ../shop.env"), "write the name of an env file (no path)"),
    "secrets from nowhere": (("file: shop.env, ", ""), "line 23: secrets: names no source; write one of `doppler:"),
    "secrets from two sources": (
        ("file: shop.env", "file: shop.env, secret: shop"),
        "line 23: secrets.secret: `file` is there as well; secrets come from one source only",
    ),
    "a mistyped source of secrets": (("file: shop.env", "dopler: {project: shop, config: preview}"), "unknown key; did you mean doppler?"),
    "a Doppler config without its project": (
        ("file: shop.env", "doppler: {config: preview}"),
        "line 23: secrets.doppler.project: is missing; write the name of a project in Doppler",
    ),
    "a Doppler config that is a path": (
        ("file: shop.env", "doppler: {project: shop, config: ../production}"),
        "line 23: secrets.doppler.config: `../production` cannot be used; write the name of a config in Doppler",
    ),
    "a Doppler config that is a number": (
        ("file: shop.env", "doppler: {project: shop, config: 7}"),
        "YAML reads `7` as a number, but text is expected",
    ),
    "a Secret of another namespace": (("file: shop.env", "secret: kube-system/shop"), "write the name of a Secret in the deployer's own"),
    "a privileged container": (("user: 1000", "privileged: true"), f"line 13: webapp.containers.0.privileged: {POWERLESS}"),
    "a security context": (
        ("user: 1000", "securityContext: {privileged: true, capabilities: {add: [SYS_ADMIN]}}"),
        f"line 13: webapp.containers.0.securityContext: {POWERLESS}",
    ),
    "a folder of the node": (("writable: [/tmp]", "volumes: [{hostPath: /}]"), f"line 14: webapp.containers.0.volumes: {POWERLESS}"),
    "a folder of the node by itself": (("writable: [/tmp]", "hostPath: /"), f"line 14: webapp.containers.0.hostPath: {POWERLESS}"),
    "a port of the node": (("port: 8080", "port: 8080\n      hostPort: 80"), f"line 10: webapp.containers.0.hostPort: {POWERLESS}"),
    "a port of the node in Kubernetes' words": (
        ("port: 8080", "port: 8080\n      ports: [{hostPort: 80}]"),
        "line 10: webapp.containers.0.ports: unknown key",
    ),
    "the network of the node": (("webapp:\n", "webapp:\n  hostNetwork: true\n"), f"line 4: webapp.hostNetwork: {POWERLESS}"),
    "the processes of the node": (("webapp:\n", "webapp:\n  hostPID: true\n"), f"line 4: webapp.hostPID: {POWERLESS}"),
    "another namespace": (("app: shop", "app: shop\nnamespace: kube-system"), f"line 2: namespace: {POWERLESS}"),
    "a service account": (("    image: worker", "    image: worker\n    serviceAccountName: deployer"), f"serviceAccountName: {POWERLESS}"),
    "an app that is a path to another namespace": (("app: shop", "app: ../kube-system"), "line 1: app: `../kube-system` cannot be used"),
    "a network of other namespaces": (("ttl: 72h", "network: {namespaces: [kube-system]}"), "line 24: network.namespaces: unknown key"),
    "a required key that begins with a digit": (("[GREETING_SECRET]", "[1KEY]"), "write a list of names of environment variables"),
    "a required key with an equals sign": (("[GREETING_SECRET]", '["A=B"]'), "write a list of names of environment variables"),
    "an env name with an equals sign": (("APP_ENV: preview", '"A=B": x'), "env.A=B: is not the name of an environment variable"),
    "forks with the team's own source": (
        ("as: env, req", "forks: {file: shop.env}, as: env, req"),
        "line 23: secrets.forks: is the file shop.env, the team's own; name one whose values strangers may have",
    ),
    "forks without a source": (("as: env, req", "forks: {}, as: env, req"), "line 23: secrets.forks: names no source"),
    "forks with two sources": (
        ("as: env, req", "forks: {file: f.env, secret: s}, as: env, req"),
        "line 23: secrets.forks.secret: `file` is there as well",
    ),
    "forks with keys of their own": (
        ("as: env, req", "forks: {file: f.env, required: [A]}, as: env, req"),
        "line 23: secrets.forks.required: unknown key",
    ),
    "a required key that is no variable": (("[GREETING_SECRET]", "[GREETING-SECRET]"), "write a list of names of environment variables"),
    "more connections than a server has": (("connections: 5", "connections: 1000"), "write a whole number from 1 to 100"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_mistake_gives_one_problem_that_names_its_line(name: str) -> None:
    change, expected = BAD[name]
    problems = problems_of(spoilt(change))
    assert any(expected in problem for problem in problems), problems
    assert all(problem.startswith("line ") for problem in problems)
    known_follow_ups = 2 if name in FOLLOW_UPS else 1
    assert len(problems) == known_follow_ups, problems


FOLLOW_UPS = {"a mistyped key", "no containers", "no port at all"}
"""A mistyped key is unknown, and the one that was meant is missing: both are worth a line."""


def test_mistakes_of_every_kind_are_told_at_once_in_the_order_of_the_lines() -> None:
    problems = problems_of(
        spoilt(
            ("example.com", "example.com:80"),
            ("image: webapp", "imge: webapp"),
            ("port: 8080", "port: 8:30"),
            ("APP_ENV: preview", "DATABASE_URL: x"),
            ("writable: [/tmp]", "writable: [/]"),
            ("taskQueue: default", "taskQueue: other"),
            ("ttl: 72h", "ttl: 72\nttl: 1h"),
        )
    )
    lines = [int(problem.split(":")[0].removeprefix("line ")) for problem in problems]
    assert lines == sorted(lines)
    assert set(lines) == {2, 5, 6, 9, 10, 14, 21, 24}


def test_a_stand_in_for_a_mistake_causes_no_further_problem() -> None:
    problems = problems_of(spoilt(("taskQueues: [default]", "taskQueues: default"), ("name: backend", "name: Backend")))
    assert len(problems) == 2


NAMESPACES = {
    "placeholders without a dash between": ("{app}{pr}", "shop", "put a dash between the placeholders"),
    "no number": ("{app}", "shop", "must have {pr} in it"),
    "an unknown placeholder": ("{pr}-{team}", "shop", "{team} is not known"),
    "capitals": ("PR-{pr}", "shop", "a namespace has lower-case letters"),
    "a name that PostgreSQL reserves": ("pg-{pr}", "shop", "reserved by PostgreSQL"),
    "an app whose role is another app's": ("pr-{pr}-{app}", "shop-app", "would give databases the names of another app's"),
}


@pytest.mark.parametrize("name", NAMESPACES)
def test_a_namespace_template_that_makes_no_good_names_is_refused(name: str) -> None:
    template, app, expected = NAMESPACES[name]
    problems = problems_of(spoilt(("app: shop", f"app: {app}")), template)
    assert len(problems) == 1
    assert expected in problems[0]


def test_every_key_of_the_schema_has_words_for_what_is_expected() -> None:
    assert set(_keys(StackFile)) == set(EXPECTED)
    assert known_keys(("webapp", "containers", 0, "readiness")) == ["path", "port", "command", "deadline"]


def _keys(model: type[BaseModel], path: tuple[str, ...] = ()) -> set[str]:
    keys = set(known_keys(path))
    return keys.union(*(_keys(model, (*path, key)) for key in keys))
