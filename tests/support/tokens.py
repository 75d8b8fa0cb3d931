"""JSON Web Tokens, valid and forged, and the key set to check them with."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from decanter.runtime.routing.connection_event import Handshake, Hello
from tests.support.events import connect_event

SECRET = "a secret of thirty-two bytes or more"
BASE = {"DECANTER_JWT_ISSUER": "https://issuer", "DECANTER_JWT_AUDIENCE": "decanter"}
HS256 = {**BASE, "DECANTER_JWT_SECRET": SECRET}
RS256 = {**BASE, "DECANTER_JWT_JWKS_URL": "https://issuer/jwks.json"}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_PEM = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
JWKS = {"keys": [{**json.loads(RSAAlgorithm.to_jwk(KEY.public_key())), "kid": "one"}]}
OTHER_JWK = json.loads(RSAAlgorithm.to_jwk(OTHER_KEY.public_key()))
NOW = int(time.time())
LATER = NOW + 86_400
"""Tokens are made when this file is imported, perhaps long before their use."""


def claims(**changes: Any) -> dict[str, Any]:
    good = {"iss": "https://issuer", "aud": "decanter", "sub": "ann", "exp": LATER}
    return {name: value for name, value in (good | changes).items() if value is not None}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed_by_hand(key: bytes, header: dict[str, Any], **changes: Any) -> str:
    """Return an HMAC token that PyJWT refuses to make."""
    return signed_texts(key, json.dumps(header), json.dumps(claims(**changes)))


def signed_texts(key: bytes, header: str, payload: str) -> str:
    text = f"{b64(header.encode())}.{b64(payload.encode())}"
    return f"{text}.{b64(hmac.new(key, text.encode(), hashlib.sha256).digest())}"


def by_hand(**changes: Any) -> str:
    """Return a valid signature over claims that PyJWT refuses to sign."""
    return signed_by_hand(SECRET.encode(), {"alg": "HS256"}, **changes)


def hs256(**changes: Any) -> str:
    return jwt.encode(claims(**changes), SECRET, "HS256")


def rs256(key: rsa.RSAPrivateKey = KEY, kid: str | None = "one", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, "RS256", headers={"kid": kid} if kid else None)


def hello(token: str | None, *offers: str) -> Hello:
    event = connect_event()
    event["queryStringParameters"] = {} if token is None else {"token": token}
    if offers:
        event["multiValueHeaders"]["Sec-WebSocket-Protocol"] = [", ".join(offers)]
    return Hello(Handshake(event))
