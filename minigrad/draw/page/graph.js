// The graph: its numbers, computing them anew, and the steps of both passes in words.

const DATA = JSON.parse(document.getElementById("graph").textContent);
const { subject, vertices, edges, boxes } = DATA;
const find = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");
// In a notebook the page is the text of a frame, which has no address of its own.
const embedded = location.protocol === "about:";
const narrow = matchMedia("(max-width: 700px)");
const NAMED = { nan: NaN, inf: Infinity, "-inf": -Infinity };

// --- numbers and words -----------------------------------------------------------------

const decoded = (v) => (typeof v === "string" ? NAMED[v] : v);
const isNumber = (v) => typeof v === "number";

// As Python's format(v, ".4g"), with a true minus sign.
function number(v, digits = 4) {
  if (!Number.isFinite(v)) return v !== v ? "nan" : v > 0 ? "inf" : "−inf";
  if (v === 0) return Object.is(v, -0) ? "−0" : "0";
  let [mantissa, exponent] = v.toExponential(digits - 1).split("e");
  const power = Number(exponent);
  let text;
  if (power < -4 || power >= digits) {
    if (mantissa.includes(".")) mantissa = mantissa.replace(/\.?0+$/, "");
    text = `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  } else {
    text = v.toFixed(Math.max(digits - 1 - power, 0));
    if (text.includes(".")) text = text.replace(/\.?0+$/, "");
  }
  return text.replaceAll("-", "−");
}

const grouped = (name) => (/\s/.test(name) ? `(${name})` : name);
const partial = (of, by) => `∂${grouped(of)}/∂${grouped(by)}`;
const short = (text, width) => {
  if (text.length <= width) return text;
  const tail = Math.floor((width - 1) / 2);
  return `${text.slice(0, width - 1 - tail)}…${text.slice(text.length - tail)}`;
};
// What an array or a number is, in a line.
const brief = (content) =>
  content == null ? "" : isNumber(content) ? number(content) : content.lines.join(", ");
const shape = (content) => (isNumber(content) ? number(content) : content.lines[0].replace(/ [a-z]+\d*$/, ""));
// Of an array, its shape and between which numbers it lies.
const terseOf = (content) => (isNumber(content) ? number(content) : [shape(content), content.range].filter(Boolean).join("  "));
const inBrackets = (v) => (isNumber(v) && v < 0 ? `(${number(v)})` : brief(v));

// Vertices and edges that know each other.
function linked({ vertices, edges }) {
  for (const [i, v] of vertices.entries()) {
    v.id = i;
    v.value = decoded(v.value);
    v.gradient = decoded(v.gradient);
    v.ins = [];
    v.outs = [];
  }
  for (const e of edges) {
    e.source = vertices[e.from];
    e.target = vertices[e.to];
    e.local = decoded(e.local);
    e.share = decoded(e.share);
    e.source.outs.push(e);
    e.target.ins.push(e);
  }
}
linked(DATA);
const output = vertices[DATA.output];
boxes.forEach((box, i) => {
  box.key = `b${i}`;
  box.open = false;
  box.parts = box.members.map((m) => vertices[m]);
  box.parts.forEach((v) => (v.box = box));
});

// What a graded derivation says of edges and nodes: of several rows, the worst.
const SEVERITY = ["correct", "rounded", "carried", "missing", "wrong"];
const worse = (a, b) => (SEVERITY.indexOf(b) > SEVERITY.indexOf(a) ? b : a);
for (const row of DATA.report?.rows ?? []) {
  for (const i of row.edges) {
    edges[i].mark = worse(edges[i].mark, row.verdict);
    if (row.first) edges[i].first = true;
  }
  if (row.vertex != null && !row.edges.length) vertices[row.vertex].mark = worse(vertices[row.vertex].mark, row.verdict);
}

// --- what is seen: vertices, and boxes that are closed -----------------------------------

let items = [], links = [], steps = [], at = 0, chosen = null;
let linksInto = new Map();
const itemOf = (v) => (v.box && !v.box.open ? v.box : v);

function arrange() {
  const places = new Map();
  for (const v of vertices) places.set(itemOf(v), v.id);
  items = [...places].sort((a, b) => a[1] - b[1]).map(([item]) => item);
  const merged = new Map();
  for (const e of edges) {
    const from = itemOf(e.source), to = itemOf(e.target);
    if (from === to) continue;
    const key = to === e.target ? e : `${e.from}→${to.key}`;
    if (!merged.has(key)) merged.set(key, { from, to, source: e.source, parts: [] });
    merged.get(key).parts.push(e);
  }
  links = [...merged.values()];
  linksInto = new Map();
  for (const link of links) {
    if (!linksInto.has(link.to)) linksInto.set(link.to, []);
    linksInto.get(link.to).push(link);
    summarise(link);
  }
  script();
  draw();
  ledger();
  go(at, true);
}

const exitOf = (item) => {
  if (!item.parts) return item;
  const ends = item.parts.filter((v) => v === output || v.outs.some((e) => itemOf(e.target) !== item));
  return ends.length === 1 ? ends[0] : null;
};

// Whether part of its gradient arrives within its box, out of sight.
const usedInside = (v) => v.inside ||
  (itemOf(v).parts && v.outs.some((e) => e.flows && itemOf(e.target) === itemOf(v)));

function summarise(link) {
  const flowing = link.parts.filter((e) => e.flows);
  link.flows = flowing.length > 0;
  link.mark = link.parts.map((e) => e.mark).reduce(worse, undefined);
  link.first = link.parts.some((e) => e.first);
  link.end = exitOf(link.to);
  if (link.parts.length === 1 && link.to === link.parts[0].target) {
    link.local = link.parts[0].local;
    link.share = link.parts[0].share;
    link.formula = link.parts[0].formula;
    link.whole = link.formula && link.parts[0].whole;
    return;
  }
  const shares = flowing.map((e) => e.share);
  link.share = shares.every(isNumber) ? shares.reduce((a, b) => a + b, 0)
    : shares.length === 1 ? shares[0] : null;
  link.local = link.end && link.flows ? through(link.to, link.source, link.end) : null;
}

// ∂end/∂source through the members of a box.
function through(box, source, end) {
  const factors = new Map([[end, 1]]);
  for (const v of [...box.parts].reverse()) {
    const factor = factors.get(v);
    if (factor === undefined) continue;
    for (const e of v.ins) {
      if (!e.flows || (itemOf(e.source) !== box && e.source !== source)) continue;
      if (!isNumber(e.local)) return null;
      factors.set(e.source, (factors.get(e.source) ?? 0) + factor * e.local);
    }
  }
  return factors.get(source) ?? null;
}

// --- the steps -------------------------------------------------------------------------

function script() {
  steps = [{ phase: "start" }];
  const given = (i) => !i.parts && (i.kind === "leaf" || i.kind === "constant");
  const sources = items.filter(given);
  if (sources.length) steps.push({ phase: "forward", items: sources });
  for (const item of items) if (!given(item)) steps.push({ phase: "forward", items: [item] });
  steps.push({ phase: "seed" });
  const arrived = new Map([[output, { sum: output.gradient, count: 1 }]]);
  const expected = new Map();
  for (const l of links) if (l.flows) expected.set(l.source, (expected.get(l.source) ?? 0) + 1);
  for (const item of [...items].reverse()) {
    for (const link of linksInto.get(item) ?? []) {
      if (!link.flows) continue;
      const before = arrived.get(link.source) ?? { sum: 0, count: 0 };
      const count = before.count + 1, of = expected.get(link.source);
      // Sums of the engine's shares, and at the end the engine's own sum.
      const inside = count === of && usedInside(link.source);
      const sum = count === of && !inside ? link.source.gradient
        : isNumber(link.share) && isNumber(before.sum) ? before.sum + link.share : null;
      steps.push({ phase: "backward", link, before: before.sum, sum, count, of, inside });
      arrived.set(link.source, { sum, count });
    }
  }
  steps.push({ phase: "end" });
  at = Math.min(at, steps.length - 1);
}

const gradientName = (v) => partial(subject, v.name);

// A step in words: {title, lines}, the lines as plain text.
function words(step) {
  if (step.phase === "start")
    return { title: "Before the computation", lines: [
      "Forward, every node computes its value from those before it.",
      `Backward, every edge carries the gradient of ${subject} on to its source: ` +
        "upstream × local derivative." ] };
  if (step.phase === "forward") {
    if (step.items.length > 1 || !step.items[0].op)
      if (!step.items[0].parts && step.items[0].kind !== "box")
        return { title: "Forward: the inputs", lines: step.items.filter((v) => v.named)
          .map((v) => `${v.name} = ${brief(v.value)}`) };
    const item = step.items[0];
    if (item.parts || item.kind === "box") {
      const end = exitOf(item);
      return { title: `Forward: ${nameOf(item)}`, lines: [item.text,
        end && end.value != null ? `${end.kind === "box" ? "result" : end.name} = ${brief(end.value)}` : ""] };
    }
    const lines = [item.text === item.name ? "" : `${item.name} = ${item.text}`];
    const filled = item.scalar && item.ins.every((e) => isNumber(e.source.value)) ? filledIn(item) : "";
    lines.push(`${" ".repeat(item.name.length)} = ${filled ? `${filled} = ` : ""}${brief(item.value)}`);
    return { title: `Forward: ${item.name}`, lines };
  }
  if (step.phase === "seed")
    return { title: "Backward: the start", lines: [ `${partial(subject, subject)} = 1` ] };
  if (step.phase === "end")
    return { title: "The gradients", lines: vertices.filter((v) => v.kind === "leaf" && v.gradient != null)
      .map((v) => `${gradientName(v)} = ${terseOf(v.gradient)}`) };
  const { link, before, sum, count, of, inside } = step;
  const target = link.end, source = link.source;
  const up = target ? gradientName(target) : "upstream";
  const local = target ? partial(target.name, source.name) : "local";
  const lines = [];
  const known = target && isNumber(target.gradient) && isNumber(link.local);
  const share = link.share == null ? "" : brief(link.share);
  lines.push(`${up} × ${local}`);
  if (link.formula && !link.whole && Number.isNaN(Number(link.formula)))
    lines.push(`  with ${local} = ${link.formula}`);
  if (known) lines.push(`= ${number(target.gradient)} × ${inBrackets(link.local)} = ${share}`);
  else if (share) {
    if (target && target.gradient != null) lines.push(`  upstream      ${shape(target.gradient)}`);
    lines.push(`  contribution  ${shape(link.share)}`);
    if (link.whole) lines.push(`  = ${link.formula}`, `  with d${target.name} = ${up}`);
  }
  if (of === 1 && !inside) lines.push(`${gradientName(source)} = ${share}`);
  else {
    const total = sum == null ? "" : ` = ${brief(sum)}`;
    const addition = count === 1 ? share
      : isNumber(before) && isNumber(link.share) ? `${number(before)} + ${inBrackets(link.share)}${total}`
      : `sum of ${count} contributions${total}`;
    lines.push(`${gradientName(source)}${count < of || inside ? " so far" : ""} = ${addition}`);
    if (of > 1) lines.push(`path ${count} of ${of} that meet in ${source.name}`);
    if (inside) lines.push("the rest arrives inside the box");
  }
  return { title: `Backward: from ${nameOf(link.to)} to ${nameOf(link.from)}`, lines };
}

const BINARY = { add: "+", subtract: "−", multiply: "×", divide: "/" };
function filledIn(v) {
  const given = v.ins.map((e) => e.source.value);
  const sign = BINARY[v.op];
  if (v.op === "power" && Number.isInteger(given[1]) && Math.abs(given[1]) < 100)
    return inBrackets(given[0]) + String(given[1]).replace(/./g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]));
  if (sign) return `${number(given[0])} ${sign} ${inBrackets(given[1])}`;
  return `${v.op}(${given.map((x) => number(x)).join(", ")})`;
}
const nameOf = (item) => (item.parts ? item.title : item.name);
