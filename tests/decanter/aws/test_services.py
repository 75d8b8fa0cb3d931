"""The services that source code may use."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter.aws.cache import Cache
from decanter.aws.services import Services, imports, services_of

KNOWN = ["dynamodb", "s3", "sqs"]


def found(folder: Path, *sources: str) -> Services:
    files = [folder / f"{number}.py" for number in range(len(sources))]
    for file, source in zip(files, sources, strict=True):
        file.write_text(source)
    return services_of(files, KNOWN, Cache())


@pytest.mark.parametrize(
    "source",
    [
        'boto3.client("s3")',
        'boto3.resource("s3", region_name="x")',
        'boto3.client("s" "\\x33")',
        'session().create_client("s3")',
        'boto3.session.Session().client(service_name="s3")',
        'from boto3 import client\nclient(service_name="s3")',
        'import boto3 as b\nb.client("s3")',
        'importlib.import_module("boto3").client("s3")',
        'boto3.Session.client(boto3.Session(), service_name="s3")',
        'def f(session): return session.client("s3")',
        'class A:\n    def f(self): return self.aws.resource("s3")',
        'async def f(s):\n    async with s.create_client("s3") as c: await c.get()',
        'session.get_available_regions("s3")',
        'NAME = "s3"\nboto3.client(NAME)',
        'NAME: str = "s3"\nboto3.client(NAME)',
        'class A:\n    NAME = "s3"\n    def f(self): return boto3.client(self.NAME)',
        'boto3.resource("s3").meta.client.put(f(boto3.resource("s3").meta.client))',
        'import boto3\nprint(boto3.__version__, boto3.client("s3"))',
        'boto3.client("s3"); http.client(); client(host=1, **words)',
        'boto3.client("s3"); getattr(session, "region_name")',
        'import boto3\nmade = boto3.client("s3")\ngetattr(made, method)()',
        'import boto3\nboto3.client("s3")\nmade = {}\ngetattr(made, method)()',
    ],
)
def test_a_service_named_in_the_code_is_found(source: str, tmp_path: Path) -> None:
    assert found(tmp_path, source) == Services(frozenset({"s3"}), ())


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("def aws(name):\n    return boto3.client(name)", 2),
        ("make = lambda name: boto3.resource(name)", 1),
        ('boto3.client(os.environ["SERVICE"])', 1),
        ('boto3.client(json.loads(text)["service"])', 1),
        ('boto3.client(f"{x}db")', 1),
        ('boto3.client("dynamo" + x)', 1),
        ("boto3.client(*words)", 1),
        ("boto3.client(**words)", 1),
        ("boto3.client(service_name=name)", 1),
        ("boto3.Session.client(session, name)", 1),
        ('for name in "s3", "sqs":\n    boto3.client(name)', 2),
        ("[boto3.client(name) for name in names]", 1),
        ("boto3.session.Session().resource(name)", 1),
        ("botocore.session.get_session().create_client(x)", 1),
        ("import boto3\nmake = boto3.client", 2),
        ("import boto3\nboto3.client.__call__(x)", 2),
        ("import boto3\nfunctools.partial(boto3.client, x)", 2),
        ("import boto3\nmap(boto3.resource, names)", 2),
        ("import boto3 as b\nuse(b.client)", 2),
        ("import boto3\nclass A:\n    def __init__(self): self.aws = boto3\n", 3),
        ("import boto3\nvars(boto3)['client'](x)", 2),
        ("import boto3\nboto3.__dict__['client'](x)", 2),
        ("from boto3 import client\nmap(client, names)", 2),
        ("from boto3 import client as c", 1),
        ("from boto3 import *", 1),
        ("from .aws import client\nclient(x)", 2),
        ("from .aws import client as c\nc(x)", 2),
        ('import boto3\ngetattr(boto3, "client")(x)', 2),
        ("import boto3\ngetattr(boto3.Session(), kind)(x)", 2),
        ('getattr(thing, "create_client")(x)', 1),
        ('operator.methodcaller("client", x)(thing)', 1),
        ('operator.attrgetter("session.client")(thing)(x)', 1),
        ("make = self.session.client", 1),
        ("from boto3 import Session as S\ns = S()\nmake = s.client", 3),
        ("from boto3 import Session as S\nclass A(S):\n    def f(self): use(self.client)", 3),
        ("from boto3 import Session as S\ndef f(s: S):\n    use(s.client)", 3),
        ("from boto3 import Session as S\ndef f(): return S()\nuse(f().client)", 3),
        ("from boto3 import Session as S\nwith S() as s, x:\n    use((s or t).client)", 3),
        ("from boto3 import Session as S\na, b = S(), 1\nuse((a if b else c).client)", 3),
        ("from boto3 import Session as S\na = [S()]\nasync def f(): use((await a[0]).client)", 3),
        ("from boto3 import Session as S\nif a := S():\n    use(a.client)", 3),
        ('b = import_module("boto3")\nuse(b.client)', 2),
        ('import_string("boto3.client")(x)', 1),
        ('resolve_name("boto3.session:Session.client")(x)', 1),
        ("make = anything.create_client", 1),
        ("botocore.utils.create_nested_client(session, x)", 1),
        ('"s4" in session.get_available_services()', 1),
    ],
)
def test_an_unclear_call_is_named(source: str, line: int, tmp_path: Path) -> None:
    assert found(tmp_path, source).unclear == (f"{tmp_path / '0.py'}:{line}",)


@pytest.mark.parametrize(
    "other",
    [
        "def f(NAME): pass",
        "NAME = environ['NAME']",
        "names.NAME = value",
        "f(NAME=value)",
        "from x import y as NAME",
        "for NAME in y: pass",
        "class A:\n    NAME: str = 's3'",
        "class NAME: pass",
        "def NAME(): pass",
        "try: pass\nexcept E as NAME: pass",
        "match x:\n    case [*NAME]: pass",
        "NAME += 'x'",
    ],
)
def test_a_name_is_clear_only_if_it_always_stands_for_texts(other: str, tmp_path: Path) -> None:
    service = "from .names import NAME\nboto3.client(NAME)", 'NAME = "sqs"'
    assert found(tmp_path, *service) == Services(frozenset({"sqs"}), ())
    assert found(tmp_path, *service, other).unclear == (f"{tmp_path / '0.py'}:2",)


TEXTS = st.sampled_from(["'s3'", "NAMES[0]", "name or 's3'", "{'a': 's3'}[key]", "min('s3', 't')"])
WAYS = st.sampled_from(
    [
        "boto3.client({})",
        "make({})",
        "getattr(x, kind)({})",
        "methods['client']({})",
        "eval('boto3.client')({})",
        "Client(service={}).start()",
        "def make(name={}): pass",
    ]
)


@given(way=WAYS, text=TEXTS)
def test_a_name_that_is_written_anywhere_is_kept(
    way: str, text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It may be in any file, and reach boto3 in any way."""
    source = f"NAMES = ['s3']\n{way.format(text)}"
    assert "s3" in found(tmp_path_factory.mktemp("any"), "import boto3", source).names


@pytest.mark.parametrize(
    "source",
    [
        'print("all of s3")',
        "# 'sqs'",
        "x.client()",
        "self.client.send(x, self.client, request.client)",
        "def f(client): client(x)",
        "session.get(getattr(self, name))",
        "use(event.resource)",
    ],
)
def test_other_uses_of_these_names_are_not_services(source: str, tmp_path: Path) -> None:
    assert found(tmp_path, source) == Services(frozenset(), ())


def test_invalid_python_is_ignored(tmp_path: Path) -> None:
    assert found(tmp_path, "print 'two', 's3', client", 'boto3.client("s3")').names == {"s3"}


def test_a_compiled_module_that_names_boto3_is_not_clear(tmp_path: Path) -> None:
    for name, content in (("a.so", b"\0boto3\0"), ("b.so", b"\0else\0")):
        (tmp_path / name).write_bytes(content)
    files = [tmp_path / "a.so", tmp_path / "b.so"]
    assert services_of(files, KNOWN, Cache()) == Services(frozenset(), (str(files[0]),))


@pytest.mark.parametrize(
    ("source", "does"),
    [
        ("import boto3", True),
        ("import boto3.session as session", True),
        ("from boto3.dynamodb import conditions", True),
        ("def f():\n    import boto3", True),
        ('import_module("boto3")', True),
        ('import_string("boto3.session.Session")', True),
        ("from . import boto3", False),
        ("import boto3extra", False),
        ('say("boto3 is not there")', False),
        ("print 'boto3'", False),
    ],
)
def test_an_import_is_found_in_any_place(source: str, does: bool, tmp_path: Path) -> None:
    file = tmp_path / "it.py"
    file.write_text(source)
    assert imports(file, "boto3") is does
