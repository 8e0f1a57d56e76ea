"""Artifacts: equal contents give equal bytes, and whatever was altered is found."""

from __future__ import annotations

import io
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import ARRAYS, MANIFEST, Artifact, ArtifactError

MODEL = "model.lgb"


def an_artifact() -> Artifact:
    arrays = {"mean": np.arange(6.0).reshape(2, 3), "count": np.array([1, 2]), "unknown": np.array([np.nan])}
    return Artifact({"kind": "thing", "names": ["a", "ب"], "prior": 0.1}, arrays, {MODEL: "tree\n"})


@pytest.mark.parametrize("trip", ["bytes", "files"])
def test_an_artifact_comes_back_as_it_was(trip: str) -> None:
    artifact = an_artifact()

    again = (
        Artifact.from_bytes(artifact.to_bytes()) if trip == "bytes" else Artifact.from_files(artifact.files())
    )

    assert again.manifest == artifact.manifest
    assert again.texts == artifact.texts
    assert list(again.arrays) == sorted(artifact.arrays)
    for name, array in artifact.arrays.items():
        assert again.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(again.arrays[name], array)
    assert again.digest == artifact.digest
    assert again.to_bytes() == artifact.to_bytes()


def test_the_order_in_which_things_were_put_in_does_not_show() -> None:
    artifact = an_artifact()

    turned = Artifact(
        dict(reversed(artifact.manifest.items())),
        dict(reversed(artifact.arrays.items())),
        dict(reversed(artifact.texts.items())),
    )

    assert turned.to_bytes() == artifact.to_bytes()
    assert turned.digest == artifact.digest


def test_the_digest_is_the_same_on_every_machine_and_day_and_python() -> None:
    artifact = Artifact({"kind": "thing"}, {"mean": np.array([0.5, -1.0])}, {MODEL: "tree\n"})

    assert artifact.digest == "39a8522bf693f361"


def test_arrays_that_were_packed_otherwise_are_the_same_artifact() -> None:
    """Python 3.11.2 and 3.11.7 write the same arrays as different archives."""
    artifact, packed = an_artifact(), io.BytesIO()
    np.savez_compressed(packed, **artifact.arrays)

    again = Artifact.from_files({**artifact.files(), ARRAYS: packed.getvalue()})

    assert packed.getvalue() != artifact.files()[ARRAYS]
    assert again.digest == artifact.digest


@pytest.mark.parametrize(
    "other",
    [
        Artifact(
            {"kind": "thing", "names": ["a", "ب"], "prior": 0.2}, an_artifact().arrays, {MODEL: "tree\n"}
        ),
        Artifact(
            an_artifact().manifest, {**an_artifact().arrays, "count": np.array([1, 3])}, {MODEL: "tree\n"}
        ),
        Artifact(an_artifact().manifest, an_artifact().arrays, {MODEL: "tree"}),
        Artifact(an_artifact().manifest, an_artifact().arrays, {"other.lgb": "tree\n"}),
    ],
)
def test_other_contents_have_another_digest(other: Artifact) -> None:
    assert other.digest != an_artifact().digest


@pytest.mark.parametrize("missing", [MANIFEST, ARRAYS])
def test_a_missing_file_is_named(missing: str) -> None:
    files = {name: content for name, content in an_artifact().files().items() if name != missing}

    with pytest.raises(ArtifactError, match=rf"needs {MANIFEST} and {ARRAYS}; found") as caught:
        Artifact.from_files(files)

    assert str(sorted(files)) in str(caught.value)


@given(st.data())
def test_an_altered_archive_is_an_error_or_shows_in_the_digest(data: st.DataObject) -> None:
    """Bytes outside the contents (times, flags of the archive) may change without a change of the artifact."""
    artifact = an_artifact()
    content = bytearray(artifact.to_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))

    try:
        again = Artifact.from_bytes(bytes(content))
    except ArtifactError:
        return

    assert (again.digest == artifact.digest) == (again.files() == artifact.files())


@given(st.data(), st.sampled_from([MANIFEST, ARRAYS, MODEL]))
def test_an_altered_or_cut_file_never_escapes_as_another_error(data: st.DataObject, name: str) -> None:
    files = an_artifact().files()
    content = bytearray(files[name][: data.draw(st.integers(0, len(files[name])))])
    if content:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))

    with suppress(ArtifactError):
        Artifact.from_files({**files, name: bytes(content)})


@given(st.binary(max_size=200))
def test_bytes_that_are_no_archive_are_refused(content: bytes) -> None:
    with pytest.raises(ArtifactError, match="not an artifact archive"):
        Artifact.from_bytes(content)


@pytest.mark.parametrize("manifest", [b"[]", b"3", b"null", b'"kind"'])
def test_a_manifest_that_is_no_object_is_refused(manifest: bytes) -> None:
    with pytest.raises(ArtifactError, match="wanted an object"):
        Artifact.from_files({**an_artifact().files(), MANIFEST: manifest})


def test_a_pickled_array_is_neither_written_nor_read() -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        Artifact({"kind": "thing"}, {"objects": np.array([{}], dtype=object)}).files()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_manifest_holds_only_numbers_that_json_has(number: float) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        Artifact({"kind": "thing", "prior": number}).files()


def test_another_kind_than_wanted_is_named() -> None:
    an_artifact().require("thing")

    with pytest.raises(ArtifactError, match="of kind 'thing'; wanted 'policy'"):
        an_artifact().require("policy")
