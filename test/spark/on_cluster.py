"""The same fits on a cluster, with processes killed on the way; predictions, groups, and errors.

Arguments: a folder with the files that local.py has made, and JSON `{ cases, kills, iterations }`: `kills` of each kind of
process. Prints a line of JSON for each result.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from cluster import DEATH_WAIT_S, Cluster
from gaussmix_spark import GaussmixSparkError, fit, fit_groups, predict

folder = Path(sys.argv[1])
job = json.loads(sys.argv[2])
SMALL = {"columns": ["a", "b", "c"], "n_components": 3, "tolerance": 0, "max_iterations": job["iterations"], "partitions": 7}


def say(name: str, **content: object) -> None:
    print(json.dumps({"name": name, **content}), flush=True)


def kill_later(cluster: Cluster, kind: str, killed: list[int]) -> None:
    """Ends one process of a kind after a random part of a second."""
    time.sleep(random.random() / 2)
    until = time.monotonic() + DEATH_WAIT_S
    while time.monotonic() < until and not killed:
        for pid in cluster.victims(kind)[:1]:
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)


def fit_with_death(cluster: Cluster, spark, kind: str) -> None:
    at = random.randint(1, job["iterations"] - 2)
    killed: list[int] = []
    threads = []

    def on_iteration(progress: dict) -> None:
        if progress["iteration"] == at:
            threads.append(threading.Thread(target=kill_later, args=(cluster, kind, killed)))
            threads[0].start()

    model = fit(spark, str(folder / "small"), **SMALL, on_iteration=on_iteration)
    for thread in threads:
        thread.join()
    say(f"{kind} killed", model=model.to_json(), killed=len(killed), iteration=at)


def driver(url: str, checkpoint: str) -> None:
    """A driver of its own, to be killed."""
    from pyspark.sql import SparkSession

    settings = {"spark.ui.enabled": "false", "spark.executor.memory": "512m", "spark.driver.memory": "512m"}
    builder = SparkSession.builder.master(url)
    for key, value in settings.items():
        builder = builder.config(key, value)
    model = fit(builder.getOrCreate(), str(folder / "small"), **SMALL, checkpoint=checkpoint)
    say("driver", model=model.to_json())


def driver_killed(cluster: Cluster, number: int) -> None:
    checkpoint = folder / f"checkpoint-{number}.json"
    command = [sys.executable, __file__, *sys.argv[1:3], cluster.url, str(checkpoint)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    at = random.randint(1, job["iterations"] - 2)
    while process.poll() is None and iteration_of(checkpoint) < at:
        time.sleep(0.02)
    time.sleep(random.random() / 2)
    os.killpg(process.pid, signal.SIGKILL)
    ended = process.wait()
    iteration = iteration_of(checkpoint)
    counted = []
    spark = cluster.session()
    model = fit(spark, str(folder / "small"), **SMALL, checkpoint=checkpoint, on_iteration=counted.append)
    spark.stop()
    say("driver killed", model=model.to_json(), killed=int(ended < 0), iteration=iteration, after=len(counted))


def iteration_of(checkpoint: Path) -> int:
    return json.loads(checkpoint.read_text())["progress"]["iteration"] if checkpoint.exists() else 0


def failing(name: str, work) -> None:
    try:
        work()
        say(name, error=None)
    except GaussmixSparkError as error:
        say(name, error=str(error))


def main() -> None:
    sessions = folder / "cluster"
    sessions.mkdir(exist_ok=True)
    with Cluster(sessions) as cluster:
        # Drivers that are killed need the cores for themselves.
        for number in range(job["kills"]):
            driver_killed(cluster, number)
        spark = cluster.session()
        for case in job["cases"]:
            say(case["name"], model=fit(spark, str(folder / case["data"]), **case["options"]).to_json())
        for kind in ("python", "executor"):
            for _ in range(job["kills"]):
                fit_with_death(cluster, spark, kind)
        frame = spark.read.parquet(str(folder / "small.parquet"))
        for kind in ("full", "tied", "diag", "EVI", "spherical"):
            options = SMALL | {"covariance_type": kind, "max_iterations": 3}
            model = fit(spark, str(folder / "small"), **options)
            rows = predict(frame, model).select("id", "label", "responsibilities").orderBy("id").limit(5000).collect()
            text = "\n".join(",".join(map(repr, [row.label, *row.responsibilities])) for row in rows)
            say(f"predict {kind}", model=model.to_json(), text=text)
        model = fit(spark, str(folder / "gaps"), 3, columns=["x0", "x1", "x2"], missing="marginalize", max_iterations=2)
        rows = predict(spark.read.parquet(str(folder / "gaps.parquet")), model, missing="marginalize").collect()
        text = "\n".join(",".join(map(repr, [row.label, *row.responsibilities])) for row in rows)
        say("predict missing", model=model.to_json(), text=text)
        written = fit(spark, frame.orderBy("id"), **SMALL, folder=str(folder / "written"))
        say("a DataFrame", model=written.to_json())
        groups = fit_groups(frame, 2, by="group", columns=["a", "b", "c"], order_by="id", max_iterations=4)
        for row in sorted(groups.collect(), key=lambda row: row.group):
            say(f"group {row.group}", model=row.model, error=row.error, rows=row.n_samples)
        unordered = [
            {row.group: row.model for row in fit_groups(other, 2, by="group", columns=["a", "b"], max_iterations=2).collect()}
            for other in (frame, frame.orderBy(frame.id.desc()).repartition(5))
        ]
        say("groups in any order", same=unordered[0] == unordered[1])
        failing("no folder", lambda: fit(spark, frame, **SMALL))
        failing("a folder that exists", lambda: fit(spark, frame, **SMALL, folder=str(folder / "written")))
        failing("predict without a column", lambda: predict(frame.drop("c"), written))
        failing("predict text", lambda: predict(frame, written, columns=["a", "b", "group"]))
        failing("groups with a wrong option", lambda: fit_groups(frame, 2, by="group", columns=["a"], max_iterations=-1))
        failing("missing column", lambda: fit(spark, str(folder / "small"), 2, columns=["z"]))
        failing("damaged pages", lambda: fit(spark, str(folder / "spoilt.parquet"), **SMALL))
        spark.stop()
        # Executors whose Python has no wasmtime: one that fails to import stands before it.
        (sessions / "lacking").mkdir(exist_ok=True)
        (sessions / "lacking" / "wasmtime.py").write_text("raise ModuleNotFoundError('none', name='wasmtime')\n")
        spark = cluster.session(**{"spark.executorEnv.PYTHONPATH": str(sessions / "lacking")})
        failing("no wasmtime", lambda: fit(spark, str(folder / "small"), **SMALL))
        spark.stop()


if __name__ == "__main__":
    driver(*sys.argv[3:5]) if len(sys.argv) > 3 else main()
