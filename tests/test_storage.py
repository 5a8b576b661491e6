"""What is saved comes back bit for bit, and a damaged file never does."""

# ruff: noqa: E501 (tables with one line for each case)

from __future__ import annotations

import io
import math
import os
import pickle
import platform
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, storage

SUFFIXES = [".npz"]
try:
    import safetensors.numpy
except ImportError:
    safetensors = None  # type: ignore[assignment]
else:
    SUFFIXES.append(".safetensors")
each_format = pytest.mark.parametrize("suffix", SUFFIXES)


def same(a: Any, b: Any) -> None:
    """Equal in structure, types, dtypes, shapes and bits."""
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        assert [type(k) for k in a] == [type(k) for k in b]
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for u, v in zip(a, b, strict=True):
            same(u, v)
    elif isinstance(a, mg.Tensor):
        assert (a.requires_grad, a.name) == (b.requires_grad, b.name)
        same(a.data, b.data)
    elif isinstance(a, np.ndarray | np.generic):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes()
    else:
        assert a == b or (a != a and b != b)
        assert math.copysign(1, a) == math.copysign(1, b) if isinstance(a, float) else True


def tree() -> dict[Any, Any]:
    rng = np.random.default_rng(0)
    return {
        "numbers": [1, -(2**130), 0.1, -0.0, math.inf, -math.inf, math.nan, True, False, None],
        "words": ("", "θ ← θ − α", 'quote "', "\ud800"),
        "nested": {"empty": [{}, (), []], 3: {None: 1.5, 2.5: (1, (2, [3]))}, True: "key"},
        "arrays": [rng.normal(size=s) for s in [(3,), (2, 3), (0, 4), (2, 1, 3), (1,)]],
        "types": [np.arange(3).astype(t) for t in "?bBhHiIlLefd"],
        "big-endian": np.arange(3, dtype=">f8").astype(np.float64),
        "strided": [rng.normal(size=(4, 6))[::2, ::3], rng.normal(size=(3, 4)).T],
        "scalars": [np.float64(0.1), np.float32(0.1), np.int8(3), np.bool_(True)],
        "no axes": np.array(2.5),
        "special": np.array([np.nan, -0.0, np.inf, 5e-324]),
        "tensors": {
            "leaf": mg.Tensor(rng.normal(size=(2, 2)), requires_grad=True, name="w"),
            "number": mg.Tensor(3.0, requires_grad=True),
            "half": mg.Tensor([1.0, 2.0], dtype=np.float32),
            "integers": mg.Tensor([1, 2]),
        },
    }


@each_format
def test_everything_comes_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"file{suffix}"
    given = tree()
    mg.save(path, given)
    found = mg.load(path)
    same(found, given)
    found["arrays"][0][:] = 7.0  # arrays of one's own
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("leaf", [None, 3, "x", np.ones(2), np.float32(1), [], mg.Tensor(1.0)])
@each_format
def test_a_tree_of_one_leaf(tmp_path: Path, suffix: str, leaf: Any) -> None:
    mg.save(str(tmp_path / f"x{suffix}"), leaf)
    same(mg.load(str(tmp_path / f"x{suffix}")), leaf)


def test_more_dtypes_in_npz(tmp_path: Path) -> None:
    given = [np.array([1j, 2]), np.array(["a", "bcd"]), np.array([b"x"]), np.arange(3, dtype=">i4")]
    given += [
        np.array(["2020-01-01"], "datetime64[D]"),
        np.asfortranarray(np.ones((2, 3))),
    ]
    mg.save(tmp_path / "x.npz", given)
    found = mg.load(tmp_path / "x.npz")
    same(found, given)
    assert found[-1].flags.f_contiguous


@each_format
def test_what_is_shared_stays_shared(tmp_path: Path, suffix: str) -> None:
    w, a = mg.Tensor([1.0, 2.0], requires_grad=True), np.ones(3)
    mg.save(tmp_path / f"x{suffix}", {"w": w, "tied": [w, a], "a": a, "other": np.ones(3)})
    found = mg.load(tmp_path / f"x{suffix}")
    assert found["w"] is found["tied"][0]
    assert found["a"] is found["tied"][1]
    assert found["a"] is not found["other"]


@each_format
def test_the_same_tree_makes_the_same_file(tmp_path: Path, suffix: str) -> None:
    one, two = tmp_path / f"1{suffix}", tmp_path / f"2{suffix}"
    mg.save(one, tree())
    mg.save(two, tree())
    assert one.read_bytes() == two.read_bytes()


def test_other_programs_can_open_the_files(tmp_path: Path) -> None:
    mg.save(tmp_path / "x.npz", {"a": np.arange(3.0)})
    with np.load(tmp_path / "x.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["0"], np.arange(3.0))
    if safetensors is not None:
        mg.save(tmp_path / "x.safetensors", {"a": np.arange(3.0)})
        found = safetensors.numpy.load_file(tmp_path / "x.safetensors")
        np.testing.assert_array_equal(found["0"], np.arange(3.0))
        safetensors.numpy.save_file({"layer.weight": np.ones(2)}, tmp_path / "y.safetensors")
        same(mg.load(tmp_path / "y.safetensors"), {"layer.weight": np.ones(2)})


# --- damage ----------------------------------------------------------------------------


@each_format
def test_any_flipped_byte_is_noticed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    mg.save(path, {"w": [np.arange(3.0), mg.Tensor(1.0, True)], "step": 3})
    good = path.read_bytes()
    for i in range(len(good)):
        flip = 1 << i % 8
        path.write_bytes(good[:i] + bytes([good[i] ^ flip]) + good[i + 1 :])
        with pytest.raises(ValueError, match="was not loaded"):
            mg.load(path)
    path.write_bytes(good)
    assert mg.load(path)["step"] == 3


@each_format
def test_truncated_and_extended_files_are_noticed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    mg.save(path, {"w": np.arange(3.0)})
    good = path.read_bytes()
    for n in range(len(good)):
        path.write_bytes(good[:n])
        with pytest.raises(ValueError, match="was not loaded"):
            mg.load(path)
    path.write_bytes(good + b"\0")
    with pytest.raises(ValueError, match="was not loaded"):
        mg.load(path)


class Bomb:
    """A pickle that would leave a trace if it were ever opened."""

    exploded = False

    def __reduce__(self) -> Any:
        return explode, ()


def explode() -> Bomb:
    Bomb.exploded = True
    return Bomb()


def sealed(entries: dict[str, bytes]) -> bytes:
    """An .npz file with any content and a right checksum, as an attacker can make one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = bytes(64)
        for name, content in entries.items():
            archive.writestr(name, content)
    data = buffer.getvalue()[:-64]
    return data + storage.hashlib.sha256(data).hexdigest().encode()


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    objects = np.array([Bomb()], object)
    buffer = io.BytesIO()
    np.save(buffer, objects, allow_pickle=True)
    np.savez(tmp_path / "plain.npz", x=objects, allow_pickle=True)
    for suffix in SUFFIXES:
        (tmp_path / f"bare{suffix}").write_bytes(pickle.dumps(Bomb()))
    (tmp_path / "array.npz").write_bytes(buffer.getvalue())
    hostile = {"minigrad.json": b'{"array": 0}', "0.npy": buffer.getvalue()}
    (tmp_path / "sealed.npz").write_bytes(sealed(hostile))
    (tmp_path / "bare.json.npz").write_bytes(
        sealed({"minigrad.json": pickle.dumps(Bomb()), "0.npy": pickle.dumps(Bomb())})
    )
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(ValueError, match="was not loaded"):
            mg.load(path)
    assert not Bomb.exploded
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        mg.load(tmp_path / "sealed.npz")
    explode()
    assert Bomb.exploded  # the trap works


@pytest.mark.parametrize(
    "structure",
    [
        b"",
        b"{",
        b'{"array": 1}',
        b'{"what": 1}',
        b'{"array": -2}',
        b'{"dict": [1]}',
        b'{"dict": [[[], 1]]}',
        b"[" * 100_000,
    ],
)
def test_malformed_structures_are_refused(tmp_path: Path, structure: bytes) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.ones(2))
    (tmp_path / "x.npz").write_bytes(
        sealed({"minigrad.json": structure, "0.npy": buffer.getvalue()})
    )
    with pytest.raises(ValueError, match=r"x\.npz was not loaded: it is malformed"):
        mg.load(tmp_path / "x.npz")


def test_the_reason_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, a=np.ones(2))
    with pytest.raises(ValueError, match="its checksum is wrong: it is damaged, cut off, or not"):
        mg.load(path)
    path.write_bytes(b"hello")
    with pytest.raises(ValueError, match=re.escape(f"{path} was not loaded: it is no .npz file")):
        mg.load(path)
    with pytest.raises(FileNotFoundError):
        mg.load(tmp_path / "none.npz")
    if safetensors is None:
        return
    path = tmp_path / "x.safetensors"
    for data, why in ((b"hello", "cut off"), (b"\x02" + bytes(7) + b"[]", "no .safetensors file")):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=why):
            mg.load(path)
    mg.save(path, {"a": np.ones(2)})
    data = path.read_bytes()
    path.write_bytes(data.replace(b"checksum", b"checkmum"))
    with pytest.raises(ValueError, match="its header is damaged"):
        mg.load(path)
    path.write_bytes(data[:-1] + b"?")
    with pytest.raises(ValueError, match="its checksum is wrong: it is damaged"):
        mg.load(path)
    path.write_bytes(safetensors.numpy.save({"checksum": np.ones(3)}, {"minigrad": "1"}))
    with pytest.raises(ValueError, match=r"its checksum is wrong$"):
        mg.load(path)


# --- what cannot be saved --------------------------------------------------------------

LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"a": [1, {2}]}, TypeError, "mg.save: tree['a'][1] is {2} (set); it stores dicts, lists"),
        ({"a": {(1, 2): 3}}, TypeError, "mg.save: tree['a'] has the key (1, 2); keys are strings"),
        ([nn.ReLU()], TypeError, "mg.save: tree[0] is a ReLU; store its state, tree[0].state_dict()"),
        ((np.array([None]),), TypeError, "mg.save: tree[0] is of dtype object; it stores numbers and"),
        ([np.ma.array([1.0])], TypeError, "mg.save: tree[0] is a masked array; it stores numbers"),
        (np.zeros(2, "i4,f4"), TypeError, "mg.save: tree is of dtype [('f0'"),
        ([mg.Tensor(1.0, True) * 2], TypeError, "mg.save: tree[0] is the result of a computation, which is not stored; pass .detach()"),
        (LOOP, ValueError, "mg.save: tree contains itself, or is nested too deeply"),
        ([1j], TypeError, "mg.save: tree[0] is 1j (complex)"),
    ],
)  # fmt: skip
def test_what_cannot_be_saved(
    tmp_path: Path, given: Any, kind: type[Exception], message: str
) -> None:
    path = tmp_path / "x.npz"
    mg.save(path, "before")
    with pytest.raises(kind, match=re.escape(message)):
        mg.save(path, given)
    assert mg.load(path) == "before"
    assert os.listdir(tmp_path) == ["x.npz"]


def test_paths(tmp_path: Path) -> None:
    for function in (lambda p: mg.save(p, 1), mg.load):
        with pytest.raises(ValueError, match=r"the path must end in .npz or .safetensors, not 'x'"):
            function("x")
        with pytest.raises(TypeError, match="the path must be a string or a path, not 3"):
            function(3)
    with pytest.raises(FileNotFoundError):
        mg.save(tmp_path / "no folder" / "x.npz", 1)


@pytest.mark.skipif(safetensors is None, reason="without safetensors")
def test_safetensors_holds_fewer_dtypes(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"safetensors files hold no <U1; .npz files do"):
        mg.save(tmp_path / "x.safetensors", np.array(["a"]))


def test_without_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for call in (lambda: mg.save(path, 1), lambda: mg.load(path)):
        with pytest.raises(ImportError, match="need the package safetensors"):
            call()
    mg.save(tmp_path / "x.npz", 1)


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.npz"
    mg.save(path, "before")

    def fail(*_: Any) -> None:
        raise OSError("no space left")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            with pytest.raises(OSError, match="no space left"):
                mg.save(path, "after")
        assert mg.load(path) == "before"
        assert os.listdir(tmp_path) == ["x.npz"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "run.npz").symlink_to(tmp_path / "real.npz")
    mg.save(tmp_path / "run.npz", 3)
    assert (tmp_path / "run.npz").is_symlink()
    assert mg.load(tmp_path / "real.npz") == 3


# --- training, resumed -----------------------------------------------------------------

OPTIMISERS = {
    "SGD": lambda p: mg.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "Adam": lambda p: mg.optim.Adam(p, lr=0.01),
    "RMSprop": lambda p: mg.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
}


class Run:
    """A model with running statistics and dropout, its optimiser, and its chance."""

    def __init__(self, optimiser: str, dtype: Any) -> None:
        self.rng = np.random.default_rng(3)
        self.model = nn.Sequential(
            nn.Linear(4, 8, rng=self.rng, dtype=dtype),
            nn.BatchNorm1d(8, dtype=dtype),
            nn.Tanh(),
            nn.Dropout(0.2, self.rng),
            nn.Linear(8, 3, rng=self.rng, dtype=dtype),
        )
        self.optimiser = OPTIMISERS[optimiser](self.model.parameters())
        self.dtype = dtype

    def steps(self, n: int) -> list[float]:
        losses = []
        for _ in range(n):
            x = self.rng.normal(size=(16, 4)).astype(self.dtype)
            loss = mg.losses.cross_entropy(self.model(x), np.argmax(x[:, :3], axis=1))
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            losses.append(loss.item())
        return losses

    def state(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "rng": self.rng.bit_generator.state,
        }

    def resume(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.rng.bit_generator.state = state["rng"]


@each_format
@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_resumed_training_continues_bit_for_bit(
    tmp_path: Path, suffix: str, optimiser: str, dtype: Any
) -> None:
    path = tmp_path / f"run{suffix}"
    straight = Run(optimiser, dtype)
    straight.steps(7)
    mg.save(path, straight.state())
    rest = straight.steps(9)
    resumed = Run(optimiser, dtype)
    resumed.steps(2)  # somewhere else
    resumed.resume(mg.load(path))
    assert resumed.steps(9) == rest
    same(resumed.state(), straight.state())


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_the_next_save_removes_what_killed_ones_left(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    mg.save(path, {"w": np.ones(3)})
    path.chmod(0o640)
    killed = (
        "import os, signal, sys, minigrad as mg\n"
        "os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)\n"
        "mg.save(sys.argv[1], {'w': 0.0})"
    )
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", killed, path], check=False).returncode < 0
    mine = tmp_path / f".model.npz.draft-{platform.node()[:40]}-{os.getpid()}-thread"
    other = tmp_path / ".model.npz.draft-elsewhere-1-x"
    mine.touch()
    other.touch()
    assert len(list(tmp_path.iterdir())) == 4  # the second removed what the first had left
    np.testing.assert_array_equal(mg.load(path)["w"], np.ones(3))
    mg.save(path, {"w": np.zeros(3)})
    assert sorted(tmp_path.iterdir()) == sorted([path, mine, other])
    assert path.stat().st_mode & 0o777 == 0o640
    np.testing.assert_array_equal(mg.load(path)["w"], np.zeros(3))


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_file_has_the_permissions_that_open_gives_and_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mask of the process is neither asked for, which would change it, nor computed with."""
    monkeypatch.delattr(os, "umask")
    (tmp_path / "made").touch()
    mg.save(tmp_path / "new.npz", {"w": 1.0})
    assert (tmp_path / "new.npz").stat().st_mode == (tmp_path / "made").stat().st_mode
    (tmp_path / "new.npz").chmod(0o640)
    seen = []
    monkeypatch.setattr(os, "fsync", lambda file: seen.append(os.fstat(file).st_mode & 0o777))
    mg.save(tmp_path / "new.npz", {"w": 2.0})
    assert (tmp_path / "new.npz").stat().st_mode & 0o777 == 0o640
    assert seen == [0o640]
    assert mg.load(tmp_path / "new.npz") == {"w": 2.0}
