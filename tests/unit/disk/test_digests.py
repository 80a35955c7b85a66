"""Files are compared with their digests: each once, as long as it stays the same."""

import hashlib
from pathlib import Path

import pytest

from scoreback.disk.digests import Digests


def test_a_file_is_read_once_and_again_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    digests, sha256 = Digests(), hashlib.sha256(b"abc").hexdigest()
    assert digests.equal(path, sha256)
    assert digests.equal(path, sha256[:16])
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", None)
        assert digests.equal(path, sha256[:16])
    path.write_bytes(b"abd!")
    assert not digests.equal(path, sha256[:16])
    path.unlink()
    with pytest.raises(FileNotFoundError):
        digests.equal(path, sha256)
