"""SVG that cannot act: an allow-list of elements and addresses.

A page shows an SVG as a picture, which runs nothing; but it links the file too, and a
browser that opens that runs its scripts, as those of the report.
"""

import re
from xml.etree import ElementTree

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_KEPT = """
    svg g defs symbol use title desc path rect circle ellipse line polyline polygon text
    tspan textPath image clipPath mask pattern marker linearGradient radialGradient stop
    style filter feBlend feColorMatrix feComponentTransfer feComposite feFlood feFuncA
    feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode feOffset
"""
_ADDRESS = re.compile(r"#[^\s]*|data:image/(?:png|jpeg|gif|webp);base64,[\w+/=\s]*")
_LOCAL = re.compile(r"url\(\s*['\"]?#[\w.-]+['\"]?\s*\)", re.IGNORECASE)
# What could fetch something: CSS may hide any letter behind a backslash.
_FETCHES = re.compile(r"url|@|\\|image|src|:\s*expression|javascript", re.IGNORECASE)


def clean_svg(text: str) -> str | None:
    """Return an SVG with listed elements only, and no address outside of it.

    Comments, processing instructions and declarations go, too.

    Args:
        text: An SVG document.

    Returns:
        Well-formed XML; None if it is no SVG that can be read.
    """
    if "<!ENTITY" in text:
        return None
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError):
        return None
    if root.tag == "svg":  # of no namespace a browser makes no picture
        for each in root.iter():
            each.tag = f"{{{_SVG}}}{each.tag}" if each.tag[0] != "{" else each.tag
    if root.tag != f"{{{_SVG}}}svg":
        return None
    _clean(root)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return ElementTree.tostring(root, encoding="unicode")


def _clean(root: ElementTree.Element) -> None:
    waiting, kept = [root], set(_KEPT.split())
    while waiting:
        element = waiting.pop()
        element.attrib = {
            name: value
            for name, value in element.attrib.items()
            if _is_harmless(name, value)
        }
        for child in list(element):
            space, _, name = child.tag.rpartition("}")
            unsafe = name == "style" and _fetches(child.text or "")
            if space != "{" + _SVG or name not in kept or unsafe:
                element.remove(child)
            else:
                waiting.append(child)


def _is_harmless(name: str, value: str) -> bool:
    if name in ("href", f"{{{_XLINK}}}href"):
        return bool(_ADDRESS.fullmatch(value.strip()))
    if name.startswith("{") or name.lower().startswith("on"):
        return False
    return not _fetches(value) or name in ("id", "class")


def _fetches(value: str) -> bool:
    return bool(_FETCHES.search(_LOCAL.sub("", value)))
