/**
 * What each guest is doing, while it does it: on a terminal one line for each, redrawn in place;
 * elsewhere one line for each change.
 *
 * The fact readers get wrong: everything else that is written while the lines stand has to go
 * through `say`, which takes them away, writes, and draws them again; a plain write would land in
 * the middle of them.
 */

/** The part of a stream that is written to. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

interface Row {
  text: string;
  detail: string;
  readonly since: number;
}

const REDRAW_MS = 500;
/** Up one line and clear it. */
const UP = '\u001b[1A\u001b[2K';

/** Lines of status below whatever else is printed. */
export class StatusBoard {
  readonly #out: Terminal;
  readonly #now: () => number;
  readonly #rows = new Map<string, Row>();
  readonly #isLive: boolean;
  #drawn = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(out: Terminal, now: () => number = Date.now, env: NodeJS.ProcessEnv = process.env) {
    this.#out = out;
    this.#now = now;
    this.#isLive = out.isTTY === true && env['TERM'] !== 'dumb' && !env['CI'];
  }

  /** A place begins with something else. */
  phase(place: string, text: string): void {
    this.#rows.set(place, { text, detail: '', since: this.#now() });
    if (!this.#isLive) {
      this.#out.write(`${place}: ${text}\n`);
      return;
    }
    this.#timer ??= setInterval(() => this.#draw(), REDRAW_MS).unref();
    this.#draw();
  }

  /** How far a place has come with what it does; shown at the next time that lines are drawn. */
  detail(place: string, detail: string): void {
    const row = this.#rows.get(place);
    if (row !== undefined) row.detail = detail;
  }

  /** A place has ended; what became of it is said by whoever judges it. */
  end(place: string): void {
    this.#rows.delete(place);
    this.#draw();
  }

  /** Writes whole lines above the status. */
  say(line: string, out: Terminal = this.#out): void {
    this.#clear();
    out.write(`${line}\n`);
    this.#draw();
  }

  /** Takes the lines away for good. */
  close(): void {
    if (this.#timer !== undefined) clearInterval(this.#timer);
    this.#timer = undefined;
    this.#rows.clear();
    this.#clear();
  }

  #clear(): void {
    if (this.#drawn > 0) this.#out.write(UP.repeat(this.#drawn));
    this.#drawn = 0;
  }

  #draw(): void {
    if (!this.#isLive) return;
    const width = Math.max(...[...this.#rows.keys()].map(place => place.length), 0);
    const lines = [...this.#rows].map(([place, { text, detail, since }]) => {
      const seconds = Math.round((this.#now() - since) / 1000);
      const line = `  ${place.padEnd(width)}  ${text}, ${seconds} s${detail ? `, ${detail}` : ''}`;
      // A line that wraps would be two, and moving up would miss one.
      return line.slice(0, (this.#out.columns ?? 80) - 1);
    });
    const text = lines.map(line => `${line}\n`).join('');
    this.#out.write(`${this.#drawn > 0 ? UP.repeat(this.#drawn) : ''}${text}`);
    this.#drawn = lines.length;
  }
}
