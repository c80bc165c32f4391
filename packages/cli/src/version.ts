/** The version that reports carry: this package's own, read once from its manifest. */
import { readFileSync } from 'node:fs';

/** Version of the command, `0.0.0` where no manifest lies beside it (as in a bundle). */
export const VERSION = readVersion();

function readVersion(): string {
  try {
    const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
    return (JSON.parse(text) as { readonly version: string }).version;
  } catch {
    return '0.0.0';
  }
}
