"""The page at /documentation: the OpenAPI document as HTML, without scripts and without other files."""

import re
from collections.abc import Iterable, Iterator
from html import escape
from importlib import resources
from typing import Any

from aerostore.domain import JsonObject

_STYLE = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
_CODE = re.compile(r"`([^`]+)`")


def render(document: JsonObject) -> str:
    """Return a whole HTML page about `document`. Every text of the document is escaped."""
    return _Page(document).html()


def _text(markdown: str) -> str:
    """Escape a description; of its CommonMark only code spans and paragraphs are used here."""
    paragraphs = (_CODE.sub(r"<code>\1</code>", escape(part)) for part in markdown.split("\n\n") if part)
    return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)


def _anchor(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()


def _section(title: str, parts: Iterable[str], *, level: int) -> str:
    """Return a titled section, or nothing when it has no parts."""
    content = "".join(parts)
    return f"<h{level}>{escape(title)}</h{level}>{content}" if content else ""


def _terms(entries: Iterable[tuple[str, str, str]]) -> str:
    """Return a definition list of (name, kind, description); kind and description are HTML already."""
    items = "".join(
        f'<dt><code>{escape(name)}</code> <span class="kind">{kind}</span></dt><dd>{description}</dd>'
        for name, kind, description in entries
    )
    return f"<dl>{items}</dl>" if items else ""


class _Page:
    """Renders one document."""

    def __init__(self, document: JsonObject) -> None:
        self._document = document

    def html(self) -> str:
        info = self._document["info"]
        title = escape(f"{info['title']} {info['version']}")
        base_url = escape(self._document["servers"][0]["url"])
        nouns = "".join(self._noun(tag) for tag in self._document["tags"])
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{title}</title><style>{_STYLE}</style></head><body>"
            '<a class="skip" href="#content">Skip to the operations</a>'
            f"<header><h1>{title}</h1>{_text(info['description'])}"
            f"<p>Paths below start at <code>{base_url}</code>. For programs: "
            f'<a href="{base_url}/openapi.json">openapi.json</a>.</p></header>'
            f'{self._navigation()}<main id="content">{nouns}{self._credentials()}{self._shapes()}</main>'
            "</body></html>"
        )

    def _navigation(self) -> str:
        nouns = [tag["name"] for tag in self._document["tags"]]
        links = "".join(
            f'<li><a href="#{_anchor(title)}">{escape(title)}</a></li>'
            for title in [*nouns, "Credentials", "Shapes"]
        )
        return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'

    def _noun(self, tag: JsonObject) -> str:
        name = tag["name"]
        operations = "".join(
            self._operation(path, method, operation, item)
            for path, item in self._document["paths"].items()
            for method, operation in item.items()
            if method not in {"parameters", "head"} and name in operation["tags"]
        )
        anchor = _anchor(name)
        return (
            f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{escape(name)}</h2>'
            f"{_text(tag['description'])}{operations}</section>"
        )

    def _operation(self, path: str, method: str, operation: JsonObject, item: JsonObject) -> str:
        methods = "GET, HEAD" if method == "get" and "head" in item else method.upper()
        summary = (
            f'<summary><span class="method {method}">{methods}</span> '
            f"<code>{escape(path)}</code> <span>{escape(operation['summary'])}</span></summary>"
        )
        parts = [
            _text(operation.get("description", "")),
            self._parameters([*item["parameters"], *operation.get("parameters", [])]),
            self._request_body(operation.get("requestBody")),
            self._responses(operation["responses"]),
            f'<p class="names">Operation <code>{escape(operation["operationId"])}</code>, '
            f"in logs and metrics <code>{escape(operation['x-operation'])}</code></p>",
        ]
        return f'<details id="{escape(operation["operationId"])}">{summary}{"".join(parts)}</details>'

    def _parameters(self, references: Iterable[JsonObject]) -> str:
        parameters = [self._resolved(reference) for reference in references]
        entries = [
            (
                parameter["name"],
                escape(parameter["in"])
                + ", "
                + self._kind(parameter["schema"], parameter.get("required", False)),
                _text(parameter["description"]),
            )
            for parameter in parameters
        ]
        return _section("Parameters", [_terms(entries)], level=3)

    def _request_body(self, body: JsonObject | None) -> str:
        if body is None:
            return ""
        title = "Body" if body["required"] else "Body, may be absent"
        return _section(title, self._media(body["content"]), level=3)

    def _media(self, content: JsonObject) -> Iterator[str]:
        for media_type, media in content.items():
            schema = media["schema"]
            yield f"<p><code>{escape(media_type)}</code> {self._kind(schema)}</p>"
            yield _text(schema.get("description", "")) + self._properties(schema)

    def _responses(self, responses: JsonObject) -> str:
        entries = [(status, "", self._response(response)) for status, response in sorted(responses.items())]
        return _section("Answers", [_terms(entries)], level=3)

    def _response(self, response: JsonObject) -> str:
        content = response.get("content", {})
        shapes = [f"<code>{escape(media)}</code> {self._kind(content[media]['schema'])}" for media in content]
        shown = f"<p>{'; '.join(shapes)}</p>" if shapes else ""
        names = ", ".join(f"<code>{escape(name)}</code>" for name in response["headers"])
        return f'{_text(response["description"])}{shown}<p class="names">Headers: {names}</p>'

    def _credentials(self) -> str:
        schemes = self._document["components"]["securitySchemes"]
        entries = [
            (name, escape(scheme.get("in", "Authorization header")), _text(scheme["description"]))
            for name, scheme in schemes.items()
        ]
        return f'<section><h2 id="credentials">Credentials</h2>{_terms(entries)}</section>'

    def _shapes(self) -> str:
        shapes = "".join(
            f'<details id="shape-{escape(name)}"><summary><code>{escape(name)}</code></summary>'
            f"{_text(schema.get('description', ''))}{self._properties(schema)}</details>"
            for name, schema in self._document["components"]["schemas"].items()
        )
        return f'<section><h2 id="shapes">Shapes</h2>{shapes}</section>'

    def _properties(self, schema: JsonObject) -> str:
        required = schema.get("required", [])
        entries = [
            (
                name,
                self._kind(each, name in required),
                _text(each.get("description", "")) + self._properties(each),
            )
            for name, each in schema.get("properties", {}).items()
        ]
        return _terms(entries)

    def _kind(self, schema: JsonObject, required: bool = False) -> str:
        """Return the type of a schema in words, as HTML: a link when it is a shared one."""
        words = [self._type(schema), *_limits(schema), *(["required"] if required else [])]
        return ", ".join(word for word in words if word)

    def _type(self, schema: JsonObject) -> str:
        if "$ref" in schema:
            name = escape(schema["$ref"].rpartition("/")[2])
            return f'<a href="#shape-{name}">{name}</a>'
        if "anyOf" in schema:
            return " or ".join(self._type(each) for each in schema["anyOf"])
        types = schema.get("type", [])
        words = " or ".join([types] if isinstance(types, str) else types)
        return f"{words} of {self._type(schema['items'])}" if "items" in schema else words

    def _resolved(self, node: JsonObject) -> JsonObject:
        if "$ref" not in node:
            return node
        found: Any = self._document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        resolved: JsonObject = found
        return resolved


def _limits(schema: JsonObject) -> Iterator[str]:
    if "enum" in schema:
        yield " | ".join(f"<code>{escape(str(choice))}</code>" for choice in schema["enum"])
    for key, words in (("minimum", "at least"), ("maximum", "at most")):
        if key in schema:
            yield f"{words} {schema[key]}"
    for key, words in (("minItems", "at least"), ("maxItems", "at most")):
        if key in schema:
            yield f"{words} {schema[key]} items"
