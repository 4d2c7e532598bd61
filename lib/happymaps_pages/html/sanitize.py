"""HTML that cannot act: an allow-list of elements, attributes and addresses.

Notebook outputs and Markdown may hold any HTML. `clean_fragment` parses it and writes
back only what is listed here, so nothing that runs, loads or submits survives, even
where a browser would not honour the page's content security policy.
"""

import re

from bs4 import BeautifulSoup, Comment, Tag
from bs4.element import PreformattedString

_KEPT = """
    a abbr b blockquote br caption cite code col colgroup dd del details dfn div dl dt
    em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp
    section small span strong sub summary sup table tbody td tfoot th thead tr u ul var
"""
# Their content is no text for the reader, so it goes with the element.
_DROPPED = """
    applet audio base button canvas embed form frame frameset head iframe input link
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
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan", "align"},
    "th": {"colspan", "rowspan", "align", "scope"},
    "details": {"open"},
}
_LINK = re.compile(r"(?:(?:https?|mailto):|#|[^:]*$|[^:/?#]*[/?#])", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,", re.IGNORECASE)
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_CELL_ID = re.compile(r"#[\w-]+")


def clean_fragment(html: str) -> str:
    """Return `html` with only listed elements, attributes, addresses and styles.

    Args:
        html: Any HTML, well formed or not.

    Returns:
        Well-formed HTML. The text of unknown elements is kept, that of scripts, forms
        and embedded documents is not. Cell colours of a pandas style sheet become
        `style` attributes.
    """
    soup = BeautifulSoup(html, "html.parser")
    text_form = soup.select_one("pre.xr-text-repr-fallback")
    if text_form is not None:  # xarray's rich form needs scripts and its own styles
        text_form.attrs = {}
        return str(text_form)
    _inline_style_sheets(soup)
    for node in soup.find_all(string=lambda text: isinstance(text, Comment)):
        node.extract()
    for node in soup.find_all(string=lambda t: isinstance(t, PreformattedString)):
        node.extract()
    for tag in soup.find_all(True):
        _clean_tag(tag)
    return str(soup)


def _clean_tag(tag: Tag) -> None:
    if tag.decomposed:
        return
    if tag.name in _DROPPED.split():
        tag.decompose()
    elif tag.name not in _KEPT.split():
        tag.unwrap()
    else:
        _clean_attributes(tag)


def _clean_attributes(tag: Tag) -> None:
    allowed = _ATTRIBUTES["*"] | _ATTRIBUTES.get(tag.name, set())
    for name in [name for name in tag.attrs if name not in allowed]:
        del tag[name]
    if "style" in tag.attrs:
        tag["style"] = _clean_style(str(tag["style"]))
        if not tag["style"]:
            del tag["style"]
    if "href" in tag.attrs and not _is_safe_link(str(tag["href"])):
        del tag["href"]
    if tag.name == "img" and not _PICTURE.match(str(tag.get("src", ""))):
        # A picture from elsewhere would leave the site: its description stays.
        tag.replace_with(str(tag.get("alt", "")))


def _is_safe_link(address: str) -> bool:
    # Browsers ignore these characters inside a scheme: "java\nscript:" would run.
    compact = re.sub(r"[\x00-\x20]", "", address)
    return bool(_LINK.match(compact))


def _clean_style(style: str) -> str:
    kept = []
    for declaration in style.split(";"):
        name, _, value = (part.strip().lower() for part in declaration.partition(":"))
        plain = re.fullmatch(r"[\w\s#.,%+()-]+", value) and "url" not in value
        if name in _STYLES.split() and plain:
            kept.append(f"{name}: {value}")
    return "; ".join(kept)


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
