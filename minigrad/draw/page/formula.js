// What a person types: a number, or a formula of the names in the graph.  It is read, never run.

const FUNCTIONS = {
  exp: Math.exp, log: Math.log, ln: Math.log, sqrt: Math.sqrt, sin: Math.sin, cos: Math.cos, tan: Math.tan,
  tanh: Math.tanh, sinh: Math.sinh, cosh: Math.cosh, abs: Math.abs, sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  relu: (x) => Math.max(x, 0), σ: (x) => 1 / (1 + Math.exp(-x)), "√": Math.sqrt,
};
const WHOLE = { sum: nd.sum, mean: (x) => nd.map((t) => t / (x.data?.length ?? 1), nd.sum(x)), max: nd.max, min: nd.min };
const turned = (x) => {
  const [rows, columns] = nd.shapeOf(x).length === 2 ? x.shape : [];
  if (rows === undefined) return x;
  return { shape: [columns, rows], data: Float64Array.from(x.data, (_, k) => x.data[(k % rows) * columns + Math.floor(k / rows)]) };
};

// The numbers that names stand for: of values, and of gradients written dL/dw, ∂L/∂w or dw.
function vocabulary(values, gradients) {
  const found = new Map();
  for (const [v, g] of gradients)
    for (const name of [`d${subject}/d${v.name}`, `∂${subject}/∂${v.name}`, `d${v.name}`]) found.set(name, g);
  for (const [v, x] of values) found.set(v.name, x);
  return found;
}

function evaluated(text, names) {
  const source = text.replaceAll("−", "-").replaceAll("·", "*").replaceAll("×", "*").replaceAll("**", "^").replaceAll("′", "'");
  const longest = [...names.keys()].sort((a, b) => b.length - a.length);
  let at = 0;
  const skip = () => {
    while (/\s/.test(source[at] ?? "")) at++;
  };
  const next = (...signs) => {
    skip();
    const sign = signs.find((s) => source.startsWith(s, at));
    if (sign) at += sign.length;
    return sign;
  };
  const fail = (what) => {
    throw new SyntaxError(what);
  };
  const both = (f, x, y) => nd.map(f, x, y);

  function sum() {
    let x = product();
    for (let sign; (sign = next("+", "-")); ) {
      const y = product();
      x = both(sign === "+" ? (a, b) => a + b : (a, b) => a - b, x, y);
    }
    return x;
  }
  function product() {
    let x = signed();
    for (;;) {
      const sign = next("*", "/", "@");
      if (sign === "*") x = both((a, b) => a * b, x, signed());
      else if (sign === "/") x = both((a, b) => a / b, x, signed());
      else if (sign === "@") x = nd.matmul(x, signed());
      else {
        skip();
        if (source[at] === "(" || /[\p{L}∂√]/u.test(source[at] ?? "")) x = both((a, b) => a * b, x, power());
        else return x;
      }
    }
  }
  const signed = () => (next("-") ? nd.map((a) => -a, signed()) : next("+") ? signed() : power());
  function power() {
    const x = atom();
    return next("^") ? both(np.power, x, signed()) : x;
  }
  function atom() {
    let x = primary();
    for (;;)
      if (next(".T", "ᵀ", "^T")) x = turned(x);
      else if (next("²")) x = nd.map((a) => a * a, x);
      else return x;
  }
  function primary() {
    if (next("(")) {
      const x = sum();
      if (!next(")")) fail("a bracket is not closed");
      return x;
    }
    const literal = /^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/i.exec(source.slice(at));
    if (literal) {
      at += literal[0].length;
      return Number(literal[0]);
    }
    const ends = (name) => !/[\p{L}\d_]/u.test(source[at + name.length] ?? "");
    const name = longest.find((n) => source.startsWith(n, at) && ends(n));
    if (name !== undefined) {
      at += name.length;
      return names.get(name);
    }
    const f = [...Object.keys(FUNCTIONS), ...Object.keys(WHOLE)].sort((a, b) => b.length - a.length)
      .find((n) => source.startsWith(n, at) && (ends(n) || n === "√"));
    if (f) {
      at += f.length;
      if (!next("(")) {
        if (f === "√") return nd.map(Math.sqrt, primary());
        fail(`write ${f}(…)`);
      }
      const x = sum();
      if (!next(")")) fail("a bracket is not closed");
      return FUNCTIONS[f] ? nd.map(FUNCTIONS[f], x) : WHOLE[f](x);
    }
    const word = /^[\p{L}_][\p{L}\d_]*/u.exec(source.slice(at));
    return fail(word ? `${word[0]} is no name that is known here` : at < source.length ? `${String.fromCodePoint(source.codePointAt(at))} is not understood` : "something is missing at the end");
  }
  skip();
  if (at === source.length) fail("write a number or a formula");
  const x = sum();
  skip();
  if (at < source.length) fail(`${source.slice(at, at + 12)} is not understood`);
  return x;
}
