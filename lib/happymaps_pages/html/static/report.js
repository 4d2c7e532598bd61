/* Theme switch, formulas, filter, enlarged figures, contents. No dependencies but KaTeX. */
"use strict";

function setUpTheme() {
  const button = document.getElementById("theme-toggle");
  const root = document.documentElement;
  const preferred = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (preferred.matches ? "dark" : "light")) === "dark";
  const show = () => {
    button.querySelector(".theme-label").textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} theme`);
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    window.happymapsTheme.write(root.dataset.theme);
    show();
  });
  preferred.addEventListener("change", show);
  button.hidden = false;
  show();
}

function setUpFormulas() {
  if (!window.renderMathInElement) return; // pages of maps have no formulas
  const environments = ["equation", "align", "gather", "alignat"].flatMap((name) => [
    { left: `\\begin{${name}}`, right: `\\end{${name}}`, display: true },
    { left: `\\begin{${name}*}`, right: `\\end{${name}*}`, display: true },
  ]);
  const delimiters = [
    { left: "$$", right: "$$", display: true },
    { left: "\\[", right: "\\]", display: true },
    { left: "$", right: "$", display: false },
    { left: "\\(", right: "\\)", display: false },
    ...environments,
  ];
  for (const element of document.querySelectorAll(".math, .prose")) {
    renderMathInElement(element, { delimiters, throwOnError: false });
  }
  const displays = [...document.querySelectorAll(".katex-display")];
  const mark = () => {
    for (const display of displays) {
      // What scrolls has to be reachable by keyboard, and nothing else.
      if (display.scrollWidth > display.clientWidth) display.tabIndex = 0;
      else display.removeAttribute("tabindex");
    }
  };
  window.addEventListener("load", mark);
  window.addEventListener("resize", mark);
}

function setUpFilter() {
  const box = document.getElementById("filter");
  if (!box) return;
  const input = document.getElementById("filter-text");
  const collections = [...document.querySelectorAll(".collection")].map((element) => ({
    element,
    cards: [...element.querySelectorAll(".card")].map((card) => ({
      element: card,
      status: card.dataset.status,
      text: `${element.dataset.search} ${card.textContent}`.toLowerCase(),
    })),
  }));
  const total = document.querySelectorAll(".card").length;
  const buttons = [...box.querySelectorAll("[data-show]")];
  let status = "";
  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const isFiltered = words.length > 0 || status !== "";
    let shown = 0;
    for (const collection of collections) {
      let here = 0;
      for (const card of collection.cards) {
        const matches = (!status || card.status === status)
          && words.every((word) => card.text.includes(word));
        card.element.hidden = !matches;
        here += matches;
      }
      collection.element.hidden = here === 0;
      collection.element.classList.toggle("is-filtered", isFiltered);
      shown += here;
    }
    document.getElementById("filter-count").textContent =
      isFiltered ? `${shown} of ${total}` : "";
    document.getElementById("filter-none").hidden = shown > 0;
  };
  const choose = (name) => {
    status = name;
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.show === name));
    }
    apply();
  };
  for (const button of buttons) {
    button.addEventListener("click", () => choose(button.dataset.show));
  }
  const clear = () => { input.value = ""; choose(""); input.focus(); };
  input.addEventListener("input", apply);
  document.getElementById("filter-clear").addEventListener("click", clear);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== input) {
      event.preventDefault();
      input.focus();
    }
  });
  box.hidden = false;
  apply();
}

/* "2 days ago" for the eye, the date for the pointer, the printer and the machine. */
function setUpAges() {
  const steps = [["year", 31557600], ["month", 2629800], ["day", 86400], ["hour", 3600], ["minute", 60]];
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  for (const time of document.querySelectorAll("time[data-age]")) {
    const seconds = (Date.now() - new Date(time.dateTime).getTime()) / 1000;
    if (!(seconds >= 0)) continue; // no date, or a clock that is ahead
    const [unit, length] = steps.find(([, size]) => seconds >= size) || ["minute", 60];
    time.title = time.textContent.trim();
    time.textContent = seconds < 60 ? "just now" : words.format(-Math.floor(seconds / length), unit);
  }
}

function setUpLightbox() {
  const dialog = document.getElementById("lightbox");
  if (!dialog) return;
  const links = [...document.querySelectorAll("#article-body a.zoom")];
  const image = document.getElementById("lightbox-image");
  let position = 0;
  const show = (index) => {
    position = (index + links.length) % links.length;
    image.src = links[position].href;
    // Twice its size at most: beyond that only blur is added.
    image.onload = () => { image.style.maxWidth = `min(100%, ${2 * image.naturalWidth}px)`; };
    image.alt = links[position].querySelector("img").alt;
    const count = links.length > 1 ? ` (${position + 1} of ${links.length})` : "";
    document.getElementById("lightbox-text").textContent = image.alt + count;
  };
  links.forEach((link, index) => link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(index);
    dialog.showModal();
  }));
  dialog.addEventListener("click", (event) => {
    if (!event.target.closest(".lightbox-bar p")) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) show(position + step);
  });
  dialog.addEventListener("close", () => links[position].focus());
}

function setUpContents() {
  const links = new Map();
  for (const link of document.querySelectorAll(".contents a")) {
    links.set(decodeURIComponent(link.hash.slice(1)), link);
  }
  const headings = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  if (!headings.length) return;
  const mark = () => {
    const passed = headings.filter((heading) => heading.getBoundingClientRect().top < 140);
    const current = passed.length ? passed[passed.length - 1] : headings[0];
    for (const [id, link] of links) {
      if (id === current.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  document.addEventListener("scroll", mark, { passive: true });
  mark();
}

/* What a reader has folded would be missing on paper. */
function setUpPrint() {
  let opened = [];
  const swapAges = () => {
    for (const time of document.querySelectorAll("time[data-age][title]")) {
      [time.title, time.textContent] = [time.textContent, time.title];
    }
  };
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.provenance:not([open])")];
    for (const element of opened) element.open = true;
    swapAges();
  });
  window.addEventListener("afterprint", () => {
    for (const element of opened) element.open = false;
    swapAges();
  });
}

setUpTheme();
setUpFormulas();
setUpAges();
setUpFilter();
setUpLightbox();
setUpContents();
setUpPrint();
