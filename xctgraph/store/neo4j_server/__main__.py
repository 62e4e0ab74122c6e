"""A Neo4j without Docker or an installation: `python -m xctgraph.store.neo4j_server [HOME] [--port 7687] [--heap 2g]`.

Listens on the loopback interface without a password until Ctrl-C or SIGTERM; HOME keeps its data.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from xctgraph.store.neo4j_server.jars import ServerUnavailable
from xctgraph.store.neo4j_server.process import running


def main() -> int:
    """Run a server until told to end."""
    parser = argparse.ArgumentParser(prog="python -m xctgraph.store.neo4j_server", description=__doc__)
    parser.add_argument("home", type=Path, nargs="?", default=Path("neo4j"), help="folder of its data (default: ./neo4j)")
    parser.add_argument("--port", type=int, default=7687, help="port of Bolt (default: 7687)")
    parser.add_argument("--heap", default="2g", help="memory of the Java process (default: 2g)")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    try:
        given.home.mkdir(parents=True, exist_ok=True)
        with running(given.home.resolve(), port=given.port, heap=given.heap) as server:
            print(f"Neo4j at {server.uri}, data in {given.home}; Ctrl-C ends it", flush=True)  # noqa: T201  # its one message
            server.process.wait()
    except KeyboardInterrupt:
        return 0
    except (ServerUnavailable, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201  # its one message
        return 1
    return 1


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
