// The panel beside the graph: what is known of the chosen node, and fields to change the inputs.

// --- a chosen node: paths, chain rule, heat maps -----------------------------------------

function choose(item) {
  if (chosen === item) return;
  chosen = item;
  about(item);
}

// Highlights the chosen node and its paths to the output, of all that is drawn.
let paths = new Set();
function marked() {
  const flowing = chosen && (chosen.parts || chosen.gradient != null);
  picture.classList.toggle("choosing", !!chosen);
  for (const link of drawnLinks) link.line.classList.toggle("path", link.flows && paths.has(link.from));
  for (const f of drawnFaces) {
    f.element.classList.toggle("path", !!chosen && (flowing ? paths.has(f.item) : f.item === chosen));
    f.element.classList.toggle("chosen", f.item === chosen);
    f.element.classList.toggle("found", foundItems.has(f.item));
  }
  tips();
}

function about(item) {
  const panel = find("about");
  paths = new Set(item ? [item] : []);
  if (item) for (const i of items) if (linksInto.get(i)?.some((l) => l.flows && paths.has(l.from))) paths.add(i);
  inSight();
  marked();
  if (!item) return panel.replaceChildren();
  const end = exitOf(item);
  panel.replaceChildren(htmlOf("h2", {}, nameOf(item)));
  const formula = item.formula && parsed(item.formula);
  if (formula) panel.append(htmlOf("p", { class: "ask" }, displayed(...typesetName(item), mathOf("mo", "="), ...formula)));
  else if (item.text && item.text !== item.name) panel.append(htmlOf("p", { class: "call" }, item.text));
  if (item.line) panel.append(htmlOf("p", { class: "note source" }, item.line));
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
  if (!end || mode === "predict") return;
  const flows = end.gradient != null;
  if (flows && end !== output && end.kind !== "box") panel.append(...chainRule(end));
  const table = htmlOf("div", { class: "contents" });
  table.append(content("value", end.value));
  if (flows) table.append(content(gradientName(end), end.gradient));
  panel.append(table);
}

// The chain rule: as explain sets it where nothing was changed, and as text.
function chainRule(end) {
  const text = htmlOf("pre", { class: "chain", tabindex: 0, "aria-label": "Chain rule" }, chain(end));
  if (edited || !end.chainMath) return [text];
  const table = htmlOf("table", { class: "formulas", role: "presentation" });
  for (const [left, right, value] of end.chainMath) {
    const cell = (part) => htmlOf("td", {}, ...(part ? [displayed(...(parsed(part) ?? [part]))] : []));
    const sides = [...(right ? [mathOf("mo", "="), ...(parsed(right) ?? [])] : [])];
    table.append(htmlOf("tr", {}, cell(left), htmlOf("td", {}, displayed(...sides),
      ...(value ? [htmlOf("span", {}, `= ${value.replaceAll("-", "−")}`)] : []))));
  }
  return [htmlOf("div", { class: "scroll wide", tabindex: 0, role: "region", "aria-label": "Chain rule" }, table),
    htmlOf("details", {}, htmlOf("summary", {}, "As text"), text)];
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
    if (document.activeElement === input) return;
    const value = whyFixed ? v.value : entryOf(v.x, place());
    input.value = isNumber(v.value) ? value : Number(value.toPrecision(4));
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
  if (data.length <= CELLS && shape.at(-1) <= 4) {
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
