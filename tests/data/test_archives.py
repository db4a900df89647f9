import gzip
import io
import stat
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dawn_tf.data import archives
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


def write_tar(path, mode="w:gz", **files):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name, mode", [("x.tar.gz", "w:gz"), ("x.tgz", "w:gz"), ("x.tar", "w")])
def test_tars_read_like_zips(tmp_path, name, mode):
    path = write_tar(tmp_path / name, mode, a=b"1", deep__b=b"22")
    tree = open_tree([path])
    assert dict(tree) == {"a": b"1", "b": b"22"} and tree["a"] == b"1"
    assert list(tmp_path.iterdir()) == [path]


def tar_of(path, mode="w:gz", **attributes):
    """A tar with the one member `x`, whose header says `attributes`."""
    info = tarfile.TarInfo("x")
    for name, value in attributes.items():
        setattr(info, name, value)
    with tarfile.open(path, mode) as archive:
        archive.addfile(info, io.BytesIO(bytes(min(info.size, 1000))))
    return path


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_are_refused(tmp_path, kind):
    path = tar_of(tmp_path / "x.tar.gz", type=kind, linkname="/etc/passwd")
    with pytest.raises(DataError, match=r"x\.tar\.gz' with 'x', a link or a device. Fetch the"):
        open_tree([path])


def test_links_in_a_zip_are_refused(tmp_path):
    info = zipfile.ZipInfo("x")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match=r"x\.zip' with 'x', a link or a device"):
        open_tree([tmp_path / "x.zip"])


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/x", "C:/x", "..\\x", "\\\\host\\share\\x", "."]
)
def test_names_that_lead_out_are_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(name, b"")
    for path in (tmp_path / "x.zip", tar_of(tmp_path / "x.tar.gz", name=name)):
        with pytest.raises(DataError, match="a name that leads out of it"):
            open_tree([path])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.tar.gz", "x.zip"]


def test_a_file_without_a_name_is_refused(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", b"")
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\1\2")
    content[entry + 28], content[entry + 30] = 0, 1  # Lengths of the name and of what follows it.
    path.write_bytes(content)
    for archive in (path, tar_of(tmp_path / "x.tar.gz", name="")):
        with pytest.raises(DataError, match="'', a name that leads out of it"):
            open_tree([archive])


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@pytest.mark.parametrize("second", ["a/x", "./a/x", "a//x"])
def test_a_name_twice_is_refused(tmp_path, second):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a/x", b"1")
        archive.writestr(second, b"2")
    with pytest.raises(DataError, match="x' twice"):
        open_tree([tmp_path / "x.zip"])
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("a/x"))
        archive.addfile(tarfile.TarInfo(second))
    with pytest.raises(DataError, match="x' twice"):
        open_tree([tmp_path / "x.tar"])


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_what_unpacks_to_far_more_than_itself_is_refused(tmp_path, monkeypatch, name):
    write = write_zip if name == "x.zip" else write_tar
    path = write(tmp_path / name, a=bytes(400_000), b=bytes(400_000))
    assert len(open_tree([path])) == 2
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", 500_000)
    with pytest.raises(DataError, match="far more than its own size once unpacked, 'b' and before"):
        open_tree([path])


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_a_huge_file_is_not_read(tmp_path, monkeypatch, name):
    write = write_zip if name == "x.zip" else write_tar
    tree = open_tree([write(tmp_path / name, a=bytes(2**20 + 1), b=b"1")])
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 2**20)
    assert tree["b"] == b"1"
    with pytest.raises(DataError, match=f"{name}' with 'a' of 1 MiB once unpacked"):
        _ = tree["a"]


def test_a_size_that_is_only_claimed(tmp_path):
    path = tar_of(tmp_path / "x.tar.gz", size=1000)
    with gzip.open(path) as file:
        content = bytearray(file.read())
    content[124:136] = b"77777777777\0"  # 8 GiB; the checksum of the header is then wrong too.
    content[148:156] = b"%06o\0 " % (sum(content[:148]) + 8 * 32 + sum(content[156:512]))
    with gzip.open(path, "wb") as file:
        file.write(content)
    with pytest.raises(DataError, match="far more than its own size|cannot be read"):
        open_tree([path])


def spoiled(content, rng):
    """`content` cut short or with a few bytes changed."""
    content = bytearray(content)
    if rng.integers(3) == 0:
        return content[: rng.integers(len(content))]
    for _ in range(rng.integers(1, 8)):
        content[rng.integers(len(content))] = rng.integers(256)
    return content


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz"])
def test_whatever_is_damaged_is_data_or_a_data_error(tmp_path, name):
    rng = np.random.default_rng(0)
    files = {f"d__x{i}": rng.bytes(50) * 8 for i in range(3)}
    if name == "x.zip":
        whole = write_zip(tmp_path / name, **files).read_bytes()
    else:
        mode = "w" if name == "x.tar" else "w:gz"
        whole = write_tar(tmp_path / name, mode, **files).read_bytes()
    path, errors = tmp_path / name, 0
    for content in [rng.bytes(300), b"", *(spoiled(whole, rng) for _ in range(300))]:
        path.write_bytes(content)
        try:
            _ = dict(open_tree([path]))
        except DataError:
            errors += 1
    assert errors > 30


def test_full_names_keep_the_folders(folder):
    tree = open_tree([folder / "images", folder / "masks.zip"], full_names=True)
    assert dict(tree) == {"deep/a.jpg": b"a", "masks/b": b"bb", "masks/c": b"c"}


@pytest.mark.parametrize("keep", [10, 3000], ids=["list", "member"])
def test_a_truncated_tar_is_named(tmp_path, keep):
    noise = np.random.default_rng(0).bytes(9000)
    path = write_tar(tmp_path / "x.tar.gz", a=noise)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"x\.tar\.gz', in which .* cannot be read. Fetch the"):
        _ = open_tree([path])["a"]


def test_many_threads_read_one_zip(tmp_path):
    files = {f"f{i}": bytes([i]) * (2000 + i) for i in range(60)}
    tree = open_tree([write_zip(tmp_path / "x.zip", **files)])
    with ThreadPoolExecutor(16) as pool:
        read = list(pool.map(tree.__getitem__, list(files) * 20))
    assert read == list(files.values()) * 20


def test_a_file_larger_than_it_claims_is_not_read_to_its_end(tmp_path):
    path = write_zip(tmp_path / "x.zip", bomb=b"0" * 5_000_000)
    content = path.read_bytes().replace((5_000_000).to_bytes(4, "little"), b"\x0a\0\0\0")
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.zip', in which 'bomb' cannot be read"):
        _ = open_tree([path])["bomb"]


def test_an_encrypted_file_is_named(tmp_path):
    path = write_zip(tmp_path / "x.zip", secret=b"abc")
    content = bytearray(path.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(header) + flags] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.zip', in which 'secret' cannot be read"):
        _ = open_tree([path])["secret"]
