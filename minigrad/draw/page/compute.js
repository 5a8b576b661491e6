// Computing anew: the program of the graph, forward and backward, with other numbers in its leaves.

const TYPES = { i2: Int16Array, f4: Float32Array, f8: Float64Array };
function unpacked({ shape, kind, text }) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return { shape, data: Float64Array.from(new TYPES[kind](bytes.buffer)) };
}
const one = (x) => isNumber(x) || x.data?.length === 1;
const scalar = (x) => (isNumber(x) ? x : x.data[0]);
// An op of several outputs has a list of arrays.
const each = (f, x, ...others) => (Array.isArray(x) ? x.map((y, i) => f(y, ...others.map((o) => o[i]))) : f(x, ...others));
const filled = (x, value) => each((y) => nd.full(nd.shapeOf(y), value), x);
const plus = (x, y) => each((a, b) => nd.map((u, v) => u + v, a, b), x, y);
const rounded = (v, x) => (v.dtype === "float32" ? nd.map(Math.fround, x) : x);

// Beside what is shown of it, a vertex has its numbers: x, and the gradient g.
function given(v, arrays) {
  if (arrays[v.id]) return unpacked(arrays[v.id]);
  return v.shape.length ? nd.full(v.shape, Number(v.value)) : Number(v.value);
}

function compute({ vertices, program, output }, ops = OPS) {
  for (const [result, op, inputs] of program) {
    const v = vertices[result];
    v.x = rounded(v, ops[op][0](...inputs.map((i) => vertices[i].x)));
  }
  for (const v of vertices) v.g = v.gradient == null ? null : filled(v.x, 0);
  vertices[output].g = filled(vertices[output].x, 1);
  for (const [result, op, inputs] of [...program].reverse()) {
    const v = vertices[result], xs = inputs.map((i) => vertices[i].x);
    for (const e of v.ins) {
      if (!e.flows) continue;
      const rule = (e.rule = ops[op][1][e.argument]);
      if (one(v.x) && one(e.source.x)) e.slope = scalar(rule(filled(v.x, 1), v.x, ...xs));
      const fitted = each((part, x) => nd.fit(part, nd.shapeOf(x)), rule(v.g, v.x, ...xs), e.source.x);
      e.part = rounded(e.source, fitted);
      e.source.g = rounded(e.source, plus(e.source.g, e.part));
    }
  }
}

// Computes from the numbers that the page came with.
function computed(data, ops = OPS) {
  for (const v of data.vertices) if (!v.ins.length) v.x = given(v, data.arrays);
  compute(data, ops);
}

// Shows what was computed.
function publish() {
  for (const v of vertices) {
    v.value = contentOf(v, v.x, v.value);
    if (v.g != null) v.gradient = contentOf(v, v.g, v.gradient);
  }
  for (const e of edges) {
    if (!e.flows) continue;
    e.local = e.slope ?? e.local;
    e.share = contentOf(e.source, e.part, e.share);
  }
}

// An array in words, and as the cells that were shown of it before.
function contentOf(v, x, before) {
  if (Array.isArray(x)) return { lines: [x.map((y) => brief(contentOf(v, y))).join(", ")], range: "" };
  if (one(x)) return scalar(x);
  const finite = nd.dataOf(x), n = finite.length;
  let [low, high] = [Infinity, -Infinity];
  for (const value of finite) [low, high] = [Math.min(low, value), Math.max(high, value)];
  let mean = scalar(nd.sum(x)) / n;
  if (Math.abs(mean) < 1e-14 * Math.max(Math.abs(low), Math.abs(high))) mean = 0;
  const spread = !n ? [] : low === high ? [`all ${number(low, 3)}`]
    : [`min ${number(low, 3)}  mean ${number(mean, 3)}  max ${number(high, 3)}`];
  const range = !n ? "" : low === high ? number(low, 2) : `${number(low, 2)} … ${number(high, 2)}`;
  const shape = `(${x.shape.join(", ")}${x.shape.length === 1 ? "," : ""}) ${v.dtype}`;
  return { ...before, lines: [shape, ...spread], range, ...(before?.grid ? { rows: cells(x, before.grid) } : {}) };
}

function cells({ shape, data }, { step, width, down, right }) {
  const rows = [];
  if (step) {
    const flat = data.filter((_, i) => i % step === 0);
    for (let i = 0; i < flat.length; i += width) rows.push([...flat.slice(i, i + width)]);
  } else {
    const across = shape.at(-1);
    for (let i = 0; i < data.length; i += across * down)
      rows.push([...data.slice(i, i + across)].filter((_, j) => j % right === 0));
  }
  return rows;
}

// The page proves itself: on the numbers given it must find what the engine did.
function differing() {
  computed(DATA);
  const near = (a, b, v) => Object.is(a, b) || (a !== a && b !== b) ||
    Math.abs(a - b) <= (v.dtype === "float32" ? 1e-4 : 1e-9) * Math.max(Math.abs(a), Math.abs(b), 1e-3);
  return vertices.find((v) => (isNumber(v.value) && !near(scalar(v.x), v.value, v))
    || (isNumber(v.gradient) && !near(scalar(v.g), v.gradient, v)));
}

const whyFixed = DATA.fixed ?? (() => {
  try {
    const v = differing();
    return v ? `The page would not find the engine's ${v.name}.` : "";
  } catch (error) {
    return `The page cannot compute it (${error.message}).`;
  }
})();
const editable = vertices.filter((v) => v.kind === "leaf" || (v.kind === "constant" && v.named));
const original = whyFixed ? null : {
  xs: vertices.map((v) => v.x),
  shown: vertices.map(({ value, gradient }) => ({ value, gradient })),
  edges: edges.map(({ local, share }) => ({ local, share })),
};
let edited = false;
const differs = (v) => v.x !== original.xs[v.id] &&
  nd.dataOf(v.x).some((value, i) => !Object.is(value, nd.dataOf(original.xs[v.id])[i]));

// Gives vertices other numbers, a map from vertex to what it is to hold, and computes the rest.
function change(values) {
  for (const [v, x] of values) v.x = rounded(v, x);
  edited = editable.some(differs);
  compute(DATA);
  if (edited) publish();
  else {
    vertices.forEach((v, i) => Object.assign(v, original.shown[i]));
    edges.forEach((e, i) => Object.assign(e, original.edges[i]));
  }
  refresh();
}
function restore() {
  change(editable.map((v) => [v, original.xs[v.id]]));
}
