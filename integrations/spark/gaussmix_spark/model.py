"""A fitted mixture in Python: the numbers of a saved model (gaussmix-model JSON). Must not compute."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from .engine import write_file
from .errors import GaussmixSparkError


class GaussianMixtureModel:
    """p(x) = sum over k of weights[k] N(x | means[k], covariances[k]).

    Attributes: `weights` (K), `means` (K, D), `covariances` (K, D, D) as numpy arrays; `n_components`, `n_features`,
    `covariance_type`, `feature_names`; `fitted`: how the fit went (`converged`, `iterations`, `logLikelihood` in nats per
    row, `history`, `nSamples`, `runs`, `warnings`), None for a model made otherwise.
    """

    def __init__(self, text: str) -> None:
        """text: a saved model, of this package, the library or the command line."""
        try:
            saved = json.loads(text)
        except ValueError as error:
            raise GaussmixSparkError(f"this is no saved model: {error}", "INVALID_MODEL") from None
        if not isinstance(saved, dict) or saved.get("format") != "gaussmix-model" or saved.get("version") != 1:
            raise GaussmixSparkError("this is no saved model of version 1 (gaussmix-model)", "INVALID_MODEL")
        self._text = text
        self.weights = np.array(saved["weights"], np.float64)
        self.means = np.array(saved["means"], np.float64)
        self.covariances = np.array(saved["covariances"], np.float64)
        self.n_components: int = saved["nComponents"]
        self.n_features: int = saved["nFeatures"]
        self.covariance_type: str = saved["covarianceType"]
        self.feature_names: list[str] | None = saved.get("featureNames")
        self.fitted: dict[str, Any] | None = saved.get("fitted")
        k, d = self.n_components, self.n_features
        shapes = self.weights.shape, self.means.shape, self.covariances.shape
        if shapes != ((k,), (k, d), (k, d, d)):
            raise GaussmixSparkError(f"the saved model's arrays have shapes {shapes}", "INVALID_MODEL")

    def to_json(self) -> str:
        """The saved model, as `gaussmix fit -o` writes it, byte for byte."""
        return self._text

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the saved model; the file appears when it is complete."""
        write_file(Path(path), self._text.encode())

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "GaussianMixtureModel":
        return GaussianMixtureModel(Path(path).read_text())

    def __repr__(self) -> str:
        return f"GaussianMixtureModel({self.covariance_type}, n_components={self.n_components}, n_features={self.n_features})"
