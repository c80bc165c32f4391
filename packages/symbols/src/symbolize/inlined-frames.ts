/**
 * What `addr2line -a -f -i` prints, for binutils' and LLVM's tool alike: the address, then two
 * lines for each frame, innermost first. What a reader would get wrong: the last frame is the
 * function that the code belongs to, all before it were inlined.
 */

/** One frame by DWARF. */
export interface InlinedFrame {
  /** As the compiler wrote it: mangled for C++ and Rust. */
  readonly symbol: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly inlined: boolean;
}

/** The tools' own bound is none; nobody reads deeper ones. */
const FRAMES_MAX = 256;
const PLACE = /^(.*):(\d+|\?)(?: \(discriminator \d+\))?$/;

/**
 * Frames by address, innermost first. Addresses that the debug information does not cover are
 * absent. Text of another form is left out.
 */
export function parseInlinedFrames(text: string): Map<number, readonly InlinedFrame[]> {
  const answers = new Map<number, readonly InlinedFrame[]>();
  const lines = text.split('\n');
  for (let at = 0; at < lines.length;) {
    const address = /^0x([0-9a-f]{1,16})$/.exec(lines[at++]!)?.[1];
    if (address === undefined) continue;
    const frames: InlinedFrame[] = [];
    for (; at + 1 < lines.length && !lines[at]!.startsWith('0x'); at += 2) {
      const symbol = lines[at]!.trim();
      const place = PLACE.exec(lines[at + 1]!.trim());
      if (symbol === '' || place === null) break;
      if (symbol === '??' || frames.length === FRAMES_MAX) continue;
      const line = Number(place[2]);
      const known = place[1] !== '??' && place[1] !== '';
      frames.push({
        symbol,
        file: known ? place[1] : undefined,
        line: known && line > 0 ? line : undefined,
        inlined: true,
      });
    }
    const outermost = frames.pop();
    if (outermost === undefined || (frames.length === 0 && outermost.file === undefined)) continue;
    answers.set(Number.parseInt(address, 16), [...frames, { ...outermost, inlined: false }]);
  }
  return answers;
}
