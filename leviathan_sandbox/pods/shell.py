"""A shell for the simple commands that people test with: `sh -c "echo …; sleep 1; exit 3"`.

It knows echo, printf, sleep, exit, true, false, `:`, test, date, seq, trap, set, assignments,
arithmetic, `for`, `while`, `until` and `if`. A script that needs more is not understood, and the
container does what its image would do.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import msgspec

from leviathan_sandbox.pods.lines import Line

_TOKENS: Final = re.compile(
    r"""(?P<space>[ \t]+|\\\n)|(?P<comment>\#[^\n]*)|(?P<end>;;|\|\||&&|;|\n|&(?!\d))"""
    r"""|(?P<redirect>\d*>>?(?:&\d|\s*[^\s;&|]+))"""
    r"""|(?P<word>(?:'[^']*'|"(?:\\.|[^"\\])*"|\$\(\([^)]*\)\)|\$\([^)]*\)|\\.|[^\s;&|<>'"\\])+)""",
    re.DOTALL,
)
_VARIABLE: Final = re.compile(
    r"\$\(\((?P<sum>[^)]*)\)\)|\$\((?P<command>[^)]*)\)|\$\{(?P<braced>\w+)\}|\$(?P<name>\w+|\?)"
)
_ASSIGNMENT: Final = re.compile(r"(\w+)=(.*)\Z", re.DOTALL)
_KEYWORDS: Final = ("do", "done", "then", "else", "fi")


class NotUnderstoodError(Exception):
    """The script uses something that this shell does not know."""


class _Command(msgspec.Struct):
    words: list[str]


class _Loop(msgspec.Struct):
    condition: "list[_Step]"
    body: "list[_Step]"
    until: bool


class _For(msgspec.Struct):
    variable: str
    words: list[str]
    body: "list[_Step]"


class _If(msgspec.Struct):
    condition: "list[_Step]"
    then: "list[_Step]"
    otherwise: "list[_Step]"


_Node: TypeAlias = _Command | _Loop | _For | _If


class _Step(msgspec.Struct):
    joint: str
    """What stands before the command: `;`, `&&` or `||`."""
    node: _Node


class _Parser:
    def __init__(self, script: str) -> None:
        self._tokens: list[str] = []
        position = 0
        while position < len(script):
            match = _TOKENS.match(script, position)
            if match is None:
                raise NotUnderstoodError(script[position:])
            position = match.end()
            if match["end"] or match["word"]:
                self._tokens.append(match[0] if match["word"] else match["end"])
        self._at = 0

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, word: str) -> None:
        if self._next() != word:
            raise NotUnderstoodError(word)

    def steps(self, *ends: str) -> list[_Step]:
        """Parse commands up to one of the keywords `ends`, or to the end of the script."""
        steps: list[_Step] = []
        joint = ";"
        while (token := self._peek()) and token not in ends:
            if token in (";", "\n"):
                self._at += 1
                joint = ";"
            elif token in ("&&", "||"):
                self._at += 1
                joint = token
            elif token in _KEYWORDS or token in ("&", ";;"):
                raise NotUnderstoodError(token)
            else:
                steps.append(_Step(joint, self._node()))
                joint = ";"
        if ends and not token:
            raise NotUnderstoodError(ends[0])
        return steps

    def _node(self) -> _Node:
        match self._peek():
            case "while" | "until":
                until = self._next() == "until"
                condition = self.steps("do")
                return _Loop(condition, self._block(), until)
            case "for":
                self._at += 1
                variable = self._next()
                self._expect("in")
                words = self._words()
                while self._peek() in (";", "\n"):
                    self._at += 1
                return _For(variable, words, self._block())
            case "if":
                self._at += 1
                condition = self.steps("then")
                self._expect("then")
                then = self.steps("else", "fi")
                otherwise = self.steps("fi") if self._next() == "else" else []
                if otherwise:
                    self._expect("fi")
                return _If(condition, then, otherwise)
            case _:
                return _Command(self._words())

    def _block(self) -> list[_Step]:
        self._expect("do")
        body = self.steps("done")
        self._expect("done")
        return body

    def _words(self) -> list[str]:
        words = []
        while (token := self._peek()) and token not in (";", "\n", "&&", "||", "&", ";;"):
            words.append(self._next())
        return words


class _ExitError(Exception):
    """The script has asked to end."""

    def __init__(self, code: int) -> None:
        self.code = code


class Shell:
    """One run of a script.

    Parameters:
        script: its text.
        environment: the variables that it starts with.

    Raises NotUnderstoodError.
    """

    def __init__(self, script: str, environment: dict[str, str] | None = None) -> None:
        self._steps = _Parser(script).steps()
        self._variables = dict(environment or {})
        self._clock = 0.0
        self._code = 0
        self.exit_code: int | None = None
        """Set when the script has ended."""
        self.ended_at = 0.0
        """Seconds after its start at which it ended."""
        self.handles_term = False
        """Whether it asks to be told of SIGTERM; otherwise the first process ignores that."""

    def run(self) -> Iterator[Line | None]:
        """Yield the lines that are written; None at each turn of a loop, so that one can stop.

        Raises NotUnderstoodError.
        """
        try:
            yield from self._run(self._steps)
            self.exit_code = self._code
        except _ExitError as end:
            self.exit_code = end.code
        self.ended_at = self._clock

    def _run(self, steps: Sequence[_Step]) -> Iterator[Line | None]:
        for step in steps:
            if (step.joint == "&&" and self._code != 0) or (step.joint == "||" and not self._code):
                continue
            match step.node:
                case _Command(words):
                    yield from self._command(words)
                case _For(variable, words, body):
                    for word in [item for text in words for item in self._expand(text, split=True)]:
                        self._variables[variable] = word
                        yield from self._run(body)
                case _Loop(condition, body, until):
                    while True:
                        yield None
                        yield from self._run(condition)
                        if (self._code == 0) is until:
                            break
                        yield from self._run(body)
                    self._code = 0
                case _If(condition, then, otherwise):
                    yield from self._run(condition)
                    yield from self._run(then if self._code == 0 else otherwise)

    def _command(self, words: list[str]) -> Iterator[Line | None]:
        if words and words[0] == "exec":
            words = words[1:]
        assignment = _ASSIGNMENT.match(words[0]) if words else None
        if assignment and len(words) == 1:
            self._variables[assignment[1]] = " ".join(self._expand(assignment[2]))
            self._code = 0
            return
        expanded = [item for word in words for item in self._expand(word, split=True)]
        name, arguments = (expanded[0], expanded[1:]) if expanded else (":", [])
        self._code = 0
        match name:
            case "echo" | "printf" | "date" | "seq":
                for text in self._output(name, arguments):
                    yield Line(self._clock, text)
            case "sleep" if arguments:
                self._clock += _seconds(arguments[0])
            case "exit":
                raise _ExitError(int(arguments[0]) & 255 if arguments else 0)
            case "true" | ":" | "set":
                pass
            case "false":
                self._code = 1
            case "trap":
                # An empty command is how a script asks to be told of nothing.
                self.handles_term = bool(arguments and arguments[0])
            case "[" | "test":
                self._code = 0 if _test([item for item in arguments if item != "]"]) else 1
            case _:
                raise NotUnderstoodError(name)

    @staticmethod
    def _output(name: str, arguments: list[str]) -> list[str]:
        if name == "date":
            return ["Thu Jan  1 00:00:00 UTC 2026"]
        if name == "seq":
            first, last = (1, int(arguments[0])) if len(arguments) == 1 else map(int, arguments)
            return [str(number) for number in range(first, last + 1)]
        if name == "echo":
            quiet = [item for item in arguments if item not in ("-n", "-e")]
            return " ".join(quiet).replace("\\n", "\n").split("\n")
        text = arguments[0].replace("%%", "%") if arguments else ""
        for argument in arguments[1:]:
            text = re.sub("%[sd]", lambda _, value=argument: value, text, count=1)  # type: ignore[misc]
        return text.replace("\\n", "\n").removesuffix("\n").split("\n")

    def _expand(self, word: str, *, split: bool = False) -> list[str]:
        """Return a word with its quotes and variables resolved, as one or several words."""
        if word.startswith("'") and word.endswith("'") and word.count("'") == 2:
            return [word[1:-1]]
        quoted = any(mark in word for mark in "\"'\\")
        text = re.sub(
            r"'([^']*)'|\"((?:\\.|[^\"\\])*)\"|\\(.)",
            lambda match: next(group for group in match.groups() if group is not None),
            word,
        )
        text = _VARIABLE.sub(self._value, text)
        return text.split() if split and not quoted else [text]

    def _value(self, match: re.Match[str]) -> str:
        if match["sum"] is not None:
            terms = re.sub(r"\$?([A-Za-z_]\w*)", self._number, match["sum"])
            return str(_arithmetic(terms))
        if match["command"] is not None:
            name, *arguments = match["command"].split()
            if name not in ("date", "seq", "echo"):
                raise NotUnderstoodError(name)
            return "\n".join(
                self._output(name, [part for arg in arguments for part in self._expand(arg)])
            )
        name = match["braced"] or match["name"]
        return str(self._code) if name == "?" else self._variables.get(name, "")

    def _number(self, match: re.Match[str]) -> str:
        return self._variables.get(match[1], "0") or "0"


def _arithmetic(text: str) -> int:
    """Return the value of one number, or of two joined by an operator: all that loops need."""
    match = re.fullmatch(r"\s*(-?\d+)\s*(?:([-+*/%])\s*(-?\d+)\s*)?", text)
    if match is None:
        raise NotUnderstoodError(text)
    left, operator, right = int(match[1]), match[2], int(match[3] or 0)
    match operator:
        case None:
            return left
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _ if right == 0:
            raise NotUnderstoodError(text)
        case "/":
            return left // right
        case _:
            return left % right


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if text in ("infinity", "inf"):
        return 1e12
    if match is None:
        raise NotUnderstoodError(f"sleep {text}")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def _test(arguments: list[str]) -> bool:
    match arguments:
        case [left, "=" | "==", right]:
            return left == right
        case [left, "!=", right]:
            return left != right
        case ["-n", text]:
            return bool(text)
        case ["-z", text]:
            return not text
        case [left, ("-lt" | "-le" | "-gt" | "-ge" | "-eq" | "-ne") as operator, right]:
            if not (left.lstrip("-").isdigit() and right.lstrip("-").isdigit()):
                raise NotUnderstoodError(operator)
            difference = int(left) - int(right)
            return {
                "-lt": difference < 0,
                "-le": difference <= 0,
                "-gt": difference > 0,
                "-ge": difference >= 0,
                "-eq": difference == 0,
                "-ne": difference != 0,
            }[operator]
        case _:
            raise NotUnderstoodError(" ".join(arguments))
