/**
 * Findings of one suite that differ between kernels of one architecture, which no cell can see.
 *
 * The facts readers get wrong: the host is not asked, because its C library is another; and the
 * kernel that differs from most is the one that fails, or all of them where no finding leads.
 */
import type { SuiteVerdict } from './verdict.js';

/** `6.12-arm64` → `arm64`; nothing for the host. */
function architectureOf(cell: string): string | undefined {
  return /^.+-([^-]+)$/.exec(cell)?.[1];
}

/** The finding that more cells have than any other; undefined for a draw. */
function leading(findings: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const each of findings) counts.set(each, (counts.get(each) ?? 0) + 1);
  const [first, second] = [...counts].sort((a, b) => b[1] - a[1]);
  return first !== undefined && first[1] > (second?.[1] ?? 0) ? first[0] : undefined;
}

/** What is wrong with one verdict, beside the others of its suite and architecture. */
function objections(verdict: SuiteVerdict, others: readonly SuiteVerdict[]): string[] {
  return Object.entries(verdict.findings).flatMap(([name, finding]) => {
    const all = others.flatMap(other => other.findings[name] ?? []);
    const expected = leading(all);
    if (all.every(each => each === finding) || finding === expected) return [];
    const where = others.filter(other => other.findings[name] === (expected ?? finding));
    const cells = where.map(other => other.cell).join(', ');
    return [
      expected === undefined
        ? `${name}: ${finding} in ${cells} alone, and no kernel's answer leads`
        : `${name}: ${finding}, but ${expected} in ${cells}`,
    ];
  });
}

/**
 * Returns the verdicts with what the kernels of an architecture do not agree about as reasons, in
 * the same order. A verdict without such a reason is returned as it is.
 */
export function compareKernels(verdicts: readonly SuiteVerdict[]): SuiteVerdict[] {
  return verdicts.map(verdict => {
    const architecture = architectureOf(verdict.cell);
    if (architecture === undefined) return verdict;
    const others = verdicts.filter(
      other => other.suite === verdict.suite && architectureOf(other.cell) === architecture,
    );
    const reasons = objections(verdict, others);
    if (reasons.length === 0) return verdict;
    return { ...verdict, ok: false, reasons: [...verdict.reasons, ...reasons] };
  });
}
