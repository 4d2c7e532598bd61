/* The page of two sets of maps: draws them, sorts and filters the pairs. */
"use strict";

(() => {
  const { read, makeSheets } = happymapsMaps;
  const byId = (id) => document.getElementById(id);
  const { sides } = read("compare-data");
  const sheets = sides.map(makeSheets);

  for (const canvas of document.querySelectorAll("canvas[data-side]")) {
    const side = Number(canvas.dataset.side);
    sheets[side].draw(canvas, Number(canvas.dataset.map), sides[side].count);
  }

  const list = byId("pairs");
  const pairs = [...list.children].map((element) => ({
    element,
    text: element.textContent.toLowerCase(),
    place: Number(element.dataset.place),
    alike: element.dataset.order === "" ? null : Number(element.dataset.order),
    differs: element.dataset.differs === "yes",
  }));

  function apply() {
    const words = byId("compare-text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const onlyDiffering = byId("compare-differing").checked;
    let shown = 0;
    for (const pair of pairs) {
      const matches = words.every((word) => pair.text.includes(word));
      pair.element.hidden = !matches || (onlyDiffering && !pair.differs);
      shown += !pair.element.hidden;
    }
    byId("compare-count").textContent = `${shown} of ${pairs.length}`;
    byId("compare-none").hidden = shown > 0;
  }

  function sort() {
    const sign = { unit: 0, least: 1, most: -1 }[byId("compare-sort").value];
    // What cannot be compared comes last in either order.
    const rank = (pair) => (pair.alike === null ? Infinity : sign * pair.alike);
    const order = (a, b) => (rank(a) === rank(b) ? a.place - b.place : rank(a) - rank(b));
    pairs.sort(sign ? order : (a, b) => a.place - b.place);
    list.append(...pairs.map((pair) => pair.element));
  }

  byId("compare-text").addEventListener("input", apply);
  byId("compare-differing").addEventListener("change", apply);
  byId("compare-sort").addEventListener("change", sort);
  byId("compare-clear").addEventListener("click", () => {
    byId("compare-text").value = "";
    byId("compare-differing").checked = false;
    apply();
    byId("compare-text").focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== byId("compare-text")) {
      event.preventDefault();
      byId("compare-text").focus();
    }
  });
  byId("compare-filter").hidden = false;
  apply();
})();
