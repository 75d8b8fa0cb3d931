"""Find secrets in environment variables, as references to a store or in plain text."""

import re
from collections.abc import Iterable, Iterator, Mapping

_REFERENCE = re.compile(r"\{\{resolve:(?P<service>ssm|ssm-secure|secretsmanager):[^{}]*\}\}")

# A secret's name ends with one of these words. For example, SESSION_TOKEN matches, but TOKEN_TABLE
# and SECRET_ARN do not.
_NAME = re.compile(
    r"(?i)(^|[^a-z])(secret|token|credential|pass|passphrase|pwd|(api|private|secret|access|signing|"
    r"encryption)_?key)s?$|(password|passwd|secret|apikey)$"
)
# Values that are harmless under any variable's name: a switch, a short number, an ARN, or the path
# of a parameter or a secret.
_HARMLESS = re.compile(
    r"(?i:true|false|none|null|on|off|yes|no)?|\d{1,5}|arn:.*|/[\w./-]*"
    r"|[a-z][a-z0-9._-]*(/[a-z0-9._-]+)+"
)
_FORMS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_\w{30,}|\bgithub_pat_\w{30,}|\bglpat-[\w-]{20}"  # GitHub, GitLab
    r"|\bxox[abeprs]-[\w-]{10,}"  # Slack
    r"|\b[rs]k_(live|test)_\w{10,}|\bwhsec_\w{20,}"  # Stripe
    r"|\bsk-[\w-]{20,}"  # OpenAI, Anthropic
    r"|\bAIza[\w-]{35}|\bSG\.[\w-]{20,}\.[\w-]{20,}|\bnpm_\w{36}"  # Google, SendGrid, npm
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\."  # a JSON Web Token
    r"|\b[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@"  # a URL with a password
)


def is_plain_secret(name: str, value: str) -> bool:
    """True if the name or the value looks like a secret, and the value is not a reference."""
    written = _REFERENCE.sub("", value)
    if _FORMS.search(written):
        return True
    return _NAME.search(name) is not None and not _HARMLESS.fullmatch(written.strip())


def is_reference(value: str) -> bool:
    """True if CloudFormation must resolve a part of the value."""
    return _REFERENCE.search(value) is not None


def is_secure_parameter(value: str) -> bool:
    """True if the value refers to a SecureString, which a function's environment cannot contain."""
    return any(match["service"] == "ssm-secure" for match in _REFERENCE.finditer(value))


def with_own(variables: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables. A value in the user's environment replaces a reference."""
    own = {name for name, value in variables.items() if is_reference(value) and name in environ}
    return {**variables, **{name: environ[name] for name in own}}


def unresolved(environments: Iterable[Mapping[str, str]], *, remedy: bool = True) -> Iterator[str]:
    """Yield a warning that names the variables with references, which Decanter cannot resolve.

    `remedy` adds the remedy for `decanter local`.
    """
    names = sorted({k for each in environments for k, v in each.items() if is_reference(v)})
    if names:
        yield (
            f"{', '.join(names)}: only CloudFormation resolves {{{{resolve:…}}}}, so the app gets "
            f"this text."
            + (f" Set it for this run: `{names[0]}=… decanter local`" if remedy else "")
        )
