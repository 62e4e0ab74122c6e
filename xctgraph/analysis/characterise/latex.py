"""Tables as LaTeX: plain `tabular`, no package needed."""

from __future__ import annotations

import pyarrow as pa

_ESCAPED = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "µ": r"\ensuremath{\mu}", "×": r"\ensuremath{\times}", "³": r"\textsuperscript{3}", "²": r"\textsuperscript{2}",
    "–": "--",
}  # fmt: skip


def escape(text: str) -> str:
    """Text of a user as LaTeX prints it, every special character escaped."""
    return "".join(_ESCAPED.get(letter, letter) for letter in text)


def tabular(table: pa.Table, caption: str, label: str) -> str:
    r"""A `table` environment with the rows of a table; numbers to the right with five significant digits, null as a dash.

    Parameters
    ----------
    caption
        Plain text.
    label
        Of `\label`; letters, digits and `:` only.
    """
    numeric = [pa.types.is_integer(f.type) or pa.types.is_floating(f.type) for f in table.schema]
    head = " & ".join(escape(name.replace("_", " ")) for name in table.column_names)
    rows = [" & ".join(map(_cell, row.values())) + r" \\" for row in table.to_pylist()]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{escape(caption)}}}",
            rf"\label{{{label}}}",
            rf"\begin{{tabular}}{{{''.join('r' if right else 'l' for right in numeric)}}}",
            r"\hline",
            rf"{head} \\",
            r"\hline",
            *rows,
            r"\hline",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _cell(value: object) -> str:
    if value is None:
        return "--"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        shown = f"{value:.5g}"
        base, power, exponent = shown.partition("e")
        return rf"\ensuremath{{{base} \times 10^{{{int(exponent)}}}}}" if power else shown
    return escape(str(value))
