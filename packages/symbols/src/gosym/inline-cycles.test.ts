/**
 * Inline trees that lead in a circle: the walk ends, and its last frame is the function itself.
 * What a reader would get wrong: linkers wrote such trees, so a circle is no damage.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { bufferReader, openElf } from '../elf/index.js';
import { buildGoFixture, goRoot } from '../testing/go-fixtures.js';
import { selfDescribing } from '../testing/programs.js';
import { inlineTreeOf } from './function-decoder.js';
import { FunctionTable } from './function-table.js';
import { openPclntab, type Pclntab } from './pclntab.js';
import { headerAt } from './pclntab-header.js';

const OUTER = 'main.outer';

/** File offset of the inline tree of main.outer, whose records are middle and inner. */
function treeOffset(file: Buffer): { pclntab: Pclntab; tree: number } {
  const elf = openElf(bufferReader(file));
  const pclntab = openPclntab(elf);
  const header = headerAt(elf, pclntab.place, () => true);
  const table = new FunctionTable(elf, pclntab.place, header, pclntab.module);
  const record = table.recordAt(pclntab.functionNamed(OUTER)!.index);
  const tree = inlineTreeOf(table, record, () => pclntab.gofunc);
  return { pclntab, tree: elf.vaddrToOffset(tree)! };
}

/** Functions of the frames at the address of main.outer that has the deepest stack. */
function deepest(pclntab: Pclntab): { address: number; names: string[] } {
  const { entry, end } = pclntab.functionNamed(OUTER)!;
  let best = { address: entry, names: [] as string[] };
  for (let address = entry; address < end; address++) {
    const names = pclntab.framesAt(address).map(frame => frame.function);
    if (names.length > best.names.length) best = { address, names };
  }
  return best;
}

/** The record of middle leads to inner, which leads to middle. */
function makeCircle(file: Buffer): { changed: Buffer; address: number } {
  const { pclntab, tree } = treeOffset(file);
  const { address, names } = deepest(pclntab);
  t.same(names, ['main.inner', 'main.middle', OUTER]);
  const { inline } = pclntab.layout;
  const changed = Buffer.from(file);
  const entry = pclntab.functionNamed(OUTER)!.entry;
  // Record 0 is middle, the outer one of both: it came into the tree first.
  if (inline.call === null) changed.writeInt32LE(address - entry, tree + inline.parentPc);
  else changed.writeInt16LE(1, tree + inline.call.parent);
  return { changed, address };
}

for (const release of ['go1.15.15', 'go1.17.13', 'go1.19.13', 'go1.20.14', 'go1.27.4']) {
  const skip = goRoot(release) === undefined ? `${release} cannot be fetched here` : false;
  t.test(`${release}: a circle of two records`, { skip }, async t => {
    const file = readFileSync(buildGoFixture({ source: selfDescribing(release), release }));
    const { changed, address } = makeCircle(file);
    const pclntab = openPclntab(openElf(bufferReader(changed)));
    const frames = pclntab.framesAt(address);
    t.ok(frames.length >= 3 && frames.length <= 4, `${frames.length} frames`);
    t.match(frames[0], { function: 'main.inner', inlined: true });
    t.match(frames.at(-1), { function: OUTER, inlined: false });
    const batch = pclntab.symbolizeMany(Float64Array.of(address, address));
    t.same(batch.framesOf(batch.frameListOf[1]!), frames, 'a batch says the same');
  });
}
