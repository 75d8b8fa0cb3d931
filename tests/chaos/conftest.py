"""The suite's two sizes: 20 clients and one seed in `make test`, more of both in `make chaos`.

    CHAOS_SEED=7 CHAOS_CLIENTS=200 make chaos ARGS="-k throttled"

repeats a scenario. The seed is in each test's name.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.chaos.project import copy_project
from tests.chaos.stage import Stage
from tests.chaos.swarm import Swarm, Tally
from tests.support.gateways import Running, gateway

SEEDS = [int(word) for word in os.environ.get("CHAOS_SEED", "1").split(",")]
FULL = "CHAOS_CLIENTS" in os.environ
CLIENTS = int(os.environ.get("CHAOS_CLIENTS", "20"))

FEW_PROCESSES = () if FULL else ("--concurrency", "2")
"""Each process of a function imports the application, which takes more time than a scenario."""

NEVER_IDLE = ("--idle-timeout", "7200")
"""The clients of a gateway stay connected during other scenarios, perhaps longer than API Gateway's
ten minutes.
"""

SERVICE = {"DECANTER_SWEEP_PER_SECOND": "1000", "DECANTER_POST_TIMEOUT_SECONDS": "20"}
"""A post without an answer in 2.5 s is retried. A machine under other load causes this, and it
would count as a fault. The overload scenario of `make chaos` has no such limit.
"""

SLOW = {"DECANTER_POSTS_PER_SECOND": str(CLIENTS), "DECANTER_POST_TIMEOUT_SECONDS": "5"}
"""A fan-out takes about one second."""

HURRIED_PER_SECOND = CLIENTS // 5
HURRIED = dict.fromkeys(
    ("DECANTER_POSTS_PER_SECOND", "DECANTER_SWEEP_PER_SECOND"), str(HURRIED_PER_SECOND)
)
"""A fan-out takes five seconds, with functions that have two."""

Open = Callable[..., Stage]
Place = tuple[Running, Swarm]
TALLIES: dict[str, Tally] = {}


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.chaos)  # pytest calls this for the tests of this folder only


@pytest.fixture(name="seed", params=SEEDS, ids="seed {}".format)
def _seed(request: pytest.FixtureRequest) -> int:
    seed: int = request.param
    return seed


@pytest.fixture(name="places", scope="session")
def _places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Place]]:
    """Running gateways with their clients, one for each configuration of the service."""
    places: dict[str, Place] = {}
    with ExitStack() as stack:

        def find(name: str, environment: dict[str, str], project: dict[str, Any]) -> Place:
            if name not in places:
                folder = copy_project(tmp_path_factory.mktemp(name), **project)
                running = stack.enter_context(
                    gateway(
                        folder,
                        *FEW_PROCESSES,
                        *NEVER_IDLE,
                        "--no-reload",
                        environment=environment,
                    )
                )
                places[name] = running, stack.enter_context(Swarm(running.url))
                if FULL:  # one after the other, not in parallel
                    stack.callback(Stage(*places[name], seed=0, size=0).leave)
            return places[name]

        yield find


@pytest.fixture(name="open_stage")
def _open_stage(
    places: Callable[..., Place], seed: int, request: pytest.FixtureRequest
) -> Iterator[Open]:
    """Returns a stage by its name, with the environment and the project that it needs."""
    with ExitStack() as stack:

        def start(name: str, environment: dict[str, str] | None = None, **project: Any) -> Stage:
            stage = Stage(*places(name, environment or {}, project), seed, CLIENTS)
            stack.callback(_end, stage, request.node.name)
            return stage

        yield start


def _end(stage: Stage, scenario: str) -> None:
    stage.end()
    TALLIES[scenario] = stage.tally


@pytest.fixture(name="stage")
def _stage(open_stage: Open) -> Stage:
    """The service with its sweep turned on."""
    return open_stage("service", SERVICE, sweeps=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not FULL:
        return
    terminalreporter.section("ledgers")
    for scenario, tally in TALLIES.items():
        figures = ", ".join(
            f"{value} {name.replace('_', ' ')}" for name, value in vars(tally).items()
        )
        terminalreporter.write_line(f"{scenario}: {figures}")
