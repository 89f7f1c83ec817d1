"""A headless Chromium, spoken to over the DevTools pipe: no driver, no port, no package."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

CHROMIUM = Path("/usr/bin/chromium")
_QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-pipe",
]
_DRAW = """(async () => {
  const figures = [...document.querySelectorAll(".picture")];
  for (const figure of figures) {
    figure.scrollIntoView();
    await new Promise((done) => {
      const look = () => (figure.dataset.drawn ? done() : requestAnimationFrame(look));
      look();
    });
  }
  return figures.map((figure) => [
    figure.dataset.drawn, figure.dataset.counts, figure.querySelector(".trouble").textContent,
  ]);
})()"""


class Page:
    """One tab. Every event that Chromium reports since the tab opened is kept in `events`."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = os.fdopen(commands, "wb", 0), os.fdopen(answers, "rb", 0)
        self._buffer, self._last, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            more = self._answers.read(1 << 16)
            if not more:
                raise RuntimeError("Chromium has gone")
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self.events.append(message)
        return message

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        command: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        self._commands.write(json.dumps(command).encode() + b"\0")
        while (message := self._message()).get("id") != self._last:
            pass
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        result: dict[str, Any] = message["result"]
        return result

    def open(self, file: Path, width: int, height: int = 900, scheme: str = "light") -> Self:
        """Load a file in a window of that many CSS pixels and wait until it is complete."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.call("Page.navigate", url=file.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._message()
        return self

    def value(self, expression: str) -> Any:
        """What a JavaScript expression evaluates to on the page; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def complaints(self) -> list[dict[str, Any]]:
        """Console messages, uncaught exceptions and what the browser itself logged (refused by policy, not
        found)."""
        kinds = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}
        return [event for event in self.events if event["method"] in kinds]

    def requests(self) -> list[str]:
        """URLs that were asked for; what the page itself holds (`data:`) is not asked for."""
        sent = (event for event in self.events if event["method"] == "Network.requestWillBeSent")
        urls = (event["params"]["request"]["url"] for event in sent)
        return [url for url in urls if not url.startswith("data:")]

    def draw(self) -> list[tuple[str, str, str]]:
        """Bring every picture into view; once all are drawn: what was drawn, what should be, and what is
        wrong."""
        found: list[tuple[str, str, str]] = self.value(_DRAW)
        return [tuple(each) for each in found]

    def picture(self, out: Path, y: int = 0, height: int | None = None) -> None:
        """A PNG of the page from `y` on, for people."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": y, "width": size["width"], "height": height or size["height"] - y, "scale": 1}
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        out.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def chromium() -> Iterator[Page]:
    """A fresh browser with one tab."""
    ours, commands = os.pipe()
    answers, theirs = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # Chromium reads commands from descriptor 3 and answers on 4; bash puts them there
        # (a plain sh knows descriptors of one digit only).
        running = subprocess.Popen(
            [
                "bash",
                "-c",
                f'exec "$@" 3<&{ours} 4>&{theirs}',
                "bash",
                str(CHROMIUM),
                *_QUIET,
                f"--user-data-dir={profile}",
            ],
            pass_fds=(ours, theirs),
            stderr=subprocess.DEVNULL,
        )
        os.close(ours)
        os.close(theirs)
        try:
            yield Page(commands, answers)
        finally:
            running.terminate()
            running.wait(10)
