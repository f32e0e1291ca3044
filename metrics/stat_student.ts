/**
 * Tails and quantiles of the distributions that small samples need: normal, Student's t, chi-square.
 *
 * Incomplete gamma and beta functions by series and by continued fractions evaluated with Lentz's
 * method (Press, Teukolsky, Vetterling and Flannery, Numerical Recipes, 2007, chapter 6), the gamma
 * function by Lanczos (1964). Errors are below 1e-10 of a tail; quantiles are found by bisection.
 *
 * @module
 */

const LANCZOS: readonly number[] = [
  0.99999999999980993,
  676.5203681218851,
  -1259.1392167224028,
  771.32342877765313,
  -176.61502916214059,
  12.507343278686905,
  -0.13857109526572012,
  9.9843695780195716e-6,
  1.5056327351493116e-7,
];

const MOST_STEPS = 1000;
const NEAR = 1e-15;
const TINY = 1e-300;

/** Logarithm of the gamma function, for arguments above 0. */
function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const at = x - 1;
  let sum = LANCZOS[0]!;
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (at + i);
  const shifted = at + LANCZOS.length - 1.5;
  return Math.log(2 * Math.PI) / 2 + (at + 0.5) * Math.log(shifted) - shifted + Math.log(sum);
}

/** Regularized upper incomplete gamma function Q(a, x). */
function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < MOST_STEPS && Math.abs(term) > NEAR * Math.abs(sum); n++) {
      term *= x / (a + n);
      sum += term;
    }
    return 1 - front * sum;
  }
  let b = x + 1 - a;
  let c = 1 / TINY;
  let d = 1 / b;
  let h = d;
  for (let n = 1; n < MOST_STEPS; n++) {
    const an = -n * (n - a);
    b += 2;
    d = 1 / away(an * d + b);
    c = away(b + an / c);
    h *= d * c;
    if (Math.abs(d * c - 1) < NEAR) break;
  }
  return front * h;
}

/** Regularized incomplete beta function I_x(a, b). */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x),
  );
  return x < (a + 1) / (a + b + 2)
    ? front * betaFraction(x, a, b) / a
    : 1 - front * betaFraction(1 - x, b, a) / b;
}

function betaFraction(x: number, a: number, b: number): number {
  let c = 1;
  let d = 1 / away(1 - (a + b) * x / (a + 1));
  let h = d;
  for (let m = 1; m < MOST_STEPS; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    h *= d * c;
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    h *= d * c;
    if (Math.abs(d * c - 1) < NEAR) break;
  }
  return h;
}

function away(value: number): number {
  return Math.abs(value) < TINY ? TINY : value;
}

/** Share of a standard normal distribution above `z`. */
export function normalTail(z: number): number {
  const half = upperGamma(0.5, z * z / 2) / 2;
  return z >= 0 ? half : 1 - half;
}

/**
 * Share of Student's t distribution above `t`.
 *
 * @param freedom degrees of freedom, above 0; `Infinity` = normal.
 */
export function studentTail(t: number, freedom: number): number {
  if (freedom === Infinity) return normalTail(t);
  const half = incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2;
  return t >= 0 ? half : 1 - half;
}

/**
 * The value that a share `tail` of Student's t distribution lies above, e.g. 2.776 for 0.025 at 4.
 *
 * @param tail above 0 and below 1.
 */
export function studentQuantile(tail: number, freedom: number): number {
  if (tail > 0.5) return -studentQuantile(1 - tail, freedom);
  let high = 1;
  while (studentTail(high, freedom) > tail && high < 1e15) high *= 2;
  return bisect((t) => studentTail(t, freedom) > tail, { low: 0, high });
}

/** The value that a share `tail` of a standard normal distribution lies above, e.g. 1.96 for 0.025. */
export function normalQuantile(tail: number): number {
  return studentQuantile(tail, Infinity);
}

/** The value that a share `tail` of the chi-square distribution lies above. */
export function chiSquareQuantile(tail: number, freedom: number): number {
  let high = freedom + 10;
  while (upperGamma(freedom / 2, high / 2) > tail) high *= 2;
  return bisect((x) => upperGamma(freedom / 2, x / 2) > tail, { low: 0, high });
}

/**
 * Share of the noncentral t distribution above `t`, by a normal approximation (Johnson and Kotz, 1970):
 * the chance that a t-test with this critical value finds a change of `shift` standard errors.
 */
export function noncentralTail(
  t: number,
  { freedom, shift }: { readonly freedom: number; readonly shift: number },
): number {
  if (freedom === Infinity) return normalTail(t - shift);
  const center = t * (1 - 1 / (4 * freedom)) - shift;
  return normalTail(center / Math.sqrt(1 + t * t / (2 * freedom)));
}

/** Where a condition that holds at `low` and not at `high` changes. */
function bisect(
  holds: (at: number) => boolean,
  { low, high }: { low: number; high: number },
): number {
  for (let i = 0; i < 200 && high - low > 1e-13 * high; i++) {
    const middle = (low + high) / 2;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
