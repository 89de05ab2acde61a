"""Artefacts come whole and verified or not at all, and every failure is a sentence."""

import os
import subprocess
from pathlib import Path

import attrs
import pytest

from models.train.packages.fetch import fetch
from models.train.packages.manifest import Entry, read_manifest, write_manifest
from models.train.packages.registries import Debian, Npm, PyPI
from models.train.stage import TrainingError, sha256
from tests.train.artefacts import debian_source, entry, npm_tarball, on_path, plays, source, wheel


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip looks."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "artefacts"
    place.mkdir()
    return place


def had(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def ignore(count: int) -> None:
    pass


def test_wheels_are_fetched_once(index: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boats = entry("pypi", "boats-lib", "1.0", wheel(index, "boats-lib", "1.0", {"boats.py": source("boats")}))
    counts: list[int] = []
    assert fetch([boats], folder, {"pypi": PyPI()}, counts.append) == {boats: folder / "boats_lib-1.0-py3-none-any.whl"}
    monkeypatch.setattr(subprocess, "run", None)
    assert list(fetch([boats], folder, {"pypi": PyPI()}, counts.append)) == [boats]
    assert counts == [0, 1, 1]


def test_a_folder_may_be_named_from_where_one_stands(
    index: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the default `.training` is."""
    boats = entry("pypi", "boats", "1.0", wheel(index, "boats", "1.0", {"boats.py": source("boats")}))
    monkeypatch.chdir(folder.parent)
    here = Path(folder.name)
    assert fetch([boats], here, {"pypi": PyPI()}, ignore) == {boats: here / "boats-1.0-py3-none-any.whl"}
    assert had(folder) == ["boats-1.0-py3-none-any.whl"]


def test_a_missing_version_stops_with_a_sentence_and_the_others_are_kept(index: Path, folder: Path) -> None:
    boats = entry("pypi", "boats", "1.0", wheel(index, "boats", "1.0", {"boats.py": source("boats")}))
    missing = attrs.evolve(boats, version="2.0", name="trees")
    with pytest.raises(TrainingError) as caught:
        fetch([boats, missing], folder, {"pypi": PyPI()}, ignore)
    assert caught.value.sentence == "pypi trees 2.0 is not to be had."
    assert "corpus --pin" in caught.value.next_step
    assert had(folder) == ["boats-1.0-py3-none-any.whl"]


def test_the_one_that_a_command_blames_is_left_out_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command takes seconds: it is not asked again for every half of a batch."""
    asked: list[int] = []

    def blame(command: list[str], cwd: Path, **options: object) -> "subprocess.CompletedProcess[str]":
        wanted = [word for word in command if word.startswith("lib-")]
        asked.append(len(wanted))
        for word in wanted:
            wheel(cwd, word, "1.0", {})
        bad = "lib-7" in wanted
        return subprocess.CompletedProcess("pip", int(bad), "", "No matching distribution found for lib-7\n" * bad)

    monkeypatch.setattr(subprocess, "run", blame)
    left_out: list[str] = []
    wanted = [Entry("pypi", f"lib-{number}", "") for number in range(20)]
    found = fetch(wanted, folder, {"pypi": PyPI()}, ignore, lambda entry, problem: left_out.append(entry.name))
    assert asked == [20, 19, 1]
    assert left_out == ["lib-7"]
    assert len(found) == 19


def test_a_wrong_hash_stops_with_a_sentence_and_leaves_nothing(index: Path, folder: Path) -> None:
    boats = entry("pypi", "boats", "1.0", wheel(index, "boats", "1.0", {"boats.py": source("boats")}))
    with pytest.raises(TrainingError, match="does not have the hash of the manifest"):
        fetch([attrs.evolve(boats, sha256="0" * 64)], folder, {"pypi": PyPI()}, ignore)
    assert had(folder) == []


def test_of_several_wheels_of_a_version_the_one_of_the_manifest_is_taken(
    index: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of them pip likes best depends on the index, whose pages have their hashes."""
    tags = ("cp38-abi3-manylinux_2_28_x86_64", "cp38-abi3-manylinux_2_17_x86_64", "py3-none-any")
    wheels = [wheel(index, "boats", "1.0", {"boats.py": source(tag)}, tag=tag) for tag in tags]
    page = index / "simple" / "boats" / "index.html"
    page.parent.mkdir(parents=True)
    links = (f'<a href="../../{path.name}#sha256={sha256(path)}">{path.name}</a>' for path in wheels)
    page.write_text("<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", (index / "simple").as_uri())
    for path in wheels:
        wanted = entry("pypi", "boats", "1.0", path)
        assert fetch([wanted], folder, {"pypi": PyPI()}, ignore) == {wanted: folder / path.name}
        (folder / path.name).unlink()


def test_an_artefact_damaged_since_is_fetched_again(index: Path, folder: Path) -> None:
    boats = entry("pypi", "boats", "1.0", wheel(index, "boats", "1.0", {"boats.py": source("boats")}))
    (folder / "boats-1.0-py3-none-any.whl").write_bytes(b"half of a wh")
    [path] = fetch([boats], folder, {"pypi": PyPI()}, ignore).values()
    assert path.stat().st_size > 1000


def test_an_interrupted_download_leaves_no_half_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(command: list[str], cwd: Path, **options: object) -> None:
        (cwd / "boats-1.0-py3-none-any.whl").write_bytes(b"half of a wh")
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch([Entry("pypi", "boats", "1.0")], folder, {"pypi": PyPI()}, ignore)
    assert had(folder) == []


def test_what_a_killed_run_left_goes(folder: Path) -> None:
    (folder / "incoming-killed").mkdir()
    (folder / "incoming-killed" / "boats-1.0-py3-none-any.whl").write_bytes(b"half of a wh")
    assert fetch([], folder, {}, ignore) == {}
    assert had(folder) == []


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("ERROR: [Errno 28] No space left on device", "The disk is full: pypi boats 1.0 was not fetched."),
        ("Failed to resolve: NameResolutionError(…)", "No network: pypi boats 1.0 was not fetched."),
        ("ERROR: No matching distribution found", "pypi boats 1.0 is not to be had."),
        ("first\nERROR: a surprise\n", "pypi boats 1.0 was not fetched: ERROR: a surprise"),
        ("", "pypi boats 1.0 was not fetched: the command said nothing"),
    ],
)
def test_what_pip_says_becomes_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, output: str, sentence: str
) -> None:
    ended = subprocess.CompletedProcess("pip", 1, stdout="", stderr=output)
    monkeypatch.setattr(subprocess, "run", lambda command, **options: ended)
    with pytest.raises(TrainingError) as caught:
        fetch([Entry("pypi", "boats", "1.0")], folder, {"pypi": PyPI()}, ignore)
    assert caught.value.sentence == sentence
    assert caught.value.next_step


def test_no_network_is_told_even_where_missing_packages_are_skipped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.CompletedProcess("pip", 1, stdout="", stderr="NewConnectionError\nNo matching distribution")
    monkeypatch.setattr(subprocess, "run", lambda command, **options: ended)
    with pytest.raises(TrainingError, match="No network"):
        fetch([Entry("pypi", "boats", "")], folder, {"pypi": PyPI()}, ignore, lambda entry, problem: None)


def test_too_little_room_is_told_before_anything_is_fetched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.train.packages.fetch.ROOM_BYTES", 10**18)
    with pytest.raises(TrainingError, match="this stage needs about"):
        fetch([Entry("pypi", "boats", "1.0")], folder, {"pypi": PyPI()}, ignore)


def test_an_unknown_kind_is_told(folder: Path) -> None:
    with pytest.raises(TrainingError, match="is of no kind that can be fetched"):
        fetch([Entry("cargo", "boats", "1.0")], folder, {"pypi": PyPI()}, ignore)


def test_npm_tarballs_are_fetched_by_name_and_version(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = npm_tarball(tmp_path / "registry", "@harbour/boats", "1.2.3", {"index.js": "x"})
    plays(
        tmp_path,
        "npm",
        f"""
assert arguments[-1:] == ["@harbour/boats@1.2.3"], arguments
shutil.copy({str(made)!r}, arguments[arguments.index("--pack-destination") + 1])
""",
    )
    monkeypatch.setenv("PATH", on_path(tmp_path))
    wanted = entry("npm", "@harbour/boats", "1.2.3", made)
    assert fetch([wanted], folder, {"npm": Npm()}, ignore) == {wanted: folder / "harbour-boats-1.2.3.tgz"}
    assert had(folder) == ["harbour-boats-1.2.3.tgz"]


def test_a_missing_version_on_npm_is_a_sentence(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plays(tmp_path, "npm", "sys.exit('npm error code ETARGET\\nnpm error notarget No matching version found')")
    monkeypatch.setenv("PATH", on_path(tmp_path))
    with pytest.raises(TrainingError, match=r"npm boats 9\.9\.9 is not to be had\."):
        fetch([Entry("npm", "boats", "9.9.9")], folder, {"npm": Npm()}, ignore)


def test_a_missing_command_is_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(TrainingError, match="needs `npm`, which is not installed"):
        fetch([Entry("npm", "boats", "1.0.0")], folder, {"npm": Npm()}, ignore)
    with pytest.raises(TrainingError, match="need `apt-get`, which is not installed"):
        fetch([Entry("debian", "boats", "1.0-1")], folder, {"debian": Debian(sources=())}, ignore)


APT = """
if "update" in arguments:
    parts = next(a.partition("=")[2] for a in arguments if a.startswith("Dir::Etc::sourceparts="))
    assert "deb-src" in next(pathlib.Path(parts).iterdir()).read_text()
elif arguments[-1] == "boats=1.0-1":
    for path in pathlib.Path({place!r}).iterdir():
        shutil.copy(path, ".")
else:
    sys.exit("E: Unable to find a source package for " + arguments[-1])
"""


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Debian:
    debian_source(tmp_path / "archive", "boats", "1.0", {"boats.c": "int x;"}, "Files: *\nLicense: Expat\n")
    plays(tmp_path, "apt-get", APT.format(place=str(tmp_path / "archive")))
    monkeypatch.setenv("PATH", on_path(tmp_path))
    (tmp_path / "main.list").write_text("deb http://archive.invalid/ stable main\n")
    return Debian(sources=(tmp_path / "main.list",))


def test_debian_sources_are_fetched_with_their_tarballs(tmp_path: Path, folder: Path, debian: Debian) -> None:
    wanted = entry("debian", "boats", "1.0-1", tmp_path / "archive" / "boats_1.0-1.dsc")
    [path] = fetch([wanted], folder, {"debian": debian}, ignore).values()
    assert [file.name for file in debian.files(path)] == [
        "boats_1.0.orig.tar.gz",
        "boats_1.0-1.debian.tar.gz",
        "boats_1.0-1.dsc",
    ]
    assert debian.whole(path)


def test_a_damaged_tarball_beside_a_right_dsc_is_noticed(tmp_path: Path, folder: Path, debian: Debian) -> None:
    wanted = entry("debian", "boats", "1.0-1", tmp_path / "archive" / "boats_1.0-1.dsc")
    (tmp_path / "archive" / "boats_1.0.orig.tar.gz").write_bytes(b"half of a t")
    with pytest.raises(TrainingError, match="did not arrive whole"):
        fetch([wanted], folder, {"debian": debian}, ignore)
    assert had(folder) == ["apt"]


def test_a_missing_source_package_is_a_sentence(folder: Path, debian: Debian) -> None:
    with pytest.raises(TrainingError, match=r"debian trees 2\.0-1 is not to be had\."):
        fetch([Entry("debian", "trees", "2.0-1")], folder, {"debian": debian}, ignore)


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    entries = [Entry("npm", "b", "1", "MIT", "00"), Entry("npm", "a", "2", "ISC", "11")]
    write_manifest(tmp_path / "m.jsonl", entries)
    assert read_manifest(tmp_path / "m.jsonl") == entries[::-1]


def test_a_damaged_line_of_a_manifest_is_named(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [Entry("npm", "a", "2", "ISC", "11")])
    with (tmp_path / "m.jsonl").open("a") as file:
        file.write('{"kind": "pypi"}\n')
    with pytest.raises(TrainingError, match=r"Line 2 of the manifest m\.jsonl cannot be read"):
        read_manifest(tmp_path / "m.jsonl")


def test_an_absent_manifest_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"The manifest m\.jsonl cannot be read"):
        read_manifest(tmp_path / "m.jsonl")
