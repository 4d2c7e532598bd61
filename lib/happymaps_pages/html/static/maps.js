/* Maps out of their sheets, for the pages of sweeps and comparisons. */
"use strict";

const happymapsMaps = {
  read(id) {
    return JSON.parse(document.getElementById(id).textContent);
  },

  /* Three digits, as the tables have them. */
  number(value) {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    if (Number.isInteger(value) && size < 1e9) return String(value).replace("-", "−");
    const text = size >= 1000 && size < 1e9
      ? String(Number(value.toPrecision(3)))
      : size && (size < 1e-4 || size >= 1e9)
        ? value.toExponential(2)
        : String(Number(value.toPrecision(3)));
    return text.replace("-", "−");
  },

  element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined) made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  },

  /* Where the maps of one layout lie; sheets load when a map of theirs is wanted. */
  makeSheets(layout) {
    const images = new Map();
    const load = (name) => {
      if (!images.has(name)) {
        const image = new Image();
        image.src = name;
        images.set(name, image.decode().then(() => image));
      }
      return images.get(name);
    };
    return {
      /* `count` is how many maps a unit has; each unit has sheets of its own. */
      async draw(canvas, map, count) {
        canvas.width = layout.width;
        canvas.height = layout.height;
        canvas.dataset.map = map;
        const perUnit = Math.ceil(count / layout.perSheet);
        const [unit, point] = [Math.floor(map / count), map % count];
        const sheet = unit * perUnit + Math.floor(point / layout.perSheet);
        const place = point % layout.perSheet;
        const image = await load(layout.sheets[sheet]);
        if (canvas.dataset.map !== String(map)) return; // another map was wanted since
        const left = (place % layout.columns) * layout.width;
        const top = Math.floor(place / layout.columns) * layout.height;
        const size = [layout.width, layout.height];
        canvas.getContext("2d").drawImage(image, left, top, ...size, 0, 0, ...size);
      },
    };
  },
};
