/**
 * Reads again what was once read wrongly: every recipe in regressions/. Throws where a reader still
 * throws an error of the wrong class. What a reader would get wrong: a recipe that hangs is ended
 * by the test that runs this.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { applyEdits } from './mutate.mjs';
import { readEverything } from './read-everything.mjs';
import { loadSeed } from './seeds.mjs';

const folder = new URL('regressions/', import.meta.url);
let count = 0;
for (const name of readdirSync(folder).filter(each => each.endsWith('.json'))) {
  const { program, edits } = JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
  readEverything(applyEdits(loadSeed(program).bytes, edits));
  count++;
}
console.log(`${count} recipes read`);
