// The graph as SVG, at any step.

const svgOf = (tag, attributes = {}, ...children) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};
const htmlOf = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};
const LINE = 17, PAD = 9;
// Wide characters count double: a rough measure that needs no rendered text.
const breadth = (text, size) => [...text].reduce((w, c) => w + (c > "\u2e7f" ? 1.8 : 1), 0) * size;

// What a node says of its value, and of its gradient (or of the part that has arrived).
const nodeLines = (v) => (v == null ? [] : isNumber(v) ? [number(v)] : [v.lines[0], v.range].filter((l) => l));
function slopeLines(v, gradient, more = "") {
  const name = short(gradientName(v), 16);
  if (isNumber(gradient)) return [`${name} = ${number(gradient).padEnd(more ? 0 : 4)}${more}`];
  return gradient == null ? [] : [`${name} ${shape(gradient)}`, gradient.range].filter((l) => l);
}

function face(item) {
  const end = exitOf(item), name = short(nameOf(item), 26);
  const body = item.text && item.text !== item.name ? short(item.text, 30) : "";
  const shown = end && !(item.kind === "constant" && !item.named && isNumber(end.value)) ? end : null;
  const lines = shown ? nodeLines(shown.value) : [];
  const slopes = shown ? slopeLines(shown, shown.gradient) : [];
  const rows = { value: lines.length, gradient: slopes.length };
  const height = 2 * PAD + LINE * (1 + (body ? 1 : 0) + rows.value + rows.gradient);
  const width = Math.max(item.kind === "constant" && !item.named ? 40 : 84, breadth(name, 8),
    breadth(body, 6.8), ...[...lines, ...slopes].map((l) => breadth(l, 7.7))) + 2 * PAD;
  return { item, name, body, rows, end, shown, width, height,
    source: !item.parts && (item.kind === "leaf" || item.kind === "constant") };
}

let faces = [], picture = null, onPaper = false;

function plans(vertical) {
  const index = new Map(items.map((item, i) => [item, i]));
  return layered(faces, links.map((l) => ({ from: index.get(l.from), to: index.get(l.to) })), vertical);
}

function draw() {
  let vertical = DATA.vertical || narrow.matches;
  faces = items.map(face);
  let plan = plans(vertical);
  if (onPaper) {
    // Whichever way is larger on a sheet of A4.
    const other = plans(!vertical), size = ({ width, height }) => Math.min(690 / width, 930 / height);
    if (size(other) > size(plan)) [vertical, plan] = [!vertical, other];
  }
  const M = 22;
  picture = svgOf("svg", { viewBox: `${-M} ${-M} ${plan.width + 2 * M} ${plan.height + 2 * M}`,
    role: "group",
    "aria-label": `Graph of ${subject}: ${items.length} nodes in the order of computation` });
  const marker = (id) => svgOf("marker", { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8,
    markerHeight: 8, orient: "auto-start-reverse", markerUnits: "userSpaceOnUse" }, svgOf("path", { d: "M0 0.5L8 4L0 7.5z" }));
  picture.append(svgOf("defs", {}, marker("tip"), marker("tip-path"), marker("tip-now")));
  const under = svgOf("g", { "aria-hidden": "true" }), over = svgOf("g"), labels = svgOf("g", { "aria-hidden": "true" });
  picture.append(under, over, labels);
  links.forEach((link, i) => {
    const route = plan.routes[i];
    link.line = svgOf("path", { d: curve(route, vertical), class: link.flows ? "edge flows" : "edge" });
    under.append(link.line);
    const [a, b] = route;
    link.label = svgOf("text", { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 + (vertical ? 4 : -5), class: "local" });
    labels.append(link.label);
  });
  faces.forEach((f, i) => over.append(nodeOf(f, plan.at[i])));
  find("stage").replaceChildren(picture);
  fit();
}

// As large as the window, within what is readable.
function fit() {
  const { width, height } = picture.viewBox.baseVal, stage = find("stage");
  const scale = Math.max(0.75, Math.min(1.25, (stage.clientWidth - 24) / width,
    Math.max(1, (stage.clientHeight - 24) / height)));
  picture.setAttribute("width", width * scale);
  picture.setAttribute("height", height * scale);
}

function curve(route, vertical) {
  let d = `M${route[0].x} ${route[0].y}`;
  for (let i = 1; i < route.length; i++) {
    const [a, b] = [route[i - 1], route[i]];
    const c = vertical ? `${a.x} ${(a.y + b.y) / 2} ${b.x} ${(a.y + b.y) / 2}`
      : `${(a.x + b.x) / 2} ${a.y} ${(a.x + b.x) / 2} ${b.y}`;
    d += `C${c} ${b.x} ${b.y}`;
  }
  return d;
}

function nodeOf(f, centre) {
  const { item, width, height } = f, kind = item.parts ? "box" : item.kind;
  const last = item === itemOf(output);
  const g = svgOf("g", { class: `node ${kind}${last ? " output" : ""}`, tabindex: 0, role: "button", "data-name": nameOf(item),
    transform: `translate(${centre.x - width / 2} ${centre.y - height / 2})` });
  const radius = kind === "leaf" ? Math.min(18, height / 2) : kind === "constant" ? 2 : 6;
  if (kind === "box") for (const k of [6, 3])
    g.append(svgOf("rect", { x: k, y: -k, width, height, rx: radius, class: "shape behind" }));
  g.append(svgOf("rect", { width, height, rx: radius, class: "shape" }));
  if (last) g.append(svgOf("rect", { x: 3, y: 3, width: width - 6, height: height - 6, rx: 4, class: "inner" }));
  let y = PAD + 12;
  const line = (text, cls) => {
    const t = svgOf("text", { x: width / 2, y, class: cls });
    t.textContent = text;
    g.append(t);
    y += LINE;
    return t;
  };
  line(f.name, "name");
  if (f.body) line(f.body, "body");
  f.valueLines = Array.from({ length: f.rows.value }, () => line("", "value"));
  f.gradientLines = Array.from({ length: f.rows.gradient }, () => line("", "gradient"));
  if (kind === "box") g.append(svgOf("title", {}, item.parts ? "Open this box: Enter" : nameOf(item)));
  else if (f.name !== item.name) g.append(svgOf("title", {}, item.name));
  g.addEventListener("pointerenter", () => choose(item));
  g.addEventListener("focus", () => choose(item));
  const act = () => {
    if (item.parts) {
      item.open = true;
      chosen = null;
      arrange();
      itemElement(item.parts[0])?.focus();
    } else {
      choose(item);
      find("about").scrollIntoView({ block: "nearest", behavior: still.matches ? "auto" : "smooth" });
    }
  };
  g.addEventListener("click", act);
  g.addEventListener("keydown", (event) => {
    if (event.key === "Enter") act();
  });
  f.element = g;
  return g;
}
const itemElement = (item) => faces.find((f) => f.item === itemOf(item))?.element;

// --- one step --------------------------------------------------------------------------

function go(step, quiet = false) {
  at = Math.max(0, Math.min(step, steps.length - 1));
  const now = steps[at];
  const computed = new Set(), sums = new Map();
  let passed = new Set();
  for (const s of steps.slice(0, at + 1)) {
    if (s.phase === "forward") s.items.forEach((i) => computed.add(i));
    if (s.phase === "seed") sums.set(output, { sum: output.gradient, done: true });
    if (s.phase === "backward") {
      sums.set(s.link.source, { sum: s.sum, done: s.count === s.of && !s.inside, count: s.count, of: s.of });
      passed.add(s.link);
    }
  }
  if (now.phase === "end")
    for (const v of vertices) if (v.gradient != null) sums.set(v, { sum: v.gradient, done: true });
  for (const f of faces) {
    const has = computed.has(f.item), v = f.shown, g = v && sums.get(v);
    const text = has && v ? nodeLines(v.value) : [];
    f.valueLines.forEach((t, i) => (t.textContent = text[i] ?? ""));
    const slope = !g ? [] : g.sum == null ? [`${g.count} of ${g.of} paths`] : slopeLines(v, g.sum, g.done ? "" : " …");
    f.gradientLines.forEach((t, i) => (t.textContent = (slope[i] ?? "").trim()));
    const current = now.phase === "forward" ? now.items.includes(f.item)
      : now.phase === "backward" ? f.item === now.link.from : now.phase === "seed" && f.item === itemOf(output);
    f.element.classList.toggle("computed", has);
    f.element.classList.toggle("arrived", !!g && g.done);
    f.element.classList.toggle("now", current);
    f.element.setAttribute("aria-label", spoken(f, has, g));
    for (const [key, value] of [["value", has && f.end ? f.end.value : null], ["gradient", g ? g.sum : null]])
      if (isNumber(value)) f.element.dataset[key] = value;
      else delete f.element.dataset[key];
  }
  for (const link of links) {
    link.line.classList.toggle("passed", passed.has(link));
    link.line.classList.toggle("now", now.link === link);
    link.label.classList.toggle("now", now.link === link);
    link.label.textContent = passed.has(link) && isNumber(link.local) ? `×${number(link.local)}` : "";
  }
  tips();
  const { title, lines } = words(now);
  find("now").replaceChildren(htmlOf("h2", { class: now.phase }, title),
    htmlOf("pre", {}, lines.filter((l) => l).join("\n")));
  find("now").dataset.phase = now.phase;
  find("slider").max = steps.length - 1;
  find("slider").value = at;
  find("slider").setAttribute("aria-valuetext", `Step ${at} of ${steps.length - 1}: ${title}`);
  find("count").textContent = `${at} / ${steps.length - 1}`;
  find("first").disabled = find("back").disabled = at === 0;
  find("last").disabled = find("next").disabled = at === steps.length - 1;
  for (const [i, row] of [...find("ledger").querySelectorAll("li")].entries())
    row.firstChild.setAttribute("aria-current", i === at ? "step" : "false");
  if (location.hash !== `#step=${at}`) history.replaceState(null, "", `#step=${at}`);
  if (!quiet) reveal(now);
}

function tips() {
  for (const { line, flows } of links) {
    const c = line.classList, back = c.contains("passed");
    const tip = `url(#${c.contains("now") ? "tip-now" : c.contains("path") ? "tip-path" : "tip"})`;
    line.setAttribute(back ? "marker-start" : "marker-end", tip);
    line.removeAttribute(back ? "marker-end" : "marker-start");
  }
}

function spoken(f, has, g) {
  const kind = f.item.parts ? "box, Enter opens it" : { leaf: "leaf", constant: "constant", op: f.item.text, output: `output, ${f.item.text ?? ""}` }[f.item.kind] ?? "box";
  const parts = [`${nameOf(f.item)}, ${kind}`];
  if (has && f.shown && f.shown.value != null) parts.push(`value ${brief(f.shown.value)}`);
  if (g && g.sum != null) parts.push(`gradient ${brief(g.sum)}${g.done ? "" : " so far"}`);
  return parts.join("; ");
}

// Keeps what the step is about in sight.
function reveal(step) {
  const item = step.phase === "forward" ? step.items[0] : step.phase === "backward" ? step.link.from
    : step.phase === "seed" ? itemOf(output) : null;
  const stage = find("stage");
  const place = item && faces.find((f) => f.item === item)?.element.getBoundingClientRect();
  if (!place) return;
  const frame = stage.getBoundingClientRect();
  const by = (low, high, from, to) => (low < from ? low - from - 30 : high > to ? high - to + 30 : 0);
  const left = by(place.left, place.right, frame.left, frame.right);
  const top = by(place.top, place.bottom, frame.top, frame.bottom);
  if (left || top) stage.scrollBy({ left, top, behavior: still.matches ? "auto" : "smooth" });
}
