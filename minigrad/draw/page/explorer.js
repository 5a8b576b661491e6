// What a person does: choose a node, change a leaf, step, play, print.

// --- a chosen node: paths, chain rule, heat maps -----------------------------------------

function choose(item) {
  if (chosen === item) return;
  chosen = item;
  about(item);
}

function about(item) {
  const panel = find("about");
  for (const f of faces) f.element.classList.remove("path", "chosen");
  for (const link of links) link.line.classList.remove("path");
  picture.classList.toggle("choosing", !!item);
  if (!item) {
    tips();
    panel.replaceChildren();
    return;
  }
  const reached = new Set([item]);
  for (const i of items) if (linksInto.get(i)?.some((l) => l.flows && reached.has(l.from))) reached.add(i);
  for (const link of links) link.line.classList.toggle("path", link.flows && reached.has(link.from));
  const flowing = item.parts || item.gradient != null;
  for (const f of faces) {
    f.element.classList.toggle("path", flowing ? reached.has(f.item) : f.item === item);
    f.element.classList.toggle("chosen", f.item === item);
  }
  tips();
  const end = exitOf(item);
  panel.replaceChildren(htmlOf("h2", {}, nameOf(item)));
  if (item.text && item.text !== item.name) panel.append(htmlOf("p", { class: "call" }, item.text));
  if (item.parts) panel.append(htmlOf("p", {}, `${item.parts.length} nodes; Enter or a click opens the box.`));
  if (item.box && item.box.open) {
    const close = htmlOf("button", {}, `Close ${item.box.title}`);
    close.addEventListener("click", () => {
      item.box.open = false;
      chosen = null;
      arrange();
      itemElement(item)?.focus();
    });
    panel.append(close);
  }
  if (!end) return;
  const flows = end.gradient != null;
  if (flows && end !== output && end.kind !== "box") panel.append(htmlOf("pre", { class: "chain", tabindex: 0, "aria-label": "Chain rule" }, chain(end)));
  const table = htmlOf("div", { class: "contents" });
  table.append(content("value", end.value));
  if (flows) table.append(content(gradientName(end), end.gradient));
  panel.append(table);
}

function content(title, value) {
  const figure = htmlOf("figure", {}, htmlOf("figcaption", {}, isNumber(value) ? `${title} = ${number(value, 6)}` : title));
  if (value == null || isNumber(value)) return figure;
  figure.append(htmlOf("p", {}, value.lines.join(" · ")));
  if (value.rows) figure.append(heat(title, value));
  if (value.note) figure.append(htmlOf("p", { class: "note" }, value.note));
  return figure;
}

// Blue below zero, orange above, by area of the strongest entry.
function heat(title, { rows, lines }) {
  const cells = rows.map((row) => row.map(decoded));
  const most = Math.max(...cells.flat().filter(Number.isFinite).map(Math.abs), Number.MIN_VALUE);
  const wide = Math.max(...cells.map((row) => row.length)), written = wide <= 5 && cells.length <= 12;
  const table = htmlOf("table", { class: written ? "heat written" : "heat", "aria-label": `${title}, ${lines.join(", ")}` });
  cells.forEach((row, i) => {
    const tr = htmlOf("tr");
    row.forEach((v, j) => {
      const td = htmlOf("td", { title: `[${i}, ${j}] ${number(v, 5)}` }, written ? number(v, 3) : "");
      td.style.setProperty("--strength", `${Number.isFinite(v) ? Math.round((80 * Math.abs(v)) / most) : 0}%`);
      td.className = Number.isFinite(v) ? (v < 0 ? "minus" : "plus") : "odd";
      tr.append(td);
    });
    table.append(tr);
  });
  return htmlOf("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, table);
}

// The chain rule in links between named quantities, unnamed steps in between multiplied out.
function chain(source) {
  if (!edited && source.chain) return source.chain;
  // Written as explain writes it.
  const ratio = (of, by) => partial(of, by).replaceAll("∂", "d");
  const plain = (v) => number(v, 6).replaceAll("−", "-");
  const reached = new Set([source]);
  for (const v of vertices) if (v.ins.some((e) => e.flows && reached.has(e.source))) reached.add(v);
  // Where nothing between them has a name, every step is a link.
  const between = [...reached].some((v) => v !== source && v !== output && v.named);
  const stop = (v) => v === source || v === output || v.named || !between;
  const from = new Map(), factors = [];
  for (const target of vertices.filter((v) => reached.has(v) && v !== source && stop(v))) {
    const pending = new Map([[target, 1]]);
    for (const v of vertices.slice(0, target.id + 1).reverse()) {
      if (!pending.has(v)) continue;
      const factor = pending.get(v);
      if (v !== target && stop(v)) {
        const link = { source: v, target, factor };
        factors.push(link);
        from.set(v, [...(from.get(v) ?? []), link]);
        continue;
      }
      for (const e of v.ins) {
        if (!e.flows || !reached.has(e.source)) continue;
        const step = isNumber(factor) && isNumber(e.local) ? factor * e.local : null;
        const before = pending.get(e.source) ?? 0;
        pending.set(e.source, step === null || before === null ? null : before + step);
      }
    }
  }
  const routes = [];
  const walk = [[source, []]];
  while (walk.length && routes.length < 8) {
    const [v, route] = walk.pop();
    if (v === output) routes.push(route);
    else for (const link of from.get(v) ?? []) walk.push([link.target, [link, ...route]]);
  }
  const name = (link) => ratio(link.target === output ? subject : link.target.name, link.source.name);
  const head = ratio(subject, source.name);
  const lines = routes.map((route, i) => `${i ? " ".repeat(head.length - 1) + "+" : head + " ="} ${route.map(name).join(" · ")}`);
  if (walk.length) lines.push(`${" ".repeat(head.length)} + …`);
  const used = factors.filter((link) => routes.some((route) => route.includes(link))).reverse();
  const width = Math.max(...used.map((link) => name(link).length));
  if (used.length > 1 || !isNumber(source.gradient))
    for (const link of used)
      if (isNumber(link.factor)) lines.push(`  ${name(link).padEnd(width)} = ${plain(link.factor)}`);
  lines.push(`${head} = ${isNumber(source.gradient) ? plain(source.gradient) : shape(source.gradient)}`);
  return lines.join("\n");
}

// --- changing leaves -------------------------------------------------------------------

const fieldsShown = [];
const CELLS = 24; // most entries of an array that have a field each
const summaryLine = () => `${subject} = ${isNumber(output.value) ? number(output.value, 6) : brief(output.value)}`;
const entryOf = (x, i) => nd.dataOf(x)[i];
function withEntry(x, i, value) {
  if (isNumber(x)) return value;
  const data = Float64Array.from(x.data);
  data[i] = value;
  return { shape: x.shape, data };
}

// A field for the entry at `place()`.
function field(v, place, label) {
  const input = htmlOf("input", { type: "number", step: "any", "aria-label": label });
  input.readOnly = !!whyFixed;
  input.refresh = () => {
    if (document.activeElement !== input) input.value = whyFixed ? v.value : entryOf(v.x, place());
  };
  input.refresh();
  input.addEventListener("input", () => {
    if (!whyFixed && input.value !== "" && Number.isFinite(input.valueAsNumber))
      change([[v, withEntry(v.x, place(), input.valueAsNumber)]]);
  });
  input.addEventListener("focus", () => choose(itemOf(v)));
  fieldsShown.push(input);
  return input;
}

// A field for each entry of a small array; for one entry of a larger one, chosen by its index.
function matrixFields(v) {
  const { shape, data } = v.x, name = htmlOf("span", { class: "of" }, v.name);
  if (data.length <= CELLS && shape.at(-1) <= 6) {
    const table = htmlOf("div", { class: "matrix" });
    table.style.setProperty("--across", shape.at(-1));
    data.forEach((_, i) => table.append(field(v, () => i, `${v.name}[${indexOf(i, shape).join(", ")}]`)));
    return htmlOf("div", { class: "array" }, name, table);
  }
  let at = 0;
  const index = htmlOf("input", { type: "text", inputmode: "numeric", value: shape.map(() => 0).join(", "), "aria-label": `Index into ${v.name}` });
  const entry = field(v, () => at, `Entry of ${v.name}`);
  index.addEventListener("input", () => {
    const places = index.value.split(/[\s,]+/).filter(Boolean).map(Number);
    const fits = places.length === shape.length && places.every((p, i) => Number.isInteger(p) && p >= -shape[i] && p < shape[i]);
    index.setAttribute("aria-invalid", String(!fits));
    if (!fits) return;
    at = places.reduce((sum, p, i) => sum * shape[i] + (p < 0 ? p + shape[i] : p), 0);
    entry.refresh();
  });
  return htmlOf("div", { class: "array" }, name, htmlOf("div", { class: "entry" }, "[", index, "] =", entry));
}
const indexOf = (i, shape) => shape.map((size, k) => Math.floor(i / nd.volume(shape.slice(k + 1))) % size);

let result = null, reset = null;
function editor() {
  const panel = find("edit");
  if (!editable.length) return;
  panel.append(htmlOf("h2", {}, "Change the inputs"));
  if (whyFixed) panel.append(htmlOf("p", { class: "note" }, `Read only: ${whyFixed}`));
  const fields = htmlOf("div", { class: "fields" });
  const single = editable.filter((v) => isNumber(v.value)).slice(0, 60);
  for (const v of single) {
    fields.append(htmlOf("label", {}, htmlOf("span", {}, v.name), field(v, () => 0, `Value of ${v.name}`)));
  }
  panel.append(fields);
  if (whyFixed) return;
  for (const v of editable.filter((v) => !one(v.x) && nd.volume(nd.shapeOf(v.x))).slice(0, 20))
    panel.append(matrixFields(v));
  reset = htmlOf("button", { type: "button" }, "Reset");
  result = htmlOf("output", { "aria-live": "polite" });
  reset.addEventListener("click", restore);
  panel.append(htmlOf("p", { class: "result" }, result, reset));
  refreshEditor();
}
function refreshEditor() {
  if (!result) return;
  for (const input of fieldsShown) input.refresh();
  result.textContent = summaryLine();
  reset.disabled = !edited;
}

// After numbers have changed.
function refresh() {
  arrange();
  about(chosen);
  refreshEditor();
}

// The table of all steps is written when somebody wants to see it.
function ledger() {
  if (!find("ledger").open) return;
  const list = find("ledger").querySelector("ol");
  list.replaceChildren(...steps.map((step, i) => {
    const { title, lines } = words(step);
    const row = htmlOf("button", { class: step.phase, type: "button" }, htmlOf("b", {}, title),
      htmlOf("span", {}, lines.filter((l) => l).map((l) => l.trim()).join("; ").replaceAll("; = ", " = ").replaceAll(".; ", ". ")));
    row.addEventListener("click", () => go(i));
    return htmlOf("li", {}, row);
  }));
  list.start = 0;
  list.children[at]?.firstChild.setAttribute("aria-current", "step");
}
find("ledger").addEventListener("toggle", ledger);

// --- a hand derivation, laid over the graph ----------------------------------------------

const VERDICTS = { correct: "right", rounded: "right, rounded", wrong: "wrong", carried: "follows from an earlier slip", missing: "missing" };

function compared() {
  const panel = find("compared"), report = DATA.report;
  if (!report) return;
  const first = report.rows.find((row) => row.first);
  panel.append(htmlOf("h2", { class: report.ok ? "right" : "wrong" }, report.ok ? "Every step is right"
    : `${first.quantity} is the first ${first.verdict === "missing" ? "missing" : "wrong"} step`));
  if (first && first.remark) panel.append(htmlOf("p", { class: "cause" }, first.remark));
  const table = htmlOf("table", { class: "rows" }, htmlOf("tr", {},
    ...["quantity", "yours", "autodiff", "verdict"].map((h) => htmlOf("th", { scope: "col" }, h))));
  for (const row of report.rows) {
    const name = row.vertex == null ? row.quantity : htmlOf("button", { type: "button" }, row.quantity);
    if (row.vertex != null) name.addEventListener("click", () => showRow(row));
    table.append(htmlOf("tr", { class: row.verdict, title: row.remark }, htmlOf("td", {}, name), htmlOf("td", {}, row.yours),
      htmlOf("td", {}, row.engine), htmlOf("td", {}, VERDICTS[row.verdict] ?? row.verdict)));
  }
  panel.append(table);
}

function showRow(row) {
  const v = vertices[row.vertex];
  choose(itemOf(v));
  sight(itemElement(v));
}

// --- playing ---------------------------------------------------------------------------

let timer = 0;
function play(on = !timer) {
  clearInterval(timer);
  timer = 0;
  if (on) {
    if (at === steps.length - 1) go(0);
    timer = setInterval(() => {
      go(at + 1);
      if (at === steps.length - 1) play(false);
    }, 1300);
  }
  const button = find("play");
  button.setAttribute("aria-pressed", String(on));
  button.setAttribute("aria-label", on ? "Pause" : "Play");
  button.classList.toggle("on", on);
  button.querySelector("span").textContent = on ? "Pause" : "Play";
}
const jump = (step) => {
  play(false);
  go(step);
};
const KEYS = {
  ArrowRight: () => jump(at + 1),
  ArrowLeft: () => jump(at - 1),
  Home: () => jump(0),
  End: () => jump(steps.length - 1),
  b: () => jump(steps.findIndex((s) => s.phase === "seed")),
  " ": () => play(),
  "+": () => zoom(1.3),
  "=": () => zoom(1.3),
  "-": () => zoom(1 / 1.3),
  0: whole,
  "/": () => find("search").focus(),
  Escape: () => {
    chosen = null;
    about(null);
    document.activeElement.blur();
  },
};
const PANS = {
  ArrowRight: () => pan(-80, 0),
  ArrowLeft: () => pan(80, 0),
  ArrowDown: () => pan(0, -80),
  ArrowUp: () => pan(0, 80),
};
addEventListener("keydown", (event) => {
  const tag = event.target.tagName;
  if (event.ctrlKey || event.altKey || event.metaKey || (tag === "INPUT" && event.key !== "Escape")) return;
  if (event.key === " " && (tag === "BUTTON" || tag === "SUMMARY")) return;
  const act = (event.shiftKey && PANS[event.key]) || KEYS[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});
find("first").addEventListener("click", KEYS.Home);
find("back").addEventListener("click", KEYS.ArrowLeft);
find("next").addEventListener("click", KEYS.ArrowRight);
find("last").addEventListener("click", KEYS.End);
find("play").addEventListener("click", () => play());
find("slider").addEventListener("input", () => jump(Number(find("slider").value)));
const hashed = () => {
  const found = /^#step=(\d+)$/.exec(location.hash);
  return found ? Number(found[1]) : 0;
};
addEventListener("hashchange", () => go(hashed()));
narrow.addEventListener("change", () => {
  draw();
  go(at, true);
  about(chosen);
});

// On paper: the graph with all gradients, and every step.
let before = null;
addEventListener("beforeprint", () => {
  onPaper = true;
  before = { at, open: find("ledger").open };
  play(false);
  find("ledger").open = true;
  ledger();
  draw();
  go(steps.length - 1, true);
});
addEventListener("afterprint", () => {
  onPaper = false;
  find("ledger").open = before.open;
  draw();
  go(before.at, true);
  about(chosen);
});

at = hashed();
arrange();
editor();
compared();
go(at);
if (DATA.wrt.length) choose(itemOf(vertices[DATA.wrt[0]]));
// For the console, and for tests.
window.explorer = { np, nd, linked, computed, go, change, restore, whyFixed, vertices, get steps() { return steps; }, get at() { return at; }, get look() { return look; } };
