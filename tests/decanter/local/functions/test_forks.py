"""Forked workers behave and end like spawned workers."""

import asyncio
import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from decanter.errors import ProjectError
from decanter.local.functions.process import Launch, Process, Worker, WorkerGoneError, spawn
from tests.support.apps import replace
from tests.support.marks import THOROUGH
from tests.support.workers import (
    EVALUATES,
    Cast,
    Company,
    Stage,
    children,
    descriptors,
    ended,
    evaluate,
    is_running,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")


@pytest.fixture(name="stage")
def _stage(tmp_path: Path) -> Stage:
    (tmp_path / "project").mkdir()
    return Stage(tmp_path / "project")


@pytest.fixture(name="company", scope="module")
def _company() -> Iterator[Company]:
    company = Company()
    yield company
    company.close()


@pytest.fixture(name="shared")
def _shared(tmp_path: Path, company: Company) -> Stage:
    """A stage whose fork server is that of other tests, so it must not end or be disabled."""
    (tmp_path / "project").mkdir()
    return Stage(tmp_path / "project", company)


async def until(condition: Callable[[], bool]) -> None:
    """Poll for a condition without an event; the stage's time limit ends it."""
    while not condition():  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.01)


def is_forked(worker: Worker, forks: Cast) -> bool:
    return any(worker.pid in children(pid) for pid in forks.pids)


A_THREAD = "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"

ALIKE = [
    "sys.path",
    "sys.modules['__main__'].__file__",
    "[sys.argv[:-1], sys.orig_argv[:-1]]",
    "sys.modules['app'].__file__",
    "sorted(os.environ.items())",
    "os.getcwd()",
    "[os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()]",
    "os.readlink('/proc/self/fd/0')",
    "[os.readlink(f'/proc/self/fd/{n}')[:6] for n in (1, 2)]",
    "[os.get_inheritable(int(n)) for n in os.listdir('/proc/self/fd') if os.path.exists(FD + n)]",
    # Without SigQ, which counts the signals of all the user's processes.
    "[it for it in open('/proc/self/status') if it[:4] in ('SigI', 'SigC', 'SigB', 'SigP')]",
    "[it for it in open('/proc/self/status') if it[:3] in ('Shd', 'Thr', 'Uma')]",
    "[repr(__import__('signal').getsignal(n)) for n in range(1, 32)]",
    "[str(sys.flags), sys.dont_write_bytecode, sys.getrecursionlimit()]",
    "[sys.__stdout__.encoding, sys.__stdout__.errors, sys.__stdout__.line_buffering]",
    "__import__('time').tzname",
    "[__import__('gc').isenabled(), __import__('gc').get_threshold()]",
    "[str(h) for h in __import__('logging').getLogger().handlers][0].split()[0]",
    "[os.system('exit 3'), os.getppid() > 1]",
]


def test_a_forked_worker_is_like_a_spawned_one(stage: Stage) -> None:
    """Without a locale, Python itself sets a variable at its start."""
    launch = stage.launch(COLOUR="red", TZ="Asia/Tokyo", AWS_REGION="eu-west-1")
    without = {k: v for k, v in launch.environment.items() if not k.startswith(("LC_", "LANG"))}
    launch = dataclasses.replace(launch, environment=without)

    async def work(forks: Cast) -> None:
        forked, spawned = await forks.start(launch), await forks.spawn(launch)
        assert is_forked(forked, forks)
        assert not is_forked(spawned, forks)
        for expression in ALIKE:
            values = [await evaluate(worker, expression) for worker in (forked, spawned)]
            assert values[0] == values[1], expression

    stage.run(work)
    assert stage.notes == []


DESCRIPTIONS = (
    "(lambda loader: [__import__('zlib').crc32(json.dumps(document).encode()) for document in ("
    "loader.list_available_services('service-2'), loader.load_data('endpoints'), "
    "loader.load_service_model('dynamodb', 'service-2'), loader.load_data('partitions'), "
    "loader.load_service_model('dynamodb', 'endpoint-rule-set-1'))])"
)
LOADER = "(__import__('botocore.loaders', fromlist=['']).create_loader({paths}))"


def test_a_forked_worker_has_the_same_descriptions_of_services(
    shared: Stage, tmp_path: Path
) -> None:
    """Each loader has its own copy, because botocore changes some documents."""
    own = tmp_path / "models" / "dynamodb" / "2012-08-10"
    own.mkdir(parents=True)
    (own / "service-2.json").write_text('{"own": true}')
    change = "(lambda loader: loader.load_data('endpoints').clear())"

    async def work(forks: Cast) -> None:
        launch = shared.launch()
        forked, spawned = await forks.start(launch), await forks.spawn(launch)
        assert is_forked(forked, forks)
        found = []
        for paths in ("", "", repr(str(own.parents[1]))):
            expression = DESCRIPTIONS + LOADER.format(paths=paths)
            values = [await evaluate(worker, expression) for worker in (forked, spawned)]
            assert values[0] == values[1]
            found.append(values[0])
        assert [a == b for a, b in zip(found[0], found[2], strict=True)] == [1, 1, 0, 1, 1]
        another = await forks.start(shared.launch())
        await evaluate(another, change + LOADER.format(paths=""))
        assert await evaluate(another, DESCRIPTIONS + LOADER.format(paths="")) == found[0]

    shared.run(work)


def test_forked_workers_share_no_randomness(shared: Stage) -> None:
    """The server itself uses no random number: equal seeds would give equal first values."""
    values = (
        "[__import__('random').random(), __import__('random').SystemRandom().random(),"
        " str(__import__('uuid').uuid4()), str(__import__('uuid').uuid1()),"
        " __import__('secrets').token_hex(), os.urandom(8).hex(),"
        " __import__('tempfile').mktemp(), __import__('ssl').RAND_bytes(8).hex()]"
    )

    async def work(forks: Cast) -> None:
        workers = [await forks.start(shared.launch()) for _ in range(2)]
        one, other = [await evaluate(worker, values) for worker in workers]
        assert not set(one) & set(other)

    shared.run(work)


VARIABLES = [
    {},
    {"COLOUR": "red"},
    {"COLOUR": "blue", "AWS_REGION": "eu-west-1"},
    {"HOME": "/nowhere"},
    {"TZ": "Asia/Tokyo"},
    {"EMPTY": "", "LINES": "a=b\nc", "UMLAUT": "\u00fc"},
    {"PYTHONUTF8": "1"},
    {"PYNAMODB_CONFIG": "/nowhere"},
    {},
]


def test_each_function_has_only_its_own_variables(shared: Stage) -> None:
    launches = [shared.launch(60, **variables) for variables in VARIABLES]

    async def work(forks: Cast) -> None:
        for launch in launches:
            inside = await evaluate(await forks.start(launch), "dict(os.environ)")
            for name in (
                "_X_AMZN_TRACE_ID",
                "AWS_EXECUTION_ENV",
            ):  # Lambda's, Chalice's
                inside.pop(name)
            assert inside == launch.environment

    shared.run(work)


def test_a_function_is_spawned_if_its_variable_is_read_before_the_fork(stage: Stage) -> None:
    names = ["PYNAMODB_CONFIG", "PYTHONHASHSEED", "LD_DEBUG_OUTPUT"]

    async def work(forks: Cast) -> None:
        assert is_forked(await forks.start(stage.launch()), forks)
        for name in [*names, *names]:
            assert not is_forked(await forks.start(stage.launch(60, **{name: "1"})), forks), name

    stage.run(work)
    assert [name for note in stage.notes for name in names if name in note] == names


def test_a_function_is_spawned_if_its_variables_exceed_a_message(shared: Stage) -> None:
    launch = shared.launch(60, **{f"LARGE_{n}": "x" * 100_000 for n in range(3)})

    async def work(forks: Cast) -> None:
        worker = await forks.start(launch)
        assert await evaluate(worker, "len(os.environ['LARGE_2'])") == 100_000
        assert not is_forked(worker, forks)

    shared.run(work)
    assert "spawned instead of forked" in shared.notes[0]


@pytest.mark.parametrize(
    "file", [pytest.param("jmespath.py", marks=THOROUGH), "jmespath/__init__.py", "pynamodb.py"]
)
def test_a_project_whose_module_hides_an_imported_one_is_spawned(stage: Stage, file: str) -> None:
    path = stage.project.folder / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("own = True\nescape = unescape = search = None\n")
    module = Path(file).parts[0].removesuffix(".py")
    stage.project.write(f"import {module}\n" + EVALUATES)

    async def work(forks: Cast) -> None:
        worker = await forks.start(stage.launch())
        assert await evaluate(worker, f"sys.modules[{module!r}].own") is True

    stage.run(work)
    assert f"a module {module} of its own" in stage.notes[0]


def test_other_folders_and_files_hide_no_module(shared: Stage) -> None:
    (shared.project.folder / "html").mkdir()
    (shared.project.folder / "email.txt").touch()

    async def work(forks: Cast) -> None:
        assert is_forked(await forks.start(shared.launch()), forks)

    shared.run(work)
    assert shared.notes == []


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (f"import threading\n{A_THREAD}", "has started a thread"),
        pytest.param(
            "import socket\nkept = socket.socket()", "has opened a file or a socket", marks=THOROUGH
        ),
        pytest.param(
            "import os\nos.environ['LEFT'] = 'behind'",
            "has set an environment variable",
            marks=THOROUGH,
        ),
        ("import os\nkept = dict(os.environ)", "is read when the shared modules are imported"),
        pytest.param("import os\nos._exit(7)", "does not start (exit status 7)", marks=THOROUGH),
        pytest.param("raise SystemExit", "does not start (exit status 0)", marks=THOROUGH),
        ("raise OSError('no')", "does not start (exit status 1: OSError: no)"),
    ],
)
def test_unsafe_imports_are_spawned_and_reported_once(
    stage: Stage, tmp_path: Path, source: str, why: str
) -> None:
    (tmp_path / "packages" / "pynamodb").mkdir(parents=True)
    (tmp_path / "packages" / "pynamodb" / "__init__.py").write_text(source + "\n")
    launch = stage.launch(PYTHONPATH=str(tmp_path / "packages"))

    async def work(forks: Cast) -> None:
        for _ in range(2):
            worker = await forks.start(launch)
            assert not is_forked(worker, forks)
            assert await evaluate(worker, "1") == 1

    stage.run(work)
    (note,) = stage.notes
    assert why in note


def test_a_reinstalled_package_is_imported_again(stage: Stage, tmp_path: Path) -> None:
    package = tmp_path / "packages" / "pynamodb"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("version = 1\n")
    launch = stage.launch(PYTHONPATH=str(package.parent))
    stage.project.write("import pynamodb\n" + EVALUATES)

    async def work(forks: Cast) -> None:
        old = await forks.start(launch)
        (server,) = forks.pids
        replace(package / "__init__.py", "version = 2\n")
        for kind in ("spawned", "forked"):
            worker = await forks.start(launch)
            assert is_forked(worker, forks) is (kind == "forked")
            assert await evaluate(worker, "sys.modules['pynamodb'].version") == 2
        assert await evaluate(old, "sys.modules['pynamodb'].version") == 1
        await ended(old)
        await until(lambda: not is_running(server))

    stage.run(work)
    assert stage.notes == []


BROKEN = [
    "1 / 0",
    "import nothing_of_that_name",
    "def broken(:",
    "import os; os._exit(3)",
    "import sys; sys.exit(3)",
    "app = None",
    "import ctypes; ctypes.string_at(0)",
    "import time; time.sleep(60)",
]


def test_import_errors_are_the_same_as_in_a_spawned_worker(stage: Stage) -> None:
    async def work(forks: Cast) -> None:
        for source in BROKEN:
            stage.project.write(source + "\n")
            launch = stage.launch(init_seconds=1.5 if "sleep" in source else 60)
            told = []
            for start in (forks.start, forks.spawn):
                with pytest.raises(ProjectError) as raised:
                    await start(launch)
                told.append((str(raised.value), raised.value.detail))
            assert told[0] == told[1], source
            assert not any(children(pid) for pid in forks.pids), source

    stage.run(work)


ENDS = {
    "os._exit(3)": "exit status 3",
    "os.kill(os.getpid(), 9)": "SIGKILL",
    "__import__('ctypes').string_at(0)": "SIGSEGV",
    "os.closerange(3, 1000)": "exit status [01]",  # the reading thread may see it first
}


def test_the_error_says_how_a_worker_ended_in_a_handler(shared: Stage) -> None:
    async def work(forks: Cast) -> None:
        for expression, how in ENDS.items():
            worker = await forks.start(shared.launch())
            assert is_forked(worker, forks)
            with pytest.raises(WorkerGoneError, match=how):
                await evaluate(worker, expression)
            await worker.wait()
            assert not worker.alive
            assert not children(forks.pids[0])

    shared.run(work)


def test_a_handlers_processes_end_with_its_worker(shared: Stage) -> None:
    start = "__import__('subprocess').Popen(['sleep', '60']).pid"

    def has_ended(pid: int) -> bool:
        return not is_running(pid)

    async def work(forks: Cast) -> None:
        for end in (os.kill, None):
            worker = await forks.start(shared.launch())
            child = await evaluate(worker, start)
            if end is None:
                worker.kill()
            else:
                end(worker.pid, signal.SIGTERM)
            await worker.wait()
            await until(partial(has_ended, child))

    shared.run(work)


def test_the_end_of_an_idle_worker_is_detected(shared: Stage) -> None:
    async def work(forks: Cast) -> None:
        worker = await forks.start(shared.launch())
        os.kill(worker.pid, signal.SIGKILL)
        await until(lambda: not worker.alive)

    shared.run(work)


def test_output_that_bypasses_python_is_printed_too(shared: Stage) -> None:
    async def work(forks: Cast) -> None:
        worker = await forks.start(shared.launch())
        await evaluate(worker, "[os.system('echo from a child; echo too >&2')]")
        await evaluate(worker, "[__import__('ctypes').CDLL(None).puts(b'from C'),"
                               " __import__('ctypes').CDLL(None).fflush(None)]")  # fmt: skip
        await until(lambda: len(shared.printed) == 3)

    shared.run(work)
    assert shared.printed == ["from a child", "too", "from C"]


def test_an_app_may_start_threads_and_processes_at_import(stage: Stage) -> None:
    stage.project.write(
        "import multiprocessing, threading, subprocess\n"
        f"{A_THREAD}child = subprocess.run(['echo', 'child'], check=True)\n" + EVALUATES
    )

    async def work(forks: Cast) -> None:
        worker = await forks.start(stage.launch())
        assert await evaluate(worker, "__import__('threading').active_count()") == 3
        pool = "__import__('multiprocessing').get_context('fork').Pool(1).apply(len, ['abc'])"
        assert await evaluate(worker, pool) == 3

    stage.run(work)


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=THOROUGH)])
def test_a_dead_fork_server_is_replaced_and_its_workers_continue(
    stage: Stage, number: signal.Signals
) -> None:
    async def work(forks: Cast) -> None:
        worker = await forks.start(stage.launch())
        (server,) = forks.pids
        os.kill(server, number)
        await until(lambda: stage.notes != [])
        assert await evaluate(worker, "6 * 7") == 42
        assert is_forked(await forks.start(stage.launch()), forks)
        await ended(worker)
        assert not is_running(worker.pid)

    stage.run(work)
    assert stage.notes == [f"the fork server has ended ({number.name}): starting another one"]


def test_the_end_of_a_worker_is_detected_without_its_server(stage: Stage) -> None:
    async def work(forks: Cast) -> None:
        worker = await forks.start(stage.launch())
        os.kill(forks.pids[0], signal.SIGKILL)
        await until(lambda: stage.notes != [])
        with pytest.raises(WorkerGoneError, match="unknown exit status"):
            await evaluate(worker, "os._exit(3)")

    stage.run(work)


def test_workers_are_spawned_if_every_fork_server_dies(stage: Stage) -> None:
    def has_notes(number: int) -> bool:
        return len(stage.notes) == number

    async def work(forks: Cast) -> None:
        for deaths in range(1, 3):
            assert is_forked(await forks.start(stage.launch()), forks)
            os.kill(forks.pids[-1], signal.SIGKILL)
            await until(partial(has_notes, deaths))
        await forks.start(stage.launch())
        assert forks.pids == []

    stage.run(work)
    assert stage.notes[-1].endswith("processes are spawned from now on")


def test_many_starts_leave_no_descriptor_and_no_zombie(shared: Stage) -> None:
    """FORK_STARTS=500 starts more of them."""

    async def work(forks: Cast) -> None:
        held = []
        for number in range(int(os.environ.get("FORK_STARTS", "20")) // 5):
            workers = await asyncio.gather(*(forks.start(shared.launch()) for _ in range(5)))
            if number % 2:
                os.kill(workers[0].pid, signal.SIGKILL)
            await asyncio.gather(*map(ended, workers))
            await asyncio.sleep(0)
            assert not children(forks.pids[0])
            held.append((descriptors(os.getpid()), descriptors(forks.pids[0])))
        assert held[-1] <= held[0]

    shared.run(work)


def test_a_cancelled_start_leaves_no_process(stage: Stage) -> None:
    stage.project.write("import time; time.sleep(60)\n")

    async def work(forks: Cast) -> None:
        for moment in (0, 0.01, 0.3, 1):
            start = asyncio.create_task(forks.start(stage.launch()))
            await asyncio.sleep(moment)
            start.cancel()
            await asyncio.gather(start, return_exceptions=True)
        await until(lambda: not any(children(pid) for pid in forks.pids))

    stage.run(work)


def test_a_start_that_is_cancelled_while_it_connects_leaves_no_process(shared: Stage) -> None:
    async def work(forks: Cast) -> None:
        begun, pids = asyncio.Event(), list[int]()

        async def begin(launch: Launch, channel: int, output: int) -> Process:
            process = await spawn(launch, channel, output)
            pids.append(process.pid)
            begun.set()
            return process

        start = asyncio.create_task(Worker.start(shared.launch(), begin))
        await begun.wait()
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start
        assert not is_running(pids[0])

    shared.run(work)


def test_stop_ends_the_remaining_workers(stage: Stage) -> None:
    pids = []

    async def work(forks: Cast) -> None:
        worker = await forks.start(stage.launch())
        child = await evaluate(worker, "__import__('subprocess').Popen(['sleep', '60']).pid")
        pids.extend([*forks.pids, worker.pid, child])
        await forks.stop()
        await until(lambda: not any(map(is_running, pids)))

    stage.run(work)
    assert len(pids) == 3


def test_spawning_can_be_chosen(stage: Stage) -> None:
    async def work(forks: Cast) -> None:
        await forks.start(stage.launch())
        assert forks.pids == []

    stage.run(work, enabled=False)
    assert stage.notes == []
