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
const LINE = 16, PAD = 7;
const pen = document.createElement("canvas").getContext("2d");
const family = getComputedStyle(document.body).fontFamily, FONTS = { name: "650 14px", body: "12.5px", value: "12.5px", local: "12px" };
const widths = { name: new Map(), body: new Map(), value: new Map(), local: new Map() };
function breadth(text, kind) {
  const known = widths[kind];
  let sum = 0;
  for (const c of text) {
    if (!known.has(c)) {
      pen.font = `${FONTS[kind]} ${family}`;
      known.set(c, pen.measureText(c).width);
    }
    sum += known.get(c);
  }
  return sum;
}

// What a node says of its value, and of its gradient (or of the part that has arrived): an array
// its shape and between which numbers it lies; all else is in the panel.
const extent = (content) => content.range.replace(" … ", "…");
const sizes = (content) => content.lines[0].replace(/ \w+$/, "").replace(/^\((\d+(?:, \d+)+)\)$/, (_, s) => s.replaceAll(", ", "×"));
const nodeLines = (v) => (v == null ? [] : isNumber(v) ? [number(v)] : [`${sizes(v)}  ${extent(v)}`.trim()]);
function slopeLines(v, gradient, more = "") {
  const name = short(gradientName(v), 16);
  if (isNumber(gradient)) return [`${terse ? "∂" : `${name} =`} ${number(gradient).padEnd(more ? 0 : 4)}${more}`];
  return gradient == null ? [] : [gradient.range ? `∂ ${extent(gradient)}` : `${name} ${shape(gradient)}`];
}

function face(item) {
  const end = exitOf(item);
  let name = short(nameOf(item), 26);
  let body = item.text && item.text !== item.name ? short(item.text, 30) : "";
  if (body && item.named === false && name.length + body.length < 22) [name, body] = [`${name} = ${body}`, ""];
  const shown = end && !(item.kind === "constant" && !item.named && isNumber(end.value)) ? end : null;
  const lines = shown ? nodeLines(shown.value) : [];
  const slopes = shown ? slopeLines(shown, shown.gradient) : [];
  const rows = { value: lines.length, gradient: slopes.length };
  const height = 2 * PAD + LINE * (1 + (body ? 1 : 0) + rows.value + rows.gradient);
  const width = Math.max(item.kind === "constant" && !item.named ? 40 : 64, breadth(name, "name"),
    breadth(body, "body"), ...[...lines, ...slopes].map((l) => breadth(l, "value"))) + 2 * PAD;
  return { item, name, body, rows, end, shown, width, height,
    source: !item.parts && (item.kind === "leaf" || item.kind === "constant") };
}

// Whether nodes write ∂ for ∂L/∂w, so that there is room for all of them.
let terse = false;
let faces = [], picture = null, world = null, plan = null, onPaper = false;
let faceOf = new Map();

// Of a crowd only what is looked at closely is drawn node by node; the rest are outlines.
const CROWD = 700, NEAR = 0.25;
const crowded = () => faces.length > CROWD && !onPaper;
const layers = {}; // of the drawing: under (lines), over (nodes), labels
const drawnFaces = new Set(), drawnLinks = new Set();

// The arrangement that can be shown largest: in one row, or folded into several.
function arrangement(width, height, vertical) {
  const index = new Map(items.map((item, i) => [item, i]));
  const labels = links.map((l) => (isNumber(l.local) ? breadth(`×${number(l.local)}`, "local") : 0));
  const gap = vertical ? 40 : Math.max(38, Math.min(80, labels.reduce((a, b) => Math.max(a, b), 0) + 10));
  const fold = layered(faces, links.map((l) => ({ from: index.get(l.from), to: index.get(l.to) })), vertical, gap);
  const size = (p) => Math.min(LARGEST, width / (p.width + 2 * MARGIN), height / (p.height + 2 * MARGIN));
  const scale = (rows) => size(fold(rows, true));
  let best = 1, most = scale(1);
  if (!vertical && most < LEGIBLE)
    for (let rows = 2, worse = 0; rows < items.length && worse < 3; rows = Math.ceil(rows * 1.2)) {
      const other = scale(rows);
      worse = other < most ? worse + 1 : 0;
      if (other > (best === 1 ? 1.1 : 1.03) * most) [best, most] = [rows, other];
    }
  return { ...fold(best), vertical, size: most };
}

const MARGIN = 20, LARGEST = 1.25, LEGIBLE = 0.95;
const SHEET = [690, 930]; // what is printed on of a sheet of A4

function draw() {
  let vertical = DATA.vertical || narrow.matches;
  const { width, height } = room(), sheet = onPaper ? SHEET : [width, height];
  for (terse of items.length > CROWD ? [true] : [false, true]) {
    faces = items.map(face);
    plan = arrangement(...sheet, vertical);
    if (onPaper || plan.size > LEGIBLE) break;
  }
  faceOf = new Map(faces.map((f) => [f.item, f]));
  if (onPaper) {
    const other = arrangement(...sheet, !vertical);
    if (other.size > plan.size) [vertical, plan] = [!vertical, other];
  }
  picture = svgOf("svg", { role: "group",
    "aria-label": `Graph of ${subject}: ${items.length} nodes in the order of computation` });
  const marker = (id) => svgOf("marker", { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8,
    markerHeight: 8, orient: "auto-start-reverse", markerUnits: "userSpaceOnUse" }, svgOf("path", { d: "M0 0.5L8 4L0 7.5z" }));
  picture.append(svgOf("defs", {}, ...["tip", "tip-path", "tip-now", "tip-wrong"].map(marker)));
  const quiet = { "aria-hidden": "true" };
  layers.under = svgOf("g", quiet);
  layers.over = svgOf("g");
  layers.labels = svgOf("g", quiet);
  layers.places = { upright: vertical, of: new Map(faces.map((f, i) => [f, i])), links: new Map(links.map((l, i) => [l, i])) };
  world = svgOf("g", {}, ...(crowded() ? outlines() : []), layers.under, layers.over, layers.labels);
  picture.append(world);
  drawnFaces.clear();
  drawnLinks.clear();
  if (!crowded()) {
    links.forEach(drawLink);
    faces.forEach(drawFace);
  }
  find("stage").querySelector(":scope > svg")?.remove();
  find("stage").prepend(picture);
  placeWorld();
}

function drawLink(link) {
  const route = plan.routes[layers.places.links.get(link)], { upright } = layers.places;
  const mark = link.mark ? ` mark-${link.mark}${link.first ? " first" : ""}` : "";
  link.line = svgOf("path", { d: curve(route, upright), class: (link.flows ? "edge flows" : "edge") + mark });
  link.label = svgOf("text", { class: "local", ...beside(route, upright) });
  layers.under.append(link.line);
  layers.labels.append(link.label);
  drawnLinks.add(link);
}
function drawFace(f) {
  layers.over.append(nodeOf(f, plan.at[layers.places.of.get(f)]));
  drawnFaces.add(f);
}

const outlineOf = (f, { x, y }) => `M${x - f.width / 2} ${y - f.height / 2}h${f.width}v${f.height}h${-f.width}z`;
function outlines() {
  const kinds = new Map();
  faces.forEach((f, i) => {
    const kind = f.item.parts ? "box" : f.item.kind;
    kinds.set(kind, (kinds.get(kind) ?? "") + outlineOf(f, plan.at[i]));
  });
  const lines = plan.routes.map((route) => `M${route.map((p) => `${p.x} ${p.y}`).join("L")}`).join("");
  return [svgOf("path", { class: "far edge", d: lines, "aria-hidden": "true" }),
    ...[...kinds].map(([kind, d]) => svgOf("g", { class: `far ${kind}`, "aria-hidden": "true" }, svgOf("path", { class: "shape", d })))];
}

// Draws of a crowd what is in sight and large enough to read, and what the step is about.
function inSight() {
  if (!crowded()) return;
  const { width, height } = frame(), wanted = new Set();
  picture.classList.toggle("near", look.scale >= NEAR);
  const now = steps[at], about = [...(now?.items ?? []), now?.link?.from, now?.link?.to, chosen].filter(Boolean);
  if (about.length <= 50) for (const item of about) wanted.add(faceOf.get(itemOf(item)));
  if (look.scale >= NEAR)
    faces.forEach((f, i) => {
      const x = plan.at[i].x * look.scale + look.x, y = plan.at[i].y * look.scale + look.y;
      const w = (f.width * look.scale) / 2 + 60, h = (f.height * look.scale) / 2 + 60;
      if (x + w > 0 && x - w < width && y + h > 0 && y - h < height) wanted.add(f);
    });
  wanted.delete(undefined);
  for (const f of drawnFaces)
    if (!wanted.has(f) && f.element !== document.activeElement) {
      f.element.remove();
      drawnFaces.delete(f);
    }
  for (const link of drawnLinks)
    if (!drawnFaces.has(faceOf.get(link.from)) && !drawnFaces.has(faceOf.get(link.to))) {
      link.line.remove();
      link.label.remove();
      drawnLinks.delete(link);
    }
  const fresh = [...wanted].filter((f) => !drawnFaces.has(f));
  fresh.forEach(drawFace);
  const near = links.filter((l) => !drawnLinks.has(l) && (wanted.has(faceOf.get(l.from)) || wanted.has(faceOf.get(l.to))));
  near.forEach(drawLink);
  for (const f of fresh) showFace(f);
  for (const l of near) showLink(l);
  marked();
}

// Where the label of a line stands: on its outer side, never on it.
function beside([a, b, turn], vertical) {
  if (b.corner && turn) return { x: turn.x - 40 - 60 * turn.lane, y: turn.y - 4 };
  if (vertical) return { x: Math.max(a.x, b.x) + 6, y: (a.y + b.y) / 2 + 4, "text-anchor": "start", class: "local start" };
  return { x: (a.x + b.x) / 2, y: a.y > b.y + 1 ? a.y + 14 : a.y - 5 };
}

// A smooth line through the points; around marked corners, a rounded one.
function curve(route, vertical) {
  let d = `M${route[0].x} ${route[0].y}`;
  for (let i = 1; i < route.length; i++) {
    const [a, b, next] = [route[i - 1], route[i], route[i + 1]];
    if (b.corner) {
      const toward = (p) => {
        const far = Math.hypot(p.x - b.x, p.y - b.y), r = Math.min(9, far / 2) / (far || 1);
        return `${b.x + (p.x - b.x) * r} ${b.y + (p.y - b.y) * r}`;
      };
      d += `L${toward(a)}Q${b.x} ${b.y} ${toward(next)}`;
    } else if (a.corner) d += `L${b.x} ${b.y}`;
    else {
      const c = vertical ? `${a.x} ${(a.y + b.y) / 2} ${b.x} ${(a.y + b.y) / 2}`
        : `${(a.x + b.x) / 2} ${a.y} ${(a.x + b.x) / 2} ${b.y}`;
      d += `C${c} ${b.x} ${b.y}`;
    }
  }
  return d;
}

function nodeOf(f, centre) {
  const { item, width, height } = f, kind = item.parts ? "box" : item.kind;
  const last = item === itemOf(output);
  const g = svgOf("g", { class: `node ${kind}${last ? " output" : ""}${item.mark ? ` mark-${item.mark}` : ""}`, tabindex: 0, role: "button", "data-name": nameOf(item),
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
  else if (!f.name.startsWith(item.name)) g.append(svgOf("title", {}, item.name));
  g.addEventListener("pointerenter", () => choose(item));
  g.addEventListener("focus", () => choose(item));
  const act = () => {
    if (dragged) return;
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
const itemElement = (item) => {
  const f = faceOf.get(itemOf(item));
  return drawnFaces.has(f) ? f.element : undefined;
};

// --- one step --------------------------------------------------------------------------

// What has been computed and passed on at this step.
let reachedNow = { now: { phase: "start" }, computed: new Set(), sums: new Map(), passed: new Set() };

function showFace(f) {
  const { now, computed, sums } = reachedNow;
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

function showLink(link) {
  const { now, passed } = reachedNow;
  link.line.classList.toggle("passed", passed.has(link));
  link.line.classList.toggle("now", now.link === link);
  link.label.classList.toggle("now", now.link === link);
  link.label.textContent = passed.has(link) && isNumber(link.local) ? `×${number(link.local)}` : "";
}

function go(step, quiet = false) {
  at = Math.max(0, Math.min(step, steps.length - 1));
  const now = steps[at], computed = new Set(), sums = new Map(), passed = new Set();
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
  reachedNow = { now, computed, sums, passed };
  inSight();
  drawnFaces.forEach(showFace);
  drawnLinks.forEach(showLink);
  tips();
  const { title, lines } = words(now);
  const about = mentioned(now), said = lines.filter((l) => l);
  find("now").replaceChildren(htmlOf("h2", { class: now.phase }, title), ...said.map((line) =>
    htmlOf("div", { class: "line" }, now.phase === "start" ? line.trim() : typeset(line.trim(), about))));
  find("now").dataset.words = [title, ...said].join("\n");
  find("now").dataset.phase = now.phase;
  find("slider").max = steps.length - 1;
  find("slider").value = at;
  find("slider").setAttribute("aria-valuetext", `Step ${at} of ${steps.length - 1}: ${title}`);
  find("count").textContent = `${at} / ${steps.length - 1}`;
  find("first").disabled = find("back").disabled = at === 0;
  find("last").disabled = find("next").disabled = at === steps.length - 1;
  find("ledger").querySelector("[aria-current]")?.removeAttribute("aria-current");
  find("ledger").querySelectorAll("li")[at]?.firstChild.setAttribute("aria-current", "step");
  if (!embedded && location.hash !== `#step=${at}`) history.replaceState(null, "", `#step=${at}`);
  if (!quiet) reveal(now);
}

// The vertices that the words of a step speak of.
function mentioned(step) {
  if (step.phase === "end") return vertices.filter((v) => v.named).slice(0, 60);
  const items = step.phase === "forward" ? step.items : step.link ? [step.link.from, step.link.to, step.link.source, step.link.end] : [output];
  const found = items.filter((item) => item && !item.parts);
  return [...new Set([...found, ...found.flatMap((v) => v.ins.map((e) => e.source))])].slice(0, 60);
}

function tips() {
  for (const { line } of drawnLinks) {
    const c = line.classList, back = c.contains("passed");
    const tip = `url(#${c.contains("now") ? "tip-now" : c.contains("path") ? "tip-path" : c.contains("first") ? "tip-wrong" : "tip"})`;
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
  const element = item && itemElement(item);
  if (element) sight(element);
}
