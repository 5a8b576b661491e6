// NumPy's functions of single numbers, where JavaScript's own Math has none that does the same.
// All else, derivatives above all, is written by Python from the rules of the ops.

const np = (() => {
  const LN2 = Math.LN2;
  const negative = (x) => x < 0 || Object.is(x, -0);
  const remainder = (x, y) => {
    const r = x % y;
    return r !== 0 && r < 0 !== y < 0 ? r + y : r;
  };
  const logaddexp = (x, y) =>
    x === y ? x + LN2 : Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y)));
  const rint = (x) => {
    const r = Math.round(x);
    return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
  };
  return {
    remainder, logaddexp, rint,
    floor_divide: (x, y) => {
      if (y === 0) return x / y;
      const q = (x - remainder(x, y)) / y, f = Math.floor(q);
      return q - f > 0.5 ? f + 1 : f;
    },
    power: (x, p) => (x === 1 ? 1 : x === -1 && Math.abs(p) === Infinity ? 1 : Math.pow(x, p)),
    square: (x) => x * x,
    logaddexp2: (x, y) => logaddexp(x * LN2, y * LN2) / LN2,
    sinc: (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)),
    signbit: negative,
    copysign: (x, y) => (negative(y) ? -Math.abs(x) : Math.abs(x)),
    heaviside: (x, y) => (x !== x ? x : x < 0 ? 0 : x > 0 ? 1 : y),
    fmax: (x, y) => (y !== y || x >= y ? x : y),
    fmin: (x, y) => (y !== y || x <= y ? x : y),
    logical_and: (x, y) => Boolean(x) && Boolean(y),
    logical_or: (x, y) => Boolean(x) || Boolean(y),
    round: (x, decimals) => rint(x * 10 ** decimals) / 10 ** decimals,
    nan_to_num: (x, nan, posinf, neginf) =>
      x !== x ? nan
      : x === Infinity ? posinf ?? Number.MAX_VALUE
      : x === -Infinity ? neginf ?? -Number.MAX_VALUE
      : x,
    erf: (x) => {
      if (!(Math.abs(x) < 6)) return x !== x ? x : Math.sign(x);
      let term = x, sum = x;
      for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
        term *= (2 * x * x) / (2 * n + 1);
        sum += term;
      }
      return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
    },
  };
})();
