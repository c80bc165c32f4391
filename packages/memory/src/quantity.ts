/**
 * Numbers as people read them at three in the morning: binary units, three significant digits,
 * never a bare count of bytes. Shared by the sentences of the verdict and the report's screens.
 */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `1.5 MiB`; the sign is kept, whole bytes below 1 KiB. */
export function formatBytes(bytes: number): string {
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const sign = bytes < 0 ? '-' : '';
  return `${sign}${unit === 0 ? Math.round(value) : threeDigits(value)} ${UNITS[unit]}`;
}

/** `1.5 MiB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** `20 s`, `1.5 s`, `340 ms`, `12 µs`, `3 min 20 s`. */
export function formatDuration(ns: number): string {
  const seconds = ns / 1e9;
  if (seconds >= 90) {
    const rest = Math.round(seconds % 60);
    const minutes = Math.floor(seconds / 60);
    return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`;
  }
  if (seconds >= 1) return `${trimmed(seconds.toFixed(1))} s`;
  if (seconds >= 1e-3) return `${threeDigits(seconds * 1e3)} ms`;
  if (seconds >= 1e-6) return `${threeDigits(seconds * 1e6)} µs`;
  return `${Math.round(ns)} ns`;
}

/** `87 %`; small shares keep a digit, and a share that is not zero is never shown as zero. */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent === 0) return '0 %';
  if (percent < 0.1) return '< 0.1 %';
  return percent < 9.95 ? `${trimmed(percent.toFixed(1))} %` : `${Math.round(percent)} %`;
}

/** `12 345`: groups of three, so that a count can be read without counting. */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ' ');
}

function threeDigits(value: number): string {
  if (value >= 99.5) return String(Math.round(value));
  return trimmed(value >= 9.95 ? value.toFixed(1) : value.toFixed(2));
}

function trimmed(digits: string): string {
  return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
}
