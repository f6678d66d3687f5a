"""The `raylambda` and `aws` programs as a shell starts them: an environment of their own, output caught."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
RAYLAMBDA = Path(sys.executable).parent / "raylambda"


@dataclass(frozen=True)
class Command:
    """A program with the variables that it is given; nothing of the tests' own AWS set-up reaches it."""

    program: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def __call__(
        self, *arguments: str | Path, stdin: str = "", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        return subprocess.run(
            [self.program, *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            cwd=cwd,
            timeout=110,
            check=False,
        )

    def output(self, *arguments: str | Path, stdin: str = "") -> str:
        """Run, check that it went well, and return what it printed."""
        done = self(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def begin(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start; the caller ends it."""
        return subprocess.Popen(
            [self.program, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RAYLAMBDA_"))}
        return {**kept, **self.variables}
