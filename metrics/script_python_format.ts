/**
 * Numbers formatted as in Python, for layouts that other programs read.
 *
 * JavaScript and Python agree on everything but exact binary ties: 0.125 to 2 digits is `0.13` by
 * `toFixed` and `0.12` by `%.2f`, which takes the even neighbor.
 *
 * @module
 */

/** `"%.{digits}f" % value`: the exact binary value, ties to the even digit. */
export function formatFixed(value: number, digits: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const size = Math.abs(value);
  // toFixed would use an exponent; such numbers are integers, so BigInt has all their digits.
  if (size >= 1e21) return `${sign}${BigInt(size)}${digits > 0 ? `.${"0".repeat(digits)}` : ""}`;
  return sign + (isTie(size, digits) ? evenNeighbor(size, digits) : size.toFixed(digits));
}

/** `repr(value)` of a Python float: shortest digits that read back, always with a point. */
export function formatRepr(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  if (Object.is(value, -0)) return "-0.0";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [mantissa, exponent] = value.toExponential().split("e") as [string, string];
    return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
  }
  const text = String(value);
  return text.includes(".") ? text : `${text}.0`;
}

/** `round(value, digits)` of Python: correct for the exact binary value, ties to even. */
export function roundPython(value: number, digits: number): number {
  return Number(formatFixed(value, digits));
}

/** `numpy.round(value, digits)`: scales, rounds half to even, scales back. */
export function roundNumpy(value: number, digits: number): number {
  const scale = 10 ** digits;
  const scaled = value * scale;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const up = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
  return (up ? floor + 1 : floor) / scale;
}

/** Whether the value is exactly halfway between two numbers of `digits` digits. */
function isTie(size: number, digits: number): boolean {
  // A tie has digits + 1 decimals, so 2^(digits + 1) times it is an integer; then toFixed with one
  // digit more is exact, and its last digit decides.
  return Number.isInteger(size * 2 ** (digits + 1)) && size.toFixed(digits + 1).endsWith("5");
}

function evenNeighbor(size: number, digits: number): string {
  const exact = size.toFixed(digits + 1);
  const below = exact.slice(0, digits === 0 ? -2 : -1);
  return Number(below.at(-1)) % 2 === 0 ? below : size.toFixed(digits);
}
