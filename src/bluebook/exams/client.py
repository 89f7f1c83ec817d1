"""Requests to a server that writes, and what each way of failing is called.

What passes by itself (a dropped connection, 429, 5xx) is tried again after a pause, or after the one that the server
asks for. What does not pass is an error with a name of its own: `Unreachable`, `Silent`, `Refused`, `Garbled`.
`asyncio.timeout` around a whole request is the one clock: the time limits of HTTP libraries count from byte to byte,
so that a server that sends one byte a minute would never meet them.

The key is read from the environment when a session begins, goes into one header, and is struck out of whatever a
server says before any of it is repeated. Proxies and passwords that the environment names are not used: what
local.yaml names is all that is talked to. A redirection is not followed, because the key would go with it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx2
import msgspec

from bluebook.errors import BluebookError

PAUSES = (
    1.0,
    4.0,
    15.0,
    60.0,
)  # seconds between tries: a server that restarts loads its model in about as long
LONGEST_PAUSE = 300.0  # seconds; who asks for more is not waited for
PASSING = frozenset({408, 429, 500, 502, 503, 504})
QUOTED = 300  # characters of a server's own words in a message

T = TypeVar("T")


class ServerError(BluebookError):
    """A server did not do what it should."""


class Unreachable(ServerError):
    """No connection, a dropped one, or 429 and 5xx at every try."""


class Silent(ServerError):
    """It took the request and never answered."""


class Refused(ServerError):
    """It said no, and would say no again. `status` is HTTP's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Garbled(ServerError):
    """It answered something that the protocol does not know."""


class Passing(Exception):
    """A failure worth another try, `pause` seconds later where the server says so."""

    def __init__(self, error: ServerError, pause: float = 0.0) -> None:
        super().__init__()
        self.error, self.pause = error, pause


class Client:
    """One server. `session` opens connections; every request belongs to one."""

    def __init__(
        self,
        url: str,
        *,
        key_variable: str | None = None,
        seconds: float,
        pauses: tuple[float, ...] = PAUSES,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`url` is the server's address, with or without its `/v1`; a request may take `seconds`.

        Raises ServerError where `url` is no address or carries a password, or `key_variable` is not set.
        """
        self.url = _address(url)
        self.seconds = seconds
        self.pauses, self.sleep = pauses, sleep
        self._key = _key(key_variable)
        # Made once, because it takes half a second. Plain HTTP, which is never redirected, has nothing to verify.
        self._tls = httpx2.create_ssl_context(trust_env=False) if self.url.startswith("https:") else False

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        headers = {} if self._key is None else {"Authorization": f"Bearer {self._key}"}
        # The one clock is that of each request, see above.
        async with httpx2.AsyncClient(
            base_url=self.url,
            headers=headers,
            timeout=None,
            trust_env=False,
            limits=httpx2.Limits(),
            verify=self._tls,
        ) as http:
            yield Session(self, http)

    def quoted(self, words: str) -> str:
        """What a server said, on one line, shortened, without the key."""
        clean = words if self._key is None else words.replace(self._key, "***")
        line = " ".join(clean.split())
        return line if len(line) <= QUOTED else f"{line[:QUOTED]}…"


class Session:
    """Open connections to a server. `post` and `events` are one try each; `again` repeats it."""

    def __init__(self, client: Client, http: httpx2.AsyncClient) -> None:
        self._client, self._http = client, http

    async def again(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What `attempt` returns, tried again while its failure may pass. Raises the last try's error."""
        for pause in self._client.pauses:
            try:
                return await attempt()
            except Passing as failed:
                wait = max(pause, failed.pause)
                if failed.pause > LONGEST_PAUSE:
                    raise failed.error from None
                print(f"{failed.error}; again in {wait:.0f} s", file=sys.stderr, flush=True)
            await self._client.sleep(wait)
        try:
            return await attempt()
        except Passing as failed:
            raise failed.error from None

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The server's JSON object. Raises Silent after the client's `seconds`."""
        try:
            async with asyncio.timeout(self._client.seconds), self._open(path, body) as response:
                return self._decoded(await response.aread(), path)
        except TimeoutError:
            raise self.silent(path) from None

    async def events(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The JSON objects of a stream of server-sent events, as they come. No time limit: the caller's is the one."""
        async with self._open(path, {**body, "stream": True}) as response:
            kind = response.headers.get("content-type", "")
            if "text/event-stream" not in kind:
                raise self.garbled(
                    path, "a stream of events", (await response.aread()).decode(errors="replace")
                )
            async for line in response.aiter_lines():
                data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
                if data == "[DONE]":
                    return
                if data:
                    yield self._decoded(data.encode(), path)

    def silent(self, path: str) -> Silent:
        return Silent(
            f"{self._client.url}{path}: the server took the request and said nothing for "
            f"{self._client.seconds:g} s; look at its log, or restart it"
        )

    def dropped(self, path: str, words: str = "") -> Passing:
        """The failure of a stream that ended before its answer did, with the server's `words` about it."""
        said = f": {self._client.quoted(words)}" if words else ""
        return Passing(Unreachable(f"{self._client.url}{path}: broken off in the middle of an answer{said}"))

    def garbled(self, path: str, expected: str, found: object) -> Garbled:
        return Garbled(
            f"{self._client.url}{path}: expected {expected}, found {self._client.quoted(repr(found))}"
        )

    @asynccontextmanager
    async def _open(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[httpx2.Response]:
        where = f"{self._client.url}{path}"
        try:
            async with self._http.stream("POST", path, json=dict(body)) as response:
                if response.status_code != 200:
                    raise self._refusal(where, response, (await response.aread()).decode(errors="replace"))
                yield response
        except (httpx2.RemoteProtocolError, httpx2.DecodingError) as error:
            # Broken HTTP is what a connection that ends too early looks like too, so it is worth another try.
            raise Passing(
                Unreachable(f"{where}: broken off, or no HTTP: {self._client.quoted(str(error))}")
            ) from None
        except httpx2.TransportError as error:
            told = self._client.quoted(str(error)) or type(error).__name__
            raise Passing(
                Unreachable(
                    f"{where}: no connection: {told}; is the server running, and is its address right?"
                )
            ) from None

    def _refusal(self, where: str, response: httpx2.Response, words: str) -> Exception:
        status = response.status_code
        said = f"{where}: HTTP {status}: {self._client.quoted(words) or response.reason_phrase}"
        if status in PASSING:
            return Passing(Unreachable(said), _retry_after(response.headers.get("retry-after", "")))
        if status in {401, 403}:
            said += "; key_variable in local.yaml names the environment variable that holds the key"
        return Refused(said, status)

    def _decoded(self, raw: bytes, path: str) -> dict[str, Any]:
        words = raw.decode(errors="replace")
        try:
            found = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            found = None
        if not isinstance(found, dict):
            raise self.garbled(path, "a JSON object", words)
        return found


def _address(url: str) -> str:
    try:
        found = httpx2.URL(url)
    except httpx2.InvalidURL:
        found = httpx2.URL("")
    if found.scheme not in {"http", "https"} or not found.host:
        raise ServerError(
            f"local.yaml: {url!r} is no address of a server; it looks like http://127.0.0.1:8000"
        )
    if found.userinfo:
        raise ServerError(
            "local.yaml: the server's address carries a password; leave it out and let key_variable name the "
            "environment variable that holds it"
        )
    return str(found).rstrip("/").removesuffix("/v1")


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key.isascii() or not key:
        raise ServerError(
            f"local.yaml: key_variable is {variable}, and no such environment variable holds a key: "
            f"`export {variable}=…` before the command"
        )
    return key


def _retry_after(header: str) -> float:
    """Seconds of a Retry-After header; 0 where it gives a date or nothing: the usual pause will do."""
    try:
        return max(0.0, float(header))
    except ValueError:
        return 0.0
