"""What is found out about a machine. The tools answer from a table."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lsp_server.cli import machine
from lsp_server.cli.machine import Gpu


class Tools:
    """Programs by their names, with what they print; the others are missing."""

    def __init__(self, **printed: str) -> None:
        self._printed: Mapping[str, str] = {name.replace("_", "-"): text for name, text in printed.items()}

    def __call__(self, command: Sequence[str]) -> str | None:
        return self._printed.get(command[0])

    def which(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in self._printed else None


LSPCI = """\
00:02.0 VGA compatible controller: Intel Corporation Iris Xe Graphics (rev 0c)
01:00.0 3D controller: NVIDIA Corporation GA107M [GeForce RTX 3050] (rev a1)
03:00.0 Display controller: Advanced Micro Devices, Inc. [AMD/ATI] Navi 33 (rev c1)
04:00.0 Ethernet controller: Intel Corporation I219
05:00.0 VGA compatible controller: ASPEED Technology, Inc. (rev 41)
"""


def test_nvidia_cards_come_with_their_memory(tmp_path: Path) -> None:
    """nvidia-smi knows names, memory in MiB and the driver; lspci adds the cards of others."""
    tools = Tools(nvidia_smi="NVIDIA GeForce RTX 3050, 8192, 550.54.15\n", lspci=LSPCI)
    nvidia, intel, amd = machine.gpus(tools, tmp_path, "linux")
    assert nvidia == Gpu("nvidia", "NVIDIA GeForce RTX 3050", 8192 * 2**20, "550.54.15")
    assert (intel.vendor, intel.name) == ("intel", "Intel Corporation Iris Xe Graphics")
    assert amd.vendor == "amd"


def test_cards_without_a_driver_are_still_seen(tmp_path: Path) -> None:
    """Without nvidia-smi the bus tells; controllers of others are none."""
    assert [gpu.vendor for gpu in machine.gpus(Tools(lspci=LSPCI), tmp_path, "linux")] == ["intel", "nvidia", "amd"]


def test_the_kernel_knows_cards_where_no_tool_is_installed(tmp_path: Path) -> None:
    """Containers have no lspci; the kernel's list names the vendor."""
    for name, kind, vendor in (("a", "0x030000", "0x1002"), ("b", "0x020000", "0x8086"), ("c", "0x030000", "0x1a03")):
        device = tmp_path / "sys/bus/pci/devices" / name
        device.mkdir(parents=True)
        (device / "class").write_text(kind + "\n")
        (device / "vendor").write_text(vendor + "\n")
    assert [gpu.vendor for gpu in machine.gpus(Tools(), tmp_path, "linux")] == ["amd"]


def test_a_driver_in_the_kernel_is_a_card(tmp_path: Path) -> None:
    """In some containers the driver is all there is to see."""
    driver = tmp_path / "proc/driver/nvidia/version"
    driver.parent.mkdir(parents=True)
    driver.write_text("NVRM version: 550\n")
    assert [gpu.vendor for gpu in machine.gpus(Tools(), tmp_path, "linux")] == ["nvidia"]


def test_apple_silicon_is_a_graphics_card_and_an_intel_mac_is_none(tmp_path: Path) -> None:
    """Metal needs Apple's own chip."""
    assert [gpu.name for gpu in machine.gpus(Tools(sysctl="Apple M3 Pro\n"), tmp_path, "darwin")] == ["Apple M3 Pro"]
    assert machine.gpus(Tools(sysctl="Intel(R) Core(TM) i7\n"), tmp_path, "darwin") == []


@pytest.mark.parametrize(
    ("gpu", "flag"), [("nvidia", "-DGGML_CUDA=on"), ("amd", "-DGGML_VULKAN=on"), ("apple", "-DGGML_METAL=on")]
)
def test_the_command_builds_the_pinned_release_for_the_card(
    gpu: str, flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly what a person pastes: the option, this Python and the release codehearth is made for."""
    monkeypatch.setattr(machine, "pinned_version", lambda: "0.3.36")
    monkeypatch.setattr(machine.sys, "executable", "/home/a b/python")
    command = machine.rebuild_command(Gpu(gpu, "x").cmake_flag, "linux")  # type: ignore[arg-type]
    assert command == (
        f"CMAKE_ARGS=\"{flag}\" '/home/a b/python' -m pip install --force-reinstall --no-deps --no-cache-dir "
        "--no-binary llama-cpp-python llama-cpp-python==0.3.36"
    )
    assert machine.rebuild_command(flag, "win32").startswith(f'$env:CMAKE_ARGS="{flag}"; & "/home/a b/python" -m pip')


def test_backends_and_their_features_are_read_from_the_build() -> None:
    """Features that are off are left out."""
    text = "CPU : SSE3 = 1 | AVX2 = 1 | AVX512 = 0 | CUDA : ARCHS = 860 | USE_GRAPHS = 1 | "
    assert machine.backends_of(text) == {"CPU": ("SSE3", "AVX2"), "CUDA": ("ARCHS", "USE_GRAPHS")}


def test_the_processor_is_described_in_the_terms_of_llama_cpp(tmp_path: Path) -> None:
    """The kernel's flags become the names that the build uses."""
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx avx2 fma avx512f\n")
    cpu = machine.cpu(info)
    assert (cpu.name, cpu.features) == ("AMD EPYC", ("AVX", "AVX2", "FMA", "AVX512"))
    assert cpu.cores >= 1


def test_arm_processors_have_features_too(tmp_path: Path) -> None:
    """Their list has another name."""
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\n")
    assert machine.cpu(info).features == ("NEON", "DOTPROD", "MATMUL_INT8")


def test_editors_are_found_with_the_versions_they_tell() -> None:
    """Neovim answers at once; VS Code is not asked, because asking may open it."""
    tools = Tools(nvim="NVIM v0.12.4\nBuild type: Release\n", code="should not be asked")
    assert machine.editors(tools, tools.which) == [
        machine.Editor("VS Code", None),
        machine.Editor("Neovim", "0.12.4"),
    ]


def test_llama_cpp_is_loaded_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The build of this machine answers, even from a folder whose `struct.py` must not be imported."""
    monkeypatch.setenv("CODEHEARTH_HOME", str(tmp_path / "home"))
    (tmp_path / "struct.py").write_text("raise SystemExit('hostile')")
    monkeypatch.chdir(tmp_path)
    build = machine.llama_build()
    assert isinstance(build, machine.LlamaBuild)
    assert build.package == machine.package_version()
    assert build.backends["CPU"]


def test_a_tool_that_is_missing_or_fails_prints_nothing() -> None:
    """Absence is an answer."""
    assert machine.output_of(["no-such-program-anywhere"]) is None
    assert machine.output_of(["false"]) is None
