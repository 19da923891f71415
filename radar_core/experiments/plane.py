"""Features laid out in a plane: PCA here and now, t-SNE and UMAP in a process of their own.

PCA: principal components, the two directions along which the points vary most. t-SNE: van der
Maaten & Hinton, Visualizing Data using t-SNE, JMLR 9 (2008). UMAP: McInnes, Healy & Melville,
arXiv 1802.03426 (2018). Clean and attacked points are always fitted together: laid out apart, they
could not be compared.

`python -m radar_core.experiments.plane METHOD SEED FROM.npy TO.npy` is that process.
"""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from radar_core.errors import BadParameter, Cancelled, RadarError
from radar_core.runtime import Progress
from radar_core.settings import ROOT

METHODS: Mapping[str, str] = MappingProxyType({"pca": "PCA", "umap": "UMAP", "tsne": "t-SNE"})
AT_MOST: Mapping[str, int] = MappingProxyType({"pca": 1_000_000, "umap": 5000, "tsne": 4000})
FEWEST = 5  # points that t-SNE and UMAP can tell neighbours of
PERPLEXITY, NEIGHBOURS = 30.0, 15
REDUCED = 50  # principal components that t-SNE and UMAP are given, as t-SNE's authors do
NO_DISTANCE = (
    "Near points are alike to the model; how far groups lie apart, and how large they are, "
    "means nothing."
)
Floats = NDArray[np.float32]


def has_umap() -> bool:
    """Whether umap-learn is installed."""
    return importlib.util.find_spec("umap") is not None


def perplexity(points: int) -> float:
    """That of t-SNE: 30, less for few points."""
    return min(PERPLEXITY, (points - 1) / 3)


def neighbours(points: int) -> int:
    """Those of UMAP: 15, fewer for few points."""
    return min(NEIGHBOURS, points - 1)


def principal(features: Floats, count: int = 2) -> tuple[Floats, NDArray[np.float64]]:
    """The first principal components of points, the same every time.

    Of each component, the largest of its loadings is positive, which fixes its sign.

    Args:
        features: (n, f).

    Returns:
        (n, count), zero where there are fewer components; and the share of the variance of each.
    """
    from sklearn.decomposition import PCA

    values = np.asarray(features, dtype=np.float64)
    have = min(count, *values.shape)
    place, shares = np.zeros((len(values), count)), np.zeros(count)
    if np.ptp(values, axis=0).any():
        # Exact both; the covariance is the quicker way where it is small.
        solver = "covariance_eigh" if values.shape[0] > values.shape[1] else "full"
        fitted = PCA(have, svd_solver=solver).fit(values)
        rows = fitted.components_
        signs = np.sign(rows[np.arange(have), np.abs(rows).argmax(axis=1)])
        place[:, :have] = (values - fitted.mean_) @ (rows * signs[:, None]).T
        shares[:have] = fitted.explained_variance_ratio_
    return place.astype(np.float32), shares


def embed(
    features: Floats, method: str, seed: int = 0, progress: Progress | None = None
) -> tuple[Floats, str]:
    """Lay points out in a plane, all of them together.

    Args:
        features: (n, f).
        method: `pca`, `tsne` or `umap`; the last two run in a process of their own, which is ended
            when the watcher asks to stop.
        seed: of t-SNE and UMAP.

    Returns:
        (n, 2), and one sentence on what distances in it mean.

    Raises:
        BadParameter: no such method, UMAP is not installed, or there are too few points.
        RadarError: the process has failed. Cancelled: the watcher asked to stop.
    """
    check(method, len(features))
    if method == "pca":
        place, shares = principal(features)
        return place, (
            f"The two axes hold {shares[0]:.0%} and {shares[1]:.0%} of the variance of the "
            "features; the rest is not seen here."
        )
    return _elsewhere(features, method, seed, progress or Progress()), NO_DISTANCE


def check(method: str, points: int) -> None:
    """Refuse what cannot be laid out.

    Raises:
        BadParameter: no such method, UMAP is not installed, or there are too few points.
    """
    if method not in METHODS:
        raise BadParameter(f"there is no {method!r}; choose one of {', '.join(METHODS)}")
    if method == "umap" and not has_umap():
        raise BadParameter("UMAP is not installed; pip install umap-learn adds it")
    if method != "pca" and points < FEWEST:
        raise BadParameter(f"{METHODS[method]} needs {FEWEST} points; PCA does with fewer")


def fitted(features: Floats, method: str, seed: int) -> Floats:
    """The layout by t-SNE or UMAP, computed in this process."""
    if not np.ptp(features, axis=0).any():
        return np.zeros((len(features), 2), dtype=np.float32)
    values, _ = principal(features, min(REDUCED, *features.shape))
    if method == "tsne":
        from sklearn.manifold import TSNE

        how = TSNE(perplexity=perplexity(len(values)), init="pca", random_state=seed, n_jobs=2)
    else:
        umap = importlib.import_module("umap").UMAP
        how = umap(n_neighbors=neighbours(len(values)), random_state=seed, n_jobs=1)
    return np.asarray(how.fit_transform(values), dtype=np.float32)


def _elsewhere(
    features: Floats,
    method: str,
    seed: int,
    progress: Progress,
    started: Callable[[subprocess.Popen[bytes]], None] = lambda _: None,
) -> Floats:
    """The layout, computed by a process that is ended with this one's patience.

    Args:
        started: is told of the process.
    """
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="radar-plane-") as folder:
        given, made = Path(folder) / "from.npy", Path(folder) / "to.npy"
        np.save(given, features)
        command = [sys.executable, "-m", __name__, method, str(seed), str(given), str(made)]
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        started(process)
        try:
            while process.poll() is None:
                passed = time.monotonic() - begun
                progress.step(
                    passed / (passed + 20),  # it does not say how far it is
                    f"{METHODS[method]} of {len(features):,} points, {passed:.0f} s",
                )
                time.sleep(0.05)
        except Cancelled:
            process.kill()
            raise
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        if process.returncode or not made.is_file():
            lines = (Path(folder) / "log").read_text("utf-8", "replace").split("\n")
            last = next((line for line in reversed(lines) if line.strip()), "it said nothing")
            raise RadarError(f"{METHODS[method]} has failed: {last[:300]}; take PCA instead")
        return np.asarray(np.load(made), dtype=np.float32)


if __name__ == "__main__":
    _method, _seed, _from, _to = sys.argv[1:]
    np.save(_to, fitted(np.load(_from), _method, int(_seed)))
