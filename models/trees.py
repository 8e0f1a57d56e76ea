"""LightGBM's trees as the library itself reads them, without its Python package.

The package imports pandas, and scikit-learn where it is installed: a second and a hundred megabytes in every process that
serves. It is wanted where trees are fitted; predicting takes four functions of the library's C interface.
Source: LightGBM's documentation, C API (`c_api.h`).
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from models.artifact import ArtifactError
from models.feedback import Floats

_FLOAT64, _ROW_MAJOR, _ALL = ctypes.c_int(1), ctypes.c_int(1), ctypes.c_int(-1)
_NORMAL, _RAW = 0, 1
_FIRST = ctypes.c_int(0)
_PARAMETERS = ctypes.c_char_p(b"num_threads=1")


class Trees:
    """The trees in LightGBM's text. `raw` predictions are sums of leaves, the others what the objective makes of them.

    Raises: `ArtifactError` when LightGBM cannot read the text.
    """

    def __init__(self, text: str, *, raw: bool = False) -> None:
        self.kind = ctypes.c_int(_RAW if raw else _NORMAL)
        self.handle, iterations = ctypes.c_void_p(), ctypes.c_int()
        _call(
            "LGBM_BoosterLoadModelFromString",
            ctypes.c_char_p(text.encode()),
            ctypes.byref(iterations),
            ctypes.byref(self.handle),
        )
        weakref.finalize(self, library().LGBM_BoosterFree, self.handle)
        self.text = text
        (names,) = (line for line in text.splitlines() if line.startswith("feature_names="))
        self.input_names = tuple(names.removeprefix("feature_names=").split(" "))

    def predict(self, rows: Floats) -> Floats:
        """Predictions `(n_rows,)` of rows `(n_rows, n_inputs)`; nan is a value of its own to the trees."""
        given = np.ascontiguousarray(rows, dtype=np.float64)
        found, n_found = np.empty(len(given)), ctypes.c_int64()
        if len(given) == 0:
            return found
        _call(
            "LGBM_BoosterPredictForMat",
            self.handle,
            _pointer(given),
            _FLOAT64,
            ctypes.c_int32(len(given)),
            ctypes.c_int32(given.shape[1]),
            _ROW_MAJOR,
            self.kind,
            _FIRST,
            _ALL,
            _PARAMETERS,
            ctypes.byref(n_found),
            _pointer(found),
        )
        return found


class OneRow:
    """The prediction of one row by LightGBM's function for that, which parses no parameters at each call.

    One call at a time: LightGBM keeps what it prepared, and the row and the prediction are always in the same places.
    """

    def __init__(self, trees: Trees) -> None:
        self._trees = trees  # what is prepared points into them
        self._row, self._prediction = np.empty(len(trees.input_names)), np.empty(1)
        self._lock = threading.Lock()
        prepared = ctypes.c_void_p()
        _call(
            "LGBM_BoosterPredictForMatSingleRowFastInit",
            trees.handle,
            trees.kind,
            _FIRST,
            _ALL,
            _FLOAT64,
            ctypes.c_int32(len(self._row)),
            _PARAMETERS,
            ctypes.byref(prepared),
        )
        weakref.finalize(self, library().LGBM_FastConfigFree, prepared)
        self._predict = partial(
            library().LGBM_BoosterPredictForMatSingleRowFast,
            prepared,
            _pointer(self._row),
            ctypes.byref(ctypes.c_int64()),
            _pointer(self._prediction),
        )

    def predict(self, row: Floats) -> Floats:
        """The prediction `(1,)` of a row `(n_inputs,)`: that of `Trees.predict` to the bit, in a third of the time."""
        with self._lock:
            self._row[:] = row
            _check(self._predict())
            return self._prediction.copy()


@cache
def library() -> ctypes.CDLL:
    """The shared library that the package carries; the same one that the package uses where it is imported too."""
    package = find_spec("lightgbm")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("lightgbm is not installed", name="lightgbm")
    folder = Path(package.submodule_search_locations[0])
    found = [path for part in ("lib", "bin") for path in sorted((folder / part).glob("lib_lightgbm.*"))]
    if not found:
        raise FileNotFoundError(f"no lib_lightgbm in lib or bin of {folder}")
    opened = ctypes.CDLL(str(found[0]))
    opened.LGBM_GetLastError.restype = ctypes.c_char_p
    return opened


def _call(function: str, *arguments: object) -> None:
    """Call one of the library's functions. Raises `ArtifactError` with what LightGBM says when it fails."""
    _check(getattr(library(), function)(*arguments))


def _check(status: int) -> None:
    if status != 0:
        raise ArtifactError(f"LightGBM: {library().LGBM_GetLastError().decode()}")


def _pointer(values: Floats) -> ctypes.c_void_p:
    return values.ctypes.data_as(ctypes.c_void_p)
