"""What `decanter local` can be told."""

from dataclasses import dataclass
from pathlib import Path

from decanter.local.fault_injection import Fault
from decanter.project.config import TEMPLATE, Project


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command and their defaults; times in seconds."""

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

    def template_path(self, project: Project) -> Path | None:
        """The merge template that is used if it is there."""
        if not self.use_template:
            return None
        return (self.template or project.directory / TEMPLATE).resolve()
