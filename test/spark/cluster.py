"""A real Spark cluster of one machine: a standalone master, two workers of one core, and sessions on it.

Must not be used for anything but tests: it has no security.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyspark

HOME = Path(pyspark.__file__).parent
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "integrations" / "spark"))

os.environ |= {"SPARK_HOME": str(HOME), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
os.environ["PYTHONPATH"] = str(ROOT / "integrations" / "spark")

DEATH_WAIT_S = 120
"""For a process to be there: generous, for machines that do other things."""


class Cluster:
    """Master and workers; `with` ends them. Their files are in `folder`."""

    def __init__(self, folder: Path, memory: str = "1g") -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen] = []
        # Executors get nothing of this package's folder: they must do with what the driver sends.
        self._environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        self._start("master", "org.apache.spark.deploy.master.Master", "--port", "0", "--webui-port", "0")
        self.url = self._told("master", r"Starting Spark master at (\S+)")
        for number in range(2):
            name = f"worker-{number}"
            options = ["--cores", "1", "--memory", memory, "--webui-port", "0", "--work-dir", str(folder / name)]
            self._start(name, "org.apache.spark.deploy.worker.Worker", *options, self.url)
        for number in range(2):
            self._told(f"worker-{number}", r"Successfully registered with master (\S+)")

    def _start(self, name: str, program: str, *arguments: str) -> None:
        with open(self.folder / f"{name}.log", "w") as log:
            command = [str(HOME / "bin" / "spark-class"), program, "--host", "127.0.0.1", *arguments]
            self._processes.append(
                subprocess.Popen(command, stdout=log, stderr=log, env=self._environment, start_new_session=True)
            )

    def _told(self, name: str, pattern: str) -> str:
        log = self.folder / f"{name}.log"
        until = time.monotonic() + DEATH_WAIT_S
        while time.monotonic() < until:
            if found := re.search(pattern, log.read_text()):
                return found[1]
            time.sleep(0.1)
        raise RuntimeError(f"{name} does not start: {log.read_text()[-2000:]}")

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def session(self, **settings: str):
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master(self.url).appName("gaussmix test")
        defaults = {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.executor.memory": "512m",
            "spark.driver.memory": "512m",
            "spark.log.level": "OFF",
        }
        for key, value in (defaults | settings).items():
            builder = builder.config(key, value)
        return builder.getOrCreate()

    def victims(self, kind: str) -> list[int]:
        """Processes of the executors: `executor` (JVM) or `python` (a Python worker that computes)."""
        of = {"executor": "CoarseGrainedExecutorBackend", "python": "pyspark.worker"}
        found = []
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if not entry.name.isdigit() or of[kind] not in command or not self._is_mine(parent):
                    continue
                # The daemon that forks the workers has the same command line; it is no child of its like.
                if kind == "python" and "pyspark.worker" not in Path(f"/proc/{parent}/cmdline").read_text():
                    continue
                found.append(int(entry.name))
            except (OSError, IndexError, ValueError):
                continue
        return found

    def _is_mine(self, pid: int) -> bool:
        mine = {process.pid for process in self._processes}
        while pid > 1:
            if pid in mine:
                return True
            pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        return False
