// The scalar ops: a forward function, and the derivative by each argument.
// Derivatives get the answer first, as the engine's rules do; conventions at kinks are the engine's.

const OPS = (() => {
  const LN2 = Math.LN2, LN10 = Math.LN10, DEGREE = Math.PI / 180;
  const zero = () => 0, one = () => 1;
  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const mod = (x, y) => {
    const r = x % y;
    return r !== 0 && r < 0 !== y < 0 ? r + y : r;
  };
  const floordiv = (x, y) => {
    if (y === 0) return x / y;
    const q = (x - mod(x, y)) / y, f = Math.floor(q);
    return q - f > 0.5 ? f + 1 : f;
  };
  const pow = (x, p) => (x === 1 ? 1 : x === -1 && Math.abs(p) === Infinity ? 1 : Math.pow(x, p));
  const logaddexp = (x, y) =>
    x === y ? x + LN2 : Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y)));
  // The log of the part of x in the sum, also where both are infinite.
  const weight = (x, ans) =>
    Math.abs(ans) !== Infinity ? x - ans : ans > 0 && x === Infinity ? 0 : -Infinity;
  const rint = (x) => {
    const r = Math.round(x);
    return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
  };
  const negative = (x) => x < 0 || Object.is(x, -0);
  const copysign = (x, y) => (negative(y) ? -Math.abs(x) : Math.abs(x));
  // A tie shares the gradient evenly.
  const winner = (won, x, y) => {
    const tied = x === y || (x !== x && y !== y);
    return 0.5 * ((won || (x !== x && y === y)) + (won || tied || (x !== x && y === y)));
  };
  const radius2 = (y, x) => x * x + y * y || 1;
  const erf = (x) => {
    if (!(Math.abs(x) < 6)) return x !== x ? x : Math.sign(x);
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  };
  const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
  const sincSlope = (x) => {
    if (Math.abs(x) >= 0.25) return (Math.cos(Math.PI * x) - sinc(x)) / x;
    const t2 = (Math.PI * x) ** 2;
    let series = 0;
    for (let k = 8; k > 0; k--) {
      let factorial = 1;
      for (let i = 2; i <= 2 * k + 1; i++) factorial *= i;
      series = ((-1) ** k * 2 * k) / factorial + t2 * series;
    }
    return series * Math.PI ** 2 * x;
  };
  const table = {
    add: [(x, y) => x + y, one, one],
    subtract: [(x, y) => x - y, one, () => -1],
    multiply: [(x, y) => x * y, (a, x, y) => y, (a, x) => x],
    divide: [(x, y) => x / y, (a, x, y) => 1 / y, (a, x, y) => -a / y],
    floor_divide: [floordiv, zero, zero],
    remainder: [mod, one, (a, x, y) => -floordiv(x, y)],
    fmod: [(x, y) => x % y, one, (a, x, y) => -Math.trunc(x / y)],
    negative: [(x) => -x, () => -1],
    positive: [(x) => x, one],
    conjugate: [(x) => x, one],
    reciprocal: [(x) => 1 / x, (a) => -a * a],
    power: [
      pow,
      (a, x, p) => (p === 0 ? 0 : p * pow(x, p - 1)),
      (a, x, p) => a * Math.log(x === 0 && p >= 0 ? 1 : x),
    ],
    square: [(x) => x * x, (a, x) => 2 * x],
    sqrt: [Math.sqrt, (a) => 1 / (2 * a)],
    cbrt: [Math.cbrt, (a) => 1 / (3 * a * a)],
    hypot: [(x, y) => Math.hypot(x, y), (a, x) => x / (a || 1), (a, x, y) => y / (a || 1)],
    exp: [Math.exp, (a) => a],
    exp2: [(x) => 2 ** x, (a) => a * LN2],
    expm1: [Math.expm1, (a, x) => Math.exp(x)],
    log: [Math.log, (a, x) => 1 / x],
    log2: [Math.log2, (a, x) => 1 / (x * LN2)],
    log10: [Math.log10, (a, x) => 1 / (x * LN10)],
    log1p: [Math.log1p, (a, x) => 1 / (1 + x)],
    logaddexp: [
      logaddexp,
      (a, x) => Math.exp(weight(x, a)),
      (a, x, y) => Math.exp(weight(y, a)),
    ],
    logaddexp2: [
      (x, y) => logaddexp(x * LN2, y * LN2) / LN2,
      (a, x) => 2 ** weight(x, a),
      (a, x, y) => 2 ** weight(y, a),
    ],
    sin: [Math.sin, (a, x) => Math.cos(x)],
    cos: [Math.cos, (a, x) => -Math.sin(x)],
    tan: [Math.tan, (a) => 1 + a * a],
    arcsin: [Math.asin, (a, x) => 1 / Math.sqrt((1 - x) * (1 + x))],
    arccos: [Math.acos, (a, x) => -1 / Math.sqrt((1 - x) * (1 + x))],
    arctan: [Math.atan, (a, x) => 1 / (1 + x * x)],
    arctan2: [
      Math.atan2,
      (a, y, x) => x / radius2(y, x),
      (a, y, x) => -y / radius2(y, x),
    ],
    sinh: [Math.sinh, (a, x) => Math.cosh(x)],
    cosh: [Math.cosh, (a, x) => Math.sinh(x)],
    tanh: [Math.tanh, (a) => 1 - a * a],
    arcsinh: [Math.asinh, (a, x) => 1 / Math.sqrt(x * x + 1)],
    arccosh: [Math.acosh, (a, x) => 1 / Math.sqrt((x - 1) * (x + 1))],
    arctanh: [Math.atanh, (a, x) => 1 / ((1 - x) * (1 + x))],
    deg2rad: [(x) => x * DEGREE, () => DEGREE],
    rad2deg: [(x) => x / DEGREE, () => 1 / DEGREE],
    sinc: [sinc, (a, x) => sincSlope(x)],
    absolute: [Math.abs, (a, x) => Math.sign(x)],
    sign: [Math.sign, zero],
    floor: [Math.floor, zero],
    ceil: [Math.ceil, zero],
    trunc: [Math.trunc, zero],
    rint: [rint, zero],
    copysign: [copysign, (a, x, y) => Math.sign(x) * copysign(1, y), zero],
    heaviside: [
      (x, y) => (x !== x ? x : x < 0 ? 0 : x > 0 ? 1 : y),
      zero,
      (a, x) => Number(x === 0),
    ],
    maximum: [(x, y) => Math.max(x, y), (a, x, y) => winner(x > y, x, y), (a, x, y) => winner(y > x, y, x)],
    minimum: [(x, y) => Math.min(x, y), (a, x, y) => winner(x < y, x, y), (a, x, y) => winner(y < x, y, x)],
    fmax: [
      (x, y) => (y !== y || x >= y ? x : y),
      (a, x, y) => Number(x >= y || y !== y),
      (a, x, y) => Number(!(x >= y || y !== y)),
    ],
    fmin: [
      (x, y) => (y !== y || x <= y ? x : y),
      (a, x, y) => Number(x <= y || y !== y),
      (a, x, y) => Number(!(x <= y || y !== y)),
    ],
    clip: [
      (x, lo, hi) => Math.min(Math.max(x, lo), hi),
      (a, x, lo, hi) => Number(x >= lo && x <= hi),
      (a, x, lo, hi) => Number(x < lo && lo < hi),
      (a, x, lo, hi) => Number(x > hi || (lo >= hi && x < lo)),
    ],
    ldexp: [(x, n) => x * 2 ** n, (a, x, n) => 2 ** n, zero],
    where: [(c, x, y) => (c ? x : y), zero, (a, c) => Number(!!c), (a, c) => Number(!c)],
    round: [
      (x, { decimals = 0 }) => rint(x * 10 ** decimals) / 10 ** decimals,
      zero,
    ],
    nan_to_num: [
      (x, { nan = 0, posinf, neginf }) =>
        x !== x ? nan
        : x === Infinity ? posinf ?? Number.MAX_VALUE
        : x === -Infinity ? neginf ?? -Number.MAX_VALUE
        : x,
      (a, x) => Number(Number.isFinite(x)),
    ],
    sigmoid: [sigmoid, (a) => a * (1 - a)],
    log_sigmoid: [(x) => -logaddexp(-x, 0), (a, x) => sigmoid(-x)],
    softplus: [(x) => logaddexp(x, 0), (a, x) => sigmoid(x)],
    relu: [(x) => Math.max(x, 0), (a, x) => Number(x > 0)],
    erf: [erf, (a, x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x)],
    leaky_relu: [
      (x, slope) => (x > 0 ? x : slope * x),
      (a, x, slope) => (x > 0 ? 1 : slope),
      (a, x) => Math.min(x, 0),
    ],
    elu: [
      (x, alpha) => (x > 0 ? x : alpha * Math.expm1(x)),
      (a, x, alpha) => (x > 0 ? 1 : a + alpha),
      (a, x) => Math.expm1(Math.min(x, 0)),
    ],
  };
  table.float_power = table.power;
  table.radians = table.deg2rad;
  table.degrees = table.rad2deg;
  table.fabs = table.absolute;
  return new Map(Object.entries(table));
})();
