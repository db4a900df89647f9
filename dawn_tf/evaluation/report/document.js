"use strict";
(() => {
  const PRINT = { ink: "#000000", soft: "#333333", line: "#bbbbbb", page: "#ffffff" };
  const PRINT_WIDTH = 690; // Of A4 in CSS pixels, without margins.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const figures = [...document.querySelectorAll("figure.plot")];
  const specs = new Map(
    figures.map((f) => [f, JSON.parse(f.querySelector("script").textContent)]),
  );
  // Methods that are shown, by section; a plot's own start is the same in each of them.
  const shown = new Map();
  let printing = false;

  function colors() {
    if (printing) return PRINT;
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(`--${name}`).trim();
    return { ink: of("ink"), soft: of("soft"), line: of("line"), page: of("page") };
  }

  function view(figure) {
    const select = figure.querySelector("select");
    return specs.get(figure)[select ? select.selectedIndex : 0];
  }

  function methodsOf(figure) {
    const section = figure.closest("section");
    if (!shown.has(section)) {
      const methods = new Map();
      for (const f of section.querySelectorAll("figure.plot"))
        for (const one of specs.get(f))
          for (const trace of one.traces)
            if (trace.meta && !methods.has(trace.meta.method))
              methods.set(trace.meta.method, trace.visible);
      shown.set(section, methods);
    }
    return shown.get(section);
  }

  function axis(given, tone) {
    return {
      gridcolor: tone.line, zerolinecolor: tone.line, linecolor: tone.soft, automargin: true,
      ...given,
    };
  }

  function draw(figure) {
    const { traces, layout } = structuredClone(view(figure));
    const tone = colors(), methods = methodsOf(figure);
    const canvas = figure.querySelector(".canvas");
    const width = printing ? PRINT_WIDTH : canvas.clientWidth, narrow = width < 560;
    for (const trace of traces) {
      if (trace.meta) trace.visible = methods.get(trace.meta.method);
      if (trace.text) trace.textfont = { color: tone.ink, ...trace.textfont };
      for (const bar of ["error_x", "error_y"])
        if (trace[bar] && trace.marker) trace[bar].color = trace.marker.color;
      if (trace.type === "heatmap" && narrow) trace.showscale = false;
    }
    Plotly.react(canvas, traces, {
      ...layout,
      width: printing ? width : undefined,
      autosize: true,
      showlegend: false,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: narrow ? 11 : 13, color: tone.ink },
      hoverlabel: { bgcolor: tone.page, bordercolor: tone.soft, font: { color: tone.ink } },
      margin: { l: 50, r: narrow ? 12 : 30, t: 16, b: 44 },
      // A finger that drags scrolls the page.
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      xaxis: axis(layout.xaxis, tone),
      yaxis: axis(layout.yaxis, tone),
    }, { displayModeBar: false, responsive: !printing });
    figure.dataset.drawn = "1";
    key(figure, traces);
  }

  const SHAPES = {
    circle: "M17 6a4 4 0 1 0-8 0a4 4 0 1 0 8 0", square: "M9 2h8v8h-8z",
    diamond: "M13 1l5 5l-5 5l-5-5z", "triangle-up": "M13 1l5 9h-10z",
    cross: "M11.5 1h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z",
    x: "M9 1l4 3l4-3l1 1l-3 4l3 4l-1 1l-4-3l-4 3l-1-1l3-4l-3-4z", "line-ns-open": "M12 1h2v10h-2z",
  };
  const DASHES = { dash: "6 3", dot: "2 2", dashdot: "6 2 2 2" };

  function swatch(trace) {
    const line = trace.mode.includes("lines");
    const color = (trace.marker || trace.line).color;
    const dash = trace.line && DASHES[trace.line.dash] ? DASHES[trace.line.dash] : "none";
    const shape = trace.mode.includes("markers") ? SHAPES[trace.marker.symbol] : "";
    return `<svg width="26" height="12" aria-hidden="true">` +
      (line ? `<path d="M0 6h26" stroke="${color}" stroke-width="2" stroke-dasharray="${dash}"/>` : "") +
      `<path d="${shape}" fill="${color}"/></svg>`;
  }

  function key(figure, traces) {
    const place = figure.querySelector(".key");
    const focused = place.contains(document.activeElement)
      ? [...place.children].indexOf(document.activeElement) : -1;
    place.replaceChildren();
    const named = traces.filter((t) => t.name && t.mode);
    for (const trace of named) {
      const item = document.createElement(trace.meta ? "button" : "span");
      item.innerHTML = swatch(trace);
      // Names of traces are escaped for plotly.js, which is what innerHTML expects too.
      item.insertAdjacentHTML("beforeend", trace.name);
      if (trace.meta) {
        item.type = "button";
        item.setAttribute("aria-pressed", String(Boolean(trace.visible)));
        item.addEventListener("click", () => choose(figure, (m, on) =>
          m === trace.meta.method ? !on : on));
      }
      place.append(item);
    }
    const methods = named.filter((t) => t.meta);
    if (methods.length > 6)
      for (const [text, on] of [["show all", true], ["show none", false]]) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "all";
        button.textContent = text;
        button.addEventListener("click", () => choose(figure, () => on));
        place.append(button);
      }
    if (focused >= 0 && place.children[focused]) place.children[focused].focus();
  }

  function choose(figure, decide) {
    const methods = methodsOf(figure);
    for (const [method, on] of methods) methods.set(method, decide(method, on));
    for (const f of figure.closest("section").querySelectorAll("figure.plot[data-drawn]")) draw(f);
  }

  for (const figure of figures) {
    const select = figure.querySelector("select");
    if (select)
      select.addEventListener("change", () => {
        figure.querySelectorAll(".data > div").forEach((div, i) => {
          div.hidden = i !== select.selectedIndex;
        });
        draw(figure);
      });
  }

  // What is seen is drawn at once, the rest one by one in idle time.
  const waiting = new Set(figures);
  function need(figure) {
    if (waiting.delete(figure)) draw(figure);
  }
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) need(entry.target);
  }, { rootMargin: "400px" });
  figures.forEach((figure) => watcher.observe(figure));
  function rest() {
    const [next] = waiting;
    if (!next) return;
    need(next);
    setTimeout(rest, 20);
  }
  addEventListener("load", () => setTimeout(rest, 300));

  function redraw() {
    figures.forEach((figure) => { if (!waiting.has(figure)) draw(figure); });
  }
  dark.addEventListener("change", redraw);
  addEventListener("beforeprint", () => {
    printing = true;
    waiting.clear();
    figures.forEach(draw);
  });
  addEventListener("afterprint", () => { printing = false; redraw(); });

  function valueOf(cell) {
    const text = cell.textContent.replace(/\u202f/g, "");
    const number = parseFloat(text);
    return Number.isNaN(number) ? text : number;
  }

  function compare(a, b) {
    if (typeof a === typeof b)
      return typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
    return 0;
  }

  function sort(table, column, descending) {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [valueOf(row.cells[column]), row]);
    const empty = ([value]) => value === "–";
    // Rows without a value stay last, whichever way the others go.
    rows.sort((a, b) => empty(a) - empty(b) || (descending ? -1 : 1) * compare(a[0], b[0]));
    body.append(...rows.map(([, row]) => row));
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const first = column === 0 ? "ascending" : "descending";
        const second = column === 0 ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === first ? second : first;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        sort(table, column, order === "descending");
      });
    });
  }
})();
