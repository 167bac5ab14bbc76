"""What goes wrong in a page without a test looking for it: errors, CSP violations, other hosts."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

# As the page's own script would: the console does not tell of every violation.
_TELL_VIOLATIONS = """
document.addEventListener('securitypolicyviolation', (event) =>
  console.error('CSP', event.violatedDirective, event.blockedURI, event.sourceFile, event.lineNumber));
"""
# The last two are the browser itself, such as its viewer of PDF.
_OF_NO_HOST = {"about", "blob", "data", "chrome", "chrome-extension"}
# What the browser asks for by itself where an address is an object or an error, which have no icon.
_ICON = "/favicon.ico"


class Watch:
    """Notes what is wrong in the contexts that it follows. hosts: `host:port` that pages may ask."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = set(hosts)
        self._wrong: list[str] = []
        self._expected: list[str] = []
        self._allowed: list[str] = []

    def follow(self, context: BrowserContext) -> None:
        """Note what happens in every page of this context from now on."""
        context.add_init_script(_TELL_VIOLATIONS)
        context.on("console", self._note_message)
        context.on("weberror", self._note_error)
        context.on("request", self._note_request)

    def expect(self, pattern: str) -> None:
        """Take what matches for intended, before or after this call; that it happens is part of the test.

        pattern: a regular expression, such as "status of 409" for a request that is to be refused.
        """
        self._expected.append(pattern)

    def allow(self, pattern: str) -> None:
        """Take what matches for harmless, whether it happens or not: as it depends on the moment."""
        self._allowed.append(pattern)

    def assert_calm(self) -> None:
        """Fail when anything went wrong that was not expected, or what was expected did not."""
        known = [*self._expected, *self._allowed]
        surprises = [line for line in self._wrong if not any(re.search(each, line) for each in known)]
        missing = [each for each in self._expected if not any(re.search(each, line) for line in self._wrong)]
        assert not surprises, "\n".join(["The browser complained:", *surprises])
        assert not missing, f"The browser was expected to complain of {missing}"

    def _note_message(self, message: ConsoleMessage) -> None:
        url = message.location.get("url", "")
        if message.type == "error" and not url.endswith(_ICON):
            self._wrong.append(f"console: {message.text} ({url})")

    def _note_error(self, error: WebError) -> None:
        self._wrong.append(f"uncaught: {error.error}")

    def _note_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in _OF_NO_HOST and address.netloc not in self.hosts:
            self._wrong.append(f"another host: {request.method} {request.url}")
