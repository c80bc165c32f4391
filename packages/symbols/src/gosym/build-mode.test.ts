/** How programs were linked, told by the file alone, against what the builder was asked for. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { bufferReader, openElf } from '../elf/index.js';
import { buildGoFixture } from '../testing/go-fixtures.js';
import { buildModeOf } from './build-mode.js';
import { readBuildInfo } from './build-info.js';

const LIBRARY = `package main

import "C"

//export Answer
func Answer() int { return 42 }

func main() {}
`;
const PROGRAM = 'package main\n\nfunc main() { println(1) }\n';

const CASES = [
  { mode: 'exe', cgo: false, source: PROGRAM },
  { mode: 'pie', cgo: false, source: PROGRAM },
  { mode: 'pie', cgo: true, source: LIBRARY },
  { mode: 'exe', cgo: true, source: LIBRARY },
  { mode: 'c-shared', cgo: true, source: LIBRARY },
  { mode: 'plugin', cgo: true, source: LIBRARY },
] as const;

for (const { mode, cgo, source } of CASES) {
  t.test(`${mode}${cgo ? ' with cgo' : ''}`, async t => {
    for (const flags of [[], ['-ldflags=-s -w']]) {
      const path = buildGoFixture({ source, cgo, flags: [`-buildmode=${mode}`, ...flags] });
      const elf = openElf(bufferReader(readFileSync(path)));
      t.equal(buildModeOf(elf, undefined), mode, 'by its headers');
      t.equal(buildModeOf(elf, readBuildInfo(elf)), mode, 'by its settings');
    }
  });
}
