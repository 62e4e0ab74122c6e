"""Speed and memory against named peers, on the same data in the same run: `make bench` writes docs/performance.md."""
