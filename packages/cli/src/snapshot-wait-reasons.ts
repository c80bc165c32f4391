/**
 * What a goroutine waits for, in the words of its runtime. The fact a reader gets wrong: the
 * number of a reason moves with releases, so a number that the tables do not hold is printed as a
 * number and not looked up in another release.
 */

/** The text of a release's wait reasons by number. */
export function waitReasonOf(
  texts: (reason: number) => string | undefined,
): (reason: number) => string {
  return reason => texts(reason) ?? `wait reason ${reason}`;
}
