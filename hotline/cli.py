"""The commands: what a person types, and what she is told.

Every command takes its settings from ``--config`` and the environment. A mistake ends with one clear
sentence and exit code 2; only a bug shows a traceback.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import io
import json
import logging
import os
import re
import signal
import sys
from collections.abc import Coroutine, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NoReturn, TextIO, TypeVar, cast

import structlog
import typer
from rich.console import Console
from rich.markup import escape

from hotline.errors import ConfigError, HotlineError, Refused
from hotline.settings import Settings, explain_settings, read_settings
from hotline.tickets.masking import mask

if TYPE_CHECKING:  # the reactor must be installed before anything imports it
    from hotline.app import Hotline
    from hotline.wire.reactor import Loop

T = TypeVar("T")
DEFAULT_CONFIG: Final = Path("config/hotline.toml")
TELEPHONE: Final = re.compile(r"(?<![\w.-])\+?\d{7,15}(?![\w-])")
"""A subscriber's number is 7 digits at least; E.164 allows 15 at most."""
FREE_TEXT: Final = frozenset({"error", "reason", "exception"})
"""Keys of the log whose values quote what others wrote."""
MISTAKE: Final = 2
"""Exit code for a wrong setting or a wrong word on the command line."""

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The telephony and intake system of 96156."
)
flow_app = typer.Typer(no_args_is_help=True, help="The voice menu: check, draw, walk, play call scripts.")
user_app = typer.Typer(no_args_is_help=True, help="Who may use the console.")
config_app = typer.Typer(no_args_is_help=True, help="The settings of this site.")
prompts_app = typer.Typer(no_args_is_help=True, help="What the voice menu says.")
for name, part in (("flow", flow_app), ("user", user_app), ("config", config_app), ("prompts", prompts_app)):
    app.add_typer(part, name=name)

ConfigOption = Annotated[Path, typer.Option("--config", help="Settings file of the site.")]


def main() -> NoReturn:
    """Run the command line; a HotlineError becomes one sentence and exit code 2."""
    try:
        app(standalone_mode=True)
    except HotlineError as error:
        _complain(error)
        sys.exit(MISTAKE)
    sys.exit(0)


def _complain(error: HotlineError) -> None:
    # Escaped, or rich would take the [section] that is to be mended for a style and drop it.
    err.print(f"[bold red]hotline:[/] {escape(str(error))}")


def load_settings(config: Path) -> Settings:
    """Read the settings file and the environment; only the default file may be missing."""
    try:
        text = config.read_text(encoding="utf-8")
    except FileNotFoundError:
        if config != DEFAULT_CONFIG:
            raise ConfigError("there is no such settings file", file=str(config)) from None
        text = ""
    except OSError as error:
        raise ConfigError(f"the settings file cannot be read: {error.strerror}", file=str(config)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("the settings file is not UTF-8; save it as UTF-8", file=str(config)) from error
    return read_settings(text, os.environ, file=str(config))


# -- serve ------------------------------------------------------------------------------------------


@app.command()
def serve(
    config: ConfigOption = DEFAULT_CONFIG,
    log: Annotated[
        Literal["text", "json"], typer.Option(help="How to log: text for a person, json for a machine.")
    ] = "text",
    verbose: Annotated[bool, typer.Option(help="Log every event and command of every call.")] = False,
) -> None:
    """Answer calls and serve the console until told to stop."""
    settings = load_settings(config)
    set_up_logging(log, verbose=verbose)
    from hotline.wire.reactor import install_reactor

    reactor = install_reactor()
    from hotline.app import Hotline

    sys.exit(_Serving(reactor, Hotline(settings, reactor)).run())


class _Serving:
    """One life of the product on the reactor: from its start to a signal or a failure."""

    def __init__(self, reactor: Loop, product: Hotline) -> None:
        self.code = 0
        self._reactor, self._product = reactor, product
        self._loop = asyncio.get_event_loop_policy().get_event_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self._starting: asyncio.Task[None] | None = None

    def run(self) -> int:
        """Run; returns the exit code."""
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(signal_number, self._on_signal)
        self._reactor.callWhenRunning(lambda: self._spawn(self._begin(), "begin"))
        self._reactor.run(installSignalHandlers=False)
        return self.code

    async def _begin(self) -> None:
        self._starting = self._loop.create_task(self._product.start())
        try:
            await self._starting
        except asyncio.CancelledError:
            return  # told to stop while starting
        except HotlineError as error:
            _complain(error)
            self.code = MISTAKE
            await self._end(drain=False)

    async def _end(self, *, drain: bool) -> None:
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()  # or it would go on starting what is being stopped
            await asyncio.wait([self._starting])
        await self._product.stop(drain=drain)
        if self._reactor.running:
            self._reactor.stop()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._loop.create_task(work, name=name)
        self._tasks.append(task)
        task.add_done_callback(self._look_at)

    def _look_at(self, task: asyncio.Task[None]) -> None:
        """A bug while starting or stopping must be seen, and must not leave half a product running."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        structlog.get_logger().error("serve.bug", exc_info=error)
        self.code = 1
        if task.get_name() != "end":
            self._spawn(self._end(drain=False), "end")
        elif self._reactor.running:
            self._reactor.stop()

    def _on_signal(self) -> None:
        is_first = not any(task.get_name() == "end" for task in self._tasks)
        self._spawn(self._end(drain=is_first), "end")


def _without_numbers(_logger: object, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Mask what may be a caller's number where words of others are quoted: a header, an answer, a trace."""
    for key in FREE_TEXT & line.keys():
        if isinstance(line[key], str):
            line[key] = TELEPHONE.sub(lambda found: mask(found[0]), line[key])
    return line


class UnfailingStream(io.TextIOBase):
    """Where log lines go: a reader that went away or a full disk costs the line, never the call."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def set_up_logging(form: str, *, verbose: bool) -> None:
    """Log to stderr, one line an event: for a person to read, or as JSON."""
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if form != "json":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(
                fmt="%H:%M:%S.%f" if form != "json" else "iso", utc=form == "json"
            ),
            structlog.processors.format_exc_info,
            _without_numbers,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", UnfailingStream(sys.stderr))),
        cache_logger_on_first_use=True,
    )


# -- set-up and users -------------------------------------------------------------------------------


@app.command()
def setup(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Check the settings, prepare the store, and ask for an administrator when there is none."""
    settings = load_settings(config)
    from hotline.app import open_store

    async def look() -> bool:
        async with open_store(settings, load=True) as (_store, desk):
            return await desk.needs_set_up()

    async def create(name: str, shown: str, password: str) -> None:
        async with open_store(settings) as (_store, desk):
            await desk.set_up(name, shown, password)

    is_needed = _run(look())
    out.print(f"set-up: the store in {settings.site.data_dir} is ready", markup=False)
    if not is_needed:
        return
    if not sys.stdin.isatty():
        raise ConfigError(
            "there is no administrator yet and nobody to ask; run "
            "`hotline user add NAME --role admin` with the password on standard input"
        )
    out.print("This site has no administrator yet.")
    while True:  # asked outside the event loop, which would keep Ctrl-C from ending the question
        name = typer.prompt("User name")
        shown = typer.prompt("Name shown to others", default=name)
        password = _new_password()
        try:
            _run(create(name, shown, password))
        except Refused as error:
            if error.code != "input":
                raise
            _complain(error)
        else:
            break
    out.print(f"set-up: {name} is the administrator", markup=False)


@user_app.command("add")
def user_add(
    name: str,
    role: Annotated[str, typer.Option(help="agent, supervisor, unit or admin.")],
    unit: Annotated[
        str, typer.Option(help="Unit code, for role unit: a street, community or department.")
    ] = "",
    shown: Annotated[str, typer.Option("--shown-as", help="Name shown to others.")] = "",
    language: Annotated[str, typer.Option(help="zh or en.")] = "zh",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Create a user; the password is asked for, or read from standard input."""
    settings = load_settings(config)
    from hotline.app import open_store

    password = _asked_password()

    async def work() -> None:
        async with open_store(settings, load=True) as (_store, desk):
            await desk.add_user(name, shown or name, password, role, unit or None, language)

    _run(work())
    out.print(f"{name} may log in as {role}", markup=False)


@user_app.command("list")
def user_list(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List who may log in: user name, role, unit, name shown to others; one a line, parted by tabs."""
    settings = load_settings(config)
    from hotline.app import open_store

    async def work() -> None:
        async with open_store(settings) as (_store, desk):
            for user in await desk.all_users():
                words = (user.user_name, user.role, user.unit_code or "-", user.display_name)
                sys.stdout.write("\t".join(words) + "\n")

    _run(work())


@user_app.command("password")
def user_password(name: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Give a user a new password, asked for or read from standard input; she must log in again."""
    settings = load_settings(config)
    from hotline.app import open_store

    password = _asked_password()

    async def work() -> None:
        async with open_store(settings) as (_store, desk):
            await desk.set_password(name, password)

    _run(work())
    out.print(f"{name} has a new password and was logged out everywhere", markup=False)


@user_app.command("disable")
def user_disable(name: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Take a user's access at once; what she did stays on record under her name."""
    settings = load_settings(config)
    from hotline.app import open_store

    async def work() -> None:
        async with open_store(settings) as (_store, desk):
            await desk.disable_user(name)

    _run(work())
    out.print(f"{name} may not log in any more", markup=False)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work on a loop of its own; Ctrl-C ends it without a traceback."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Abort from None


def _asked_password() -> str:
    return _new_password() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")


def _new_password() -> str:
    while True:
        password = getpass.getpass("Password: ")
        if password == getpass.getpass("Once more: "):
            return password
        err.print("The two differ.")


# -- settings ---------------------------------------------------------------------------------------


@config_app.command("check")
def config_check(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Say whether the settings, the flow and the district's data are right."""
    settings = load_settings(config)
    from hotline.app import check_site, read_district
    from hotline.flows import read_flow

    flow = read_flow(settings.ivr.flow, settings.media.prompts_dir)
    district, rejected = read_district(settings)
    check_site(settings)
    for line in rejected:
        err.print(f"left out: {line}", markup=False)
    out.print(
        f"{config}: right; flow {flow.name} with {len(flow.steps)} steps, "
        f"{len(district.units)} units, {len(district.kinds)} kinds of demand",
        markup=False,
    )


@config_app.command("show")
def config_show(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print the settings in force, from the file and the environment."""
    shown = load_settings(config).model_dump_json()  # a database URL may hold a password
    out.print_json(re.sub(r"(://[^:/@\"]*:)[^@\"]*@", r"\1***@", shown))


@config_app.command("explain")
def config_explain() -> None:
    """Print every setting with its meaning and default (docs/settings.md)."""
    sys.stdout.write(explain_settings())


# -- the voice menu ---------------------------------------------------------------------------------

FlowArgument = Annotated[Path | None, typer.Argument(help="Flow file; none: the site's own.")]


def _flow_and_prompts(config: Path, flow: Path | None) -> tuple[Path, Path]:
    settings = load_settings(config)
    return flow or settings.ivr.flow, settings.media.prompts_dir


def _tell(text: str, *, is_good: bool) -> None:
    sys.stdout.write(text + "\n")
    if not is_good:
        raise typer.Exit(1)


@flow_app.command("check")
def flow_check(flow: FlowArgument = None, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Say everything that is wrong with a flow, each with file, line and step."""
    from hotline import flows

    file, prompts = _flow_and_prompts(config, flow)
    report = flows.check([file], prompts)
    _tell(report.text, is_good=report.is_good)


@flow_app.command("publish")
def flow_publish(flow: FlowArgument = None, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Say whether a flow may answer calls: no complaints, and a call script through every step."""
    from hotline import flows

    report = flows.publish(*_flow_and_prompts(config, flow))
    _tell(report.text, is_good=report.is_good)


@flow_app.command("draw")
def flow_draw(
    flow: FlowArgument = None,
    form: Annotated[str, typer.Option("--as", help="text, mermaid or svg.")] = "text",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Draw a flow."""
    from hotline import flows

    _tell(flows.draw(*_flow_and_prompts(config, flow), form), is_good=True)


@flow_app.command("walk")
def flow_walk(flow: FlowArgument = None, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Play a flow in the terminal, as a caller would go through it."""
    from hotline import flows

    flows.walk_through(*_flow_and_prompts(config, flow), input, lambda line: _tell(line, is_good=True))


@prompts_app.command("render")
def prompts_render(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Render the prompts whose texts changed (needs `pip install -e '.[prompts]'`)."""
    from hotline.speech.render import main as render

    sys.exit(render([str(load_settings(config).media.prompts_dir)]))


# -- what happens -----------------------------------------------------------------------------------


@app.command()
def events(
    call: Annotated[str, typer.Option(help="Only this call.")] = "",
    request: Annotated[str, typer.Option(help="Only this request number.")] = "",
    follow: Annotated[bool, typer.Option(help="Go on as things happen.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Print what happened, one JSON object a line, oldest first."""
    settings = load_settings(config)
    from hotline.app import open_store

    async def work() -> None:
        position = 0
        async with open_store(settings) as (store, _desk):
            while True:
                found = await store.events_after(position, limit=500)
                for event in found:
                    position = event.position
                    if (call and event.call_id != call) or (request and event.request_number != request):
                        continue
                    line = {
                        "position": event.position,
                        "at": event.at.isoformat(),
                        "kind": event.kind,
                        "call_id": event.call_id,
                        "request": event.request_number,
                        "unit": event.unit_code,
                        "actor": event.actor,
                        **event.payload,
                    }
                    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
                sys.stdout.flush()
                if not found:
                    if not follow:
                        return
                    await asyncio.sleep(0.2)

    try:
        asyncio.run(work())
    except KeyboardInterrupt:
        return
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
