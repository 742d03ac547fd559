"""A page on which a person reads the mails that were caught: a list, and each mail's looks, text and source."""

from __future__ import annotations

from aiohttp import web
from jinja2 import DictLoader, Environment

from standins.mail import Caught, MailCatcher

LISTED = 500  # the newest

NOTHING_FROM_OUTSIDE = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""For a mail's own HTML: no script, no image, no font, no form, no link that could be followed by itself."""

_LAYOUT = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{% block title %}Mailbox{% endblock %}</title>
<style>
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d9dde2;
  --page: #f3f4f6; --card: #fff; --link: #1f5fcc; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebee; --soft: #a3adb8; --line: #343b44; --page: #14171b; --card: #1e2329; --link: #7db7ff; } }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 960px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 22px; margin: 0 0 4px; } .soft { color: var(--soft); } a { color: var(--link); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: 10px 16px; vertical-align: top; }
th { color: var(--soft); font-size: 13px; } tr + tr td { border-top: 1px solid var(--line); }
td.at { white-space: nowrap; color: var(--soft); } td.subject a { font-weight: 600; text-decoration: none; }
nav { margin: 16px 0; } nav a { margin-right: 16px; }
nav a.on { color: var(--ink); font-weight: 600; text-decoration: none; }
pre { margin: 0; padding: 16px; white-space: pre-wrap; overflow-wrap: anywhere; }
pre { font: 13px/1.5 ui-monospace, monospace; }
iframe { display: block; width: 100%; height: 75vh; border: 0; }
</style></head><body><main>{% block main %}{% endblock %}</main></body></html>"""

_LIST = """{% extends "layout" %}{% block main %}
<h1>Mailbox</h1>
<p class="soft">{{ mails | length }} caught, newest first. Nothing here was sent to anybody.</p>
{% if mails %}<div class="card"><table><tr><th>Subject</th><th>To</th><th>When, UTC</th></tr>
{% for mail in mails %}<tr><td class="subject"><a href="/mails/{{ mail.number }}">{{ mail.message["Subject"] }}</a></td>
<td>{{ mail.message["To"] }}</td><td class="at">{{ mail.at.strftime("%Y-%m-%d %H:%M:%S") }}</td></tr>{% endfor %}
</table></div>{% else %}<p>No mail yet.</p>{% endif %}
{% endblock %}"""

_ONE = """{% extends "layout" %}{% block title %}{{ mail.message["Subject"] }}{% endblock %}{% block main %}
<p><a href="/">All mails</a></p>
<h1>{{ mail.message["Subject"] }}</h1>
<p class="soft">{{ mail.message["From"] }} to {{ mail.message["To"] }},
{{ mail.at.strftime("%Y-%m-%d %H:%M:%S") }} UTC</p>
<nav>{% for each in ("html", "text", "headers", "source") %}<a {% if each == shown %}class="on" {% endif %}
href="/mails/{{ mail.number }}{% if each != "html" %}?show={{ each }}{% endif %}">{{ each }}</a>{% endfor %}</nav>
<div class="card">
{% if shown == "html" %}<iframe src="/mails/{{ mail.number }}/html" sandbox title="The mail as HTML"></iframe>
{% elif shown == "text" %}<pre>{{ mail.part("plain") }}</pre>
{% elif shown == "headers" %}<table>{% for name, value in mail.message.items() %}
<tr><td class="soft">{{ name }}</td><td>{{ value }}</td></tr>{% endfor %}</table>
{% else %}<pre>{{ mail.raw.decode("utf-8", "replace") }}</pre>{% endif %}
</div>{% endblock %}"""

_PAGES = Environment(loader=DictLoader({"layout": _LAYOUT, "list": _LIST, "one": _ONE}), autoescape=True)


def mailbox(catcher: MailCatcher) -> web.Application:
    """The page over what a catcher has caught; for people on this machine, it asks nobody who they are."""

    async def every(request: web.Request) -> web.Response:
        mails = catcher.caught[-LISTED:][::-1]
        return _page(_PAGES.get_template("list").render(mails=mails))

    async def one(request: web.Request) -> web.Response:
        shown = request.query.get("show", "html")
        return _page(_PAGES.get_template("one").render(mail=_found(catcher, request), shown=shown))

    async def html(request: web.Request) -> web.Response:
        page = _page(_found(catcher, request).part("html"))
        page.headers["Content-Security-Policy"] = NOTHING_FROM_OUTSIDE
        return page

    async def no_icon(request: web.Request) -> web.Response:
        return web.Response(status=204)

    app = web.Application()
    app.router.add_get("/", every)
    app.router.add_get(r"/mails/{number:\d+}", one)
    app.router.add_get(r"/mails/{number:\d+}/html", html)
    app.router.add_get("/favicon.ico", no_icon)
    return app


def _page(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html")


def _found(catcher: MailCatcher, request: web.Request) -> Caught:
    number = int(request.match_info["number"])
    for mail in catcher.caught:
        if mail.number == number:
            return mail
    raise web.HTTPNotFound(text=f"no mail {number}")
