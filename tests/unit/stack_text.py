"""A good stack file as text, to be spoilt by tests."""

from stack.loading import load_stack_file
from stack.stackfile import StackFile

GOOD = """\
app: shop
host: "pr-{pr}.preview.example.com"
webapp:
  containers:
    - name: backend
      image: webapp
      command: [gunicorn, "app:app"]
      workingDir: /app
      port: 8080
      env: {APP_ENV: preview, WEB_APP_HOST: "{url}"}
      readiness: {path: /api/health}
      resources: {memory: 256Mi}
      user: 1000
      writable: [/tmp]
temporal:
  server: "1.32.2"
  worker:
    image: worker
    command: [python, temporal_server.py]
    taskQueues: [default]
    smoke: {workflow: Greet, taskQueue: default}
database: {app: true, connections: 5}
secrets: {file: shop.env, as: env, required: [GREETING_SECRET]}
ttl: 72h
"""


def spoilt(*changes: tuple[str, str]) -> str:
    """The good text with pieces replaced; every piece must be there."""
    text = GOOD
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def load(text: str, namespace_template: str = "pr-{pr}") -> StackFile:
    return load_stack_file(text, namespace_template=namespace_template)
