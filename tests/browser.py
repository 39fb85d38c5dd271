"""A headless Chromium, spoken to over pipes in its DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Browser:
    """Opens pages of files without a network; as a context manager it ends its process."""

    def __init__(
        self, folder: Path, width: int = 1400, height: int = 900, options: tuple[str, ...] = ()
    ) -> None:
        taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(2)]  # 3 and 4, where still free
        out_read, out_write = os.pipe()
        in_read, in_write = os.pipe()
        command = [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu-compositing"]
        command += ["--enable-unsafe-swiftshader", f"--user-data-dir={folder}"]
        command += ["--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe"]
        command += [f"--window-size={width},{height}", *options, "about:blank"]

        def wire() -> None:  # Chromium reads from 3 and writes to 4; others are closed by exec
            os.dup2(out_read, 3)
            os.dup2(in_write, 4)

        self._process = subprocess.Popen(
            command, preexec_fn=wire, close_fds=False, stderr=subprocess.DEVNULL
        )
        for file in (*taken, out_read, in_write):
            os.close(file)
        self._out, self._in = os.fdopen(out_write, "wb"), os.fdopen(in_read, "rb")
        self._number, self._session, self.requests = itertools.count(1), None, []
        self._left = b""
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in targets if t["type"] == "page")
        about = {"targetId": page, "flatten": True}
        self._session = self.call("Target.attachToTarget", **about)["sessionId"]
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Network.enable")
        self.call("Page.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        self._out.close()
        self._in.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        number = next(self._number)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        self._out.flush()
        while True:
            while b"\0" not in self._left:
                more = os.read(self._in.fileno(), 1 << 20)
                assert more, "Chromium has ended"
                self._left += more
            text, self._left = self._left.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("method") == "Network.requestWillBeSent":
                self.requests.append(answer["params"]["request"]["url"])
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def open(self, page: Path) -> None:
        """Open a page and wait until its data are unpacked."""
        self.call("Page.navigate", url=page.resolve().as_uri())
        wait = "new Promise(r => { const go = () => document.readyState === 'complete' && "
        wait += "(!document.getElementById('fail') || "
        wait += "document.getElementById('fail').textContent.startsWith('This')) "
        self.js(wait + "? r(1) : setTimeout(go, 50); go(); })")

    def js(self, code: str) -> Any:
        """The value of an expression, a promise's once it is settled."""
        asked = {"expression": code, "awaitPromise": True, "returnByValue": True}
        found = self.call("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Send a mouse event: mousePressed, mouseMoved or mouseReleased."""
        button = "none" if kind == "mouseMoved" and not more.get("buttons") else "left"
        about = {"type": kind, "x": x, "y": y, "button": button, "clickCount": 1, **more}
        self.call("Input.dispatchMouseEvent", **about)

    def picture(self, path: Path) -> None:
        """Save what is shown as a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
