"""The documentation's code, by page and section."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# ([\w./-]+\.py)\n")


@dataclass(frozen=True)
class Block:
    """A fenced block. Its first line can be a comment with the name of a file."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        match = FILE.match(self.text)
        return match[1] if match else None


@dataclass(frozen=True)
class Section:
    """The blocks below a heading of level 2. The title is empty before the first heading."""

    page: str
    title: str
    blocks: list[Block]

    def code(self) -> list[Block]:
        return [block for block in self.blocks if block.language == "python"]


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def sections(page: Path) -> list[Section]:
    head, *rest = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    titled = [("", head), *(tuple(part.split("\n", 1)) for part in rest)]
    return [
        Section(
            str(page.relative_to(ROOT)), title, [Block(*match) for match in FENCE.findall(text)]
        )
        for title, text in titled
    ]


def load(name: str, blocks: list[Block]) -> ModuleType:
    """Run blocks as one module. A block with the name of a chalicelib file becomes that module."""
    module = ModuleType(name)
    sys.modules[name] = module
    for block in blocks:
        namespace = vars(module)
        if block.file and block.file.startswith("chalicelib/"):
            part = ModuleType(block.file.removesuffix(".py").replace("/", "."))
            part.__package__ = "chalicelib"
            sys.modules[part.__name__] = part
            namespace = vars(part)
        exec(compile(block.text, f"<{name}>", "exec"), namespace)
    return module
