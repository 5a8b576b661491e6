// NumPy's arrays, as few functions as the programs of the page call: {shape, data} in reading
// order; an array of no dimensions is a number.

const nd = (() => {
  const volume = (shape) => shape.reduce((a, b) => a * b, 1);
  const made = (shape, data) => (shape.length ? { shape, data } : data[0]);
  const shapeOf = (x) => (isNumber(x) || typeof x === "boolean" ? [] : x.shape);
  const dataOf = (x) => (x.data ? x.data : [Number(x)]);
  const array = (shape, data) => made(shape, Float64Array.from(data, Number));
  const full = (shape, value) => made(shape, new Float64Array(volume(shape)).fill(Number(value)));

  function broadcast(...shapes) {
    const n = Math.max(...shapes.map((s) => s.length));
    return Array.from({ length: n }, (_, i) => {
      const sizes = shapes.map((s) => s[s.length - n + i] ?? 1).filter((size) => size !== 1);
      if (sizes.some((size) => size !== sizes[0])) throw new Error("shapes do not align");
      return sizes[0] ?? 1;
    });
  }
  // Where the entries of an array of shape `from` go in one of shape `to`: an index for each.
  function spread(from, to) {
    const index = new Int32Array(volume(to)), steps = to.map(() => 0);
    let step = 1;
    for (let i = from.length - 1; i >= 0; i--) {
      if (from[i] !== 1) steps[to.length - from.length + i] = step;
      step *= from[i];
    }
    const at = to.map(() => 0);
    for (let k = 0, place = 0; k < index.length; k++) {
      index[k] = place;
      for (let i = to.length - 1; i >= 0; i--) {
        place += steps[i];
        if (++at[i] < to[i]) break;
        place -= steps[i] * to[i];
        at[i] = 0;
      }
    }
    return index;
  }
  function map(f, ...xs) {
    const shapes = xs.map(shapeOf), shape = broadcast(...shapes), n = volume(shape);
    const out = new Float64Array(n);
    const parts = xs.map((x, i) => ({ data: dataOf(x),
      index: volume(shapes[i]) === n ? null : spread(shapes[i], shape) }));
    const given = parts.map(() => 0);
    for (let k = 0; k < n; k++) {
      parts.forEach(({ data, index }, i) => (given[i] = data[index ? index[k] : k]));
      out[k] = Number(f(...given));
    }
    return made(shape, out);
  }

  // --- along axes: an array seen as [before, along, after] --------------------------------
  const within = (axis, n) => (axis < 0 ? axis + n : axis);
  const axesOf = (axis, n) => (axis === null ? [...Array(n).keys()] : [].concat(axis).map((a) => within(a, n)));
  function reduced(start, f, end = (total) => total) {
    return (x, axis = null, keepdims = false) => {
      const shape = shapeOf(x), data = dataOf(x), axes = new Set(axesOf(axis, shape.length));
      const kept = shape.map((size, i) => (axes.has(i) ? 1 : size));
      const index = spread(kept, shape), totals = new Float64Array(volume(kept)).fill(start);
      const more = new Float64Array(totals.length);
      for (let k = 0; k < index.length; k++) f(totals, more, index[k], data[k]);
      for (let k = 0; k < totals.length; k++) totals[k] = end(totals[k], more[k]);
      return made(keepdims ? kept : shape.filter((_, i) => !axes.has(i)), totals);
    };
  }
  // Sums keep what rounding takes (Neumaier, 1974): they are as exact as NumPy's at least.
  const sum = reduced(0, (total, lost, k, x) => {
    const next = total[k] + x;
    lost[k] += Math.abs(total[k]) >= Math.abs(x) ? total[k] - next + x : x - next + total[k];
    total[k] = next;
  }, (total, lost) => (Number.isFinite(lost) ? total + lost : total));
  const prod = reduced(1, (total, _, k, x) => (total[k] *= x));
  const max = reduced(-Infinity, (total, _, k, x) => (total[k] = Math.max(total[k], x)));
  const min = reduced(Infinity, (total, _, k, x) => (total[k] = Math.min(total[k], x)));
  const shift = (x, axis) => map((top) => (Number.isFinite(top) ? top : 0), max(x, axis, true));
  const running = (f) => (x, axis) => {
    const own = shapeOf(x), flat = axis === null || !own.length, shape = flat ? [volume(own)] : own;
    const a = flat ? 0 : within(axis, shape.length), after = volume(shape.slice(a + 1));
    const out = Float64Array.from(dataOf(x));
    for (let k = 0; k < out.length; k++)
      if (Math.floor(k / after) % shape[a]) out[k] = f(out[k - after], out[k]);
    return made(shape, out);
  };

  // --- products -----------------------------------------------------------------------------
  function matmul(x, y) {
    let a = shapeOf(x), b = shapeOf(y);
    const row = a.length === 1, column = b.length === 1;
    if (row) a = [1, ...a];
    if (column) b = [...b, 1];
    const [n, m, p] = [a.at(-2), a.at(-1), b.at(-1)];
    if (!a.length || !b.length || m !== b.at(-2)) throw new Error("shapes do not align");
    const batch = broadcast(a.slice(0, -2), b.slice(0, -2));
    const left = spread(a.slice(0, -2), batch), right = spread(b.slice(0, -2), batch);
    const out = new Float64Array(volume(batch) * n * p), u = dataOf(x), v = dataOf(y);
    for (let k = 0; k < left.length; k++)
      for (let i = 0; i < n; i++)
        for (let l = 0; l < m; l++) {
          const factor = u[(left[k] * n + i) * m + l];
          for (let j = 0; j < p; j++) out[(k * n + i) * p + j] += factor * v[(right[k] * m + l) * p + j];
        }
    return made([...batch, ...(row ? [] : [n]), ...(column ? [] : [p])], out);
  }
  function einsum(subscripts, ...xs) {
    const [inputs, output] = subscripts.split("->"), terms = inputs.split(",");
    const sizes = {};
    terms.forEach((term, i) => [...term].forEach((c, k) => {
      if ((sizes[c] ?? 1) === 1) sizes[c] = shapeOf(xs[i])[k];
    }));
    const letters = [...new Set([...output, ...terms.join("")])], shape = [...output].map((c) => sizes[c]);
    const every = letters.map((c) => sizes[c]), out = new Float64Array(volume(shape));
    const steps = [output, ...terms].map((term, i) => {
      const own = i ? shapeOf(xs[i - 1]) : shape;
      const found = letters.map(() => 0);
      [...term].forEach((c, k) => (found[letters.indexOf(c)] += own[k] === 1 ? 0 : volume(own.slice(k + 1))));
      return found;
    });
    const at = letters.map(() => 0), data = xs.map(dataOf), total = volume(every);
    for (let k = 0; k < total; k++) {
      const place = (i) => steps[i].reduce((sum, step, l) => sum + step * at[l], 0);
      out[place(0)] += data.reduce((product, d, i) => product * d[place(i + 1)], 1);
      for (let i = at.length - 1; i >= 0 && ++at[i] === every[i]; i--) at[i] = 0;
    }
    return made(shape, out);
  }
  // Gauss's elimination, each time with the largest pivot.
  function eliminated(a, b, n, p) {
    for (let k = 0; k < n; k++) {
      let top = k;
      for (let i = k + 1; i < n; i++) if (Math.abs(a[i * n + k]) > Math.abs(a[top * n + k])) top = i;
      for (const [m, width] of [[a, n], [b, p]])
        for (let j = 0; j < width; j++)
          [m[k * width + j], m[top * width + j]] = [m[top * width + j], m[k * width + j]];
      for (let i = k + 1; i < n; i++) {
        const factor = a[i * n + k] / a[k * n + k];
        for (let j = k; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
        for (let j = 0; j < p; j++) b[i * p + j] -= factor * b[k * p + j];
      }
    }
    for (let i = n - 1; i >= 0; i--)
      for (let j = 0; j < p; j++) {
        for (let k = i + 1; k < n; k++) b[i * p + j] -= a[i * n + k] * b[k * p + j];
        b[i * p + j] /= a[i * n + i];
      }
    return b;
  }
  function solve(x, y) {
    const a = shapeOf(x), n = a.at(-1), column = shapeOf(y).length === 1;
    const b = column ? [n, 1] : shapeOf(y), p = b.at(-1);
    const batch = broadcast(a.slice(0, -2), b.slice(0, -2));
    const left = spread(a.slice(0, -2), batch), right = spread(b.slice(0, -2), batch);
    const part = (m, k, size) => Float64Array.from(dataOf(m).slice(k * size, (k + 1) * size));
    const out = new Float64Array(left.length * n * p);
    left.forEach((l, k) => out.set(eliminated(part(x, l, n * n), part(y, right[k], n * p), n, p), k * n * p));
    return made([...batch, n, ...(column ? [] : [p])], out);
  }
  function inv(x) {
    const n = shapeOf(x).at(-1), eye = Float64Array.from({ length: n * n }, (_, k) => Number(k % (n + 1) === 0));
    return solve(x, { shape: [n, n], data: eye });
  }
  function convolve(x, y, mode) {
    const [a, b] = [dataOf(x), dataOf(y)], n = a.length + b.length - 1;
    const out = new Float64Array(n);
    a.forEach((u, i) => b.forEach((v, j) => (out[i + j] += u * v)));
    const least = Math.min(a.length, b.length), most = Math.max(a.length, b.length);
    const size = { full: n, same: most, valid: most - least + 1 }[mode], start = Math.floor((n - size) / 2);
    return { shape: [size], data: out.slice(start, start + size) };
  }

  // --- moving: each element comes from (or goes to) a place, told in runs ---------------------
  const places = new Map();
  function unrolled(runs) {
    if (!places.has(runs)) {
      const found = [];
      for (let i = 0; i < runs.length; i += 3)
        for (let k = 0; k < runs[i + 1]; k++) found.push(runs[i] + k * runs[i + 2]);
      places.set(runs, Int32Array.from(found));
    }
    return places.get(runs);
  }
  function take(shape, runs, ...xs) {
    const index = unrolled(runs), all = xs.length === 1 ? dataOf(xs[0]) : xs.flatMap((x) => [...dataOf(x)]);
    return made(shape, Float64Array.from(index, (i) => (i < 0 ? 0 : all[i])));
  }
  function scatter(shape, runs, x) {
    const out = new Float64Array(volume(shape)), data = dataOf(x);
    unrolled(runs).forEach((place, k) => (out[place] += data.length === 1 ? data[0] : data[k]));
    return made(shape, out);
  }
  // What was broadcast is summed again.
  function fit(x, shape) {
    const own = shapeOf(x);
    const more = own.length - shape.length;
    if (more < 0 || shape.some((size, i) => own[i + more] === 1 && size !== 1)) return map((a) => a, x, full(shape, 0));
    const axes = own.flatMap((size, i) => (i < more || (shape[i - more] === 1 && size !== 1) ? [i] : []));
    const found = axes.length ? sum(x, axes, true) : x;
    return made(shape, Float64Array.from(dataOf(found)));
  }
  return { array, full, map, sum, prod, max, min, shift, cumsum: running((a, b) => a + b),
    cumprod: running((a, b) => a * b), matmul, einsum, convolve, solve, inv, take, scatter, fit, shapeOf, dataOf, volume };
})();
