/* The page of a sweep: selectors, slider, contact sheet, enlarged map. */
"use strict";

(() => {
  const { read, number, element, makeSheets } = happymapsMaps;
  const byId = (id) => document.getElementById(id);
  const data = read("sweep-data");
  const sheets = data.maps && makeSheets(data.maps);
  const numPoints = data.keys.length;
  const STATUS = { c: "done", f: "failed", m: "not run" };
  const MOST_RADIOS = 12;
  const LONG_HEAD = 22; // letters
  // What the sheet shows at a time.
  const MOST_TILES = 2000;
  const MOST_ROWS = 200;
  const MOST_COLUMNS = 100;

  const axes = data.axes.map((axis) => ({ ...axis }));
  axes.forEach((axis, index) => {
    axis.stride = axes.slice(index + 1).reduce((size, each) => size * each.texts.length, 1);
  });
  const units = Array.from({ length: data.units }, (_, index) => String(index + 1));
  axes.push({ name: "unit", label: "unit", texts: units, stride: 0 });
  const named = (name) => axes.find((axis) => axis.name === name) || null;
  const several = axes.filter((axis) => axis.texts.length > 1);

  const state = {
    at: Object.fromEntries(axes.map((axis) => [axis.name, 0])),
    rows: named(data.rows),
    columns: named(data.columns),
    first: { rows: 0, columns: 0 }, // of the sheet's part that is shown
    measure: Math.max(0, data.measures.findIndex((each) => each.name === "score")),
  };
  const tiles = new Map(); // of the sheet, by "row,column"
  let stageTiles = [];

  /* ---------------------------------------------------------------- looking up */

  const place = (at) => {
    const point = axes.reduce((sum, axis) => sum + at[axis.name] * axis.stride, 0);
    return { at, point, map: at.unit * numPoints + point };
  };
  const lookUp = (each, spot) => (each.perUnit ? spot.map : spot.point);
  const value = (measure, spot) => measure.values[lookUp(measure, spot)];
  const hasMap = (spot) => Boolean(sheets) && data.maps.kinds[spot.map] !== "0";
  const status = (spot) => data.statuses[spot.point];
  const unitText = (spot) => {
    const index = data.indices && data.indices[data.indices.length > numPoints ? spot.map : spot.point];
    return index === null || index === undefined ? "" : `channel ${index}`;
  };
  const axisText = (axis, spot) => `${axis.label} ${axis.texts[spot.at[axis.name]]}`;
  const partsOf = (spot) =>
    [...several.map((axis) => axisText(axis, spot)), unitText(spot)].filter(Boolean);
  const nameOf = (spot) => partsOf(spot).join(", ");
  const shownMeasure = () => data.measures[state.measure];
  const captionOf = (spot) => {
    if (status(spot) !== "c" || !shownMeasure()) return "";
    return number(value(shownMeasure(), spot));
  };
  const ranges = data.measures.map((measure) => {
    const known = measure.values.filter((each) => each !== null);
    return known.reduce(([low, high], each) => [Math.min(low, each), Math.max(high, each)],
      [Infinity, -Infinity]);
  });

  /* -------------------------------------------------------------------- one tile */

  function makeTile() {
    const tile = element("button", { type: "button", class: "tile" });
    tile.addEventListener("click", () => openZoom(tile));
    return tile;
  }

  function fillTile(tile, spot) {
    const state_ = status(spot);
    const caption = captionOf(spot);
    tile.spot = spot;
    tile.className = `tile tile-${STATUS[state_].replace(" ", "-")}`;
    const label = [nameOf(spot)];
    if (state_ !== "c") label.push(STATUS[state_]);
    else if (caption) label.push(`${shownMeasure().label} ${caption}`);
    tile.setAttribute("aria-label", label.join(": "));
    tile.style.removeProperty("--share");
    if (state_ !== "c") {
      tile.replaceChildren(noteBox(STATUS[state_]));
      if (sheets) tile.append(element("span", { class: "tile-number" }));
    } else if (sheets) {
      const old = tile.querySelector("canvas");
      tile.replaceChildren(hasMap(spot) ? drawn(spot, old) : noteBox("no map"));
      tile.append(element("span", { class: "tile-number" }, caption));
    } else {
      const [low, high] = ranges[state.measure] || [0, 0];
      const here = shownMeasure() ? value(shownMeasure(), spot) : null;
      if (here !== null && high > low) {
        tile.style.setProperty("--share", `${Math.round((100 * (here - low)) / (high - low))}%`);
      }
      tile.classList.add("tile-value");
      tile.replaceChildren(element("span", {}, caption || STATUS[state_]));
    }
  }

  function drawn(spot, canvas = null) {
    const made = canvas || element("canvas", { "aria-hidden": "true" });
    sheets.draw(made, spot.map, numPoints);
    return made;
  }

  function noteBox(text) {
    const box = element("span", { class: "tile-note" }, text);
    if (data.maps) box.style.aspectRatio = `${data.maps.width} / ${data.maps.height}`;
    return box;
  }

  /* ----------------------------------------------------------- sheet and stage */

  const lengthOf = (axis) => (axis ? axis.texts.length : 1);
  /* How many rows or columns are shown at a time. */
  const shownOf = (side) => {
    const columns = Math.min(lengthOf(state.columns), MOST_COLUMNS);
    if (side === "columns") return columns;
    return Math.min(lengthOf(state.rows), MOST_ROWS, Math.floor(MOST_TILES / columns));
  };
  /* The indices of the rows or columns that are shown. */
  const indicesOf = (side) => {
    const first = state.first[side];
    const end = Math.min(first + shownOf(side), lengthOf(state[side]));
    return Array.from({ length: end - first }, (_, index) => first + index);
  };
  /* Shows the part that an index is in; returns whether it is another one. */
  const turnTo = (side, index) => {
    const first = index - (index % shownOf(side));
    const isOther = first !== state.first[side];
    state.first[side] = first;
    return isOther;
  };
  const spotAt = (row, column) => {
    const at = { ...state.at };
    if (state.rows) at[state.rows.name] = row;
    if (state.columns) at[state.columns.name] = column;
    return place(at);
  };

  function buildSheet() {
    const table = byId("sheet-table");
    const focused = ["rows", "columns"].map((side) => {
      const index = state[side] ? state.at[state[side].name] : 0;
      return indicesOf(side).includes(index) ? index : state.first[side];
    });
    tiles.clear();
    table.replaceChildren();
    const [rows, columns] = [indicesOf("rows"), indicesOf("columns")];
    if (state.columns) {
      const corner = [state.rows, state.columns].filter(Boolean).map((axis) => axis.label);
      const heads = columns.map((index) =>
        element("th", { scope: "col", "data-column": index }, state.columns.texts[index]));
      const first = element("th", { scope: "col", class: "corner" }, corner.join(" \\ "));
      table.append(element("thead", {}, element("tr", {}, first, ...heads)));
    }
    const body = element("tbody");
    for (const row of rows) {
      const text = state.rows ? state.rows.texts[row] : "";
      const line = element("tr", {}, element(text ? "th" : "td", text ? { scope: "row" } : {}, text));
      for (const column of columns) {
        const tile = makeTile();
        tile.tabIndex = row === focused[0] && column === focused[1] ? 0 : -1;
        tile.place = [row, column];
        tiles.set(`${row},${column}`, tile);
        line.append(element("td", { "data-column": column }, tile));
      }
      body.append(line);
    }
    table.append(body);
    table.style.setProperty("--columns", columns.length);
    const heads = state.rows ? state.rows.texts : [];
    table.classList.toggle("has-long-heads", heads.some((text) => text.length > LONG_HEAD));
    buildParts();
    buildWalk();
    update();
  }

  /* Sliders through a sheet that is too large to be shown at once. */
  function buildParts() {
    const made = ["rows", "columns"].filter((side) => lengthOf(state[side]) > shownOf(side));
    byId("parts").hidden = !made.length;
    byId("parts").replaceChildren(...made.map((side) => {
      const [axis, size, id] = [state[side], shownOf(side), `part-${side}`];
      const last = Math.ceil(axis.texts.length / size) - 1;
      const slider = element("input", { type: "range", id, min: 0, max: last, step: 1 });
      slider.value = state.first[side] / size;
      const shown = element("output", { for: id });
      const tell = () => {
        const first = slider.value * size;
        const end = Math.min(first + size, axis.texts.length);
        shown.textContent = `${first + 1} to ${end} of ${axis.texts.length}`;
        slider.setAttribute("aria-valuetext", shown.textContent);
      };
      tell();
      slider.addEventListener("input", tell);
      slider.addEventListener("change", () => {
        state.first[side] = slider.value * size;
        buildSheet();
        byId(id).focus();
      });
      const label = element("label", { for: id }, side === "rows" ? "Rows" : "Columns");
      return element("div", { class: "walk-bar" }, label, slider, shown);
    }));
  }

  function buildWalk() {
    const axis = state.columns;
    byId("walk").hidden = !axis;
    if (!axis) return;
    const slider = byId("walk-slider");
    slider.max = axis.texts.length - 1;
    slider.value = state.at[axis.name];
    byId("walk-label").textContent = `Walk along ${axis.label}`;
    stageTiles = indicesOf("rows").map(makeTile);
    const items = stageTiles.map((tile, index) => {
      const row = state.first.rows + index;
      const text = state.rows ? state.rows.texts[row] : "";
      return element("li", {}, element("span", { class: "stage-name" }, text), tile);
    });
    byId("stage").replaceChildren(...items);
  }

  function update() {
    for (const tile of tiles.values()) fillTile(tile, spotAt(...tile.place));
    const picked = several.filter((axis) => axis !== state.rows && axis !== state.columns);
    const shown = picked.map((axis) => axisText(axis, place(state.at)));
    if (shownMeasure()) shown.push(`${sheets ? "below each map " : ""}${shownMeasure().label}`);
    byId("sheet-shown").textContent = shown.join(", ");
    const range = ranges[state.measure];
    byId("scale").hidden = Boolean(sheets) || !range || !(range[1] > range[0]);
    if (range) {
      byId("scale-low").textContent = number(range[0]);
      byId("scale-high").textContent = number(range[1]);
    }
    updateWalk();
  }

  function updateWalk() {
    const axis = state.columns;
    if (!axis) return;
    const here = state.at[axis.name];
    const slider = byId("walk-slider");
    slider.value = here;
    slider.setAttribute("aria-valuetext", axis.texts[here]);
    byId("walk-value").textContent = axis.texts[here];
    stageTiles.forEach((tile, index) => fillTile(tile, spotAt(state.first.rows + index, here)));
    for (const cell of byId("sheet-table").querySelectorAll("[data-column]")) {
      cell.classList.toggle("is-here", Number(cell.dataset.column) === here);
    }
  }

  /* The tile of a place, the part that it is in being shown; null beyond the sheet. */
  function tileAt(place_) {
    const isThere = ["rows", "columns"].every((side, index) =>
      place_[index] >= 0 && place_[index] < lengthOf(state[side]));
    if (!isThere) return null;
    const turned = ["rows", "columns"].map((side, index) => turnTo(side, place_[index]));
    if (turned.some(Boolean)) buildSheet();
    return tiles.get(place_.join(","));
  }

  function moveFocus(tile, row, column) {
    const place_ = [tile.place[0] + row, tile.place[1] + column];
    const next = tileAt(place_);
    if (!next) return null;
    for (const each of tiles.values()) each.tabIndex = -1;
    next.tabIndex = 0;
    return next;
  }

  const ARROWS = {
    ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0],
  };

  byId("sheet-table").addEventListener("keydown", (event) => {
    const tile = event.target.closest(".tile");
    const step = ARROWS[event.key];
    if (!tile || !step) return;
    event.preventDefault();
    const next = moveFocus(tile, ...step);
    if (next) next.focus();
  });

  byId("walk-slider").addEventListener("input", (event) => {
    state.at[state.columns.name] = Number(event.target.value);
    updateWalk();
  });

  /* ------------------------------------------------------------------- controls */

  function choice(label, texts, chosen, id, choose) {
    const isShort = texts.length <= MOST_RADIOS && texts.join("").length <= 60;
    if (!isShort) {
      const options = texts.map((text, index) => element("option", { value: index }, text));
      const select = element("select", { id }, ...options);
      select.selectedIndex = chosen;
      select.addEventListener("change", () => choose(select.selectedIndex));
      return element("div", { class: "choice" }, element("label", { for: id }, label), select);
    }
    const radios = texts.map((text, index) => {
      const radio = element("input", { type: "radio", name: id, value: index });
      radio.checked = index === chosen;
      radio.addEventListener("change", () => choose(index));
      return element("label", { class: "segment" }, radio, element("span", {}, text));
    });
    const row = element("div", { class: "segments" }, ...radios);
    return element("fieldset", { class: "choice", id }, element("legend", {}, label), row);
  }

  function picker(label, id, texts, chosen, choose) {
    const options = texts.map((text, index) => element("option", { value: index }, text));
    const select = element("select", { id }, ...options);
    select.selectedIndex = chosen;
    select.addEventListener("change", () => choose(select.selectedIndex));
    return element("div", { class: "choice" }, element("label", { for: id }, label), select);
  }

  function buildControls() {
    const made = several
      .filter((axis) => axis !== state.rows && axis !== state.columns)
      .map((axis) => choice(axis.label, axis.texts, state.at[axis.name], `pick-${axes.indexOf(axis)}`,
        (index) => { state.at[axis.name] = index; update(); }));
    if (data.measures.length > 1) {
      const labels = data.measures.map((each) => each.label);
      made.push(picker(sheets ? "Number below a map" : "Number shown", "pick-measure", labels,
        state.measure, (index) => { state.measure = index; update(); }));
    }
    if (several.length > 2) {
      const labels = several.map((axis) => axis.label);
      for (const [side, other] of [["rows", "columns"], ["columns", "rows"]]) {
        const label = side === "rows" ? "Rows" : "Columns";
        made.push(picker(label, `pick-${side}`, labels, several.indexOf(state[side]), (index) => {
          const axis = several[index];
          if (axis === state[other]) state[other] = state[side];
          state[side] = axis;
          state.first = { rows: 0, columns: 0 };
          buildControls();
          buildSheet();
          byId(`pick-${side}`).focus();
        }));
      }
    }
    byId("controls").replaceChildren(...made);
  }

  /* ----------------------------------------------------------------------- zoom */

  const dialog = byId("zoom");
  let zoomed = null;
  let opener = null;

  function openZoom(tile) {
    opener = tile;
    zoomed = tile.spot;
    showZoom();
    dialog.showModal();
    fitPicture();
  }

  function showZoom() {
    byId("zoom-title").textContent =
      partsOf(zoomed).map((part) => part.replaceAll(" ", "\u00a0")).join(", ") || "The run";
    const picture = byId("zoom-picture");
    picture.hidden = !sheets;
    if (sheets) {
      const shown = hasMap(zoomed) ? drawn(zoomed) : noteBox(status(zoomed) === "c" ? "no map" : STATUS[status(zoomed)]);
      if (hasMap(zoomed)) {
        shown.removeAttribute("aria-hidden");
        shown.setAttribute("role", "img");
        shown.setAttribute("aria-label", `Map of ${nameOf(zoomed)}`);
      }
      picture.replaceChildren(shown);
      fitPicture();
    }
    byId("zoom-numbers").replaceChildren(...numbersOf(zoomed).map(([name, text]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, text))));
    const key = data.keys[zoomed.point];
    const reason = data.reasons[key];
    const failed = status(zoomed) === "f";
    byId("zoom-reason").hidden = !failed;
    byId("zoom-reason").textContent = reason || "The record of this run gives no reason.";
    byId("zoom-link").hidden = !data.addresses[key];
    if (data.addresses[key]) byId("zoom-link").firstElementChild.href = data.addresses[key];
    byId("zoom-strips").replaceChildren(...stripsOf(zoomed));
    for (const button of dialog.querySelectorAll("[data-step]")) {
      button.disabled = !stepped(...button.dataset.step.split(","));
    }
  }

  function numbersOf(spot) {
    const found = [["status", STATUS[status(spot)]]];
    for (const axis of axes.slice(0, -1)) found.push([axis.label, axis.texts[spot.at[axis.name]]]);
    if (data.units > 1) found.push(["unit", `${spot.at.unit + 1} of ${data.units}`]);
    if (unitText(spot)) found.push(["channel", unitText(spot).replace("channel ", "")]);
    if (status(spot) === "c") {
      for (const measure of data.measures) found.push([measure.label, number(value(measure, spot))]);
      for (const note of data.notes) found.push([note.label, note.names[note.codes[lookUp(note, spot)]]]);
      if (hasMap(spot)) found.push(["gray scale", grayScale(spot)]);
    }
    if (data.keys[spot.point] && status(spot) !== "m") found.push(["run", data.keys[spot.point]]);
    return found.filter(([, text]) => text !== "");
  }

  function grayScale(spot) {
    const [low, high] = [data.maps.low[spot.map], data.maps.high[spot.map]].map(number);
    return data.maps.kinds[spot.map] === "2" ? `flat, ${low} everywhere` : `${low} to ${high}`;
  }

  /* The same map under the other values of each selector, seeds above all. */
  function stripsOf(spot) {
    return several
      .filter((axis) => axis !== state.rows && axis !== state.columns && axis.texts.length <= MOST_RADIOS)
      .map((axis) => {
        const buttons = axis.texts.map((text, index) => {
          const other = place({ ...spot.at, [axis.name]: index });
          const inside = sheets && hasMap(other) ? drawn(other) : noteBox(captionOf(other) || STATUS[status(other)]);
          const button = element("button", {
            type: "button", class: "strip-item", "data-axis": axis.name, "data-index": index,
            "aria-label": `${axis.label} ${text}`, "aria-current": index === spot.at[axis.name] ? "true" : null,
          }, inside, element("span", {}, text));
          button.addEventListener("click", () => selectInStrip(axis, index));
          return button;
        });
        const title = element("h3", { class: "label" }, axis.label);
        return element("div", { class: "strip" }, title, element("div", { class: "strip-items" }, ...buttons));
      });
  }

  function selectInStrip(axis, index) {
    state.at[axis.name] = index;
    zoomed = place({ ...zoomed.at, [axis.name]: index });
    buildControls();
    update();
    showZoom();
    const again = `.strip-item[data-axis="${CSS.escape(axis.name)}"][data-index="${index}"]`;
    dialog.querySelector(again).focus();
  }

  function stepped(side, step) {
    const axis = state[side];
    if (!axis) return null;
    const index = zoomed.at[axis.name] + Number(step);
    if (index < 0 || index >= axis.texts.length) return null;
    return place({ ...zoomed.at, [axis.name]: index });
  }

  function stepZoom(side, step) {
    const next = stepped(side, step);
    if (!next) return;
    zoomed = next;
    showZoom();
  }

  /* A whole number of screen pixels for each of the map's. */
  function fitPicture() {
    const canvas = byId("zoom-picture").querySelector("canvas");
    if (!canvas || !dialog.open) return;
    const room = byId("zoom-picture").clientWidth;
    const scale = Math.min(room / data.maps.width, (0.72 * innerHeight) / data.maps.height);
    canvas.style.width = `${data.maps.width * (scale > 1 ? Math.floor(scale) : scale)}px`;
  }

  dialog.addEventListener("keydown", (event) => {
    const step = ARROWS[event.key];
    if (!step) return;
    event.preventDefault();
    if (step[1]) stepZoom("columns", step[1]);
    else stepZoom("rows", step[0]);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
    const button = event.target.closest("[data-step]");
    if (button) stepZoom(...button.dataset.step.split(","));
  });
  dialog.addEventListener("close", () => {
    const place_ = [state.rows, state.columns].map((axis) => (axis ? zoomed.at[axis.name] : 0));
    const onStage = opener.closest("#stage");
    const inSheet = onStage ? null : tileAt(place_);
    const target = onStage ? opener : inSheet;
    if (target === inSheet) {
      for (const each of tiles.values()) each.tabIndex = -1;
      inSheet.tabIndex = 0;
    }
    target.focus();
  });
  byId("zoom-close").addEventListener("click", () => dialog.close());
  window.addEventListener("resize", fitPicture);

  buildControls();
  buildSheet();
  byId("sheet").hidden = false;
})();
