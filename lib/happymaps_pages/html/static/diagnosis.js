/* The page of a diagnosis: draws maps when they come near, sorts and filters units. */
"use strict";

(() => {
  const { read, makeSheets } = happymapsMaps;
  const byId = (id) => document.getElementById(id);
  const layouts = read("diagnosis-data");
  const sheets = Object.fromEntries(
    Object.entries(layouts).map(([side, layout]) => [side, makeSheets(layout)]),
  );

  /* -------------------------------------------------------------------- maps */

  const draw = (canvas) => {
    const side = canvas.dataset.side;
    sheets[side].draw(canvas, Number(canvas.dataset.map), layouts[side].count);
  };
  const near = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        near.unobserve(entry.target);
        draw(entry.target);
      }
    },
    // Whoever prints without scrolling says so.
    { rootMargin: location.hash === "#print" ? "1000000px" : "600px" },
  );
  const canvases = document.querySelectorAll("canvas[data-side]");
  for (const canvas of canvases) near.observe(canvas);
  window.addEventListener("beforeprint", () => canvases.forEach(draw));

  /* ------------------------------------------------------------------ filter */

  const body = byId("unit-table").tBodies[0];
  const rows = [...body.rows].map((element) => ({
    element,
    place: Number(element.dataset.place),
    kind: element.dataset.kind,
    layer: element.dataset.layer,
    text: element.textContent.toLowerCase(),
  }));
  const tiles = new Map(
    [...document.querySelectorAll(".unit-tiles > li")].map((tile) => [
      Number(tile.dataset.place),
      tile,
    ]),
  );

  function apply() {
    const words = byId("unit-text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const kind = byId("unit-kind").value;
    const layer = byId("unit-layer").value;
    let shown = 0;
    for (const row of rows) {
      const matches = (!kind || row.kind === kind)
        && (!layer || row.layer === layer)
        && words.every((word) => row.text.includes(word));
      row.element.hidden = !matches;
      const tile = tiles.get(row.place);
      if (tile) tile.hidden = !matches;
      shown += matches;
    }
    for (const sheet of document.querySelectorAll(".unit-sheet")) {
      sheet.hidden = !sheet.querySelector("li:not([hidden])");
    }
    byId("unit-count").textContent = `${shown} of ${rows.length}`;
    byId("unit-none").hidden = shown > 0;
  }

  for (const id of ["unit-text", "unit-kind", "unit-layer"]) {
    byId(id).addEventListener("input", apply);
  }
  byId("unit-clear").addEventListener("click", () => {
    for (const id of ["unit-text", "unit-kind", "unit-layer"]) byId(id).value = "";
    apply();
    byId("unit-text").focus();
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !isTyping) {
      event.preventDefault();
      byId("unit-text").focus();
    }
  });

  /* -------------------------------------------------------------------- sort */

  const heads = [...byId("unit-table").tHead.rows[0].cells];

  /* By unit is the order of the network, not of the alphabet. */
  function keyOf(row, column, isNumber) {
    if (column === 0) return row.place;
    const cell = row.element.cells[column];
    if (!isNumber) return cell.textContent;
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  }

  function sort(head) {
    const column = heads.indexOf(head);
    const isNumber = head.dataset.sort === "number";
    const isDown = head.getAttribute("aria-sort") !== "descending" && isNumber
      || head.getAttribute("aria-sort") === "ascending";
    for (const each of heads) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
    const keyed = rows.map((row) => ({ row, key: keyOf(row, column, isNumber) }));
    keyed.sort((a, b) => {
      // What has no number comes last in either order.
      if (a.key === null || b.key === null) {
        if (a.key !== b.key) return a.key === null ? 1 : -1;
      } else if (a.key !== b.key) {
        return (a.key < b.key ? -1 : 1) * (isDown ? -1 : 1);
      }
      return a.row.place - b.row.place;
    });
    body.append(...keyed.map(({ row }) => row.element));
  }

  for (const head of heads) {
    if (!head.dataset.sort) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head));
    head.append(button);
  }

  byId("unit-filter").hidden = false;
  apply();
})();
