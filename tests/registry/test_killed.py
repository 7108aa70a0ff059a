"""kill -9 at every step of registering and promoting: nothing half-written is ever used."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from pipeline.registry import folders


def test_killed_at_any_step_what_is_left_loads_and_it_can_be_done_again(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    shutil.copytree(made[0], tmp_path / "version")
    done = subprocess.run(
        [sys.executable, "-m", "tests.registry.killed_steps", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    version = json.loads((made[0] / "card.json").read_text())["id"]
    *killed, last = found
    assert {one["status"] for one in killed} == {signal.SIGKILL}
    assert last["status"] == 0
    whole = {"registered": sorted([version, folders.shipped_id()]), "champion": version}
    for one in found:
        before, after = one["before"], one["after"]
        assert before["champion"] in (None, version)
        assert before["promotions"] == before["events"] == int(before["champion"] is not None)
        assert sorted(after["registered"]) == whole["registered"]
        assert (after["champion"], after["promotions"], after["events"]) == (version, 1, 1)
    said = {each for one in killed for each in one["folder"]}
    assert said == {"incomplete", "whole"}
    # Some kills came before anything was there, some between version and promotion.
    registered = [len(one["before"]["registered"]) for one in found]
    assert (registered[0], max(registered)) == (0, 2)
    assert registered == sorted(registered)
    assert any(one["before"]["champion"] is None for one in killed if one["before"]["registered"])
    assert len(killed) >= 20
