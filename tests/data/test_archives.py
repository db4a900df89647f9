import zipfile

import pytest

from dawn_tf.data.archives import locate, locate_file, open_tree
from dawn_tf.data.errors import DataError


def write_zip(path, **files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return path


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images" / "deep").mkdir(parents=True)
    (tmp_path / "images" / "deep" / "a.jpg").write_bytes(b"a")
    write_zip(tmp_path / "masks.zip", masks__b=b"bb", masks__c=b"c")
    return tmp_path


def test_folders_and_zips_read_alike(folder):
    tree = open_tree([folder / "images", folder / "masks.zip"])
    assert dict(tree) == {"a.jpg": b"a", "b": b"bb", "c": b"c"}
    assert "b" in tree and "masks/b" not in tree and len(tree) == 3


def test_nothing_is_extracted(folder):
    before = sorted(folder.rglob("*"))
    _ = dict(open_tree([folder / "masks.zip"]))
    assert sorted(folder.rglob("*")) == before


def test_shadow_files_of_macos_are_passed_over(tmp_path):
    path = write_zip(tmp_path / "x.zip", **{"a": b"1", "MACOSX__._a": b"2"})
    assert list(open_tree([path])) == ["a"]


def test_locate_takes_folder_or_zip(folder):
    assert locate([folder / "no", folder], "images") == folder / "images"
    assert locate([folder], "masks") == folder / "masks.zip"
    assert locate([folder], "labels") is None
    assert locate_file([folder], "x", "masks.zip") == folder / "masks.zip"
    assert locate_file([folder], "x") is None


def test_a_truncated_zip_is_named(folder):
    path = folder / "masks.zip"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=r"masks\.zip'.*Fetch the archive again"):
        open_tree([path])


def test_a_damaged_member_is_named(folder):
    path = write_zip(folder / "images.zip", long=bytes(range(256)) * 40)
    content = bytearray(path.read_bytes())
    content[60:70] = b"\xff" * 10
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"images\.zip', in which 'long' cannot be read"):
        _ = open_tree([path])["long"]
