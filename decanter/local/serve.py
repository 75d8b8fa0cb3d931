"""Builds, runs and stops the local gateway."""

import asyncio
import errno
import io
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from decanter.errors import DecanterError, ServiceError
from decanter.gateway.events import API_ID, EventMaker
from decanter.gateway.model import Api, Limits
from decanter.gateway.rules import Gateway
from decanter.gateway.selection import CHALICE_EXPRESSION
from decanter.hosts import LOOPBACK, Hosts
from decanter.local import files
from decanter.local.banner import api_facts, banner
from decanter.local.console.control import Control
from decanter.local.deployment import Deployer
from decanter.local.dynamodb.database import Database
from decanter.local.dynamodb.embedded import local_region
from decanter.local.fault_injection import Fault, FaultError, Faults
from decanter.local.functions.debugger import Ports, Terminal, check_debugpy, open_terminal
from decanter.local.functions.environment import DEBUG_SECONDS, Maker
from decanter.local.functions.forks import Forks
from decanter.local.functions.functions import Functions
from decanter.local.functions.pool import Scaling
from decanter.local.journal import Journal
from decanter.local.reload import Sources, changes
from decanter.local.schedules import Schedules
from decanter.local.sockets.server import Server
from decanter.project.config import TEMPLATE, Project
from decanter.project.stack import Stack
from decanter.project.template import Template

GOODBYE_SECONDS = 1.0
"""Time limit for disconnect handlers after a stop signal."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `decanter local`; times in seconds."""

    host: str = "127.0.0.1"
    port: int = 8000
    dynamodb_endpoint: str | None = None
    integration_timeout: float = 29
    idle_timeout: float = 600
    max_age: float = 7200
    concurrency: int = 64
    process_idle_timeout: float = 30
    template: Path | None = None
    use_template: bool = True
    json_log: bool = False
    verbose: bool = False
    reload: bool = True
    fork: bool = True
    faults: tuple[Fault, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    debug: bool = False
    debugpy: int | None = None

    @property
    def debugs(self) -> bool:
        """True if a handler may stop at a breakpoint."""
        return self.debug or self.debugpy is not None

    @property
    def debugger(self) -> str | None:
        """The debugger, for the text at start; None without one."""
        if self.debug:
            return "pdb on this terminal, without time limits"
        return f"debugpy from port {self.debugpy}, without time limits" if self.debugpy else None

    def for_debugging(self) -> Self:
        """Return these options with one process a function and without time limits."""
        return replace(
            self,
            concurrency=1,
            fork=False,
            integration_timeout=DEBUG_SECONDS,
            idle_timeout=DEBUG_SECONDS,
            max_age=DEBUG_SECONDS,
        )

    def template_path(self, project: Project) -> Path | None:
        """Return the path of the merge template, which need not exist; None if none is used."""
        if not self.use_template:
            return None
        return (self.template or project.directory / TEMPLATE).resolve()


async def serve(project: Project, options: Options) -> None:
    """Serve the project's API until SIGINT, SIGTERM or SIGHUP; a second signal shortens the stop.

    Raises:
        DecanterError: the project cannot be served; one line.
    """
    if options.debugs:
        options = options.for_debugging()
    if options.debugpy is not None:
        check_debugpy()
    this = asyncio.current_task()
    assert this is not None
    for number in stop_signals():
        asyncio.get_running_loop().add_signal_handler(number, this.cancel)
    if isinstance(sys.stdout, io.TextIOWrapper):  # no text of a client may end the gateway
        sys.stdout.reconfigure(errors="backslashreplace")
    with bind(options.host, options.port) as sock, suppress(asyncio.CancelledError):
        await _Service(project, options, sock).run()


def stop_signals() -> list[signal.Signals]:
    """Return the signals that stop the gateway; without SIGHUP under `nohup`."""
    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    return signals


class _Service:
    """One run of the gateway, with its parts."""

    def __init__(self, project: Project, options: Options, sock: socket.socket) -> None:
        self._project = project
        self._options = options
        self._port: int = sock.getsockname()[1]
        self._socket = sock
        self._stack = Stack(
            app_name=project.app_name,
            stage=project.chalice_stage,
            region=local_region(),
            api_id=API_ID,
            api_stage=project.api_stage,
        )
        self._journal = Journal(as_json=options.json_log, verbose=options.verbose)
        self._forks = Forks(self._journal.note, enabled=options.fork)
        self._functions = Functions(
            scaling=Scaling(options.concurrency, options.process_idle_timeout),
            integration_seconds=options.integration_timeout,
            observer=self._journal,
            start=self._forks.start,
        )
        self._schedules = Schedules(self._functions.scheduled, self._stack, self._journal)
        self._gateway = Gateway(
            Api(project.api_stage, {}, CHALICE_EXPRESSION),
            EventMaker(project.api_stage, f"{shown_host(options.host)}:{self._port}"),
            Limits(options.idle_timeout, options.max_age),
        )
        self._faults = Faults()
        self._terminal = Terminal(open_terminal(), self._journal) if options.debug else None
        self._ports = Ports(options.debugpy, self._journal.note) if options.debugpy else None

    async def run(self) -> None:
        """Start, serve until cancelled, and stop."""
        files.allow_many()
        files.watch_exhaustion(self._warn, asyncio.get_running_loop())
        given = self._options.dynamodb_endpoint
        with Database(
            self._stack.region, given, self._faults, self._options.allow_hosts
        ) as database:
            template = self._options.template_path(self._project)
            sources = Sources(self._project.directory, template)
            deployer = self._deployer(database, sources)
            seen = sources.snapshot()
            try:
                self._deployment = await deployer.deploy(self._project)
                await self._serve(deployer, database, changes(sources, seen))
            finally:
                await self._functions.stop()
                await self._forks.stop()
                self._journal.release()

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
                is_current=lambda: sources.snapshot() == now,
                terminal=self._terminal,
                ports=self._ports,
            )

        return Deployer(
            self._gateway,
            self._functions,
            self._stack,
            environment,
            database,
            template=options.template,
            use_template=options.use_template,
        )

    async def _serve(
        self, deployer: Deployer, database: Database, changed: AsyncIterator[list[str]]
    ) -> None:
        if database.is_embedded:
            database.follow_reports(self._journal.note)
        try:
            for fault in self._options.faults:
                self._faults.add(fault)
        except FaultError as error:
            raise ServiceError(f"--fault: {error}") from error

        def about() -> dict[str, Any]:
            return self._about(database)

        control = Control(
            self._gateway, self._journal, self._faults, about=about, schedules=self._schedules
        )
        address = self._socket.getsockname()[:2]
        hosts = Hosts.listening(self._options.host, address, self._options.allow_hosts)
        server = Server(self._gateway, self._functions, self._journal, control, self._faults, hosts)
        listener = await server.listen(self._socket)
        self._say_hello(about())
        self._schedules.follow(self._deployment.declared.schedules)
        try:
            if self._options.reload:
                await self._follow(changed, deployer)
            await asyncio.Event().wait()
        finally:
            await self._schedules.stop()
            listener.close()
            await server.stop(GOODBYE_SECONDS)

    async def _follow(self, changed: AsyncIterator[list[str]], deployer: Deployer) -> None:
        try:
            async for names in changed:
                await self._deploy_again(deployer, names)
        except OSError as error:
            self._journal.note(f"changes are no longer detected: {error}: restart", error=True)

    async def _deploy_again(self, deployer: Deployer, changed: list[str]) -> None:
        began = time.monotonic()
        known = self._deployment.declared.warnings
        try:
            project = Project.load(self._project.directory, self._project.chalice_stage)
            self._deployment = await deployer.deploy(project)
        except DecanterError as error:
            self._journal.not_reloaded(changed, error)
            return
        self._journal.reloaded(changed, time.monotonic() - began)
        for warning in self._deployment.declared.warnings:
            if warning not in known:
                self._journal.note(warning, error=True)
        self._schedules.follow(self._deployment.declared.schedules)
        if project.api_stage != self._stack.api_stage:
            text = f"restart to serve the stage {project.api_stage!r} instead of"
            self._journal.note(f"{text} {self._stack.api_stage!r}", error=True)

    def _say_hello(self, about: dict[str, Any]) -> None:
        for warning in about["warnings"]:
            self._journal.note(warning, error=True)
        if self._options.host not in LOOPBACK:
            text = "any host that reaches it can connect, post to clients, and read all events"
            self._journal.note(f"it listens on {self._options.host}: {text}", error=True)
        self._journal.hello(about, banner(about))

    def _about(self, database: Database) -> dict[str, Any]:
        template = self._options.template_path(self._project)
        return {
            "app_name": self._stack.app_name,
            "stage": self._stack.stage,
            "project": str(self._project.directory),
            "websocket_url": self._url("ws"),
            "management_url": self._url("http"),
            "http_url": self._url("http"),
            "console_url": f"http://{shown_host(self._options.host)}:{self._port}/",
            **api_facts(self._gateway.api, self._deployment.declared),
            "template": str(template) if template and template.is_file() else None,
            "dynamodb_url": database.url,
            "dynamodb_is_embedded": database.is_embedded,
            "tables": self._deployment.tables,
            "concurrency": self._options.concurrency,
            "reload": self._options.reload,
            "debugger": self._options.debugger,
            "processes": self._functions.processes,
            "fork_servers": self._forks.pids,
        }

    def _warn(self, text: str) -> None:
        self._journal.note(text, error=True)

    def _url(self, scheme: str) -> str:
        host = shown_host(self._options.host)
        return f"{scheme}://{host}:{self._port}/{self._stack.api_stage}"


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        ServiceError: the port is in use, or this machine does not have the address.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            remedy = f"take another with --port, as in --port {port + 1 if port < 65535 else 0}"
            raise ServiceError(f"port {port} of {host} is taken: {remedy}") from error
        raise ServiceError(f"cannot listen on {host} port {port}: {error.strerror}") from error


def shown_host(host: str) -> str:
    """Return the host for a URL on this machine."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
