"""The commands about single articles."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.commands import Config, Json, Url, load_settings, reported, show

articles = typer.Typer(no_args_is_help=True, help="Single articles: take one down.")


@articles.command("remove")
def remove_article(
    source: Annotated[str, typer.Argument(help="The article's source.")],
    article: Annotated[str, typer.Argument(metavar="ID", help="Its id in that source.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the event.")],
    actor: Annotated[str, typer.Option("--by", help="Who takes it down; kept too.")],
    db: Url = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Take an article down: its text goes, counts and incidents follow, a tombstone stays.

    The running pipeline corrects counts, and headlines in incidents, within moments.
    """
    from pipeline.display import Shown
    from pipeline.process import now, opened
    from pipeline.store.removal import remove

    with reported(), opened(load_settings(config, db=db)) as found:
        revision = remove(found, (source, article), actor=actor, reason=reason, now=now())
        result = {"source": source, "id": article, "revision": revision}
        show(Shown(result, f"removed, as revision {revision}"), as_json=as_json)
