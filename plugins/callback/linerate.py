# Copyright: the linerate authors
# SPDX-License-Identifier: MIT
"""The console of linerate: a line for each step and trial, and the full log of Ansible in the run's folder."""

from __future__ import annotations

DOCUMENTATION = """
name: linerate
type: stdout
short_description: Shows steps, trials and the result instead of tasks
description:
  - On a terminal, a live view shows the trial that is being sent, how many trials have ended, and the remaining time.
    Elsewhere each step and each trial is one line, written at once.
  - Ansible's full output is written to C(ansible.log) in the folder of the run; for a playbook without a run, to
    C(results/ansible.log).
  - With C(-v) or C(--diff) the output is Ansible's own.
  - An error in the view ends the view, not the playbook; the output is Ansible's own from then on.
options:
  output:
    description:
      - C(live) is the view of a terminal, C(lines) that of a pipe, C(ansible) Ansible's own output.
      - C(auto) chooses C(live) on a terminal and C(lines) elsewhere; C(ansible) with C(-v) or C(--diff).
    type: str
    choices: [auto, live, lines, ansible]
    default: auto
    env:
      - name: LINERATE_OUTPUT
    ini:
      - section: callback_linerate
        key: output
  log_folder:
    description: Folder of the log of a playbook without a run; by default C(results) of the project.
    type: path
    env:
      - name: LINERATE_LOG_FOLDER
    ini:
      - section: callback_linerate
        key: log_folder
author: The linerate contributors
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

import atexit
import contextlib
import copy
import os
import shlex
import sys
import threading
from pathlib import Path

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible.plugins.callback.default import CallbackModule as Default
from ansible.utils.color import ANSIBLE_COLOR
from ansible.utils.display import Display

try:
    from linerate.console.feed import open_feed
    from linerate.console.log import Log
    from linerate.console.outcome import shown
    from linerate.console.screen import Redirected, Screen
    from linerate.console.view import Command, View

    IMPORT_ERROR = None
except Exception as error:
    # Without the package, the output is Ansible's own.
    IMPORT_ERROR = error

TICK_SECONDS = 0.5
REPOSITORY = Path(__file__).resolve().parents[2]
EVENTS = sorted(name for name in vars(CallbackBase) if name.startswith("v2_") and name != "v2_on_any")


class TeeDisplay(Display):
    """A display that writes to the log, and while ``shown`` is set to the real display as well."""

    @classmethod
    def of(cls, display):
        """A display with the settings of ``display``, which is a singleton, that has shown nothing yet."""
        made = copy.copy(display)
        made.__class__ = cls
        made._deprecations, made._warns, made._errors = set(), set(), set()
        made.real, made.shown, made.write = display, True, lambda text: None
        return made

    def display(self, msg, *args, **kwargs):
        """Write ``msg``: to the log without colours, and once where it has a form of its own for a log."""
        if self.shown:
            self.real.display(msg, *args, **kwargs)
        if not kwargs.get("screen_only"):
            self.write(msg if msg.endswith("\n") else msg + "\n")


class Plain(Default):
    """Ansible's own output, with the options of the plugin that owns it."""

    def __init__(self, owner) -> None:
        super().__init__()
        self._display = TeeDisplay.of(owner._display)
        self._plugin_options, self._origins, self._load_name = owner._plugin_options, owner._origins, owner._load_name

    def tell(self, method, args, kwargs) -> None:
        """Pass one event on."""
        self._current_task_result = next((arg for arg in args if hasattr(arg, "task_fields")), None)
        with contextlib.nullcontext() if self._display.shown else contextlib.suppress(Exception):
            getattr(self, method)(*args, **kwargs)


class CallbackModule(CallbackBase):
    """Passes every event to the view, and to Ansible's own output, which goes to the log if there is a view."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "linerate"

    def __init__(self, display=None, options=None) -> None:
        self._console = self._log = self._plain = None
        super().__init__(display=display, options=options)

    def set_options(self, task_keys=None, var_options=None, direct=None) -> None:
        """Begin the output, which depends on the options."""
        super().set_options(task_keys, var_options, direct)
        self._plain = Plain(self)
        try:
            self._begin()
        except Exception as error:
            self._drop(error)

    def _begin(self) -> None:
        if IMPORT_ERROR:
            raise IMPORT_ERROR
        self._log = Log(Path(self.get_option("log_folder") or REPOSITORY / "results"))
        self._plain._display.write = self._write_log
        atexit.register(self._close, os.getpid())
        output = self._output()
        if output != "ansible":
            self._console = Console(self._log, self._write_log, live=output == "live", drop=self._drop)
            self._plain._display.shown = False

    def _output(self) -> str:
        output = self.get_option("output")
        if output != "auto":
            return output
        if self._display.verbosity or context.CLIARGS.get("diff"):
            return "ansible"
        return "live" if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" else "lines"

    def _write_log(self, text) -> None:
        """Write to the log; an error of the log changes nothing else."""
        with contextlib.suppress(Exception):
            self._log.write(text)

    def _pass_on(self, name, args, kwargs) -> None:
        """The view first: Ansible's output removes what it has printed from a result."""
        if self._console:
            try:
                with self._console.screen.lock:
                    getattr(self._console, name, _ignore)(*args, **kwargs)
            except Exception as error:
                self._drop(error)
        if self._log and name == "v2_runner_on_ok" and _module(args[0].task) == "linerate_run":
            self._log.move_to(str(args[0].result.get("run_dir")))
        self._plain.tell(name, args, kwargs)

    def _drop(self, error) -> None:
        """End the view because of ``error``; Ansible's own output follows."""
        console, self._console = self._console, None
        self._plain._display.shown = True
        if console:
            console.close()
        self._display.warning(
            f"The view of linerate has failed ({type(error).__name__}: {error}). Ansible's own output follows."
        )

    def _close(self, pid) -> None:
        if os.getpid() != pid:
            return
        try:
            if self._console:
                self._console.stop()
        finally:
            if self._console:
                self._console.close()
            self._log.close()


def _ignore(*args, **kwargs) -> None:
    """An event that the view does not show."""


def _passing(name):
    def method(self, *args, **kwargs):
        self._pass_on(name, args, kwargs)

    method.__doc__ = f"Pass {name} on."
    return method


for _name in EVENTS:
    setattr(CallbackModule, _name, _passing(_name))


class Console:
    """Ansible's events as calls of the view, and the thread that lets it draw."""

    def __init__(self, log, write_log, live, drop) -> None:
        self._log, self._drop = log, drop
        self._feed = open_feed(follow=live)
        self.screen = Screen(sys.stdout, live, bool(ANSIBLE_COLOR))
        self._streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = (Redirected(stream, self.screen, write_log) for stream in self._streams)
        self._view = None
        self._check = bool(context.CLIARGS.get("check"))
        self._closed = threading.Event()
        threading.Thread(target=self._tick, name="linerate-view", daemon=True).start()

    def close(self) -> None:
        """End the thread, and give the streams back."""
        self._closed.set()
        self.screen.status([])
        sys.stdout, sys.stderr = self._streams

    def stop(self) -> None:
        """The process ends: say so, unless the playbook has ended."""
        if self._view:
            self._view.stopped(shown(self._log.where))
            self._view = None

    def _tick(self) -> None:
        try:
            while not self._closed.wait(TICK_SECONDS):
                with self.screen.lock:
                    if self._view:
                        for event in self._feed.received():
                            self._view.event(event)
                        self._view.tick()
        except Exception as error:
            self._drop(error)

    def v2_playbook_on_start(self, playbook) -> None:
        name = shown(playbook._file_name)
        program = Path(sys.argv[0])
        linerate = program.with_name("linerate") if program.name != sys.argv[0] else "linerate"
        # `linerate run` names itself: the command line here is that of its own making.
        line = os.environ.get("LINERATE_COMMAND") or shlex.join(sys.argv)
        command = Command(name, line, str(linerate))
        self._view = View(self.screen, command, self._check)

    def v2_playbook_on_play_start(self, play) -> None:
        self._view.play(play.get_name().strip())

    def v2_playbook_on_no_hosts_matched(self) -> None:
        self._view.no_hosts()

    def v2_playbook_on_task_start(self, task, is_conditional=False) -> None:
        self._view.task(str(task.name or task.get_name()).strip(), _module(task))

    v2_playbook_on_handler_task_start = v2_playbook_on_task_start
    v2_playbook_on_cleanup_task_start = v2_playbook_on_task_start

    def v2_runner_on_ok(self, result) -> None:
        if not (result.task.loop and "results" in result.result):
            self.v2_runner_item_on_ok(result)

    def v2_runner_item_on_ok(self, result) -> None:
        self._warn(result)
        pretended = bool(result.task.check_mode) and not self._check
        self._view.result(result.host.get_name(), _module(result.task), result.result, pretended)

    def v2_runner_on_failed(self, result, ignore_errors=False) -> None:
        self._warn(result)
        if ignore_errors:
            return
        items = result.result.get("results") if result.task.loop else None
        failed = [item for item in items or [] if isinstance(item, dict) and item.get("failed")]
        for one in failed or [result.result]:
            self._failed(result, one)

    def v2_runner_on_unreachable(self, result) -> None:
        if not result.task.ignore_unreachable:
            self._failed(result, result.result)

    def v2_playbook_on_stats(self, stats) -> None:
        for event in self._feed.received():
            self._view.event(event)
        self._view.end(sorted({*stats.failures, *stats.dark}), shown(self._log.where))
        self._view = None

    def _failed(self, result, one) -> None:
        task = result.task
        path = shown(task.get_path()) if task.get_path() else None
        self._view.failure(result.host.get_name(), str(task.name or task.get_name()), one, path, _rescued(task))

    def _warn(self, result) -> None:
        for warning in result.result.get("warnings") or ():
            self._view.warning(result.host.get_name(), str(warning))


def _module(task) -> str:
    """The name of the module without its collection."""
    return str(task.action).rpartition(".")[2]


def _rescued(task) -> bool:
    """Whether a block around ``task`` goes on after its failure."""
    child, parent = task, task._parent
    while parent is not None:
        if getattr(parent, "rescue", None) and any(one._uuid == child._uuid for one in parent.block):
            return True
        child, parent = parent, getattr(parent, "_parent", None)
    return False
