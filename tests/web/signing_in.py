"""A program that waits to be signed in, and the browser that goes to the demo's OpenRouter and back."""

import re

import httpx

from web.opening import page_headers

# What a browser says when OpenRouter's page sends it to us.
FROM_OPENROUTER = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


class SignedOut:
    """A running program without a key, its page, and the demo's OpenRouter."""

    def __init__(self, running):
        self.running = running
        entry = running.loop.submit(running.program.page.url("")).result(15)
        self.url = entry.partition("/open")[0]
        self.page = httpx.Client(base_url=self.url, trust_env=False, timeout=30)
        self.page.headers.update(page_headers(self.page.get(entry)))

    def begin(self, **more):
        answer = self.page.post("/api/sign-in", json=more)
        assert answer.status_code == 200
        return answer.json()["url"]

    def press(self, button, url):
        """Press a button on OpenRouter's page; give its answer."""
        return httpx.post(url.replace("/auth?", f"/auth/{button}?"), trust_env=False, timeout=30)

    def code_on_screen(self, url):
        return re.search(r'<code id="code">([^<]+)</code>', self.press("authorize", url).text)[1]

    def visit(self, address, **headers):
        """Go where the browser is sent, as a browser that was never let in."""
        return httpx.get(address, headers=FROM_OPENROUTER | headers, trust_env=False, timeout=30)

    def state(self):
        return self.page.get("/api/sign-in").json()

    def has_key(self):
        return self.page.get("/api/state").json()["key"]["present"]
