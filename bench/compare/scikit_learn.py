"""Times EM iterations of scikit-learn's GaussianMixture, one thread, from a given start.

    python scikit_learn.py FOLDER '{"n":..,"d":..,"k":..,"covariance_type":"..","max_iter":..,"seconds":..}'

FOLDER holds data.f64 (n x d, row-major) and start.f64 (weights, means, covariances of that type). Runs at least
max_iter iterations and at least that many seconds, and prints one line of JSON: seconds of each iteration, lower bound
at the start of each, versions and libraries. With "seconds": 0 it also checks that the public `fit` ends at the same
lower bound. Must not choose a start, stop early, or use a second thread.
"""

import inspect
import json
import os
import sys
import time
import warnings

# Before anything loads a BLAS. The two OpenBLAS settings would choose other kernels than the machine's own.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"):
    os.environ[name] = "1"
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)

import numpy as np  # noqa: E402
import sklearn  # noqa: E402
from sklearn.mixture import GaussianMixture  # noqa: E402
from threadpoolctl import threadpool_info  # noqa: E402


def read(folder, n, d, k, covariance_type):
    """Data, and the start as the constructor's arguments."""
    data = np.fromfile(os.path.join(folder, "data.f64")).reshape(n, d)
    start = np.fromfile(os.path.join(folder, "start.f64"))
    weights, means, covariances = np.split(start, [k, k + k * d])
    shape = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}[covariance_type]
    covariances = covariances.reshape(shape)
    matrices = covariance_type in ("full", "tied")
    precisions = np.linalg.inv(covariances) if matrices else 1 / covariances
    return data, {
        "weights_init": weights,
        "means_init": means.reshape(k, d),
        "precisions_init": precisions,
    }


def iterate(model, data, max_iter, seconds):
    """What `fit` repeats (E-step, M-step, lower bound), step by step so that set-up is not counted."""
    # Newer versions hand the array library down.
    xp = {"xp": np} if "xp" in inspect.signature(model._check_parameters).parameters else {}
    model._check_parameters(data, **xp)
    model._initialize_parameters(data, np.random.RandomState(0), **xp)
    times, lower_bounds = [], []
    end = time.perf_counter() + seconds
    while len(times) < max_iter or time.perf_counter() < end:
        begin = time.perf_counter()
        log_prob_norm, log_resp = model._e_step(data, **xp)
        model._m_step(data, log_resp, **xp)
        lower_bound = model._compute_lower_bound(log_resp, log_prob_norm)
        times.append(time.perf_counter() - begin)
        lower_bounds.append(float(lower_bound))
    return times, lower_bounds


def main():
    warnings.simplefilter("ignore")  # ConvergenceWarning: max_iter is meant to be reached
    folder, problem = sys.argv[1], json.loads(sys.argv[2])
    n, d, k, form = problem["n"], problem["d"], problem["k"], problem["covariance_type"]
    max_iter, seconds = problem["max_iter"], problem["seconds"]
    data, start = read(folder, n, d, k, form)
    options = dict(covariance_type=form, tol=0, reg_covar=1e-6, max_iter=max_iter, **start)
    times, lower_bounds = iterate(GaussianMixture(k, **options), data, max_iter, seconds)
    if seconds == 0:
        fitted = GaussianMixture(k, **options).fit(data).lower_bound_
        if not abs(fitted - lower_bounds[-1]) <= 1e-12 * abs(fitted):
            sys.exit(f"fit ends at {fitted}, the timed steps at {lower_bounds[-1]}")
    pools = threadpool_info()
    if any(pool["num_threads"] != 1 for pool in pools):
        sys.exit(f"more than one thread: {pools}")
    blas = [f"{p['internal_api']} {p['version']} {p.get('architecture', '')}" for p in pools if p["user_api"] == "blas"]
    version = f"scikit-learn {sklearn.__version__}, numpy {np.__version__}, {blas[0].strip() if blas else 'BLAS unknown'}"
    print(json.dumps({"seconds": times, "lower_bounds": lower_bounds, "version": version}))


main()
