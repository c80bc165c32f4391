/**
 * A page of text for a terminal: wrapping, columns and sparklines that count what is seen on the
 * screen, not characters. The fact a reader gets wrong: colour is the caller's decision. This file
 * never looks at the environment; without colour the output holds no escape sequence at all.
 */
import picocolors from 'picocolors';
import stringWidth from 'string-width';

/** How a page is drawn. */
export interface ScreenOptions {
  /** Columns of the terminal; kept between 60 and 120, which is what a person reads well. */
  readonly width: number;
  readonly colour: boolean;
  /** False draws sparklines and arrows with ASCII. */
  readonly unicode?: boolean;
}

type Colours = ReturnType<typeof picocolors.createColors>;

const BARS = '▁▂▃▄▅▆▇█';
const ASCII_BARS = '_.-=+*%#';

/** Collects the lines of a page. */
export class Screen {
  readonly width: number;
  readonly paint: Colours;
  readonly #unicode: boolean;
  readonly #lines: string[] = [];

  constructor(options: ScreenOptions) {
    this.width = Math.max(60, Math.min(120, options.width));
    this.paint = picocolors.createColors(options.colour);
    this.#unicode = options.unicode ?? true;
  }

  /** The arrow between two values. */
  get arrow(): string {
    return this.#unicode ? '→' : '->';
  }

  /** Adds one line as it is; cut at the width, so that a long name never breaks the page. */
  line(text = ''): void {
    this.#lines.push(text.trimEnd());
  }

  /** A heading with an empty line before it. */
  heading(text: string, rest = ''): void {
    if (this.#lines.length > 0) this.line();
    this.line(this.paint.bold(text) + (rest === '' ? '' : `   ${rest}`));
  }

  /** A label in its own column, and text wrapped beside it. `labelWidth` counts the indent. */
  labelled(label: string, text: string, labelWidth: number, style = (part: string) => part): void {
    const lines = wrap(text, this.width - labelWidth);
    lines.forEach((part, index) => {
      const left = index === 0 ? padEnd(label, labelWidth) : ' '.repeat(labelWidth);
      this.line(left + style(part));
    });
  }

  /** A sparkline of at most `columns` marks; the lowest value is the lowest bar. */
  spark(values: readonly number[], columns: number): string {
    const bars = this.#unicode ? BARS : ASCII_BARS;
    if (values.length === 0) return '';
    const marks = Math.min(columns, values.length);
    const picked = Array.from({ length: marks }, (_, mark) => {
      const last = Math.max(0, Math.ceil(((mark + 1) * values.length) / marks) - 1);
      return values[last]!;
    });
    const low = Math.min(...picked);
    const span = Math.max(...picked) - low;
    return picked
      .map(value => bars[span === 0 ? 0 : Math.round(((value - low) / span) * (bars.length - 1))])
      .join('');
  }

  /** The page, ending with a newline. */
  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}

/** Words wrapped into lines of at most `width` columns; a longer word stands alone, uncut. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/ +/)) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && stringWidth(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  lines.push(line);
  return lines;
}

/** Text with spaces behind it up to `width` columns; always at least one when it is too long. */
export function padEnd(text: string, width: number): string {
  const missing = width - stringWidth(text);
  return text + ' '.repeat(missing > 0 ? missing : text === '' ? 0 : 1);
}

/** Text with spaces before it up to `width` columns. */
export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - stringWidth(text))) + text;
}

/** Text cut to `width` columns, keeping the end (paths and Go names differ at their end). */
export function keepEnd(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let cut = text;
  while (cut !== '' && stringWidth(cut) > width - 1) cut = cut.slice(1);
  return `…${cut}`;
}
