"""What `hotline flow ...` does, as functions from paths to text; the command line only prints it.

It stands outside `hotline.ivr`, which is pure, because it reads files; it writes nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hotline.errors import ConfigError
from hotline.ivr.check import Checked, check_flow, load_flow
from hotline.ivr.draw import flow_graph, to_mermaid, to_svg, to_text
from hotline.ivr.flow import Flow
from hotline.ivr.script import Played, flow_of, play_script, steps_without_script
from hotline.ivr.source import in_words
from hotline.ivr.walk import walk

CALLS_FOLDER = "calls"
"""Folder of the call scripts, beside the flow."""
FORMS = {"text": to_text, "mermaid": to_mermaid, "svg": to_svg}


@dataclass(frozen=True, slots=True)
class Report:
    """What a command found."""

    text: str
    is_good: bool
    """False: the command ends with a failure."""


def read_texts(prompts_dir: Path) -> Mapping[str, Mapping[str, str]]:
    """Read texts.toml of a folder of prompts.

    :raises ConfigError: when it is missing or not TOML.
    """
    file = prompts_dir / "texts.toml"
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            "the prompt texts are missing; is media.prompts_dir right?", file=str(file)
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"this is not TOML: {error}", file=str(file)) from error
    return {name: table for name, table in tree.items() if isinstance(table, dict)}


def audio_names(prompts_dir: Path) -> frozenset[str]:
    """List the prompt audio in a folder, as ``zh/greeting``."""
    return frozenset(f"{file.parent.name}/{file.stem}" for file in prompts_dir.glob("*/*.wav"))


def read_flow(flow_file: Path, prompts_dir: Path, *, with_audio: bool = True) -> Flow:
    """Read and check the flow that is to answer calls.

    :param with_audio: False: do not ask for the prompts' audio (for drawings and tests).
    :raises ConfigError: with all complaints.
    """
    audio = audio_names(prompts_dir) if with_audio else None
    return load_flow(_read(flow_file), file=str(flow_file), texts=read_texts(prompts_dir), audio=audio)


def check(flow_files: list[Path], prompts_dir: Path, *, with_audio: bool = True) -> Report:
    """Check flows; the report holds all complaints, one a line, or a line of praise for each flow."""
    texts = read_texts(prompts_dir)
    audio = audio_names(prompts_dir) if with_audio else None
    rows, is_good = [], True
    for file in flow_files:
        checked: Checked = check_flow(_read(file), file=str(file), texts=texts, audio=audio)
        if checked.flow is None:
            rows.append(in_words(checked.complaints))
            is_good = False
        else:
            rows.append(
                f"{file}: no complaints; {len(checked.flow.steps)} steps, version {checked.flow.version}"
            )
    return Report("\n".join(rows), is_good)


def draw(flow_file: Path, prompts_dir: Path, form: str = "svg") -> str:
    """Draw a flow as ``text``, ``mermaid`` or ``svg``.

    :raises ConfigError: when the flow has complaints, or there is no such form.
    """
    if form not in FORMS:
        raise ConfigError(f"there is no drawing as {form!r}; choose {', '.join(FORMS)}")
    return FORMS[form](flow_graph(read_flow(flow_file, prompts_dir, with_audio=False)))


def walk_through(
    flow_file: Path, prompts_dir: Path, read: Callable[[str], str], write: Callable[[str], None]
) -> None:
    """Play a flow in the terminal, see ``walk``.

    :raises ConfigError: when the flow has complaints.
    """
    walk(read_flow(flow_file, prompts_dir, with_audio=False), read_texts(prompts_dir), read, write)


def play_scripts(flow_file: Path, prompts_dir: Path, calls_dir: Path | None = None) -> Report:
    """Play every call script of a flow.

    :param calls_dir: folder of the scripts; None: ``calls`` beside the flow.
    """
    flow = read_flow(flow_file, prompts_dir, with_audio=False)
    played = _played(flow, calls_dir or flow_file.parent / CALLS_FOLDER)
    return Report(_told(played), all(one.complaint is None for one in played))


def publish(flow_file: Path, prompts_dir: Path, calls_dir: Path | None = None) -> Report:
    """Say whether a flow may answer calls: no complaints, and a call script through every step."""
    checked = check([flow_file], prompts_dir)
    if not checked.is_good:
        return checked
    flow = read_flow(flow_file, prompts_dir)
    played = _played(flow, calls_dir or flow_file.parent / CALLS_FOLDER)
    missing = steps_without_script(flow, played)
    rows = [checked.text, _told(played)]
    rows += [f"{flow_file}: no call script goes through the step “{name}”" for name in missing]
    return Report("\n".join(rows), not missing and all(one.complaint is None for one in played))


def _played(flow: Flow, calls_dir: Path) -> list[Played]:
    scripts = {file: _read(file) for file in sorted(calls_dir.glob("*.call"))}
    return [
        play_script(text, flow, file=str(file))
        for file, text in scripts.items()
        if flow_of(text) in (flow.name, None)
    ]


def _told(played: list[Played]) -> str:
    rows = [str(one.complaint) for one in played if one.complaint is not None]
    went_well = sum(1 for one in played if one.complaint is None)
    return "\n".join([*rows, f"{went_well} of {len(played)} call scripts went as written"])


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError("there is no such file", file=str(file)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"it cannot be read: {error}", file=str(file)) from error
