"""The token call's side of the service: a JWT bearer grant, and the access tokens it gives out."""

from __future__ import annotations

import secrets
import time
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from aijupyter.errors import Fault
from aijupyter.service.answers import RefusalError
from aijupyter.service.options import Credentials

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_LIMIT = 1000


class Tokens:
    """Gives an access token to whoever shows the credentials, and knows it again until it is stale."""

    def __init__(self, credentials: Credentials, lifetime: int) -> None:
        self._credentials = credentials
        self._lifetime = lifetime
        self._stale_at: dict[str, float] = {}

    def grant(self, authorization: str | None, form: Mapping[str, str]) -> dict[str, Any]:
        """The token call's answer. Raises RefusalError in OAuth's shape, 400 or 401."""
        self._check_client(authorization)
        if form.get("grant_type") != JWT_BEARER:
            raise _no_grant(400, "unsupported_grant_type", "OAU-250", "Unsupported grant type")
        if not _same(form.get("assertion", ""), self._credentials.jwt):
            raise _no_grant(400, "invalid_grant", "OAU-251", "The assertion is invalid or expired")
        token = secrets.token_urlsafe(32)
        self._stale_at[token] = time.monotonic() + self._lifetime
        while len(self._stale_at) > TOKEN_LIMIT:
            del self._stale_at[next(iter(self._stale_at))]
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": self._lifetime,
            "scope": "AI",
            "owner_id": "1",
            "endpoint_id": secrets.token_urlsafe(8),
        }

    def check(self, authorization: str | None) -> None:
        """Raises RefusalError (401) unless the header carries a token that is still good."""
        if authorization is None:
            raise _no_access("AccessDenied", "AGW-401", "Authorization header is not specified")
        scheme, _, shown = authorization.partition(" ")
        # Every token is looked at, so that the time taken says nothing about how much of one was right.
        found = [token for token in self._stale_at if _same(shown.strip(), token)]
        if scheme.lower() != "bearer" or not found:
            raise _no_access("TokenInvalid", "OAU-149", "OAuth token is invalid")
        if self._stale_at[found[0]] <= time.monotonic():
            raise _no_access("TokenExpired", "OAU-128", "Access token expired")

    def withdraw(self) -> RefusalError:
        """Let every token be stale from now on; the refusal that says so."""
        self._stale_at = dict.fromkeys(self._stale_at, 0.0)
        return _no_access("TokenExpired", "OAU-128", "Access token expired")

    def _check_client(self, authorization: str | None) -> None:
        if authorization is None:
            raise _no_grant(401, "invalid_client", "OAU-123", "Client authentication is required")
        client_id, client_secret = _basic(authorization)
        known = _same(client_id, self._credentials.client_id)
        if not (_same(client_secret, self._credentials.client_secret) and known):
            raise _no_grant(401, "invalid_client", "OAU-153", "Invalid client")


def _same(shown: str, expected: str) -> bool:
    return secrets.compare_digest(shown.encode("utf-8", "surrogatepass"), expected.encode())


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        name, _, secret = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return (name, secret) if scheme.lower() == "basic" else ("", "")


def _no_grant(status: int, error: str, code: str, message: str) -> RefusalError:
    headers = {"WWW-Authenticate": 'Basic realm="aijupyter"'} if status == 401 else {}  # noqa: PLR2004  # Unauthorized
    beside = {"error": error, "error_description": message}
    return RefusalError(status, [Fault(code, message)], headers=headers, beside=beside)


def _no_access(name: str, code: str, message: str) -> RefusalError:
    headers = {"WWW-Authenticate": 'Bearer realm="aijupyter"'}
    return RefusalError(401, [Fault(code, message)], headers=headers, beside={"errorCode": name, "message": message})
