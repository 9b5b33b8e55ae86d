"""Gaussian mixtures on Apache Spark: the models of gaussmix, bit for bit, from rows that fill a cluster.

>>> from gaussmix_spark import fit, predict
>>> model = fit(spark, "s3://bucket/rows", n_components=8, seed=1)
>>> labelled = predict(spark.read.parquet("s3://bucket/rows"), model)
"""

from .errors import GaussmixSparkError

__all__ = ["GaussianMixtureModel", "GaussmixSparkError", "fit", "fit_groups", "predict"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # Only when asked for: executors import this package too, and may lack what the driver has.
    if name == "fit":
        from .driver import fit

        return fit
    if name == "GaussianMixtureModel":
        from .model import GaussianMixtureModel

        return GaussianMixtureModel
    if name == "predict":
        from .prediction import predict

        return predict
    if name == "fit_groups":
        from .groups import fit_groups

        return fit_groups
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
