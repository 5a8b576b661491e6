// Layers of a directed graph, after Sugiyama: rank, order, place.

// items: [{width, height, source: bool}] in topological order; links: [{from, to}] (indices).
// Returns a function of the number of rows that the layers are folded into, like the lines of a
// text: {width, height, at: [{x, y}] (centres), routes: [[{x, y, corner}]] (one per link)};
// or, to measure, only how large that is.
function layered(items, links, vertical, gap) {
  const SEPARATION = 12;
  const across = (n) => (vertical ? n.width : n.height);
  const along = (n) => (vertical ? n.height : n.width);
  const nodes = items.map((n) => ({ across: across(n), along: along(n), rank: 0, ins: [], outs: [] }));

  // Rank: after all inputs; a leaf right before its first use.
  for (const { from, to } of links) nodes[to].rank = Math.max(nodes[to].rank, nodes[from].rank + 1);
  const first = new Map();
  for (const { from, to } of links)
    if (items[from].source) first.set(from, Math.min(first.get(from) ?? Infinity, nodes[to].rank));
  for (const [i, rank] of first) nodes[i].rank = rank - 1;

  // Links over several ranks pass through a small stand-in in each, unless there were too many.
  const span = ({ from, to }) => nodes[to].rank - nodes[from].rank;
  const crowd = links.reduce((sum, link) => sum + span(link), 0) > 4 * items.length + 2000;
  const busy = links.length > 3000; // fewer sweeps then: nobody follows single lines
  const chains = links.map((link) => {
    const { from, to } = link;
    const chain = [nodes[from]];
    if (crowd && span(link) > 12) return [nodes[from], nodes[to]];
    for (let rank = nodes[from].rank + 1; rank < nodes[to].rank; rank++) {
      const stand = { across: 8, along: 0, rank, ins: [], outs: [], stand: true };
      nodes.push(stand);
      chain.push(stand);
    }
    chain.push(nodes[to]);
    for (let i = 1; i < chain.length; i++) {
      chain[i - 1].outs.push(chain[i]);
      chain[i].ins.push(chain[i - 1]);
    }
    return chain;
  });
  const layers = [];
  for (const n of nodes) (layers[n.rank] ??= []).push(n);
  for (let r = 0; r < layers.length; r++) layers[r] ??= [];

  // Order: from the output back, then the mean place of the neighbours, the best of some sweeps.
  const seen = new Set();
  const placed = layers.map(() => []);
  for (const end of [...nodes].reverse()) {
    const stack = [end];
    while (stack.length) {
      const n = stack.pop();
      if (seen.has(n)) continue;
      seen.add(n);
      placed[n.rank].push(n);
      stack.push(...[...n.ins].reverse());
    }
  }
  const number = () => layers.forEach((layer) => layer.forEach((n, i) => (n.order = i)));
  const mean = (list, key) => list.reduce((sum, n) => sum + n[key], 0) / list.length;
  const crossings = () => {
    let count = 0;
    for (const layer of layers) {
      const ends = layer.flatMap((n) => n.outs.map((m) => [n.order, m.order]))
        .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      const sorted = []; // the far ends so far
      for (const [, end] of ends) {
        let low = 0, high = sorted.length;
        while (low < high) {
          const middle = (low + high) >> 1;
          if (sorted[middle] <= end) low = middle + 1;
          else high = middle;
        }
        count += sorted.length - low;
        sorted.splice(low, 0, end);
      }
    }
    return count;
  };
  layers.forEach((_, r) => (layers[r] = placed[r]));
  number();
  let best = layers.map((layer) => [...layer]), least = crossings();
  for (let sweep = 0; sweep < (busy ? 2 : 10) && least; sweep++) {
    const forward = sweep % 2 === 0;
    for (const layer of forward ? layers : [...layers].reverse()) {
      for (const n of layer) {
        const near = forward ? n.ins : n.outs;
        n.wish = near.length ? mean(near, "order") : n.order;
      }
      layer.sort((a, b) => a.wish - b.wish || a.order - b.order);
      layer.forEach((n, i) => (n.order = i));
    }
    const count = crossings();
    if (count < least) [best, least] = [layers.map((layer) => [...layer]), count];
  }
  best.forEach((layer, r) => (layers[r] = layer));
  number();

  // Place: each layer as near to its neighbours as the order and the sizes allow.
  for (const layer of layers) {
    let edge = 0;
    for (const n of layer) {
      n.place = edge + n.across / 2;
      edge += n.across + SEPARATION;
    }
  }
  for (let sweep = busy ? 10 : 0; sweep < 16; sweep++) {
    const forward = sweep % 2 === 0;
    for (const layer of forward ? layers : [...layers].reverse()) {
      const offsets = [0];
      for (let i = 1; i < layer.length; i++)
        offsets.push(offsets[i - 1] + (layer[i - 1].across + layer[i].across) / 2 + SEPARATION);
      const wishes = layer.map((n, i) => {
        const near = sweep > 11 || !n.ins.length || !n.outs.length ? [...n.ins, ...n.outs]
          : forward ? n.ins : n.outs;
        return (near.length ? mean(near, "place") : n.place) - offsets[i];
      });
      isotonic(wishes).forEach((wish, i) => (layer[i].place = wish + offsets[i]));
    }
  }

  const thick = layers.map((layer) => Math.max(0, ...layer.map((n) => n.along)));
  return (count, measure = false) => {
    const rows = folded(layers, thick, gap, count), indent = count > 1 ? 34 : 0;
    const length = Math.max(...rows.map((row) => row.length)) + 2 * indent;
    const breadth = rows.at(-1).top + rows.at(-1).breadth;
    const size = { width: vertical ? breadth : length, height: vertical ? length : breadth };
    if (measure) return size;
    const point = (depth, place) => (vertical ? { x: place, y: depth } : { x: depth + indent, y: place });
    const spot = (n, by = 0, place = n.place) => point(n.depth + by, place + rows[n.row].shift);
    // Links arrive side by side, in the order of their other ends.
    const port = (n, other) => {
      const near = [...n.ins].sort((a, b) => a.place - b.place);
      const room = Math.min(14, (n.across * 0.6) / Math.max(near.length, 1));
      return n.place + (Math.max(near.indexOf(other), 0) - (near.length - 1) / 2) * room;
    };
    const used = new Map(), lanes = rows.map(() => 0);
    const routes = chains.map((chain) => {
      const source = chain[0], target = chain.at(-1);
      const key = `${source.rank}:${source.order}:${target.rank}:${target.order}`;
      const twin = used.get(key) ?? 0;
      used.set(key, twin + 1);
      const points = [spot(source, source.along / 2, source.place + twin * 12)];
      for (let i = 1; i < chain.length; i++) {
        const n = chain[i], last = n === target;
        const next = last ? spot(n, -n.along / 2, port(n, chain[i - 1]) + twin * 14) : spot(n);
        const row = rows[chain[i - 1].row];
        if (n.row !== chain[i - 1].row) {
          // Back to the start of the next line, between the two.
          const lane = lanes[chain[i - 1].row]++ % 5, before = points.at(-1);
          const right = indent + row.length + 12 + 5 * lane, left = indent - 12 - 5 * lane;
          const y = rows[n.row].top - 14 - 5 * lane;
          for (const [x, at] of [[right, before.y], [right, y], [left, y], [left, next.y]])
            points.push({ x, y: at, corner: true, lane });
        }
        points.push(next);
      }
      return points;
    });
    return {
      ...size,
      at: items.map((_, i) => spot(nodes[i])),
      routes,
    };
  };
}

// Layers in `count` rows of about the same length, broken where few links cross: sets `row` and
// `depth` of every node.  Returns [{length, top, breadth, shift}] of the rows.
function folded(layers, thick, gap, count) {
  const ends = [];
  thick.forEach((t, r) => ends.push((ends[r - 1] ?? -gap) + gap + t));
  const starts = new Set([0]), aim = ends.at(-1) / count;
  for (let i = 1; i < count; i++) {
    const near = ends.map((end, r) => ({ r, off: Math.abs(end - i * aim) / aim })).filter((c) => c.r < layers.length - 1);
    if (!near.length) break;
    const least = Math.min(...near.map((c) => c.off));
    const cost = ({ r, off }) => layers[r].reduce((sum, n) => sum + n.outs.length, 0) + 12 * off;
    const best = near.filter((c) => c.off < Math.max(0.15, least + 0.01)).sort((a, b) => cost(a) - cost(b))[0];
    starts.add(best.r + 1);
  }
  const rows = [];
  layers.forEach((layer, r) => {
    if (starts.has(r)) rows.push({ length: -gap, low: Infinity, high: -Infinity });
    const row = rows.at(-1), start = row.length + gap;
    for (const n of layer) {
      n.row = rows.length - 1;
      n.depth = start + thick[r] / 2;
      row.low = Math.min(row.low, n.place - n.across / 2);
      row.high = Math.max(row.high, n.place + n.across / 2);
    }
    row.length = start + thick[r];
  });
  let top = 0;
  for (const r of rows) {
    r.top = top;
    r.breadth = r.high - r.low;
    r.shift = top - r.low;
    top += r.breadth + 48;
  }
  return rows;
}

// The non-decreasing sequence nearest to `wishes` (pool adjacent violators).
function isotonic(wishes) {
  const pools = [];
  for (const wish of wishes) {
    let pool = { sum: wish, count: 1 };
    while (pools.length && pools.at(-1).sum / pools.at(-1).count > pool.sum / pool.count) {
      const last = pools.pop();
      pool = { sum: last.sum + pool.sum, count: last.count + pool.count };
    }
    pools.push(pool);
  }
  return pools.flatMap(({ sum, count }) => Array(count).fill(sum / count));
}
