"""What of a monitor tells Alertmanager, as a program to be killed.

``python -m tests.integration.telling_part DATABASE ALERTMANAGER``: takes the lease and tells what
is in the outbox until SIGTERM. A minute in real life is half a second here.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import timedelta

from pipeline.process import now, process_name, stop_on_signals
from pipeline.settings import Settings
from pipeline.sinks import open_post
from pipeline.store import lease
from pipeline.store.database import open_database

ABSENT = "http://127.0.0.1:9"
"""Another Alertmanager of the cluster, which is down all the time."""

RESEND_S = 0.5
ENDS_AFTER_S = 12.0
"""Longer than the machine may be busy with something else."""


def main(database: str, alertmanager: str) -> None:
    settings = Settings.model_validate(
        {
            "alerts": {
                "alertmanager": {
                    "urls": [ABSENT, alertmanager],
                    "resend_seconds": RESEND_S,
                    "ends_after_seconds": ENDS_AFTER_S,
                }
            }
        }
    )
    with stop_on_signals() as stop, ExitStack() as stack:
        db = open_database(database)
        stack.callback(db.close)
        post = open_post(settings, db, now, stack)
        epoch = lease.take(db, process_name(), now=now(), keep_for=timedelta(hours=1))
        post.begin(epoch, others=())
        while not stop.wait(0.2):
            post.take()


if __name__ == "__main__":
    main(*sys.argv[1:])
