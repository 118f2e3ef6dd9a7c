"""A page: a template in the frame of all pages, and the headers that let a browser load what it needs and no more."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from service.pages.assets import Assets, assets

# What a page may need beside style sheets and pictures of our own, as directives of its policy (CSP Level 3).
SCRIPTS, CALLS, FORMS = "script-src", "connect-src", "form-action"
_ALWAYS = ("style-src", "img-src")


@dataclass(frozen=True, slots=True)
class Entry:
    """A link of the menu: its name, and its address below the root of the service."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is sent."""

    body: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pages:
    """The frame of one site: its menu, and the origins beside our own whose pages may show ours in a frame."""

    menu: tuple[Entry, ...] = ()
    frame_ancestors: tuple[str, ...] = ()
    assets: Assets = field(default_factory=assets)

    def page(self, template: str, path: str, *, needs: Iterable[str] = (), **content: Any) -> Page:
        """Render a template, named by its path below `service`, for the address `path` of this service.

        `needs` are directives of the policy that the page needs beyond style and pictures: SCRIPTS, CALLS, FORMS.
        Every link is relative, so that the pages work behind a proxy that puts a folder before them.
        """
        root = "../" * (path.count("/") - 1) or "./"

        def asset(name: str) -> str:
            return root + self.assets.address(name)

        body = _templates().get_template(template).render(menu=self.menu, root=root, asset=asset, path=path, **content)
        return Page(body, self._headers(needs))

    def _headers(self, needs: Iterable[str]) -> Mapping[str, str]:
        return {
            "Content-Security-Policy": content_security_policy(needs, self.frame_ancestors),
            "Referrer-Policy": "no-referrer",
            "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        }


def content_security_policy(needs: Iterable[str] = (), frame_ancestors: Iterable[str] = ()) -> str:
    """Allow files of our own for what is needed, nothing inline, and no frame but our own and those that are listed."""
    allowed = [*_ALWAYS, *needs]
    lines = ["default-src 'none'", *(f"{directive} 'self'" for directive in allowed), "base-uri 'none'"]
    if FORMS not in allowed:
        lines.append(f"{FORMS} 'none'")
    return "; ".join([*lines, " ".join(["frame-ancestors", "'self'", *frame_ancestors])])


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("service", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
