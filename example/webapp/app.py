"""Puts the parts together; gunicorn serves `app:app`."""

import os
from pathlib import Path

from shop.database import Database
from shop.health import Health
from shop.settings import Settings
from shop.temporal import Temporal
from shop.web import create_app

settings = Settings.from_env(os.environ)
database = Database(settings.database_url)
temporal = Temporal(settings.temporal_address)
health = Health({"database": database.check, "temporal": temporal.check})
app = create_app(settings, temporal, database, health, Path(__file__).parent / "static")
