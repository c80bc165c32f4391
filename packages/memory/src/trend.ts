/**
 * Does a series grow, and does it still grow? Least squares over the whole window for the rate;
 * halves and thirds for the shape. The fact a reader gets wrong: a step, a cache that fills and a
 * leak all have a positive slope over the window; only a leak has the same slope late as early.
 */

/** A fitted line; `slopeSd` is the standard error of the slope, 0 for a perfect fit. */
export interface Line {
  readonly slopePerSecond: number;
  readonly slopeSd: number;
  readonly intercept: number;
}

/** Values over time: equally long, times ascending, in nanoseconds. */
export interface Series {
  readonly atNs: readonly number[];
  readonly value: readonly number[];
}

/** Least squares through a series; a flat line through its mean for fewer than two moments. */
export function fitLine(series: Series): Line {
  const count = series.atNs.length;
  const meanTime = mean(series.atNs) / 1e9;
  const meanValue = mean(series.value);
  let timeSquares = 0;
  let products = 0;
  for (let row = 0; row < count; row++) {
    const time = series.atNs[row]! / 1e9 - meanTime;
    timeSquares += time * time;
    products += time * (series.value[row]! - meanValue);
  }
  if (timeSquares === 0) return { slopePerSecond: 0, slopeSd: 0, intercept: meanValue };
  const slope = products / timeSquares;
  let residuals = 0;
  for (let row = 0; row < count; row++) {
    const time = series.atNs[row]! / 1e9 - meanTime;
    residuals += (series.value[row]! - meanValue - slope * time) ** 2;
  }
  const slopeSd = count > 2 ? Math.sqrt(residuals / (count - 2) / timeSquares) : 0;
  return { slopePerSecond: slope, slopeSd, intercept: meanValue - slope * meanTime };
}

/** The part of a series with `fromNs ≤ time ≤ toNs`. */
export function clip(series: Series, fromNs: number, toNs: number): Series {
  const keep = series.atNs.flatMap((at, row) => (at >= fromNs && at <= toNs ? [row] : []));
  return { atNs: keep.map(row => series.atNs[row]!), value: keep.map(row => series.value[row]!) };
}

/**
 * Growth from the beginning to the end of a series: means of the outer eighths, so that one noisy
 * sample at an end does not decide. 0 for fewer than two samples.
 */
export function growthOf(series: Series): number {
  const count = series.value.length;
  if (count < 2) return 0;
  const outer = Math.max(1, Math.floor(count / 8));
  return mean(series.value.slice(count - outer)) - mean(series.value.slice(0, outer));
}

/** How far a series moves around its own line, from lowest to highest. */
export function swingOf(series: Series): number {
  if (series.value.length === 0) return 0;
  const line = fitLine(series);
  const offsets = series.value.map(
    (value, row) => value - line.intercept - (line.slopePerSecond * series.atNs[row]!) / 1e9,
  );
  return Math.max(...offsets) - Math.min(...offsets);
}

/** Smallest value of each third of a series, in order; fewer than three for fewer samples. */
export function minimaOfThirds(series: Series): readonly number[] {
  const count = series.value.length;
  const bounds = [0, Math.floor(count / 3), Math.floor((2 * count) / 3), count];
  return [0, 1, 2]
    .map(third => series.value.slice(bounds[third], bounds[third + 1]))
    .filter(part => part.length > 0)
    .map(part => Math.min(...part));
}

/** The arithmetic mean, 0 for nothing. */
export function mean(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? 0 : sum / values.length;
}
