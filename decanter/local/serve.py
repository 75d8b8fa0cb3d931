"""Builds, runs and stops the local gateway."""

import asyncio
import errno
import io
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from decanter.errors import DecanterError, ServiceError
from decanter.gateway.events import API_ID, EventMaker
from decanter.gateway.guard import ENFORCE
from decanter.gateway.model import Api, Limits
from decanter.gateway.rules import Gateway
from decanter.gateway.selection import CHALICE_EXPRESSION
from decanter.hosts import LOOPBACK, Hosts, shown_host
from decanter.local import files
from decanter.local.banner import api_facts, aws_text, banner, tool
from decanter.local.console.control import Control
from decanter.local.deployment import Deployer
from decanter.local.dynamodb import missing
from decanter.local.dynamodb.database import Database
from decanter.local.fault_injection import Fault, FaultError, Faults
from decanter.local.functions.debugger import Ports, Terminal, open_terminal
from decanter.local.functions.environment import DEBUG_SECONDS, Maker
from decanter.local.functions.forks import Forks
from decanter.local.functions.functions import Functions
from decanter.local.functions.interpreter import Interpreter
from decanter.local.functions.pool import Scaling
from decanter.local.invoker import Invoker
from decanter.local.journal import Journal
from decanter.local.queues import Queues
from decanter.local.reload import Sources, changes
from decanter.local.rights import Rights
from decanter.local.schedules import Schedules
from decanter.local.sockets.server import Server
from decanter.project.config import Project
from decanter.project.credentials import access, local_region
from decanter.project.stack import Stack
from decanter.project.template import OWN_TEMPLATES, Template

GOODBYE_SECONDS = 1.0
"""The time limit of disconnect handlers after a stop signal, in seconds."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `decanter local`. Times are in seconds."""

    host: str = "127.0.0.1"
    port: int = 8000
    dynamodb_endpoint: str | None = None
    integration_timeout: float = 29
    idle_timeout: float = 600
    max_age: float = 7200
    concurrency: int = 64
    process_idle_timeout: float = 30
    templates: tuple[Path, ...] = ()
    use_template: bool = True
    json_log: bool = False
    verbose: bool = False
    reload: bool = True
    schedules: bool = True
    queues: bool = True
    authorizers: bool = True
    fork: bool = True
    faults: tuple[Fault, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    debug: bool = False
    debugpy: int | None = None
    python: str | None = None
    iam: str = ENFORCE
    path: str | None = None

    @property
    def debugs(self) -> bool:
        """True if a handler can stop at a breakpoint."""
        return self.debug or self.debugpy is not None

    @property
    def debugger(self) -> str | None:
        """The name of the debugger for the banner; None without a debugger."""
        if self.debug:
            return "pdb on this terminal, without time limits"
        return f"debugpy from port {self.debugpy}, without time limits" if self.debugpy else None

    def for_debugging(self) -> Self:
        """Return these options with one process per function and without time limits."""
        return replace(
            self,
            concurrency=1,
            fork=False,
            integration_timeout=DEBUG_SECONDS,
            idle_timeout=DEBUG_SECONDS,
            max_age=DEBUG_SECONDS,
        )

    def template_paths(self, project: Project) -> list[Path]:
        """Return the paths of the merge templates. A path need not exist."""
        if not self.use_template:
            return []
        own = [project.directory / path for path in OWN_TEMPLATES]
        return [path.resolve() for path in self.templates or own]

    def template_text(self, project: Project) -> str | None:
        """Return the paths of the merge templates for the banner; None without a template."""
        paths = (self.templates or project.own_templates) if self.use_template else ()
        return ", ".join(str(path.resolve()) for path in paths) or None

    def api_stage(self, project: Project) -> str:
        """Return the stage of the WebSocket API, which the merge template may name."""
        template = project.template(self.templates) if self.use_template else None
        return template.api_stage if template else project.api_stage


async def serve(project: Project, options: Options) -> None:
    """Serve the project's API until SIGINT, SIGTERM or SIGHUP. A second signal shortens the stop.

    Raises:
        DecanterError: the project cannot be served. The message is one line.
    """
    if options.debugs:
        options = options.for_debugging()
    python = Interpreter.own() if options.python is None else Interpreter.of(options.python)
    if options.debugpy is not None:
        python.check_debugpy()
    this = asyncio.current_task()
    assert this is not None
    for number in stop_signals():
        asyncio.get_running_loop().add_signal_handler(number, this.cancel)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a client's text must not end the gateway
        sys.stdout.reconfigure(errors="backslashreplace")
    with bind(options.host, options.port) as sock, suppress(asyncio.CancelledError):
        await _Service(project, options, sock, python).run()


def stop_signals() -> list[signal.Signals]:
    """Return the signals that stop the gateway, without SIGHUP under `nohup`."""
    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    return signals


class _Service:
    """A run of the gateway, which creates and connects all parts."""

    def __init__(
        self, project: Project, options: Options, sock: socket.socket, python: Interpreter
    ) -> None:
        self._python = python
        self._project = project
        self._options = options
        self._port: int = sock.getsockname()[1]
        self._socket = sock
        self._stack = Stack(
            app_name=project.app_name,
            stage=project.chalice_stage,
            region=local_region(),
            api_id=API_ID,
            api_stage=options.api_stage(project),
        )
        self._journal = Journal(as_json=options.json_log, verbose=options.verbose)
        self._forks = Forks(self._journal.note, enabled=options.fork)
        self._functions = Functions(
            scaling=Scaling(options.concurrency, options.process_idle_timeout),
            integration_seconds=options.integration_timeout,
            observer=self._journal,
            start=self._forks.start,
        )
        self._schedules = Schedules(
            self._functions.scheduled, self._stack, self._journal, enabled=options.schedules
        )
        self._queues = Queues(self._functions.run, self._journal)
        self._gateway = Gateway(
            Api(self._stack.api_stage, {}, CHALICE_EXPRESSION),
            self._events(),
            Limits(options.idle_timeout, options.max_age),
        )
        self._invoker = Invoker(self._functions, self._stack, self._gateway.events, self._journal)
        self._faults = Faults()
        note, ran = self._journal.note, self._functions.ran
        self._rights = Rights(options.iam, self._stack, note, self._event_of, ran)
        self._terminal = Terminal(open_terminal(), self._journal) if options.debug else None
        self._ports = Ports(options.debugpy, self._journal.note) if options.debugpy else None

    def _events(self) -> EventMaker:
        domain = f"{shown_host(self._options.host)}:{self._port}"
        return EventMaker(self._stack.api_stage, domain, mapping=self._options.path or "")

    async def run(self) -> None:
        """Start, serve until cancelled, and stop."""
        files.allow_many()
        files.watch_exhaustion(self._warn, asyncio.get_running_loop())
        given = self._options.dynamodb_endpoint
        hosts = self._options.allow_hosts
        with Database(self._stack.region, given, self._faults, self._rights, hosts) as database:
            templates = self._options.template_paths(self._project)
            sources = Sources(self._project.directory, tuple(templates))
            deployer = self._deployer(database, sources)
            seen = sources.snapshot()
            try:
                self._deployment = await deployer.deploy(self._project)
                await self._serve(deployer, database, changes(sources, seen))
            finally:
                await self._functions.stop()
                await self._forks.stop()
                self._journal.close()

    def _deployer(self, database: Database, sources: Sources) -> Deployer:
        options = self._options

        def environment(project: Project, template: Template | None) -> Maker:
            now = sources.snapshot()
            return Maker(
                project,
                template,
                self._stack,
                management_endpoint=self._url("http"),
                dynamodb_endpoint=database.url,
                log=self._journal.log,
                python=self._python,
                is_current=lambda: sources.snapshot() == now,
                terminal=self._terminal,
                ports=self._ports,
                is_embedded=database.is_embedded,
                sqs_endpoint=(lambda: database.sqs_url) if options.queues else None,
            )

        return Deployer(
            self._gateway,
            self._functions,
            self._stack,
            environment,
            database,
            self._rights,
            templates=options.templates,
            is_own_python=options.python is None,
            use_template=options.use_template,
            authorizers=options.authorizers,
            has_sqs=options.queues,
        )

    async def _serve(
        self, deployer: Deployer, database: Database, changed: AsyncIterator[list[str]]
    ) -> None:
        database.follow_reports(self._journal.note, self._note_missing(database.url))
        try:
            for fault in self._options.faults:
                self._faults.add(fault)
        except FaultError as error:
            raise ServiceError(f"--fault: {error}") from error

        def about() -> dict[str, Any]:
            return self._about(database)

        server = self._server(about)
        listener = await server.listen(self._socket)
        self._say_hello(about())
        self._follow_functions()
        try:
            if self._options.reload:
                await self._follow(changed, deployer)
            await asyncio.Event().wait()
        finally:
            await self._schedules.stop()
            await self._queues.stop()
            listener.close()
            await server.stop(GOODBYE_SECONDS)

    def _server(self, about: Callable[[], dict[str, Any]]) -> Server:
        journal, faults = self._journal, self._faults
        control = Control(
            self._gateway,
            journal,
            faults,
            about=about,
            schedules=self._schedules,
            invoker=self._invoker,
            rights=self._rights.to_json,
            queues=self._queues.to_json,
        )
        address = self._socket.getsockname()[:2]
        hosts = Hosts.listening(self._options.host, address, self._options.allow_hosts)
        return Server(self._gateway, self._functions, journal, control, faults, hosts, self._rights)

    async def _follow(self, changed: AsyncIterator[list[str]], deployer: Deployer) -> None:
        try:
            async for names in changed:
                await self._deploy_again(deployer, names)
        except OSError as error:
            self._journal.note(f"changes are no longer detected: {error}: restart", error=True)

    async def _deploy_again(self, deployer: Deployer, changed: list[str]) -> None:
        began = time.monotonic()
        known = self._deployment.warnings
        try:
            project = Project.load(self._project.directory, self._project.chalice_stage)
            self._deployment = await deployer.deploy(project)
        except DecanterError as error:
            self._journal.not_reloaded(changed, error)
            return
        self._journal.reloaded(changed, time.monotonic() - began)
        for warning in self._deployment.warnings:
            if warning not in known:
                self._journal.note(warning, error=True)
        self._follow_functions()
        if (stage := self._deployment.api_stage) != self._stack.api_stage:
            text = f"restart to serve the stage {stage!r} instead of"
            self._journal.note(f"{text} {self._stack.api_stage!r}", error=True)

    def _follow_functions(self) -> None:
        self._schedules.follow(self._deployment.declared.schedules)
        self._invoker.declared = self._deployment.declared.lambdas
        self._queues.follow(self._deployment.queues, self._deployment.sqs_url)

    def _note_missing(self, url: str) -> Callable[[str, list[str]], None]:
        """Return a function that reports a missing table with the table's probable key."""

        def note(table: str, key: list[str]) -> None:
            variables = self._deployment.variables_with(table)
            self._warn(missing.line(table, key, variables, url, tool()))

        return note

    def _say_hello(self, about: dict[str, Any]) -> None:
        for warning in about["warnings"]:
            self._journal.note(warning, error=True)
        if self._options.host not in LOOPBACK:
            text = "any host that reaches it can connect, post to clients, and read all events"
            self._journal.note(f"the gateway listens on {self._options.host}: {text}", error=True)
        self._journal.hello(about, banner(about))

    def _about(self, database: Database) -> dict[str, Any]:
        return {
            "app_name": self._stack.app_name,
            "stage": self._stack.stage,
            "project": str(self._project.directory),
            "websocket_url": self._url("ws"),
            "mapped_url": self._options.path and self._url("ws", self._options.path),
            "management_url": self._url("http"),
            "http_url": self._url("http", self._gateway.api.http_stage),
            "console_url": f"http://{shown_host(self._options.host)}:{self._port}/",
            **api_facts(self._gateway.api, self._deployment.declared),
            "warnings": list(self._deployment.warnings),
            "template": self._options.template_text(self._project),
            "dynamodb_url": database.url,
            "dynamodb_is_embedded": database.is_embedded,
            "region": self._stack.region,
            "tables": self._deployment.tables,
            "connection_table": self._deployment.connection_table,
            "iam": self._options.iam,
            "sqs_url": self._deployment.sqs_url,
            "queue_url": self._deployment.queue_url(self._stack),
            "queues": [queue.name for queue in self._deployment.queues.queues],
            "aws": aws_text(access(), has_queues=self._deployment.sqs_url is not None),
            "concurrency": self._options.concurrency,
            "reload": self._options.reload,
            "schedules_run": self._options.schedules,
            "debugger": self._options.debugger,
            "python": self._python.facts,
            "processes": self._functions.processes,
            "fork_servers": self._forks.pids,
        }

    def _event_of(self, trace_id: str) -> Any:
        if path := self._functions.path_of(trace_id):
            return {"requestContext": {"resourcePath": path}}
        kept = self._journal.invocation(self._functions.request_of(trace_id))
        return kept and kept["event"]

    def _warn(self, text: str) -> None:
        self._journal.note(text, error=True)

    def _url(self, scheme: str, path: str | None = None) -> str:
        host = shown_host(self._options.host)
        return f"{scheme}://{host}:{self._port}/{path or self._stack.api_stage}"


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        ServiceError: this process cannot listen on the port; for example, the port is in use.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            remedy = f"take another with --port, as in --port {port + 1 if port < 65535 else 0}"
            raise ServiceError(f"port {port} of {host} is taken: {remedy}") from error
        reason = getattr(error, "strerror", None) or "this is not a name or an address"
        raise ServiceError(f"cannot listen on {host!r} port {port}: {reason}") from error
