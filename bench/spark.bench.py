"""Seconds per EM iteration beside Spark MLlib: same start, same cluster (a master and two workers of one core), same session.

MLlib's RDD interface, which takes a start; its rows are cached in the executors' JVMs as vectors. The time of an iteration is
the difference between a run of many and a run of few iterations, so that reading, caching and the last pass are in neither.
Executors talk to their Python by Unix sockets, as docs/spark.md advises; MLlib has no Python.
Usage: GAUSSMIX_SPARK_PYTHON bench/spark.bench.py [N,D,K ...]; writes bench/spark-results.json.
"""

import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "test" / "spark")]

import numpy as np
import pyarrow.parquet as pq
import rows as data
from cluster import Cluster
from gaussmix_spark import fit

MEMORY = {"spark.executor.memory": "2g", "spark.driver.memory": "1g"}
# The first job waits for both executors: rows cached by one alone would stay there.
BOTH = {"spark.scheduler.minRegisteredResourcesRatio": "1.0", "spark.scheduler.maxRegisteredResourcesWaitingTime": "120s"}
SHAPES = [(2_000_000, 8, 8), (500_000, 32, 16)]
FEW, MANY, ROUNDS = 1, 3, 3


def sockets(unix: bool) -> dict[str, str]:
    return {"spark.python.unix.domain.socket.enabled": str(unix).lower()}


def start_of(values: np.ndarray, k: int) -> dict:
    covariance = np.cov(values.T, bias=True).tolist()
    means = values[:: len(values) // k][:k].tolist()
    return {"weights": [1 / k] * k, "means": means, "covariances": [covariance] * k}


def mllib(spark, path: str, start: dict):
    """A function of a number of iterations: seconds of a run, and the means it ends with."""
    from pyspark.mllib.common import _py2java
    from pyspark.mllib.linalg import Vectors

    context = spark.sparkContext
    jvm, gateway = context._jvm, context._gateway
    # Evenly: by row groups one executor could have three times the rows of the other.
    vectors = spark.read.parquet(path).repartition(4).rdd.map(lambda row: Vectors.dense(list(row)))
    # As the JVM has them: Python takes no part in what is timed.
    cached = _py2java(context, vectors).cache()
    cached.count()

    def double_array(values):
        array = gateway.new_array(jvm.double, len(values))
        for i, value in enumerate(values):
            array[i] = float(value)
        return array

    k, d = len(start["means"]), len(start["means"][0])
    linalg = jvm.org.apache.spark.mllib.linalg
    Gaussian = jvm.org.apache.spark.mllib.stat.distribution.MultivariateGaussian

    def initial():
        gaussians = gateway.new_array(Gaussian, k)
        for i in range(k):
            mean = linalg.Vectors.dense(double_array(start["means"][i]))
            matrix = linalg.Matrices.dense(d, d, double_array(np.ravel(start["covariances"][i])))
            gaussians[i] = Gaussian(mean, matrix)
        return jvm.org.apache.spark.mllib.clustering.GaussianMixtureModel(double_array(start["weights"]), gaussians)

    def run(iterations: int):
        # A new one each time: a run leaves its result in the arrays of the model that it starts from.
        begin = initial()
        algorithm = jvm.org.apache.spark.mllib.clustering.GaussianMixture()
        algorithm = algorithm.setK(k).setConvergenceTol(0.0).setMaxIterations(iterations).setInitialModel(begin)
        began = time.perf_counter()
        model = algorithm.run(cached)
        seconds = time.perf_counter() - began
        return seconds, np.array([list(gaussian.mu().toArray()) for gaussian in model.gaussians()])

    return run


def measure(cluster: Cluster, folder: Path, n: int, d: int, k: int) -> dict:
    values = data.clusters(7, n, d, k, 2.0)
    path = str(folder / f"rows-{n}-{d}.parquet")
    pq.write_table(data.table(values), path, row_group_size=250_000)
    start = start_of(values, k)
    spark = cluster.session(**MEMORY, **BOTH, **sockets(True))

    def ours(iterations: int):
        times = [time.perf_counter()]
        options = {"start": start, "max_iterations": iterations, "tolerance": 0, "regularization": 0}
        model = fit(spark, path, k, **options, on_iteration=lambda _: times.append(time.perf_counter()))
        return times[-1] - times[1], model.means

    theirs = mllib(spark, path, start)
    seconds: dict[str, list[float]] = {"gaussmix-spark": [], "MLlib": []}
    for _ in range(ROUNDS):
        few, many = theirs(FEW), theirs(MANY)
        seconds["MLlib"].append((many[0] - few[0]) / (MANY - FEW))
        seconds["gaussmix-spark"].append(ours(1 + 3 * (MANY - FEW))[0] / (3 * (MANY - FEW)))
        print(n, d, k, {name: round(found[-1], 3) for name, found in seconds.items()}, flush=True)
    own = ours(MANY)
    spark.stop()
    # How far MLlib's means are from ours, and from each other (docs/spark.md says why).
    after = {"difference": float(np.abs(own[1] - many[1]).max()), "spread": float(np.ptp(many[1], axis=0).max())}
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    return {"n": n, "d": d, "k": k, "seconds": medians, f"MLlibMeansAfter{MANY}": after}


def fixed(cluster: Cluster, folder: Path, unix: bool) -> float:
    """What an iteration costs without rows worth speaking of."""
    small = str(folder / "few.parquet")
    pq.write_table(data.table(data.clusters(7, 10_000, 8, 8, 2.0)), small)
    spark = cluster.session(**MEMORY, **BOTH, **sockets(unix))
    times = [time.perf_counter()]
    fit(spark, small, 8, max_iterations=60, tolerance=0, on_iteration=lambda _: times.append(time.perf_counter()))
    spark.stop()
    # A JVM needs some jobs to get up to speed.
    return statistics.median(np.diff(times)[20:])


def main() -> None:
    shapes = [tuple(map(int, text.split(","))) for text in sys.argv[1:]] or SHAPES
    with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder), "2500m") as cluster:
        results = [measure(cluster, Path(folder), *shape) for shape in shapes]
        overhead = {name: fixed(cluster, Path(folder), name == "unix") for name in ("unix", "tcp")}
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "load": os.getloadavg()}
    found = json.dumps({"machine": machine, "fixedSeconds": overhead, "results": results}, indent=2)
    print(found)
    (ROOT / "bench" / "spark-results.json").write_text(found + "\n")


if __name__ == "__main__":
    main()
