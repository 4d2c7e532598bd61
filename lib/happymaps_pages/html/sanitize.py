"""HTML that cannot act: an allow-list of elements, attributes and addresses.

Notebook outputs and Markdown may hold any HTML. `clean_fragment` has nh3 parse it, as a
browser does, and write back only what is listed here, so nothing that runs, loads or
submits survives, even where a browser would not honour the page's content security
policy.
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote

import nh3
from bs4 import BeautifulSoup

from happymaps_pages.html.sounds import is_sound, join_sources

_KEPT = """
    a abbr audio b blockquote br caption cite code col colgroup dd del details dfn
    div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p
    pre q s samp section small span strong sub summary sup table tbody td tfoot th
    thead tr u ul var
"""
# Their content is no text for the reader, so it goes with the element.
_DROPPED = """
    applet base button canvas embed form frame frameset head iframe input link
    math meta noembed noframes noscript object option plaintext script select style svg
    template textarea title video xmp
"""
_STYLES = """
    color background-color text-align font-weight font-style width min-width max-width
    white-space
"""
_ATTRIBUTES = {
    "*": {"class", "style", "title", "lang", "dir"},
    "a": {"href"},
    "audio": {"src", "controls", "aria-label"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan", "align"},
    "th": {"colspan", "rowspan", "align", "scope"},
    "details": {"open"},
}
_SCHEMES = {"http", "https", "mailto", "data"}  # `data` for pictures alone
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,", re.IGNORECASE)
# Browsers ignore such characters inside a scheme.
_DATA = re.compile(r"[\x00-\x20]*".join(["", *"data:"]), re.IGNORECASE)
_ATTACHED, _HIDDEN = "attachment:", "attachment%3A"
_LONGEST_NAME = 80  # of a picture that has no description
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_CELL_ID = re.compile(r"#[\w-]+")


def clean_fragment(html: str) -> str:
    """Return `html` with only listed elements, attributes, addresses and styles.

    Args:
        html: Any HTML, well formed or not.

    Returns:
        Well-formed HTML. The text of unknown elements is kept, that of scripts, forms
        and embedded documents is not. A picture from elsewhere would leave the site:
        its description stays, and that it is not shown. Of sounds, only those stay
        that `take_sounds` has written beside the page. Cell colors of a pandas style
        sheet become `style` attributes.
    """
    clean = nh3.clean(
        _simplify(html),
        tags=set(_KEPT.split()),
        clean_content_tags=set(_DROPPED.split()),
        attributes=_ATTRIBUTES,
        attribute_filter=_clean_value,
        url_schemes=_SCHEMES,
        filter_style_properties=set(_STYLES.split()),
        link_rel=None,
    )
    return _describe_absent(clean) if "<img" in clean else clean


def hide_attachments(markdown: str) -> str:
    """Return Markdown whose attachments `show_attachments` puts in, not nbconvert.

    nbconvert gives up a whole notebook for a name that is not attached.
    """
    return markdown.replace(_ATTACHED, _HIDDEN)


def show_attachments(html: str, cell: Mapping) -> str:
    """Return the HTML of a Markdown cell with its attached pictures in it.

    Args:
        html: Of the cell, not yet cleaned.
        cell: With `attachments`: by name, base64 by MIME type.
    """
    if "<img" not in html.lower():
        return html.replace(_HIDDEN, _ATTACHED)
    attached = cell.get("attachments") or {}
    soup = BeautifulSoup(html, "html.parser")
    for image in soup.select("img[src]"):
        name = unquote(image["src"]).removeprefix(_ATTACHED)
        if not image.get("alt"):
            image["alt"] = name[:_LONGEST_NAME]
        for kind, data in (attached.get(name) or {}).items():
            image["src"] = f"data:{kind};base64,{''.join(data).strip()}"
    return str(soup).replace(_HIDDEN, _ATTACHED)


def _clean_value(tag: str, name: str, value: str) -> str | None:
    if (tag, name) == ("audio", "src"):
        return value if is_sound(value) else None
    if name == "src":
        return value if _PICTURE.match(value) else None
    return None if name == "href" and _DATA.match(value) else value


def _describe_absent(html: str) -> str:
    soup = BeautifulSoup(html, "html.parser")
    for image in soup.select("img:not([src])"):
        name = image.get("alt")
        image.replace_with(f"[picture not shown: {name}]" if name else "")
    return str(soup)


def _simplify(html: str) -> str:
    """Return the HTML of pandas and xarray in a form that needs no style sheet."""
    if "<audio" in html.lower():
        html = join_sources(html)
    if "xr-text-repr-fallback" not in html and "<style" not in html:
        return html
    soup = BeautifulSoup(html, "html.parser")
    text_form = soup.select_one("pre.xr-text-repr-fallback")
    if text_form is not None:  # xarray's rich form needs scripts and its own styles
        text_form.attrs = {}
        return str(text_form)
    _inline_style_sheets(soup)
    return str(soup)


def _inline_style_sheets(soup: BeautifulSoup) -> None:
    """Move the rules a pandas `Styler` writes for single cells onto these cells."""
    for sheet in soup.find_all("style"):
        for selectors, declarations in _RULE.findall(sheet.get_text()):
            for selector in selectors.split(","):
                if not _CELL_ID.fullmatch(selector.strip()):
                    continue
                cell = soup.find(id=selector.strip()[1:])
                if cell is not None:
                    cell["style"] = f"{cell.get('style', '')};{declarations}"
