# Copyright: the linerate authors
# SPDX-License-Identifier: MIT
"""Ends a trial together with the `ansible-playbook` that started it, and lets the console follow it."""

from __future__ import annotations

import copy
import shlex
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from linerate.controller.owner import end_with_playbook, owner
from linerate.errors import HostError
from linerate.trial.events import path_of
from linerate.trial.model import Trial

try:
    from linerate.console.feed import current_feed
    from linerate.console.follow import REMOTE_PAUSE, Follower
except Exception:
    # A console that is broken must not cost a trial.
    def current_feed():
        """Nobody draws."""


OF_THE_CONTROLLER = ("local", "netns")
"""Connections to hosts whose files are the controller's."""


class ActionModule(ActionBase):
    """Runs the module of the same name on the target."""

    _supports_async = True

    def run(self, tmp=None, task_vars=None):
        """The module's own result; it sees the end of `ansible-playbook` as a closed output."""
        super().run(tmp, task_vars)
        try:
            began = end_with_playbook()
        except HostError as error:
            raise AnsibleActionFail(str(error)) from error
        args = dict(self._task.args)
        follower = None
        if isinstance(args.get("trial"), dict):
            follower = self._follow(args)
            # Kept in the journal: an interrupted trial is stored by this process, as long as it lives, and there.
            args["trial"] = {**args["trial"], "owner": {**owner(began), "run_dir": args.get("run_dir")}}
        try:
            return self._execute_module(module_args=args, task_vars=task_vars, wrap_async=self._task.async_val)
        finally:
            if follower:
                follower.stop()

    def _follow(self, args: dict) -> Follower | None:
        """Announce a trial to the console and pass its events on; None without a live view."""
        feed = current_feed()
        if feed is None or args.get("journal") is False:
            return None
        try:
            trial = Trial.from_json(args["trial"])
            feed.send({"event": "trial", **trial.planned()})
            if not feed.follow:
                return None
            follower = self._follower(path_of(trial), feed.send)
            follower.start()
        except Exception as error:
            # The console must not cost a trial. The module reports what is wrong with it.
            self._display.vv(f"linerate_replay: the trial is not followed: {error}")
            return None
        return follower

    def _follower(self, path: str, send) -> Follower:
        """Reads ``path`` on the target: over a session of its own, as the module keeps its session busy."""
        if self._connection.transport in OF_THE_CONTROLLER:
            return Follower(lambda offset: _read(path, offset), send)
        session = copy.copy(self._connection)
        session.become = None

        def read(offset: int) -> bytes:
            command = shlex.join(["tail", "-c", f"+{offset + 1}", path])
            status, content, _ = session.exec_command(command, sudoable=False)
            return content if status == 0 else b""

        return Follower(read, send, REMOTE_PAUSE)


def _read(path: str, offset: int) -> bytes:
    try:
        with Path(path).open("rb") as file:
            file.seek(offset)
            return file.read()
    except FileNotFoundError:
        return b""
