"""The lines on failed tasks, from results as Ansible returns them."""

from __future__ import annotations

import pytest

from linerate.console.problem import cause, problem


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        (
            {"msg": "interface 'eth9': does not exist. Set linerate_interface."},
            ["interface 'eth9': does not exist. Set linerate_interface."],
        ),
        (
            {
                "msg": "Task failed: Finalization of task args for 'ansible.builtin.fail' failed: "
                "Error while resolving value for 'msg': 'nope' is undefined"
            },
            ["'nope' is undefined"],
        ),
        (
            {"msg": "non-zero return code", "rc": 2, "cmd": ["make", "all"], "stderr": "a\nb\n", "stdout": ""},
            ["exit status 2: make all", "stderr:", "  a", "  b"],
        ),
        ({"msg": "Host checks failed:\none\ntwo"}, ["Host checks failed:", "one", "two"]),
        ({"msg": "it broke: out of memory", "stderr": "out of memory"}, ["it broke: out of memory"]),
        ({"msg": "bad \x1b[31mescape"}, ["bad \\x1b[31mescape"]),
        ({}, ["it failed without a message"]),
        ({"msg": None, "module_stderr": "Killed\n"}, ["stderr:", "  Killed"]),
    ],
)
def test_the_cause_is_first_and_the_output_complete(result, lines):
    assert problem(result) == lines
    assert cause(result) == lines[0]
