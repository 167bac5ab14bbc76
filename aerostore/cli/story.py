"""An explanation as lines for people: one thought a line, what belongs to it further to the right."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.text import Text

from aerostore.cli import console
from aerostore.domain import JsonObject, printable
from aerostore.policy.describe.quoting import quoted_text

Line = tuple[int, str, str]
"""How far to the right, the text, and its style."""

_GOOD, _BAD, _QUIET = "green", "red", "dim"
_INDENT = "  "


def print_lines(lines: Iterable[Line]) -> None:
    """Print to the console; without a terminal as plain ASCII, whatever names and values hold."""
    for depth, text, style in lines:
        shown = _INDENT * depth + printable(text, limit=4_000)
        if console.is_terminal:
            console.print(Text(shown, style=style), soft_wrap=True)
        else:
            print(shown.encode("ascii", "backslashreplace").decode())


def denial_lines(denial: JsonObject) -> Iterator[Line]:
    """Tell of a denial that was kept: what happened, then what was found out about it then."""
    caller = denial["role"] + (f" with sub {denial['user_id']}" if denial["user_id"] else "")
    yield 0, f"request {denial['request_id']}, {denial['at']}: {denial['operation']} by {caller}", ""
    yield 0, f"the client was told {denial['code']}", ""
    story = denial["story"]
    if "steps" in story:
        yield from story_lines(story)
    else:
        yield 0, story["remark"], _QUIET


def story_lines(story: JsonObject) -> Iterator[Line]:
    """Tell an explanation as the API gives it."""
    verdict, style = ("ALLOWED", _GOOD) if story["allowed"] else ("DENIED", _BAD)
    yield 0, f"{verdict}: {_question(story['question'])}{_caller(story['caller'])}", style
    yield 0, f"decided by  {story['decided_by']['sentence']}", ""
    if http := story.get("http"):
        yield 0, f"client gets {_answer(http)}", ""
    for name, label in (("remark", "remark      "), ("hint", "hint        ")):
        if story[name]:
            yield 0, f"{label}{story[name]}", ""
    for number, step in enumerate(story["steps"], start=1):
        yield from _step(number, step)


def _question(question: Mapping[str, Any]) -> str:
    thing = "/".join(part for part in (question.get("bucket_id"), question.get("name")) if part)
    if not question.get("to_name"):
        return f"{question['op']} {thing}".rstrip()
    bucket = question.get("to_bucket_id") or question["bucket_id"]
    return f"{question['op']} {thing} to {bucket}/{question['to_name']}"


def _caller(caller: Mapping[str, Any] | None) -> str:
    if caller is None:
        return ""
    return f", as {caller['role']}" + (f" with sub {caller['sub']}" if caller["sub"] else "")


def _answer(http: Mapping[str, Any]) -> str:
    if http["body"] is None:
        return str(http["status"])
    return f"{http['status']} {http['body']['code']}: {http['body']['message']}"


def _step(number: int, step: Mapping[str, Any]) -> Iterator[Line]:
    verdict, style = ("granted", _GOOD) if step["passed"] else ("refused", _BAD)
    row = f"the {step['row_is']} row"
    yield 0, "", ""
    yield 0, f"{number}. {step['command'].upper()} on {step['table']}, {row}: {verdict}", style
    yield 1, step["why"], _QUIET
    yield 1, f"row: {', '.join(f'{name} = {_sql(value)}' for name, value in step['row'].items())}", _QUIET
    yield 1, step["combined"], ""
    for policy in step["policies"]:
        yield from _policy(policy)


def _policy(policy: Mapping[str, Any]) -> Iterator[Line]:
    kind = "policy" if policy["permissive"] else "restrictive policy"
    source = f" ({policy['source']})" if policy["source"] else ""
    if not policy["applies"]:
        yield 1, f'- {kind} "{policy["name"]}"{source} does not apply: {policy["reason"]}', _QUIET
        return
    result = _spelled(policy["result"])
    yield 1, f'- {kind} "{policy["name"]}"{source}, {policy["reason"]}: {result}', _style(policy["result"])
    if policy["comment"]:
        yield 2, f"why: {policy['comment']}", _QUIET
    if policy["part"] is None:
        yield 2, policy["expression"], ""
    else:
        yield from _part(2, policy["part"])


def _part(depth: int, part: Mapping[str, Any]) -> Iterator[Line]:
    connective = {"and": "all of", "or": "any of", "not": "not"}.get(part["kind"])
    value, error = (part["value"], "") if len(part["value"]) <= 5 else ("error", part["value"])
    yield depth, f"{value:<5} {connective or part['expression']}", _style_of_text(value)
    if error:
        yield depth + 3, error, _BAD
    for operand in part["operands"]:
        yield depth + 3, f"{operand['expression']} is {operand['value']}", _QUIET
    for each in part["parts"]:
        yield from _part(depth + 1, each)


def _sql(value: object) -> str:
    if value is None:
        return "NULL"
    return quoted_text(value) if isinstance(value, str) else json.dumps(value)


def _spelled(result: bool | str | None) -> str:
    if result is None:
        return "NULL, which counts as no"
    return str(result).lower() if isinstance(result, bool) else result


def _style(result: bool | str | None) -> str:
    return _GOOD if result is True else _BAD


def _style_of_text(value: str) -> str:
    return _GOOD if value == "true" else _BAD
