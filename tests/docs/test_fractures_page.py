"""The page on fractures runs as written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "fractures.md"


def test_the_block_runs_as_written(tmp_path: Path) -> None:
    (text,) = re.findall(r"<!-- test: runs as written -->\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "block.py").write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, "block.py"], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "swallowed" in done.stdout
